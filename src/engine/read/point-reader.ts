/**
 * One record, or one field of it, by its number: what `get` and `field` of stores and flat files do.
 *
 *   PO1  a read of a hot record is arithmetic: one subtraction, one comparison, one DataView read.
 *   PO2  hot are the records of one window while each of them lies there live and unstaged; whatever changes that calls
 *       `changed`, and a pool calls what was given to its `watch` when a window goes: either ends it before anything
 *       else happens.
 *   PO3  a read-only set reads between two looks at the writer's sequence (publication.ts).
 * The same without PO3, generated for a layout: schema/reader.ts. Where a record is that is not hot: locator.ts. What is
 * read from: reading.ts.
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

/** What a store or flat file reads. For the engine and its tests alone. */
export let readingOf: <S extends AnySchema>(set: PointReader<S>) => Reading<S>

/** Records by their number: what stores, flat files and concurrent transactions have in common. */
export abstract class PointReader<S extends AnySchema> extends ReaderBase {
  readonly #reading: Reading<S, RecordLayers>
  readonly #locating = new OutOfLine((n: number) => this.#locate(n))
  readonly #getting = new OutOfLine((n: number) => this.#getElsewhere(n))
  /** The writer's sequence for which they are hot. */
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
   * The record as a fresh object, staged changes included; undefined when it is deleted or past the end.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _CORRUPT, _IO, beside another writer _BUSY; TypeError, RangeError for what is no
   *   record number
   */
  override get(n: number): Output<S> | undefined {
    const { codec, follower } = this.#reading.source
    if (follower !== undefined) return this.#getFollowed(n, follower)
    const at = this.#hotAt(n)
    return at < 0 ? this.#getElsewhere(n) : this.#decode(codec, at)
  }

  /**
   * One field of a record, nothing else decoded. Nested fields by dotted path.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD where there is no live record, otherwise as `get`; RangeError for an unknown field
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
        // Damage, or the trace of a commit: looking again tells.
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

  // Apart from the above: a closure over their arguments would cost each hot read an allocation.
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
    // Whatever is no number is refused where it is looked for.
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

  /** Records around n, which lies in this window, are where arithmetic finds them. */
  #warm(window: Window, n: number): void {
    const { start, end, isCopy } = window
    if (isCopy || end - start > HOT_BYTES_MAX) return
    const { locator, follower } = this.#reading.source
    locator.stretch(window, n)
    // Not the writer's sequence now: the record was found as of this one.
    if (follower !== undefined) this.#hotSequence = this.#reading.following?.sequence ?? 1
    // While a writer stores, nothing is read without looking for what lies over the file.
    const isHot = follower === undefined || (this.#hotSequence & 1) === 0
    readerAccess.heat(this, locator.first, isHot ? locator.count | 0 : 0, locator.at | 0)
  }
}
