/**
 * Which bytes a bulk read will need: record numbers or a range of them as ascending byte ranges.
 */

import { type Addressing, checkRecordNumber, offsetOf } from './addressing.ts'
import { toRecordNumbers } from './record-numbers.ts'

/** Record numbers from `from` (0 when left out) up to, and without, `to` (the end when left out). */
export interface NumberRange {
  readonly from?: number
  readonly to?: number
}

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** Neighbours closer than this are asked for in one range. */
const GAP_BYTES = 64 * 1024

/** The ends of a range, bounded by the records there are. @throws RangeError, TypeError */
export function rangeEnds(range: NumberRange, size: number): { readonly from: number; readonly to: number } {
  if (typeof range !== 'object' || range === null)
    throw new TypeError(`A range has 'from' and 'to': ${String(range)}`)
  for (const key of Object.keys(range)) {
    if (key !== 'from' && key !== 'to') throw new TypeError(`A range has 'from' and 'to', not '${key}'`)
  }
  const { from = 0, to = size } = range
  checkRecordNumber(from)
  checkRecordNumber(to)
  return { from: Math.min(from, size), to: Math.min(to, size) }
}

/** The bytes of these records, ascending, neighbours joined. Numbers past the end are left out. */
export function prefetchRanges(
  what: Iterable<number> | ArrayLike<number> | NumberRange,
  addressing: Addressing,
  size: number,
): ByteRange[] {
  if (!isNumbers(what)) {
    const { from, to } = rangeEnds(what, size)
    if (to <= from) return []
    return [{ offset: offsetOf(addressing, from), length: (to - from) * addressing.stride }]
  }
  const numbers = Float64Array.from(toRecordNumbers(what)).sort()
  const ranges: { offset: number; length: number }[] = []
  for (const n of numbers) {
    checkRecordNumber(n)
    if (n >= size) break
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
  what: Iterable<number> | ArrayLike<number> | NumberRange,
): what is Iterable<number> | ArrayLike<number> {
  if (typeof what !== 'object' || what === null)
    throw new TypeError(`prefetch takes record numbers, or a range of them: ${String(what)}`)
  return Symbol.iterator in what || 'length' in what || ArrayBuffer.isView(what)
}
