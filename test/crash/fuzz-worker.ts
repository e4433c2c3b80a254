/**
 * The fuzzing itself, in a thread that can be ended when it hangs: each mutant follows from the seed and its number.
 *
 * Tells in shared words which mutant it is at; ends with a message of what it saw.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { tryMutant } from './fuzz.ts'
import { makeBases } from './fuzz-bases.ts'
import { type Mutant, mutantOf } from './fuzz-mutants.ts'
import { seededRandom } from './random.ts'
import { Violation } from './violation.ts'

export interface FuzzWork {
  readonly seed: number
  readonly from: number
  readonly to: number
  /** Word 0: the number of the mutant that is being tried. */
  readonly at: Int32Array
}
export interface FuzzAnswer {
  readonly mutants: number
  /** Mutants that opened for writing. */
  readonly opened: number
  /** How often each code was answered. */
  readonly codes: Readonly<Record<string, number>>
  /** By kind of violation: how often, and the first mutant. */
  readonly violations: readonly { readonly times: number; readonly first: string }[]
}

const { seed, from, to, at } = workerData as FuzzWork
const codes: Record<string, number> = {}
const violations = new Map<string, { times: number; first: string }>()
let opened = 0
const bases = await makeBases(seed)
for (let index = from; index < to; index++) {
  Atomics.store(at, 0, index)
  const mutant = mutantOf(bases, seededRandom(seed, index))
  try {
    const results = await tryMutant(mutant)
    for (const result of results) if (typeof result === 'string') codes[result] = (codes[result] ?? 0) + 1
    if (typeof results[1] !== 'string') opened++
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    note(error.message, index, mutant)
  }
}
const answer: FuzzAnswer = {
  mutants: to - from,
  opened,
  codes,
  violations: [...violations.values()],
}
parentPort?.postMessage(answer)

function note(message: string, index: number, { label, isSealed }: Mutant): void {
  const kind = `${isSealed} ${message.replaceAll(/[\d.]+/g, '0')}`
  const known = violations.get(kind)
  if (known !== undefined) known.times++
  else
    violations.set(kind, {
      times: 1,
      first: `mutant ${index} (${label}${isSealed ? ', sealed' : ''}): ${message}`,
    })
}
