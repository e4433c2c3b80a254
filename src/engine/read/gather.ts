/**
 * How is one field of many records gathered into an array?
 *
 *   - all live records: run after run, each decoded by one generated loop;
 *   - records by number: a generated loop over one window as long as the numbers stay in it. Records are visited in file order if that
 *     saves slides or disk reads (visit-order.ts), and returned in the order of the numbers.
 */

import type { Window } from '../../mmap/window-pool/window.ts'
import type { Column, ColumnArray, RecordBytes } from '../../schema/index.ts'
import { miscounted } from '../data-file/deletion-bits.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import { NO_RECORD } from '../numbers/record-numbers.ts'
import type { Locator } from '../staging/locator.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import { fileOrder, ReadAhead, type VisitedFile } from './visit-order.ts'

/**
 * How a column is read: at once, or beside a writer of another process in pieces, each of which is repeated if a commit came between
 * (consistent-reads.ts).
 */
export interface Pieces {
  /** The largest number of records in a piece. */
  readonly records: number
  once<T>(read: () => T): T
}

export const AT_ONCE: Pieces = { records: Number.POSITIVE_INFINITY, once: read => read() }
/** Reading by position takes longer, so fewer records fit between two commits. */
export const PIECE_RECORDS = { mapped: 4096, copied: 256 } as const

/** The column of every live record in number order. @throws ERR_STRIDE_CORRUPT if their number differs from the count */
export function gatherAll(
  locator: Locator<RecordLayers>,
  column: Column,
  liveCount: number,
  pieces: Pieces,
): ColumnArray {
  const out = column.allocate(liveCount)
  const end = locator.staging.size
  let filled = 0
  for (let from = 0; from < end; from += pieces.records) {
    const to = Math.min(end, from + pieces.records)
    filled = pieces.once(() => gatherRuns(locator, column, from, to, out, filled))
  }
  if (filled !== liveCount) throw miscounted(locator.deletionBits, filled, liveCount)
  return out
}

/** @returns how many elements are filled */
export function gatherRuns(
  locator: Locator<RecordLayers>,
  column: Column,
  from: number,
  to: number,
  out: ColumnArray,
  alreadyFilled: number,
): number {
  let filled = alreadyFilled
  for (let n = locator.nextLive(from, to); n < to; n = locator.nextLive(n, to)) {
    const source = locator.run(n, to)
    if (source === undefined) break
    const { count } = locator
    column.span(source.view as DataView, source.bytes, locator.at, count, out, filled * column.width)
    filled += count
    n += count
  }
  return filled
}

/** The file that a column is gathered from. */
export interface GatheredFile extends VisitedFile {
  readonly locator: Locator<RecordLayers>
}

/** Nanoseconds to read one element from memory, about (docs/performance.md). */
const ELEMENT_NS = 15

/** Called for a number without a record: throws, or returns an element. */
export type Absent = (n: number) => unknown

/** The column of the records with these numbers, in this order. */
export function gatherNumbers(
  source: GatheredFile,
  column: Column,
  numbers: ArrayLike<number>,
  absent: Absent,
  pieces: Pieces,
): ColumnArray {
  const { length } = numbers
  const out = column.allocate(length)
  const { locator } = source
  const order = fileOrder(numbers, source, locator.staging.size, ELEMENT_NS)
  const ahead =
    order === undefined
      ? undefined
      : new ReadAhead(numbers, order, locator.addressing, (at, bytes) => locator.pool.readAhead(at, bytes))
  const read = (from: number, to: number): void => {
    if (order === undefined || ahead === undefined) {
      gatherInOrder(locator, column, numbers, from, to, out, absent)
      return
    }
    for (let i = from; i < to; i++) {
      ahead.before(i)
      const position = order.positions[i] as number
      gatherOne(locator, column, numbers[position] as number, out, position, absent)
    }
  }
  for (let from = 0; from < length; from += pieces.records) {
    const to = Math.min(length, from + pieces.records)
    pieces.once(() => read(from, to))
  }
  return out
}

function gatherInOrder(
  locator: Locator<RecordLayers>,
  column: Column,
  numbers: ArrayLike<number>,
  from: number,
  to: number,
  out: ColumnArray,
  absent: Absent,
): void {
  const { staging, pool } = locator
  const isFast = locator.isPlain && locator.isDense && pool.live
  let i = from
  while (i < to) {
    const n = numbers[i] as number
    const source = gatherOne(locator, column, n, out, i, absent)
    i++
    if (source === undefined || !isFast || n >= staging.tailStart) continue
    const window = source as Window
    locator.stretch(window, n)
    const { at, first, count } = locator
    i = column.run(window.view as DataView, window.bytes, at, first, count, numbers, i, to, out)
  }
}

function gatherOne(
  locator: Locator<RecordLayers>,
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
