/**
 * The child of comparison.ts: opens the store one way, runs the lookups, sends the times to its parent.
 *
 * A process of its own, so that the compiler of neither way has learned anything from the other's objects.
 */

import { openStore } from 'stridedb'
import { AddressRange } from './address-range.ts'
import { askQuestions, LOOKUPS } from './lookups.ts'
import { timed } from './terminal.ts'

/** Milliseconds an operation, and what the lookups answered, in the order of LOOKUPS. */
export interface Measured {
  readonly openMs: number
  readonly lookups: readonly { readonly ms: number; readonly answer: number }[]
}

const WARM_UP_LOOKUPS_MAX = 50_000

function measure(path: string, backend: 'mapped' | 'file', lookupCount: number): Measured {
  const opened = timed(() => openStore(path, AddressRange, { backend }))
  using store = opened.answer
  const warmUp = askQuestions(store, Math.min(lookupCount, WARM_UP_LOOKUPS_MAX))
  const questions = askQuestions(store, lookupCount)
  const lookups = LOOKUPS.map(lookup => {
    lookup.run(store, warmUp)
    const { answer, ms } = timed(() => lookup.run(store, questions))
    return { answer, ms: ms / lookup.operations(store, questions) }
  })
  return { openMs: opened.ms, lookups }
}

const [path, backend, lookupCount] = process.argv.slice(2)
if (path === undefined || (backend !== 'mapped' && backend !== 'file')) {
  throw new TypeError('comparison.ts starts this with a path, a backend and a number')
}
process.send!(measure(path, backend, Number(lookupCount)), () => process.disconnect())
