/**
 * One column of many records at once: into a typed array, or a string array for text.
 *
 *   - all live records: run after run, each decoded by one generated loop;
 *   - records by number: a generated loop over one window as long as the numbers stay in it; in file order where
 *     that saves slides or disk reads (visit-order.ts), answered in the order asked.
 */

import type { Window } from '../mmap/window.ts'
import type { Column, ColumnArray, RecordBytes } from '../schema/index.ts'
import { checkRecordNumber } from './addressing.ts'
import type { Locator } from './locator.ts'
import { NO_RECORD } from './record-numbers.ts'
import { fileOrder, ReadAhead } from './visit-order.ts'

/** The column of every live record in number order. */
export function gatherAll(locator: Locator, column: Column, liveCount: number): ColumnArray {
  const out = column.allocate(liveCount)
  const end = locator.staging.size
  let filled = 0
  for (let n = locator.nextLive(0, end); n < end; n = locator.nextLive(n, end)) {
    const source = locator.run(n, end)
    if (source === undefined) break
    const { count } = locator
    column.span(source.view as DataView, source.bytes, locator.at, count, out, filled * column.width)
    filled += count
    n += count
  }
  return out
}

/** What to do about numbers without a record: throw, or fill in a value. */
export type Absent = (n: number) => unknown

/** The column of the records asked for, in that order. */
export function gatherNumbers(
  locator: Locator,
  column: Column,
  numbers: ArrayLike<number>,
  windowBytes: number,
  absent: Absent,
): ColumnArray {
  const out = column.allocate(numbers.length)
  const order = fileOrder(numbers, locator.addressing, locator.pool, locator.staging.size, windowBytes)
  if (order === undefined) {
    gatherInOrder(locator, column, numbers, out, absent)
    return out
  }
  const ahead = new ReadAhead(numbers, order, locator.addressing, (at, length) =>
    locator.pool.readAhead(at, length),
  )
  for (let i = 0; i < order.length; i++) {
    ahead.before(i)
    const position = order[i] as number
    gatherOne(locator, column, numbers[position] as number, out, position, absent)
  }
  return out
}

function gatherInOrder(
  locator: Locator,
  column: Column,
  numbers: ArrayLike<number>,
  out: ColumnArray,
  absent: Absent,
): void {
  const { length } = numbers
  const { staging, pool } = locator
  const isFast = locator.isPlain && locator.isDense && pool.live
  let i = 0
  while (i < length) {
    const n = numbers[i] as number
    const source = gatherOne(locator, column, n, out, i, absent)
    i++
    if (source === undefined || !isFast || n >= staging.tailStart) continue
    const window = source as Window
    locator.stretch(window, n)
    const { at, first, count } = locator
    i = column.run(window.view as DataView, window.bytes, at, first, count, numbers, i, length, out)
  }
}

function gatherOne(
  locator: Locator,
  column: Column,
  n: number,
  out: ColumnArray,
  position: number,
  absent: Absent,
): RecordBytes | undefined {
  if (n !== NO_RECORD) checkRecordNumber(n)
  const source = n === NO_RECORD ? undefined : locator.find(n)
  const { width } = column
  if (source === undefined) {
    const value = absent(n)
    for (let k = 0; k < width; k++) out[position * width + k] = value as never
    return undefined
  }
  column.span(source.view as DataView, source.bytes, locator.at, 1, out, position * width)
  return source
}
