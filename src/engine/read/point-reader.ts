/**
 * How is one record, or one field of it, read by its number?
 *
 *   PO1  a read of a hot record is arithmetic: one subtraction, one comparison, one DataView read.
 *   PO2  the records of one window are hot as long as each of them is live, unstaged, and in that window. A change of that calls
 *        `changed`, and the pool calls its watcher when a window goes. Either ends the hot range before anything else happens.
 *   PO3  beside a writer of another process, a value counts only if the writer's sequence after the read is the one for which the
 *        record was found (RD5 of schema/reader.ts). Otherwise the record is copied between two equal sequences and read from the copy.
 *   PO4  a record that is not hot, but live and unchanged in the file, is first looked for in the windows of earlier reads
 *        (near-windows.ts). What ends the hot range also ends these windows.
 * Generated code for the same: schema/reader.ts. Where a record is that is not hot: locator.ts. The source that is read: reading.ts.
 */

import type { Window } from '../../mmap/window-pool/window.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import { OutOfLine } from '../../runtime/out-of-line.ts'
import {
  type AnySchema,
  type FieldName,
  type FieldValue,
  type Output,
  ReaderBase,
  type RecordBytes,
  readerAccess,
} from '../../schema/index.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import { noRecord } from '../numbers/record-numbers.ts'
import type { Follower } from '../sharing/publication.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import { type NearWindow, NearWindows } from './near-windows.ts'
import type { Reading } from './reading.ts'

/** Positions in a window are 32-bit numbers. */
const HOT_BYTES_MAX = 0x7fffffff

/** The reading of a store or flat file. Only for the engine and its tests. */
export let readingOf: <S extends AnySchema>(set: PointReader<S>) => Reading<S>

/** Points view and bytes of a set at record n, with hot records around it. @returns its position; -1 if it is deleted or past the end */
export let findIn: <S extends AnySchema>(set: PointReader<S>, n: number) => number

/** Reading one record by its number, in stores, flat files and concurrent transactions. */
export abstract class PointReader<S extends AnySchema> extends ReaderBase {
  readonly #reading: Reading<S, RecordLayers>
  readonly #locating = new OutOfLine((n: number) => this.#locate(n))
  readonly #getting = new OutOfLine((n: number) => this.#getElsewhere(n))
  readonly #settling = new OutOfLine((n: number) => this.#settle(n))
  readonly #near = new NearWindows()
  /** Memory for a record whose read in place was disturbed. */
  #copy: RecordBytes | undefined

  /** @internal */
  protected constructor(reading: Reading<S, RecordLayers>) {
    super()
    this.#reading = reading
    this.#callOthers()
    reading.watch(() => {
      readerAccess.cool(this)
      this.#near.clear()
    })
  }

  static {
    readingOf = <S extends AnySchema>(set: PointReader<S>) => set.#reading as Reading<S>
    findIn = (set, n) => set.#find(n)
  }

  /**
   * The record as a fresh object, staged changes included; undefined if it is deleted or past the end.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _CORRUPT, _TRUNCATED, _NO_SPACE (no address space), _IO; beside another writer also _BUSY,
   *   and once that replaced the file what `openStore` throws
   * @throws TypeError, RangeError for an argument that is no record number
   */
  override get(n: number): Output<S> | undefined {
    const at = this.#hotAt(n)
    return at < 0 ? this.#getElsewhere(n) : this.#getAt(n, at)
  }

  /**
   * One field of a record, by its dotted path. Only this field is decoded.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD if there is no live record, otherwise as `get`; RangeError for an unknown field
   */
  override field<Name extends FieldName<S>>(n: number, name: Name): FieldValue<S, Name>
  override field(n: number, name: string): unknown {
    let at = this.#hotAt(n)
    if (at < 0) at = this.#locate(n)
    for (;;) {
      try {
        const { codec } = this.#reading.source
        const value = codec.readField(readerAccess.view(this), readerAccess.bytes(this), at, name)
        if (readerAccess.isStill(this)) return value
      } catch (error) {
        if (readerAccess.isStill(this)) throw error
      }
      at = this.#settle(n)
    }
  }

  /** The file, as it was given at opening. Answers after close, too. */
  get path(): string {
    return this.#reading.source.path
  }

  #getElsewhere(n: number): Output<S> | undefined {
    this.#callOthers()
    return this.#getAt(n, this.#find(n))
  }

  /** Decodes record n where it was found. */
  #getAt(n: number, foundAt: number): Output<S> | undefined {
    for (let at = foundAt; at >= 0; at = this.#copied(n)) {
      try {
        const { codec } = this.#reading.source
        const value = codec.decode(readerAccess.view(this), readerAccess.bytes(this), at)
        if (readerAccess.isStill(this)) return value
      } catch (error) {
        if (readerAccess.isStill(this)) throw error
      }
    }
    return undefined
  }

  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError, TypeError */
  #locate(n: number): number {
    this.#callOthers()
    const at = this.#find(n)
    if (at < 0) throw noRecord(n, this)
    return at
  }

  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED, _BUSY */
  #settle(n: number): number {
    this.#callOthers()
    const at = this.#copied(n)
    if (at < 0) throw noRecord(n, this)
    return at
  }

  /** See out-of-line.ts. */
  #callOthers(): void {
    readerAccess.call(this, this.#locating.next(), this.#getting.next(), this.#settling.next())
  }

  /** Position of a hot record; -1 for any other. */
  #hotAt(n: number): number {
    // A value that is no number is refused by #find.
    const d = typeof n === 'number' ? n - readerAccess.hotFirst(this) : -1
    if (d >>> 0 !== d || d >= readerAccess.hotCount(this)) return -1
    return (readerAccess.hotAt(this) + Math.imul(d, this.#reading.source.addressing.stride)) | 0
  }

  /** Points view and bytes at record n. @returns its position there; -1 if it is deleted or past the end */
  #find(n: number): number {
    checkRecordNumber(n)
    this.#reading.prepare()
    const { follower } = this.#reading.source
    return follower === undefined ? this.#place(n) : this.#placeBeside(n, follower)
  }

  /** Like `#place`, beside a writer of another process. The position counts only if `isStill` says so. */
  #placeBeside(n: number, follower: Follower): number {
    const { following, source } = this.#reading
    const word = follower.mappedSequence()
    if (word === undefined || following === undefined || !source.pool.live) return this.#copied(n)
    // Not the writer's present sequence: the record is found for this one.
    const { sequence } = following
    this.#reading.noteRead()
    try {
      const at = this.#place(n)
      readerAccess.watch(this, word, sequence)
      // While a writer stores a commit, each read must look at the changes laid over the file.
      if ((sequence & 1) !== 0) readerAccess.heat(this, 0, 0, 0)
      if (at >= 0 || readerAccess.isStill(this)) return at
    } catch {
      // It may be damage, a commit that came between, or a closed store. Reading again decides.
    }
    return this.#copied(n)
  }

  /** Copies record n as of one commit. @returns its position in the copy; -1 if it is deleted or past the end */
  #copied(n: number): number {
    return this.#reading.consistently(() => {
      const at = this.#place(n)
      const { pool, addressing } = this.#reading.source
      if (at < 0 || !pool.live) return at
      const { recordSize } = addressing
      this.#copy ??= copyOf(recordSize)
      copyBytes(readerAccess.source(this), at, this.#copy, 0, recordSize)
      readerAccess.cool(this)
      readerAccess.point(this, this.#copy)
      return 0
    })
  }

  /** Points view and bytes at record n as the locator finds it. @returns as `#copied` */
  #place(n: number): number {
    const { locator, pool, addressing, windowBytes } = this.#reading.source
    const isInPlace = pool.live && locator.isInPlace(n)
    const near = isInPlace ? this.#near.find(addressing, windowBytes, n) : undefined
    if (near !== undefined) return this.#pointAt(near, n)
    readerAccess.cool(this)
    const found = locator.find(n)
    if (found === undefined) return -1
    readerAccess.point(this, found)
    const { at } = locator
    if (isInPlace) this.#keep(found as Window, n)
    return at
  }

  /** Keeps the window in which record n was found. */
  #keep(window: Window, n: number): void {
    const { start, end, isCopy } = window
    if (isCopy || end - start > HOT_BYTES_MAX) return
    const { locator, addressing, windowBytes } = this.#reading.source
    locator.stretch(window, n)
    const { first, count, at } = locator
    const near = { window, first, count, at }
    this.#near.keep(addressing, windowBytes, n, near)
    this.#pointAt(near, n)
  }

  /** Points view and bytes at a kept window, whose records become hot if none of them can be changed. @returns as `#copied` */
  #pointAt({ window, first, count, at }: NearWindow, n: number): number {
    const { locator, addressing } = this.#reading.source
    readerAccess.point(this, window)
    if (locator.isPlain) readerAccess.heat(this, first, count | 0, at | 0)
    else readerAccess.heat(this, 0, 0, 0)
    return at + (n - first) * addressing.stride
  }
}

function copyOf(recordSize: number): RecordBytes {
  const bytes = Buffer.allocUnsafeSlow(recordSize)
  return { view: new DataView(bytes.buffer, bytes.byteOffset, recordSize), bytes }
}
