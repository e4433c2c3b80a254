/**
 * Which is the next changed record after a given one, staged or sealed?
 *
 * The changes are sorted only after searches without sorting have cost as much. A walk that changes records as it goes thus stays
 * linear.
 */

import type { NumberMap } from '../numbers/number-map.ts'
import { firstFrom } from '../numbers/sort-changes.ts'

/** Records looked at one by one before a walk looks again. */
const LOOK_AHEAD = 64
/** Looks that cost as much as sorting one change. */
const SORT_PATIENCE = 8

export class ChangedNumbers {
  #sorted: Float64Array | undefined
  /** Changes looked for one by one since they were sorted last. */
  #lookedAhead = 0

  /** Another record is changed now, or one no longer is. */
  expire(): void {
    this.#sorted = undefined
  }
  /** Most changes are gone: looking one by one may be worth it again. */
  reset(): void {
    this.#sorted = undefined
    this.#lookedAhead = 0
  }

  /**
   * A number above n below which no record from n + 1 on is changed; Infinity where there is none at all. Exact once the changes
   * are sorted.
   */
  unchangedBelow(n: number, changes: NumberMap, sealed: NumberMap): number {
    const count = changes.size + sealed.size
    if (count === 0) return Number.POSITIVE_INFINITY
    if (this.#sorted === undefined && this.#lookedAhead < count * SORT_PATIENCE) {
      let below = n + 1
      const isChanged = (k: number): boolean => changes.get(k) !== undefined || sealed.get(k) !== undefined
      while (below <= n + LOOK_AHEAD && !isChanged(below)) below++
      this.#lookedAhead += below - n
      return below
    }
    const numbers = this.#sortedOf(changes, sealed)
    return numbers[firstFrom(numbers, n + 1)] ?? Number.POSITIVE_INFINITY
  }

  #sortedOf(changes: NumberMap, sealed: NumberMap): Float64Array {
    if (this.#sorted === undefined) {
      // One that is in both stands there twice, which a search does not mind.
      const numbers = new Float64Array(changes.size + sealed.size)
      let count = 0
      const add = (n: number): void => {
        numbers[count++] = n
      }
      changes.forEach(add)
      sealed.forEach(add)
      this.#sorted = numbers.sort()
      this.#lookedAhead = 0
    }
    return this.#sorted
  }
}
