/**
 * Which bytes will a bulk read need? Record numbers, or a range of them, as ascending byte ranges.
 */

import { type Addressing, checkRecordNumber, offsetOf } from '../format/addressing.ts'
import { NO_RECORD, toRecordNumbers } from '../numbers/record-numbers.ts'
import { NUMBER_RANGE, type NumberRange } from './read-options.ts'

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** Records with a smaller gap are joined to one range. */
const GAP_BYTES = 64 * 1024

/** The checked argument of `prefetch`. */
export type PrefetchWhat = ArrayLike<number> | NumberRange

/** @throws TypeError, RangeError */
export function readPrefetch(
  what: Iterable<number> | ArrayLike<number> | NumberRange | undefined,
): PrefetchWhat {
  return isNumbers(what) ? toRecordNumbers(what) : NUMBER_RANGE.read(what, 'prefetch')
}

/** The ends of a range, bounded by the size of the store. */
export function rangeEnds(range: NumberRange, size: number): { readonly from: number; readonly to: number } {
  const { from = 0, to = size } = range
  return { from: Math.min(from, size), to: Math.min(to, size) }
}

/** The bytes of these records, ascending, neighbours joined. Numbers past the end are left out. @throws RangeError */
export function prefetchRanges(what: PrefetchWhat, addressing: Addressing, size: number): ByteRange[] {
  if (!('length' in what)) {
    const { from, to } = rangeEnds(what, size)
    if (to <= from) return []
    const { stride, recordSize } = addressing
    if (stride < 0)
      return [{ offset: offsetOf(addressing, to - 1), length: (from + 1 - to) * stride + recordSize }]
    return [{ offset: offsetOf(addressing, from), length: (to - from) * stride }]
  }
  const numbers = Float64Array.from(what).sort()
  if (addressing.stride < 0) numbers.reverse()
  const ranges: { offset: number; length: number }[] = []
  for (const n of numbers) {
    if (n === NO_RECORD) continue
    checkRecordNumber(n)
    if (n >= size) continue
    const offset = offsetOf(addressing, n)
    const last = ranges.at(-1)
    if (last !== undefined && offset - (last.offset + last.length) < GAP_BYTES) {
      last.length = Math.max(last.length, offset + addressing.recordSize - last.offset)
    } else {
      ranges.push({ offset, length: addressing.recordSize })
    }
  }
  return ranges
}

function isNumbers(
  what: Iterable<number> | ArrayLike<number> | NumberRange | undefined,
): what is Iterable<number> | ArrayLike<number> {
  if (typeof what !== 'object' || what === null) return false
  return Symbol.iterator in what || 'length' in what || ArrayBuffer.isView(what)
}
