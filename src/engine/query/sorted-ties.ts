/**
 * Which results of a walk in the order of an index are final? Behind the last entry there may be others with the same values, which come
 * in the order of their numbers.
 */

import { type ComparableValue, comparing } from '../../query/comparable.ts'
import { keyReader } from '../../query/key-reader.ts'
import type { RecordBlock } from '../../query/record-block.ts'
import type { BoundQuestion } from './question.ts'

/** Counts, of records in order, the matching ones whose values of the order are not those of the last record. */
export class SortedTies {
  readonly #compare: (a: RecordBlock) => boolean
  /** Matching records before those that tie with the last one. */
  before = 0
  #among = 0

  constructor(codec: BoundQuestion['codec'], orderBy: BoundQuestion['orderBy']) {
    const isSame = sameValues(codec, orderBy)
    this.#compare = isSame
  }

  add(block: RecordBlock, count: number): void {
    if (!this.#compare(block)) {
      this.before += this.#among
      this.#among = 0
    }
    this.#among += count
  }
}

/** Whether a record has the same values of the order as the record of the call before. */
function sameValues(
  codec: BoundQuestion['codec'],
  orderBy: BoundQuestion['orderBy'],
): (block: RecordBlock) => boolean {
  const keys = orderBy.map(({ field }) => ({ read: keyReader(codec, field), compare: comparing(field.node) }))
  let last: ComparableValue[] | undefined
  return ({ view, bytes, at }) => {
    const values = keys.map(({ read }) => read(view, bytes, at))
    const isSame =
      last !== undefined &&
      keys.every(
        ({ compare }, i) =>
          compare(values[i] as ComparableValue, (last as ComparableValue[])[i] as ComparableValue) === 0,
      )
    last = values
    return isSame
  }
}
