/**
 * Question 4: what is a mapping worth? The same store opened twice, mapped and with `backend: 'file'`.
 *
 * The two take turns, each in a process of its own (one-backend.ts), and the median of the rounds is shown. The file
 * is in the page cache: this compares memory with system calls, not with a disk. Neither is `readOnly`, which would
 * add the price of following another process's commits.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LOOKUPS } from './lookups.ts'
import type { Measured } from './one-backend.ts'
import { printTable } from './table.ts'
import { dim, duration, say } from './terminal.ts'

const CHILD = fileURLToPath(new URL('./one-backend.ts', import.meta.url))

/** @returns whether both gave the same answers */
export async function compareBackends(path: string, lookupCount: number, rounds: number): Promise<boolean> {
  const mapped: Measured[] = []
  const file: Measured[] = []
  for (let round = 0; round < rounds; round++) {
    mapped.push(await measureInChild(path, 'mapped', lookupCount))
    file.push(await measureInChild(path, 'file', lookupCount))
  }

  const row = (name: string, msOf: (measured: Measured) => number): string[] => {
    const [fast, slow] = [median(mapped.map(msOf)), median(file.map(msOf))]
    return [name, duration(fast), duration(slow), `${(slow / fast).toFixed(1)} x`]
  }
  printTable(
    ['each', 'mapped', 'read/write', 'ratio'],
    [
      row('open, the first time', ({ openMs }) => openMs),
      ...LOOKUPS.map(({ name }, i) => row(name, ({ lookups }) => lookups[i]!.ms)),
    ],
  )
  say(dim(`  Median of ${rounds} rounds in turns, a process each; the file is in the page cache.`))

  const all = [...mapped, ...file]
  const isSame = LOOKUPS.every((_, i) => new Set(all.map(({ lookups }) => lookups[i]!.answer)).size === 1)
  say(isSame ? '  Both gave the same answers.' : '  The two gave DIFFERENT answers.')
  return isSame
}

async function measureInChild(path: string, backend: string, lookupCount: number): Promise<Measured> {
  const child = fork(CHILD, [path, backend, String(lookupCount)])
  let measured: Measured | undefined
  child.once('message', message => {
    measured = message as Measured
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (measured === undefined) throw new Error(`The process that measures '${backend}' ended with ${code}`)
  return measured
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >>> 1]!
