/**
 * Runs a command beside processes that keep the machine busy: `node scripts/busy.mjs 6 npx vitest run …`. They end with this
 * one, however it ends.
 */

import { fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SLICE_MS = 20

if (process.send === undefined) {
  const [, here, count, command, ...args] = process.argv
  const busy = Array.from({ length: Number(count) }, () => fork(fileURLToPath(import.meta.url)))
  const child = spawn(command, args, { stdio: 'inherit' })
  child.once('error', error => {
    throw error
  })
  child.once('exit', (code, signal) => {
    for (const each of busy) each.disconnect()
    if (signal !== null) console.error(`${here}: ${command} was ended by ${signal}`)
    process.exitCode = code ?? 1
  })
} else {
  process.once('disconnect', () => process.exit())
  const spin = () => {
    const end = performance.now() + SLICE_MS
    while (performance.now() < end);
    setImmediate(spin)
  }
  spin()
}
