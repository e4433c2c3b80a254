/**
 * A history that every process knows without being told: commit number k makes changes that follow from seed and k.
 *
 * So whoever opens the store can say from its commit number alone what it must hold.
 */

import { type Staged, stageChange } from './apply-change.ts'
import { ExpectedStore, type Rec } from './expected-store.ts'
import { type Random, seededRandom } from './random.ts'
import type { Change } from './workload.ts'

const RECORDS_MAX = 120
const STAMPS_A_COMMIT = 1000

export class NumberedHistory {
  readonly #seed: number
  readonly #expected = new ExpectedStore({ commitNumber: 0, records: [], label: 'empty' }, true)
  readonly #staged: (readonly Staged[])[] = [[]]

  constructor(seed: number) {
    this.#seed = seed
  }

  /** What commit `k` changes, in order; k from 1. */
  changesOf(k: number): readonly Staged[] {
    this.#reach(k)
    return this.#staged[k] as readonly Staged[]
  }

  /** What the store holds after commit `k`. */
  stateAfter(k: number): readonly (Rec | undefined)[] {
    this.#reach(k)
    return this.#expected.versions[k]?.records as readonly (Rec | undefined)[]
  }

  #reach(k: number): void {
    while (this.#staged.length <= k) {
      const next = this.#staged.length
      const random = seededRandom(this.#seed, next)
      let stamp = next * STAMPS_A_COMMIT
      const nextStamp = (): number => ++stamp
      const changes = Array.from({ length: 1 + random.below(6) }, () => this.#change(random))
      // At least one change that is one: an append and its deletion would be an empty commit.
      changes.push({ kind: 'append' })
      this.#staged.push(changes.map(change => stageChange(this.#expected, change, nextStamp)))
      this.#expected.commit(`commit ${next}`)
    }
  }

  #change(random: Random): Change {
    const at = random.below(100_000)
    const live = this.#expected.liveNumbers.length
    if (random.chance(live / RECORDS_MAX / 2)) return { kind: 'delete', at }
    if (random.chance(0.02)) return { kind: 'appendMany', count: random.below(10) }
    return random.chance(0.3) ? { kind: 'append' } : { kind: random.pick(['update', 'put']), at }
  }
}
