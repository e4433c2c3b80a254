/**
 * What can a program read from stores, flat files and concurrent transactions? Every reading call is here or in point-reader.ts.
 *
 * One record by its number: point-reader.ts. All of them: scan.ts. One column: gather.ts. Changing records: commit/writer.ts.
 */

import { type NoOptions, refuseOptions } from '../../options/option-table.ts'
import { shown } from '../../options/shown-value.ts'
import { OutOfLine } from '../../runtime/out-of-line.ts'
import { type Synchronous, unfinished } from '../../runtime/synchronous.ts'
import type {
  AnySchema,
  Codec,
  Column,
  ColumnArray,
  FieldName,
  GatherResult,
  Layout,
  Output,
  RowFields,
} from '../../schema/index.ts'
import { checkRecordNumber } from '../format/addressing.ts'
import { NO_RECORD, noRecord, toRecordNumbers } from '../numbers/record-numbers.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import { rowClassOf, walkClassOf } from './codecs.ts'
import { FollowingFinder } from './following-finder.ts'
import { AT_ONCE, gatherAll, gatherNumbers, PIECE_RECORDS, type Pieces } from './gather.ts'
import { FEW, gatherFew, gatherHot } from './gather-few.ts'
import { PointReader } from './point-reader.ts'
import { prefetchRanges, rangeEnds, readPrefetch } from './prefetch.ts'
import { GATHER, type GatherOptions, NUMBER_RANGE, type NumberRange } from './read-options.ts'
import type { Reading } from './reading.ts'
import { RecordFinder } from './record-finder.ts'
import type { EngineRow } from './row.ts'
import { ObjectScan, RowScan } from './scan.ts'
import { fileOrder, ReadAhead } from './visit-order.ts'
import type { Walk } from './walk.ts'

/**
 * A re-pointable accessor over one record: its fields, `number`, `seek(n)` and `toObject()`. A field is decoded when it is read, and
 * shows what the record holds then; a read throws {StrideError} ERR_STRIDE_NO_RECORD once the record is deleted, and _CLOSED.
 * JSON.stringify and console.log show the record.
 */
export type Row<S extends AnySchema> = RowFields<S> & {
  /** The number of its record. */
  readonly number: number
  /** Points the row at record n. @returns the row @throws {StrideError} ERR_STRIDE_NO_RECORD; the row then stays on its record */
  seek(n: number): Row<S>
  /** The record as a fresh object. */
  toObject(): Output<S>
}

/** Nanoseconds to read one object from memory, about (docs/performance.md). */
const OBJECT_NS = 300

/** How records lie in a file: record n begins at `dataOffset + n * recordSize`, or in a flat file `dataOffset + n * stride`. */
export interface FileLayout extends Layout {
  /** Bytes from the start of the file to record 0. */
  readonly dataOffset: number
}

/** What a record set reads from. Only for work of the library on the bytes of records (record-runs.ts). */
export let readingOf: <S extends AnySchema>(set: RecordSet<S>) => Reading<S, RecordLayers>

/** The reading calls that stores, flat files and concurrent transactions share. */
export abstract class RecordSet<S extends AnySchema> extends PointReader<S> implements Iterable<Output<S>> {
  readonly #reading: Reading<S, RecordLayers>
  readonly #finder: RecordFinder
  readonly #scanning = new OutOfLine((range: NumberRange | undefined) => this.#newScan(range))
  #scan = this.#scanning.next()
  #layout: FileLayout | undefined
  /** The column that was gathered last: looking it up takes as long as reading a field. */
  #column: Column | undefined
  #columnName = ''
  #columnCodec: Codec<Output<S>> | undefined

  static {
    readingOf = set => set.#reading
  }

  /** @internal */
  protected constructor(reading: Reading<S, RecordLayers>) {
    super(reading)
    this.#reading = reading
    const Finder = reading.follower === undefined ? RecordFinder : FollowingFinder
    this.#finder = new Finder(reading, this)
  }

  /** Bytes of a record. */
  get recordSize(): number {
    return this.#reading.source.addressing.recordSize
  }
  /** Offsets, sizes and types of the fields, and where the first record begins. */
  get layout(): FileLayout {
    const { codec, addressing } = this.#reading.source
    if (this.#layout?.fingerprint !== codec.layout.fingerprint) this.#layout = undefined
    this.#layout ??= Object.freeze({ ...codec.layout, dataOffset: addressing.dataOffset })
    return this.#layout
  }
  /** Highest record number plus 1, deleted and staged records included. @throws {StrideError} ERR_STRIDE_CLOSED */
  get size(): number {
    this.#reading.prepare()
    return this.#reading.source.locator.staging.size
  }
  /** Live records, staged changes included. @throws {StrideError} ERR_STRIDE_CLOSED */
  abstract get count(): number

  /** Whether there is a live record with this number. @throws as `get` */
  has(n: number): boolean {
    checkRecordNumber(n)
    if (this.#reading.follower !== undefined) return this.#hasConsistently(n)
    this.#reading.prepare()
    return this.#reading.source.locator.isLive(n)
  }

  /**
   * Records as fresh objects, in the order of `numbers`; undefined for an absent record and for -1. All are of one commit. Pages that
   * are not in memory are read in file order.
   * @throws as `get`
   */
  getMany(numbers: Iterable<number> | ArrayLike<number>, none?: NoOptions): (Output<S> | undefined)[] {
    refuseOptions(none, 'getMany')
    const list = toRecordNumbers(numbers)
    this.#reading.prepareBulk(list.length)
    if (list.length <= FEW && this.#reading.follower === undefined) {
      const few: (Output<S> | undefined)[] = []
      for (let i = 0; i < list.length; i++) few.push(this.#getIfAny(list[i] as number))
      return few
    }
    return this.#reading.together(() => {
      const { source } = this.#reading
      const { addressing, pool, locator } = source
      const out: (Output<S> | undefined)[] = new Array(list.length)
      const order = fileOrder(list, source, locator.staging.size, OBJECT_NS)
      if (order === undefined) {
        for (let i = 0; i < list.length; i++) out[i] = this.#getIfAny(list[i] as number)
        return out
      }
      const ahead = new ReadAhead(list, order, addressing, (offset, length) => pool.readAhead(offset, length))
      for (let i = 0; i < order.positions.length; i++) {
        ahead.before(i)
        const position = order.positions[i] as number
        out[position] = this.#getIfAny(list[position] as number)
      }
      return out
    })
  }

  /**
   * One field of many records. Without numbers: of all live records in number order, `count` elements. With numbers: of these records,
   * in this order; an absent record, or -1, throws ERR_STRIDE_NO_RECORD unless `missing` gives an element for it.
   *
   * @returns a copy that the caller owns: the field's typed array (int64 BigInt64Array, date Float64Array of milliseconds, boolean
   *   Uint8Array), string[] for enum and text, (T | null)[] for nullable fields; tuples are flattened
   * @throws RangeError for an unknown field; {StrideError} ERR_STRIDE_NO_RECORD, otherwise as `get`
   */
  gather<Name extends FieldName<S>>(
    name: Name,
    numbers?: Iterable<number> | ArrayLike<number>,
    options?: GatherOptions,
  ): GatherResult<S, Name> {
    const missing = options === undefined ? undefined : GATHER.read(options, 'gather').missing
    const list = numbers === undefined ? undefined : toRecordNumbers(numbers)
    const { codec, follower, locator, addressing } = this.#reading.source
    if (name !== this.#columnName || codec !== this.#columnCodec) this.#newColumn(name, codec)
    const column = this.#column as Column
    const element = missing === undefined ? undefined : column.missing(missing)
    if (list !== undefined && list.length > 0 && addressing.stride === addressing.recordSize) {
      const isFew = list.length <= FEW && follower === undefined
      const quick = isFew ? gatherFew(this, column, list, element) : gatherHot(this, column, list, locator)
      if (quick !== undefined) return quick as GatherResult<S, Name>
    }
    return this.#gatherMany(column, list, element) as GatherResult<S, Name>
  }

  /**
   * Live records in number order, as one row that moves from record to record. Keep `row.toObject()`, not the row, or collect objects
   * with `toArray()`.
   *
   * The end is fixed at this call: the walk sees updates and deletes ahead of it, but no appended records. After a compact it goes on
   * behind the record that it gave last. A step throws {StrideError} ERR_STRIDE_REPLACED once another process compacted; otherwise
   * as `get`.
   * @throws {StrideError} ERR_STRIDE_CLOSED; TypeError, RangeError for an invalid range
   */
  scan(range?: NumberRange): Walk<Row<S>> {
    const call = this.#scan
    return call(range)
  }

  /** Out of line (out-of-line.ts), so that a loop has room for the step and the getters of the row. */
  #newScan(range: NumberRange | undefined): Walk<Row<S>> {
    this.#scan = this.#scanning.next()
    const given = NUMBER_RANGE.read(range, 'scan')
    this.#reading.prepareBulk()
    const { codec, locator, addressing } = this.#reading.source
    const { from, to } = rangeEnds(given, locator.staging.size)
    const Walk = locator.isDense ? walkClassOf(codec) : RowScan
    const scan = new Walk(this.#finder, addressing.stride, this.#newRow(), from, to)
    return scan as unknown as Walk<Row<S>>
  }

  /** Live records in number order as fresh objects. Changes during the loop are seen as in `scan`, which says what it throws. */
  [Symbol.iterator](): IterableIterator<Output<S>> {
    this.#reading.prepareBulk()
    const { codec, locator } = this.#reading.source
    const decode = (view: DataView, bytes: Buffer, at: number): Output<S> => codec.decode(view, bytes, at)
    return new ObjectScan(this.#finder, this.#reading.source.addressing.stride, decode, 0, locator.staging.size)
  }

  /**
   * A row on record n. It shows what the record holds at each read, and stays on it through a compact. A read throws {StrideError}
   * ERR_STRIDE_NO_RECORD once the record is deleted, and _REPLACED once another process compacted.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD; otherwise as `get`
   */
  row(n: number): Row<S> {
    return this.#newRow().seek(n) as unknown as Row<S>
  }

  /**
   * Brings records into memory off the event loop, so that reading them does not wait for the disk.
   * @param what record numbers (-1 is skipped) or a range of them; all records by default
   * @throws {StrideError} ERR_STRIDE_CLOSED, _IO; TypeError, RangeError for an invalid argument
   */
  async prefetch(what?: Iterable<number> | ArrayLike<number> | NumberRange, none?: NoOptions): Promise<void> {
    refuseOptions(none, 'prefetch')
    const given = readPrefetch(what)
    this.#reading.prepareBulk()
    const { addressing, locator, pool } = this.#reading.source
    await pool.prefetch(prefetchRanges(given, addressing, locator.staging.size))
  }

  /**
   * Runs a function whose reads all see one commit, also reads through rows and walks. If another process commits meanwhile, the
   * function runs again, so it should only read.
   * @returns the result of the function
   * @throws {StrideError} ERR_STRIDE_BUSY if the writer reuses the journal before the function is done; _CLOSED; what `fn` throws
   * @throws TypeError if the function returns a promise or a generator
   */
  read<T>(fn: (() => T) & Synchronous<T>): T {
    if (typeof fn !== 'function') throw new TypeError(`read takes a function: ${shown(fn)}`)
    this.#reading.assertOpen()
    return this.#reading.together(() => {
      const result = this.#finder.together(fn)
      const kind = unfinished(result)
      if (kind === undefined) return result
      throw new TypeError(
        `read takes a synchronous function, and this one returned ${kind}: what it reads after it returned would belong to other commits. Read first, then await`,
      )
    })
  }

  /** Unmaps windows that nothing holds. They are mapped again when they are read. @throws {StrideError} ERR_STRIDE_CLOSED */
  trim(): void {
    this.#reading.assertOpen()
    this.#reading.changed()
    this.#reading.source.pool.trim()
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { path, recordSize } = this
    return this.#reading.isClosed ? { path, recordSize, closed: true } : { path, recordSize, count: this.count }
  }

  // Not inside `has`: a closure over its argument would cost each call an allocation.
  #hasConsistently(n: number): boolean {
    return this.#reading.consistently(() => this.#reading.source.locator.isLive(n))
  }

  #newColumn(name: string, codec: Codec<Output<S>>): void {
    this.#column = codec.column(name)
    this.#columnName = name
    this.#columnCodec = codec
  }

  // Not inside `gather`: closures over its arguments would cost each call an allocation.
  #gatherMany(
    column: Column,
    list: ArrayLike<number> | undefined,
    element: (() => unknown) | undefined,
  ): ColumnArray {
    this.#reading.prepareBulk(list?.length)
    const absent = (n: number): unknown => {
      if (element === undefined) throw noRecord(n, this)
      return element()
    }
    return this.#reading.together(() => {
      const { source } = this.#reading
      return list === undefined
        ? gatherAll(source.locator, column, this.count, this.#pieces)
        : gatherNumbers(source, column, list, absent, this.#pieces)
    })
  }

  #getIfAny(n: number): Output<S> | undefined {
    return n === NO_RECORD ? undefined : this.get(n)
  }

  get #pieces(): Pieces {
    const { follower, pool } = this.#reading.source
    if (follower === undefined) return AT_ONCE
    return {
      records: pool.live ? PIECE_RECORDS.mapped : PIECE_RECORDS.copied,
      once: read => this.#reading.consistently(read),
    }
  }

  #newRow(): EngineRow {
    const { codec, follower, locator } = this.#reading.source
    return new (rowClassOf(codec, follower === undefined && locator.isDense))(this.#finder)
  }
}
