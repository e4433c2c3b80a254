/**
 * The reading face: everything that answers questions about records, shared by stores and flat files.
 *
 *   F1  a point read that hits the hot window is arithmetic: one subtraction, one comparison, one DataView read.
 *   F2  the hot window holds only where each of its records lies in the file, live and unstaged; whatever changes
 *       that calls `changed`, which takes it away and lets every held row look again.
 *   F3  a read-only set reads between two looks at the writer's sequence (publication.ts).
 * Where a record is when the hot window misses: locator.ts. What changes records: writer.ts.
 */

import { StrideError } from '../errors.ts'
import type { Window, WindowPool } from '../mmap/window.ts'
import type {
  AnySchema,
  Codec,
  FieldName,
  FieldValue,
  GatherResult,
  Layout,
  Output,
  RecordBytes,
  RowFields,
} from '../schema/index.ts'
import { type Addressing, checkRecordNumber, firstRecordAt, offsetOf } from './addressing.ts'
import { rowClassOf } from './codecs.ts'
import { gatherAll, gatherNumbers } from './gather.ts'
import type { Locator } from './locator.ts'
import { type NumberRange, prefetchRanges, rangeEnds } from './prefetch.ts'
import type { Follower } from './publication.ts'
import { RecordFinder } from './record-finder.ts'
import { toRecordNumbers } from './record-numbers.ts'
import type { EngineRow } from './row.ts'
import { ObjectScan, RowScan } from './scan.ts'
import { fileOrder, ReadAhead } from './visit-order.ts'
import { noRecord } from './writer.ts'

/** A re-pointable accessor over one record: its fields, `number`, `seek(n)` and `toObject()`. */
export type Row<S extends AnySchema> = RowFields<S> & {
  readonly number: number
  seek(n: number): Row<S>
  toObject(): Output<S>
}

/** What a record set reads from; replaced as a whole when the file behind it is. */
export interface Source<S extends AnySchema> {
  readonly path: string
  readonly codec: Codec<Output<S>>
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly locator: Locator
  readonly windowBytes: number
  /** Present where another process writes. */
  readonly follower: Follower | undefined
}

const NOWHERE: Window = { view: null, bytes: Buffer.alloc(0), start: 0, end: 0 }

export abstract class RecordSet<S extends AnySchema> implements Iterable<Output<S>> {
  /** @internal */
  protected source: Source<S>
  /** @internal */
  protected isClosed = false

  readonly #finder: RecordFinder
  #hot: Window = NOWHERE
  #hotFirst = 0
  #hotReach = 0
  /** The same where another process writes; then hotReach is 0. */
  #followedReach = 0
  #hotRead: Codec['readField'] = () => undefined
  #hotBase = 0
  #hotSequence = 0
  #stride = 0

  protected constructor(source: Source<S>) {
    this.source = source
    this.#stride = source.addressing.stride
    this.#finder = new RecordFinder(
      () => this.source,
      () => this.prepare(),
    )
  }

  /** Bytes of a record. */
  get recordSize(): number {
    return this.source.addressing.recordSize
  }
  /** Offsets, sizes and types of the fields. */
  get layout(): Layout {
    return this.source.codec.layout
  }
  get path(): string {
    return this.source.path
  }
  /** Record numbers in use, deleted ones included: the highest plus 1. */
  get size(): number {
    this.prepare()
    return this.source.locator.staging.size
  }
  /** Live records. */
  abstract get count(): number

  /** The record as a fresh object; undefined when it is deleted or past the end. */
  get(n: number): Output<S> | undefined {
    const d = n - this.#hotFirst
    if (d >>> 0 === d && d < this.#hotReach) {
      const window = this.#hot
      const { view } = window
      if (view !== null) {
        return this.source.codec.decode(view, window.bytes, (this.#hotBase + Math.imul(d, this.#stride)) | 0)
      }
    }
    return this.#getElsewhere(n)
  }

  /** Whether there is a live record with this number. */
  has(n: number): boolean {
    checkRecordNumber(n)
    this.prepare()
    return this.source.locator.isLive(n)
  }

  /**
   * One field of a record, nothing else decoded. Nested fields by dotted path.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD where there is no live record; RangeError for an unknown field
   */
  field<Name extends FieldName<S>>(n: number, name: Name): FieldValue<S, Name> {
    const d = n - this.#hotFirst
    if (d >>> 0 === d && d < this.#hotReach) {
      const window = this.#hot
      const { view } = window
      if (view !== null) {
        // A window is shorter than 2^31 bytes: in 32 bits the compiler checks nothing, and nothing is a double.
        const at = (this.#hotBase + Math.imul(d, this.#stride)) | 0
        return this.#hotRead(view, window.bytes, at, name) as FieldValue<S, Name>
      }
    }
    return this.#fieldElsewhere(n, name) as FieldValue<S, Name>
  }

  /** Records as fresh objects in the order asked, undefined for absent ones. Cold pages are visited in file order. */
  getMany(numbers: Iterable<number> | ArrayLike<number>): (Output<S> | undefined)[] {
    const list = toRecordNumbers(numbers)
    this.prepareBulk()
    return this.#consistently(() => {
      const { addressing, pool, locator, windowBytes } = this.source
      const out: (Output<S> | undefined)[] = new Array(list.length)
      const order = fileOrder(list, addressing, pool, locator.staging.size, windowBytes)
      if (order === undefined) {
        for (let i = 0; i < list.length; i++) out[i] = this.get(list[i] as number)
        return out
      }
      const ahead = new ReadAhead(list, order, addressing, (offset, length) => pool.readAhead(offset, length))
      for (let i = 0; i < order.length; i++) {
        ahead.before(i)
        const position = order[i] as number
        out[position] = this.get(list[position] as number)
      }
      return out
    })
  }

  /**
   * One column. Without numbers: of all live records in number order, `count` elements. With numbers: of those
   * records, in that order; an absent one throws ERR_STRIDE_NO_RECORD unless `missing` says what to put there.
   *
   * @returns the field's own typed array (int64 BigInt64Array, date Float64Array of milliseconds, boolean Uint8Array),
   *   string[] for enum and text, (T | null)[] for nullable fields; tuples flattened
   */
  gather<Name extends FieldName<S>>(
    name: Name,
    numbers?: Iterable<number> | ArrayLike<number>,
    options: { readonly missing?: unknown } = {},
  ): GatherResult<S, Name> {
    const column = this.source.codec.column(name)
    this.prepareBulk()
    if (numbers === undefined) {
      const all = this.#consistently(() => gatherAll(this.source.locator, column, this.count))
      return all as GatherResult<S, Name>
    }
    const list = toRecordNumbers(numbers)
    const absent = (n: number): unknown => {
      if (!('missing' in options)) throw noRecord(n, this)
      return options.missing
    }
    const { locator, windowBytes } = this.source
    const asked = this.#consistently(() => gatherNumbers(locator, column, list, windowBytes, absent))
    return asked as GatherResult<S, Name>
  }

  /** Live records in number order as one re-pointed row, its fields decoded when touched. */
  scan(range: NumberRange = {}): IterableIterator<Row<S>> {
    this.prepareBulk()
    const { from, to } = rangeEnds(range, this.source.locator.staging.size)
    const scan = new RowScan(this.#finder, this.#stride, this.#newRow(), from, to)
    return scan as unknown as IterableIterator<Row<S>>
  }

  /** Live records in number order as fresh objects. */
  [Symbol.iterator](): IterableIterator<Output<S>> {
    this.prepareBulk()
    const { codec, locator } = this.source
    const decode = (view: DataView, bytes: Buffer, at: number): Output<S> => codec.decode(view, bytes, at)
    return new ObjectScan(this.#finder, this.#stride, decode, 0, locator.staging.size)
  }

  /** A row on record n. @throws {StrideError} ERR_STRIDE_NO_RECORD */
  row(n: number): Row<S> {
    return this.#newRow().seek(n) as unknown as Row<S>
  }

  /**
   * Brings records into memory off the event loop, so that reading them does not wait for the disk.
   * @param what record numbers, or a range of them; everything when left out
   */
  async prefetch(what: Iterable<number> | ArrayLike<number> | NumberRange = {}): Promise<void> {
    this.prepareBulk()
    const { addressing, locator, pool } = this.source
    await pool.prefetch(prefetchRanges(what, addressing, locator.staging.size))
  }

  /** Several reads that agree with each other: runs again if another process's commit came between. */
  read<T>(fn: () => T): T {
    this.assertOpen()
    return this.#consistently(fn)
  }

  /** Gives memory back: windows that nothing holds are unmapped, and mapped again when touched. */
  trim(): void {
    this.assertOpen()
    this.changed()
    this.source.pool.trim()
  }

  /** What console.log shows: what it is, not what it is made of. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { path, recordSize } = this
    return this.isClosed ? { path, recordSize, closed: true } : { path, recordSize, count: this.count }
  }

  /** @internal What was found before may no longer be what is there. */
  protected changed(): void {
    this.#hot = NOWHERE
    this.#hotReach = this.#followedReach = 0
    this.source.pool.expire()
  }

  /** @internal Another file, or another layout of it, is read from now on. */
  protected attach(source: Source<S>): void {
    this.source = source
    this.#stride = source.addressing.stride
    this.#hot = NOWHERE
    this.#hotReach = this.#followedReach = 0
  }

  /** @internal Before each slow read: open, and as new as other processes' commits. */
  protected prepare(): void {
    this.assertOpen()
  }

  /** @internal Before each bulk read: also the file's size (S6). */
  protected prepareBulk(): void {
    this.prepare()
    this.source.pool.checkSize()
  }

  /** @internal @throws ERR_STRIDE_CLOSED */
  protected assertOpen(): void {
    if (this.isClosed) throw new StrideError('ERR_STRIDE_CLOSED', `${this.path} is closed`, { path: this.path })
  }

  // Apart from get and field: a closure over their arguments would cost each hot read an allocation.
  #getElsewhere(n: number): Output<S> | undefined {
    return this.#consistently(() => this.#getSlowly(n))
  }
  /** Beside another writer: between two looks at its sequence. */
  #fieldElsewhere(n: number, name: string): unknown {
    const d = n - this.#hotFirst
    const { follower } = this.source
    if (follower !== undefined && d >>> 0 === d && d < this.#followedReach) {
      const { view, bytes } = this.#hot
      if (view !== null && follower.sequence() === this.#hotSequence) {
        const value = this.#tryField(view, bytes, this.#hotBase + d * this.#stride, name)
        if (follower.sequence() === this.#hotSequence && value !== FAILED) return value
      }
    }
    return this.#fieldConsistently(n, name)
  }

  #fieldConsistently(n: number, name: string): unknown {
    return this.#consistently(() => this.#fieldSlowly(n, name))
  }

  #getSlowly(n: number): Output<S> | undefined {
    const found = this.#find(n)
    if (found === undefined) return undefined
    return this.source.codec.decode(found.view as DataView, found.bytes, this.source.locator.at)
  }

  #fieldSlowly(n: number, name: string): unknown {
    const found = this.#find(n)
    if (found === undefined) throw noRecord(n, this)
    return this.source.codec.readField(found.view as DataView, found.bytes, this.source.locator.at, name)
  }

  #find(n: number): RecordBytes | undefined {
    checkRecordNumber(n)
    this.prepare()
    const { locator, pool, addressing, follower } = this.source
    const found = locator.find(n)
    if (found === undefined || !pool.live || !locator.isPlain || n >= locator.staging.tailStart) return found
    const window = found as Window
    if (window.isCopy || window.end - window.start > 0x7fffffff) return found
    this.#hot = window
    this.#hotFirst = firstRecordAt(addressing, window.start)
    const reach = (locator.reachOf(window) - this.#hotFirst) | 0
    this.#hotReach = follower === undefined ? reach : 0
    this.#followedReach = follower === undefined ? 0 : reach
    this.#hotBase = (offsetOf(addressing, this.#hotFirst) - window.start) | 0
    this.#hotRead = this.source.codec.readField
    if (follower !== undefined) this.#hotSequence = follower.sequence() & ~1
    return found
  }

  #tryField(view: DataView, bytes: Buffer, at: number, name: string): unknown {
    try {
      return this.source.codec.readField(view, bytes, at, name)
    } catch {
      return FAILED
    }
  }

  #consistently<T>(read: () => T): T {
    const { follower } = this.source
    return follower === undefined ? read() : follower.consistently(read)
  }

  #newRow(): EngineRow {
    return new (rowClassOf(this.source.codec))(this.#finder)
  }
}

/** What reading failed with may be the trace of a commit: the slow path tells. */
const FAILED = Symbol('failed')
