/**
 * The demo: real files, opened in place; a real store, built, reopened, checked and timed. `npm run demo`.
 *
 *   1  executable.ts    the symbol table of the running Node binary
 *   2  build-store.ts   geoip-lite's two files joined into records of 125 bytes
 *   3  reopened.ts      opened again: lookups, and whether they agree with geoip-lite's own
 *   4  comparison.ts    the same lookups mapped and by read/write
 *
 * Options: --records N (ranges to join), --lookups N (random lookups by number), --rounds N (of the comparison),
 * --binary FILE. No network. The store lies in a temporary folder, which is removed. Exit code 1 if an answer is wrong.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildStore } from './build-store.ts'
import { compareBackends } from './comparison.ts'
import { describeExecutable } from './executable.ts'
import { lookUp } from './reopened.ts'
import { bold, dim, duration, heading, say, size } from './terminal.ts'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: 'Infinity' },
    lookups: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    binary: { type: 'string', default: process.execPath },
  },
})
const recordsMax = positive('records', values.records)
const lookupCount = positive('lookups', values.lookups)
const rounds = positive('rounds', values.rounds)

const start = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'stridedb-demo-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
process.once('SIGINT', () => process.exit(130))

say(bold('StrideDB: the file is an array'))
say(dim(`Node ${process.version} on ${process.platform} ${process.arch}, ${cpus().length} cores`))

heading('1. What is inside the Node binary that runs this?')
describeExecutable(values.binary)

heading('2. Two foreign files joined into a store')
const path = join(folder, 'addresses.stride')
await buildStore(path, recordsMax)

heading('3. Closed, opened again: does it answer what geoip-lite answers?')
const isRight = lookUp(path, lookupCount)

heading('4. The same lookups, mapped and by read/write')
const isSame = await compareBackends(path, lookupCount, rounds)

say()
say(
  `The store ${path} (${size(statSync(path).size)}) is removed. ${duration(performance.now() - start)} in all.`,
)
if (!isRight || !isSame) process.exitCode = 1

/** A count from the command line; Infinity is all there are. */
function positive(name: string, text: string): number {
  const value = Number(text)
  if ((name === 'records' && value === Number.POSITIVE_INFINITY) || (Number.isSafeInteger(value) && value > 0))
    return value
  say(`--${name} is a whole number from 1: ${text}`)
  process.exit(2)
}
