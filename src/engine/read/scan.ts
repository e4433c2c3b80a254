/**
 * How does a walk visit all live records in number order? As one row that moves, or as fresh objects.
 *
 *   SN1  the end is fixed when the walk starts. Updates and deletions ahead are seen, appends are not.
 *   SN2  a step inside a run of neighbours costs one addition. A run ends with its window, in front of a deleted or staged record, and
 *        when its bytes go (LC2 of locator.ts).
 *   SN3  after `compact` a walk goes on behind the record that it gave last. If the new numbers are not known (another process
 *        compacted), it ends with ERR_STRIDE_REPLACED. After `close()` every step throws.
 */

import { OutOfLine } from '../../runtime/out-of-line.ts'
import { type RecordBytes, rowAccess, type WalkBase } from '../../schema/index.ts'
import type { Numbering } from './numbering.ts'
import { type EngineRow, walkedRow } from './row.ts'
import { Walk } from './walk.ts'

/** Finds runs of neighbours. */
export interface RunFinder {
  /** Byte position of the run's first record in the result of run(). */
  readonly locatedAt: number
  /** Length of that run. */
  readonly runCount: number
  /** The present numbering of records. */
  readonly numbering: Numbering
  /** Called before each search. @throws ERR_STRIDE_CLOSED */
  prepare(): void
  /** The present place in front of number n of an earlier numbering. @throws ERR_STRIDE_REPLACED */
  placeNow(n: number, numbering: Numbering): number
  /** The first live record number in [n, end), or end. */
  nextLive(n: number, end: number): number
  /** The run that begins with the live record n. */
  run(n: number, end: number): RecordBytes
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

/** The records ahead of a walk. */
class Ahead {
  readonly #finder: RunFinder
  #numbering: Numbering
  end: number
  isOver = false

  constructor(finder: RunFinder, end: number) {
    this.#finder = finder
    this.#numbering = finder.numbering
    this.end = end
  }

  /** Place n in the present numbering. @throws ERR_STRIDE_CLOSED, _REPLACED */
  placeNow(n: number): number {
    const finder = this.#finder
    finder.prepare()
    const numbering = this.#numbering
    if (finder.numbering === numbering) return n
    const place = finder.placeNow(n, numbering)
    this.end = finder.placeNow(this.end, numbering)
    this.#numbering = finder.numbering
    return place
  }

  /** The first live record from there on; -1 at the end of the walk. */
  nextLive(place: number): number {
    const live = place < this.end ? this.#finder.nextLive(place, this.end) : this.end
    if (live < this.end) return live
    this.isOver = true
    return -1
  }
}

/**
 * One row that moves over the live records. Keep `row.toObject()`, not the row.
 *
 * Written for the optimizing compiler. A step costs about half of the obvious form (`npm run bench -- scan`): the iterator is its own
 * result object, a step only uses plain fields, and `next` is generated for each layout (schema/walk.ts).
 */
export class RowScan<Row extends EngineRow> extends Walk<Row> implements WalkBase<Row> {
  value: Row
  done = false
  at = 0
  stopAt = 0
  leap: () => void
  readonly #leaps = new OutOfLine<void, void>(() => this.#enterRun())
  readonly #finder: RunFinder
  readonly #stride: number
  readonly #ahead: Ahead
  /** The run's first record, and its position. */
  #first: number
  #firstAt = 0

  constructor(finder: RunFinder, stride: number, row: Row, from: number, end: number) {
    super()
    this.value = row
    walkedRow.join(row, this)
    this.#finder = finder
    this.#stride = stride
    this.#first = from - 1
    this.#ahead = new Ahead(finder, end)
    this.leap = this.#leaps.next()
  }

  override next(): IteratorResult<Row, undefined> {
    const at = this.at + this.#stride
    const row = this.value
    if (at < this.stopAt && rowAccess.isHere(row)) rowAccess.move(row, (this.at = at))
    else this.leap()
    return this as IteratorResult<Row, undefined>
  }

  override return(): IteratorResult<Row, undefined> {
    this.#ahead.isOver = true
    this.stopAt = 0
    this.done = true
    return { done: true, value: undefined }
  }

  override finish(): void {
    this.return()
    walkedRow.end(this.value)
  }

  #enterRun(): void {
    this.leap = this.#leaps.next()
    const ahead = this.#ahead
    if (ahead.isOver) return
    const place = ahead.placeNow(this.#first + (this.at - this.#firstAt) / this.#stride + 1)
    // The following calls may fail, and the step is then tried again.
    this.#first = place - 1
    this.at = this.#firstAt = this.stopAt = 0
    const n = ahead.nextLive(place)
    if (n < 0) {
      this.finish()
      return
    }
    const source = this.#finder.run(n, ahead.end)
    this.#first = n
    this.at = this.#firstAt = this.#finder.locatedAt | 0
    this.stopAt = (this.at + this.#finder.runCount * this.#stride) | 0
    walkedRow.point(this.value, n, source, this.at)
  }
}

/** Decodes a record to a fresh object. */
export type Decode<T> = (view: DataView, bytes: Buffer, at: number) => T

/** Each live record as a fresh object. */
export class ObjectScan<T> implements IterableIterator<T> {
  readonly #finder: RunFinder
  readonly #stride: number
  readonly #decode: Decode<T>
  readonly #ahead: Ahead
  #source: RecordBytes = NOWHERE
  #at = 0
  #n: number
  #stop: number

  constructor(finder: RunFinder, stride: number, decode: Decode<T>, from: number, end: number) {
    this.#finder = finder
    this.#stride = stride
    this.#decode = decode
    this.#n = from
    this.#stop = from
    this.#ahead = new Ahead(finder, end)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<T, undefined> {
    if (this.#n >= this.#stop || this.#source.view === null) {
      const ahead = this.#ahead
      if (ahead.isOver) return { done: true, value: undefined }
      this.#n = ahead.placeNow(this.#n)
      this.#source = NOWHERE
      const n = ahead.nextLive(this.#n)
      if (n < 0) return this.return()
      this.#source = this.#finder.run(n, ahead.end)
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
    this.#ahead.isOver = true
    this.#source = NOWHERE
    return { done: true, value: undefined }
  }
}
