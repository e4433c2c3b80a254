/**
 * How is one record, or one field of it, read by its number?
 *
 *   PO1  a read of a hot record is arithmetic: one subtraction, one comparison, one DataView read.
 *   PO2  the records of one window are hot as long as each of them is live, unstaged, and in that window. A change of that calls
 *        `changed`, and the pool calls its watcher when a window goes. Either ends the hot range before anything else happens.
 *   PO3  a read-only set compares the writer's sequence before and after each read (publication.ts).
 * Generated code for PO1, without PO3: schema/reader.ts. Where a record is that is not hot: locator.ts. The source that is read:
 * reading.ts.
 */

import type { Window } from '../../mmap/window-pool/window.ts'
import { OutOfLine } from '../../runtime/out-of-line.ts'
import {
  type AnySchema,
  type Codec,
  type FieldName,
  type FieldValue,
  type Output,
  ReaderBase,
  readerAccess,
} from '../../schema/index.ts'
import type { Follower } from '../file/publication.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import type { RecordLayers } from '../records/record-layers.ts'
import { noRecord } from '../records/record-numbers.ts'
import type { Reading } from './reading.ts'

/** Positions in a window are 32-bit numbers. */
const HOT_BYTES_MAX = 0x7fffffff

/** The reading of a store or flat file. Only for the engine and its tests. */
export let readingOf: <S extends AnySchema>(set: PointReader<S>) => Reading<S>

/** Reading one record by its number, in stores, flat files and concurrent transactions. */
export abstract class PointReader<S extends AnySchema> extends ReaderBase {
  readonly #reading: Reading<S, RecordLayers>
  readonly #locating = new OutOfLine((n: number) => this.#locate(n))
  readonly #getting = new OutOfLine((n: number) => this.#getElsewhere(n))
  /** The writer's sequence for which records are hot. */
  #hotSequence = 0

  /** @internal */
  protected constructor(reading: Reading<S, RecordLayers>) {
    super()
    this.#reading = reading
    this.#callOthers()
    reading.watch(() => readerAccess.cool(this))
  }

  static {
    readingOf = <S extends AnySchema>(set: PointReader<S>) => set.#reading as Reading<S>
  }

  /**
   * The record as a fresh object, staged changes included; undefined if it is deleted or past the end.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _CORRUPT, _TRUNCATED, _NO_SPACE (no address space), _IO; beside another writer also _BUSY,
   *   and once that replaced the file what `openStore` throws
   * @throws TypeError, RangeError for an argument that is no record number
   */
  override get(n: number): Output<S> | undefined {
    const { codec, follower } = this.#reading.source
    if (follower !== undefined) return this.#getFollowed(n, follower)
    const at = this.#hotAt(n)
    return at < 0 ? this.#getElsewhere(n) : this.#decode(codec, at)
  }

  /**
   * One field of a record, by its dotted path. Only this field is decoded.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD if there is no live record, otherwise as `get`; RangeError for an unknown field
   */
  override field<Name extends FieldName<S>>(n: number, name: Name): FieldValue<S, Name>
  override field(n: number, name: string): unknown {
    const { codec, follower } = this.#reading.source
    if (follower !== undefined) return this.#fieldFollowed(n, name, follower)
    let at = this.#hotAt(n)
    if (at < 0) at = this.#locate(n)
    return this.#readField(codec, at, name)
  }

  /** The file, as it was given at opening. Answers after close, too. */
  get path(): string {
    return this.#reading.source.path
  }

  #getFollowed(n: number, follower: Follower): Output<S> | undefined {
    const at = this.#hotAt(n)
    if (at >= 0 && follower.sequence() === this.#hotSequence) {
      try {
        const value = this.#decode(this.#reading.source.codec, at)
        if (follower.sequence() === this.#hotSequence) return value
      } catch {
        // It may be damage, or a commit that came between. Reading again decides.
      }
    }
    return this.#getConsistently(n)
  }

  #fieldFollowed(n: number, name: string, follower: Follower): unknown {
    const at = this.#hotAt(n)
    if (at >= 0 && follower.sequence() === this.#hotSequence) {
      try {
        const value = this.#readField(this.#reading.source.codec, at, name)
        if (follower.sequence() === this.#hotSequence) return value
      } catch {
        // As above.
      }
    }
    return this.#fieldConsistently(n, name)
  }

  // Not inside the methods above: a closure over their arguments would cost each hot read an allocation.
  #getConsistently(n: number): Output<S> | undefined {
    return this.#reading.consistently(() => {
      const at = this.#find(n)
      return at < 0 ? undefined : this.#decode(this.#reading.source.codec, at)
    })
  }

  #fieldConsistently(n: number, name: string): unknown {
    return this.#reading.consistently(() => {
      const at = this.#locate(n)
      return this.#readField(this.#reading.source.codec, at, name)
    })
  }

  #getElsewhere(n: number): Output<S> | undefined {
    this.#callOthers()
    const at = this.#find(n)
    return at < 0 ? undefined : this.#decode(this.#reading.source.codec, at)
  }

  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError, TypeError */
  #locate(n: number): number {
    this.#callOthers()
    const at = this.#find(n)
    if (at < 0) throw noRecord(n, this)
    return at
  }

  #decode(codec: Codec<Output<S>>, at: number): Output<S> {
    return codec.decode(readerAccess.view(this), readerAccess.bytes(this), at)
  }
  #readField(codec: Codec<Output<S>>, at: number, name: string): unknown {
    return codec.readField(readerAccess.view(this), readerAccess.bytes(this), at, name)
  }

  /** See out-of-line.ts. */
  #callOthers(): void {
    readerAccess.call(this, this.#locating.next(), this.#getting.next())
  }

  /** Position of a hot record; -1 for any other. */
  #hotAt(n: number): number {
    // A value that is no number is refused by #find.
    const d = typeof n === 'number' ? n - readerAccess.hotFirst(this) : -1
    if (d >>> 0 !== d || d >= readerAccess.hotCount(this)) return -1
    return (readerAccess.hotAt(this) + Math.imul(d, this.#reading.source.addressing.stride)) | 0
  }

  /** Points view and bytes at record n. @returns its position there; -1 where it is deleted or past the end */
  #find(n: number): number {
    checkRecordNumber(n)
    this.#reading.prepare()
    readerAccess.cool(this)
    const { locator, pool } = this.#reading.source
    const found = locator.find(n)
    if (found === undefined) return -1
    readerAccess.point(this, found.view as DataView, found.bytes)
    const { at } = locator
    if (pool.live && locator.isPlain && n < locator.staging.tailStart) this.#warm(found as Window, n)
    return at
  }

  /** Makes the records around n, which lies in this window, hot. */
  #warm(window: Window, n: number): void {
    const { start, end, isCopy } = window
    if (isCopy || end - start > HOT_BYTES_MAX) return
    const { locator, follower } = this.#reading.source
    locator.stretch(window, n)
    // The record was found at this sequence. The writer's sequence may have changed since.
    if (follower !== undefined) this.#hotSequence = this.#reading.following?.sequence ?? 1
    // While the writer stores, every read has to look for changes over the file.
    const isHot = follower === undefined || (this.#hotSequence & 1) === 0
    readerAccess.heat(this, locator.first, isHot ? locator.count | 0 : 0, locator.at | 0)
  }
}
