/**
 * Which is the next changed record after a given one, staged or sealed?
 *
 * The changes are sorted only after unsorted searches have cost as much as sorting. A walk that changes records on its way thus takes
 * linear time.
 */

import { firstFrom } from '../numbers/sort-changes.ts'

/** How many records an unsorted search checks. */
const LOOK_AHEAD = 64
/** So many checks cost as much as sorting one change. */
const SORT_PATIENCE = 8

/** Changed records. */
export interface Changes {
  readonly size: number
  /** Undefined where the record is not changed. */
  get(n: number): unknown
  forEach(visit: (n: number) => void): void
}

export class ChangedNumbers {
  #sorted: Float64Array | undefined
  /** Records checked one by one since the last sorting. */
  #lookedAhead = 0

  /** Called when the set of changed records has changed. */
  expire(): void {
    this.#sorted = undefined
  }
  /** Called when most changes are gone. Checking one by one may then be cheaper again. */
  reset(): void {
    this.#sorted = undefined
    this.#lookedAhead = 0
  }

  /**
   * A number above n, such that no record between n and that number is changed. Infinity if no record above n is. Once the changes are
   * sorted, it is the next changed record.
   */
  unchangedBelow(n: number, changes: Changes, sealed: Changes): number {
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

  #sortedOf(changes: Changes, sealed: Changes): Float64Array {
    if (this.#sorted === undefined) {
      // A number that is in both is listed twice, which does no harm to a search.
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
