/**
 * How is work done on the bytes of many records, without decoding them? They are visited in runs that lie one stride apart in memory.
 *
 *   VU1  the bytes of a run are valid during the visit only.
 *   VU2  beside a writer of another process a piece of runs is visited again if a commit came between, and `begin` is called first.
 */

import type { AnySchema, Codec } from '../../schema/index.ts'
import { PIECE_RECORDS } from './gather.ts'
import { type RecordSet, readingOf } from './record-set.ts'

/** What is done with runs of records. */
export interface RunVisitor {
  /** Called before the first run of a piece, also if the piece is visited again: whatever was taken from it is dropped. */
  begin(): void
  /**
   * Takes records that lie at `at`, `at + stride` and so on.
   * @returns how many it took; fewer than `count` if it has enough for now
   */
  take(view: DataView, bytes: Buffer, at: number, stride: number, count: number): number
}

/** The codec of a record set's records. */
export function codecOfRecords<S extends AnySchema>(set: RecordSet<S>): Codec {
  return readingOf(set).source.codec
}

/**
 * Visits live records from `from` up to `to`, one piece at most.
 * @returns the number to go on from @throws as `get`
 */
export function visitRuns<S extends AnySchema>(
  set: RecordSet<S>,
  from: number,
  to: number,
  visitor: RunVisitor,
): number {
  const reading = readingOf(set)
  reading.prepareBulk()
  const { follower, pool } = reading.source
  const records = follower === undefined ? to - from : pool.live ? PIECE_RECORDS.mapped : PIECE_RECORDS.copied
  const end = Math.min(to, from + records)
  return reading.consistently(() => {
    visitor.begin()
    const { locator } = reading.source
    const { stride } = locator.addressing
    for (let n = locator.nextLive(from, end); n < end; n = locator.nextLive(n, end)) {
      const source = locator.run(n, end)
      if (source === undefined) break
      const { count, at } = locator
      const taken = visitor.take(source.view as DataView, source.bytes, at, stride, count)
      n += taken
      if (taken < count) return n
    }
    return end
  })
}

/**
 * Visits the records with these numbers, from position `from` of the list on.
 * @param absent called for a number without a record @returns the position to go on from @throws as `get`
 */
export function visitNumbers<S extends AnySchema>(
  set: RecordSet<S>,
  numbers: ArrayLike<number>,
  from: number,
  visitor: RunVisitor,
  absent: (n: number) => void,
): number {
  const reading = readingOf(set)
  reading.prepareBulk()
  const { follower, pool } = reading.source
  const records =
    follower === undefined ? numbers.length : pool.live ? PIECE_RECORDS.mapped : PIECE_RECORDS.copied
  const end = Math.min(numbers.length, from + records)
  return reading.consistently(() => {
    visitor.begin()
    const { locator } = reading.source
    const { stride } = locator.addressing
    for (let i = from; i < end; i++) {
      const n = numbers[i] as number
      const source = locator.find(n)
      if (source === undefined) absent(n)
      else if (visitor.take(source.view as DataView, source.bytes, locator.at, stride, 1) === 0) return i
    }
    return end
  })
}
