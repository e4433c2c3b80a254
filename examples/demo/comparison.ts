/**
 * Question 4: what is a mapping worth? The same store opened twice, mapped and with `backend: 'file'`.
 *
 * The two take turns, and the median of the rounds is shown, so that neither has the warmer cache. All of it is in
 * the page cache: this compares memory with system calls, not with a disk. Neither is `readOnly`, which would add the
 * price of following another process's commits.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore } from 'stridedb'
import { AddressRange } from './address-range.ts'
import { askQuestions, LOOKUPS } from './lookups.ts'
import { printTable } from './table.ts'
import { dim, duration, say, timed } from './terminal.ts'

const ROUNDS = 3
const BACKENDS = ['mapped', 'file'] as const
type Backend = (typeof BACKENDS)[number]

/** Milliseconds an operation, one number a round. */
type Timings = Record<Backend, number[]>

/** @returns whether both gave the same answers */
export async function compareBackends(path: string, lookupCount: number): Promise<boolean> {
  const opening: Timings = { mapped: [], file: [] }
  const lookups: readonly Timings[] = LOOKUPS.map(() => ({ mapped: [], file: [] }))
  const answers = LOOKUPS.map(() => new Set<number>())

  for (let round = 0; round < ROUNDS; round++) {
    for (const backend of round % 2 === 0 ? BACKENDS : BACKENDS.toReversed()) {
      const opened = timed(() => openStore(path, AddressRange, { backend }))
      using store = opened.answer
      opening[backend].push(opened.ms)
      const questions = askQuestions(store, lookupCount)
      for (const [i, lookup] of LOOKUPS.entries()) {
        const { answer, ms } = timed(() => lookup.run(store, questions))
        answers[i]!.add(answer)
        lookups[i]![backend].push(ms / lookup.operations(store, questions))
        await nextTurn() // Ctrl-C is heard here
      }
    }
  }

  printTable(
    ['', 'mapped', 'read/write', 'ratio'],
    [
      tableRow('open', opening),
      ...LOOKUPS.map(({ name, unit }, i) =>
        tableRow(`${name}, a${unit === 'address' ? 'n' : ''} ${unit}`, lookups[i]!),
      ),
    ],
  )
  say(dim(`  Median of ${ROUNDS} rounds in turns; the file is in the page cache.`))
  const isSame = answers.every(({ size }) => size === 1)
  say(isSame ? '  Both gave the same answers.' : '  The two gave DIFFERENT answers.')
  return isSame
}

function tableRow(name: string, { mapped, file }: Timings): string[] {
  const [fast, slow] = [median(mapped), median(file)]
  return [name, duration(fast), duration(slow), `${(slow / fast).toFixed(slow / fast < 10 ? 1 : 0)} x`]
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >>> 1]!
