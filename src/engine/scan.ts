/**
 * Walking over all live records in number order: as one re-pointed row, or as fresh objects.
 *
 *   N1  the end is fixed when the walk starts; updates and deletions ahead are seen, appends are not.
 *   N2  a step inside a run of neighbours costs an addition; a run ends with its window, or where a record
 *       is deleted or staged, and also when its bytes go (R2 of locator.ts).
 */

import { OutOfLine } from '../out-of-line.ts'
import type { RecordBytes } from '../schema/index.ts'
import { ROW_AT, ROW_SOURCE, WalkBase } from '../schema/index.ts'
import { type EngineRow, ROW_POINT, ROW_WALK } from './row.ts'

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

/**
 * One row, pointed at each live record in turn. Keep `row.toObject()`, not the row.
 *
 * Written for the optimizing compiler, at about half of the obvious form's cost a step (`npm run bench -- scan`): the
 * iterator is its own result object, its fields are plain ones, and `next` is generated anew for each layout
 * (schema/walk.ts).
 */
export class RowScan<Row extends EngineRow> extends WalkBase<Row> implements IterableIterator<Row> {
  override value: Row
  override done = false
  override at = 0
  override stopAt = 0
  override leap: () => void
  private readonly leaps = new OutOfLine<void, void>(() => this.enterRun())
  private readonly finder: RunFinder
  private readonly stride: number
  /** The run's first record, and its position. */
  private first: number
  private firstAt = 0
  private end: number

  constructor(finder: RunFinder, stride: number, row: Row, from: number, end: number) {
    super()
    this.value = row
    row[ROW_WALK] = this
    this.finder = finder
    this.stride = stride
    this.first = from - 1
    this.end = end
    this.leap = this.leaps.next()
  }

  [Symbol.iterator](): this {
    return this
  }

  override next(): IteratorResult<Row, undefined> {
    const at = this.at + this.stride
    const row = this.value
    if (at < this.stopAt && row[ROW_SOURCE].view !== null) row[ROW_AT] = this.at = at
    else this.leap()
    return this as IteratorResult<Row, undefined>
  }

  return(): IteratorResult<Row, undefined> {
    this.end = 0
    this.stopAt = 0
    this.done = true
    return { done: true, value: undefined }
  }

  private enterRun(): void {
    this.leap = this.leaps.next()
    const from = this.first + (this.at - this.firstAt) / this.stride + 1
    const n = from < this.end ? this.finder.nextLive(from, this.end) : this.end
    if (n >= this.end) {
      this.return()
      return
    }
    const source = this.finder.run(n, this.end)
    this.first = n
    this.at = this.firstAt = this.finder.locatedAt | 0
    this.stopAt = (this.at + this.finder.runCount * this.stride) | 0
    this.value[ROW_POINT](n, source, this.at)
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
