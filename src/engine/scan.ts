/**
 * Walking over all live records in number order: as one re-pointed row, or as fresh objects.
 *
 *   N1  the end is fixed when the walk starts; updates and deletions ahead are seen, appends are not.
 *   N2  a step inside a run of neighbours costs an addition; a run ends with its window, or where a record
 *       is deleted or staged, and also when its bytes go (R2 of locator.ts).
 */

import type { RecordBytes } from '../schema/index.ts'
import { ROW_AT, ROW_SOURCE } from '../schema/index.ts'
import { type EngineRow, ROW_NUMBER } from './row.ts'

/** Finds runs of neighbours. */
export interface RunFinder {
  /** Byte position of the run's first record in the bytes that run() answered. */
  readonly locatedAt: number
  /** Length of that run. */
  readonly runCount: number
  /** The first live record number in [n, end), or end. @throws ERR_STRIDE_CLOSED */
  nextLive(n: number, end: number): number
  /** The run that begins with the live record n. */
  run(n: number, end: number): RecordBytes
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

/** One row, pointed at each live record in turn. Keep `row.toObject()`, not the row. */
export class RowScan<Row extends EngineRow> implements IterableIterator<Row> {
  readonly #finder: RunFinder
  readonly #stride: number
  readonly #row: Row
  readonly #result: { done: false; value: Row }
  #source: RecordBytes = NOWHERE
  #at = 0
  #n: number
  #stop: number
  #end: number

  constructor(finder: RunFinder, stride: number, row: Row, from: number, end: number) {
    this.#finder = finder
    this.#stride = stride
    this.#row = row
    this.#result = { done: false, value: row }
    this.#n = from - 1
    this.#stop = from
    this.#end = end
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Row, undefined> {
    const n = this.#n + 1
    const row = this.#row
    const source = this.#source
    if (n < this.#stop && row[ROW_SOURCE] === source && source.view !== null) {
      this.#n = n
      row[ROW_AT] = this.#at += this.#stride
      row[ROW_NUMBER] = n
      return this.#result
    }
    return this.#enterRun(n)
  }

  return(): IteratorResult<Row, undefined> {
    this.#end = 0
    this.#stop = 0
    return { done: true, value: undefined }
  }

  #enterRun(from: number): IteratorResult<Row, undefined> {
    const n = from < this.#end ? this.#finder.nextLive(from, this.#end) : this.#end
    if (n >= this.#end) return this.return()
    const row = this.#row
    this.#source = row[ROW_SOURCE] = this.#finder.run(n, this.#end)
    this.#at = row[ROW_AT] = this.#finder.locatedAt
    row[ROW_NUMBER] = this.#n = n
    this.#stop = n + this.#finder.runCount
    return this.#result
  }
}

/** Decodes one record to a fresh object. */
export type Decode<T> = (view: DataView, bytes: Buffer, at: number) => T

/** Each live record as a fresh object. */
export class ObjectScan<T> implements IterableIterator<T> {
  readonly #finder: RunFinder
  readonly #stride: number
  readonly #decode: Decode<T>
  #source: RecordBytes = NOWHERE
  #at = 0
  #n: number
  #stop: number
  #end: number

  constructor(finder: RunFinder, stride: number, decode: Decode<T>, from: number, end: number) {
    this.#finder = finder
    this.#stride = stride
    this.#decode = decode
    this.#n = from
    this.#stop = from
    this.#end = end
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<T, undefined> {
    if (this.#n >= this.#stop || this.#source.view === null) {
      const n = this.#n < this.#end ? this.#finder.nextLive(this.#n, this.#end) : this.#end
      if (n >= this.#end) return this.return()
      this.#source = this.#finder.run(n, this.#end)
      this.#at = this.#finder.locatedAt
      this.#n = n
      this.#stop = n + this.#finder.runCount
    }
    const value = this.#decode(this.#source.view as DataView, this.#source.bytes, this.#at)
    this.#n++
    this.#at += this.#stride
    return { done: false, value }
  }

  return(): IteratorResult<T, undefined> {
    this.#end = 0
    this.#stop = 0
    this.#n = 0
    return { done: true, value: undefined }
  }
}
