/**
 * Configuration initialised once: whichever process comes first reads it, and all others use what it read.
 *
 * Each process opens the same record in shared memory. One of them runs `initialize`, and the others wait for it, in whatever order they
 * start. The first one is killed inside `initialize`: the next one runs it again. Afterwards all count their requests in the record, and
 * the parent changes a setting that all see.
 *
 *   npx tsx examples/shared-configuration.ts
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sharedRecord, u16, utf8 } from 'stridedb'
import { z } from 'zod'

const Settings = z.object({
  host: utf8(40),
  port: u16(),
  logLevel: z.enum(['info', 'debug']),
  requests: z.uint32(),
})
const PROCESSES = 4
const REQUESTS = 10_000

/** Stands for files, environment and secrets that are read and checked. It has to be synchronous. */
function readSettings(): z.input<typeof Settings> {
  return { host: 'db.example', port: 5432, logLevel: 'info', requests: 0 }
}

async function parent(): Promise<void> {
  const name = `example-settings-${process.pid}`
  const start = (role: string): ChildProcess => fork(fileURLToPath(import.meta.url), [name, role])

  const unlucky = start('unlucky')
  await once(unlucky, 'message')
  const others = Array.from({ length: PROCESSES }, () => start('worker'))
  const opened = others.map(child => once(child, 'message') as Promise<[boolean]>)
  unlucky.kill('SIGKILL')
  console.log('one process was killed while it read the configuration')

  const readers = (await Promise.all(opened)).filter(([didRead]) => didRead)
  console.log(`${PROCESSES} processes use it, ${readers.length} of them read it`)

  using settings = sharedRecord(name, Settings)
  settings.update({ logLevel: 'debug' })
  const levels = others.map(async child => {
    const [level] = (await once(child, 'message')) as [string]
    return level
  })
  for (const child of others) child.send('serve')
  console.log(`log levels that they see: ${(await Promise.all(levels)).join(', ')}`)
  console.log(
    `${settings.field('host')}:${settings.field('port')}, ${settings.field('requests')} requests in all`,
  )
  for (const child of others) child.disconnect()
}

async function child(name: string, role: string): Promise<void> {
  const initialize = (): z.input<typeof Settings> => {
    if (role === 'unlucky') {
      process.send?.('reading')
      // It never gets on, as if the disk hung.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }
    return readSettings()
  }
  using settings = sharedRecord(name, Settings, { initialize })
  process.send?.(settings.memory.initialized)
  await once(process, 'message')
  for (let i = 0; i < REQUESTS; i++) settings.add('requests')
  process.send?.(settings.field('logLevel'))
  await once(process, 'disconnect')
}

const [name, role] = process.argv.slice(2)
if (name === undefined || role === undefined) await parent()
else await child(name, role)
