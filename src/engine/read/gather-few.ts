/**
 * How is one column of a few records read? Like `gather`, at no more than the price of a loop of `field`.
 *
 * Larger calls: gather.ts, which visits records in file order where that pays.
 */

import { type AnySchema, type Column, type ColumnArray, readerAccess } from '../../schema/index.ts'
import { NO_RECORD, noRecord } from '../numbers/record-numbers.ts'
import type { Locator } from '../staging/locator.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import { findIn, type PointReader } from './point-reader.ts'

/** So few records are always visited in the order asked (visit-order.ts). */
export const FEW = 63
/** The file's size is checked in each call for more records than these (reading.ts). */
const HOT_MAX = 100

/** The column if all records are hot, or become so, and no other process changed them meanwhile; otherwise undefined. */
export function gatherHot<S extends AnySchema>(
  set: PointReader<S>,
  column: Column,
  numbers: ArrayLike<number>,
  { isPlain, pool }: Pick<Locator<RecordLayers>, 'isPlain' | 'pool'>,
): ColumnArray | undefined {
  const { length } = numbers
  if (length > HOT_MAX) return undefined
  if (readerAccess.hotCount(set) === 0) {
    const first = numbers[0] as number
    if (!isPlain || !pool.live || first === NO_RECORD) return undefined
    findIn(set, first)
    if (readerAccess.hotCount(set) === 0) return undefined
  }
  const out = column.allocate(length)
  try {
    const isWhole = hotRun(set, column, numbers, 0, out) === length
    return isWhole && readerAccess.isStill(set) ? out : undefined
  } catch {
    // It may be damage, or a commit that came between. Reading again decides.
    return undefined
  }
}

/**
 * The column of up to FEW records, in the order asked. No other process writes.
 * @param element gives each element for an absent record; without it that is ERR_STRIDE_NO_RECORD
 */
export function gatherFew<S extends AnySchema>(
  set: PointReader<S>,
  column: Column,
  numbers: ArrayLike<number>,
  element: (() => unknown) | undefined,
): ColumnArray {
  const { length } = numbers
  const { width } = column
  const out = column.allocate(length)
  for (let i = hotRun(set, column, numbers, 0, out); i < length; i = hotRun(set, column, numbers, i + 1, out)) {
    const n = numbers[i] as number
    const at = n === NO_RECORD ? -1 : findIn(set, n)
    if (at >= 0) {
      column.span(readerAccess.view(set), readerAccess.bytes(set), at, 1, out, i * width)
      continue
    }
    if (element === undefined) throw noRecord(n, set)
    const value = element()
    for (let k = 0; k < width; k++) out[i * width + k] = value as never
  }
  return out
}

/** Reads hot records from position i on. @returns the first position that is not hot */
function hotRun<S extends AnySchema>(
  set: PointReader<S>,
  column: Column,
  numbers: ArrayLike<number>,
  i: number,
  out: ColumnArray,
): number {
  const count = readerAccess.hotCount(set)
  if (count === 0) return i
  const { view, bytes, hotAt, hotFirst } = readerAccess
  return column.run(view(set), bytes(set), hotAt(set), hotFirst(set), count, numbers, i, numbers.length, out)
}
