/**
 * What can every kind of index do? It finds the record numbers of keys, and receives the keys of staged changes.
 *
 *   KI1  it finds the live records with the key that reads see at the call, staged changes included.
 *   KI2  if several records have the key, `number` finds the lowest number.
 * Kinds: hash-index.ts, ordered-index.ts.
 */

import { StrideError } from '../../../errors.ts'
import { INDEXED_NUMBERS_MAX } from '../../format/index-format.ts'
import type { KeyCodec } from '../keys/key-codec.ts'
import type { RecordAccess } from '../keys/record-keys.ts'
import type { PageView } from '../pages/page-view.ts'
import type { Delta } from '../trees/delta.ts'
import type { IndexTree } from '../trees/index-tree.ts'
import type { HashFastPath } from './hash-fast-path.ts'

export interface KeyIndexParts<D extends Delta> {
  readonly tree: IndexTree<D>
  readonly codec: KeyCodec
  /** A second codec of the same keys, for records that are compared while `codec` has the looked-up key. */
  readonly recordCodec: KeyCodec
  readonly records: RecordAccess
  readonly pages: PageView
  /** For a view of an older commit: the record numbers in use there. Later records in the pages are not seen. */
  readonly recordsEnd?: number
}

export abstract class KeyIndex<D extends Delta = Delta> {
  readonly tree: IndexTree<D>
  readonly codec: KeyCodec
  /** The fast path for u32 keys. */
  readonly quick: HashFastPath | undefined
  protected readonly parts: KeyIndexParts<D>
  readonly #old: Uint32Array

  constructor(parts: KeyIndexParts<D>) {
    this.parts = parts
    this.tree = parts.tree
    this.codec = parts.codec
    this.#old = new Uint32Array(parts.codec.wordCount)
  }

  /**
   * The same index for a view of an older commit. Valid as long as this index.
   * @param recordsEnd record numbers in use at that commit
   */
  abstract over(records: RecordAccess, recordsEnd: number): KeyIndex

  /** Releases what the index registered with its file, which stays open. */
  close(): void {}

  /** The lowest number of a record with this key; -1 if there is none. @throws TypeError */
  number(key: unknown): number {
    return this.codec.encode(key) ? this.findNumber() : -1
  }

  /** Like `number`, for many keys. @throws TypeError */
  numbers(keys: ArrayLike<unknown>): Float64Array {
    const out = new Float64Array(keys.length)
    for (let i = 0; i < keys.length; i++) out[i] = this.number(keys[i])
    return out
  }

  /** The numbers of all records with this key, ascending. @throws TypeError */
  all(key: unknown): Float64Array {
    if (!this.codec.encode(key)) return new Float64Array(0)
    return this.findAll()
  }

  /**
   * Adds the key of the image at `at` as a pending entry of record n.
   * @throws ERR_STRIDE_LIMIT
   */
  added(n: number, view: DataView, at: number): void {
    if (n >= INDEXED_NUMBERS_MAX) {
      throw new StrideError(
        'ERR_STRIDE_LIMIT',
        `Record numbers of an indexed store are below ${INDEXED_NUMBERS_MAX}: ${n}`,
      )
    }
    this.codec.extract(view, at)
    this.noteKey(n)
  }

  /** Whether two images have different keys. The codec has the new key afterwards. */
  changesKey(oldView: DataView, oldAt: number, newView: DataView, newAt: number): boolean {
    const { codec } = this
    codec.extract(oldView, oldAt)
    this.#old.set(codec.words)
    return !codec.matches(newView, newAt, this.#old)
  }

  /** A live record other than n with the key of these bytes; -1 if there is none or the index is not unique. */
  rival(n: number, view: DataView, at: number): number {
    if (!this.tree.definition.unique) return -1
    this.codec.extract(view, at)
    if (this.codec.hasNull) return -1
    const found = this.findNumber()
    if (found !== n) return found
    // Only record n itself was found. Another record with the key may have a higher number.
    for (const other of this.findAll()) if (other !== n) return other
    return -1
  }

  /** Whether the entry at `at` is pending. */
  isWaiting(data: Uint32Array, at: number): boolean {
    const { active, frozen } = this.tree
    return active.has(data, at) || frozen?.has(data, at) === true
  }

  /** Whether the pages have an entry. */
  isInPages(entry: Uint32Array): boolean {
    const { tree, parts } = this
    const { directory, format } = tree
    if (directory.pageCount === 0) return false
    const i = directory.pageOf(entry)
    const at = parts.pages.find(directory, i)
    const page = {
      count: directory.countOf(i),
      isPacked: directory.isPacked(i),
      low: directory.fenceWord(i),
      high: directory.fenceWord(i + 1),
    }
    return format.hasEntry(parts.pages.view, at, page, entry)
  }

  /** A string that is equal for equal keys, for the key of record n; undefined if the key contains a null or the record is absent. */
  keyTextOf(n: number): string | undefined {
    const { records, recordCodec } = this.parts
    const source = records.find(n)
    if (source === undefined) return undefined
    recordCodec.extract(source.view as DataView, records.at)
    return recordCodec.hasNull ? undefined : recordCodec.words.join(' ')
  }

  /** The parts of the same index over other records. Both share their codecs, since their lookups never overlap. */
  protected partsOver(records: RecordAccess, recordsEnd: number): KeyIndexParts<D> {
    return { ...this.parts, records, recordsEnd }
  }

  /** Finds the key in the codec. @returns the lowest number; -1 if there is none */
  protected abstract findNumber(): number
  protected abstract findAll(): Float64Array
  /** Adds the key in the codec to the pending entries. */
  protected abstract noteKey(n: number): void
  /** Sets `entry` to the entry of the record at `at`. */
  abstract entryOf(n: number, view: DataView, at: number, entry: Uint32Array): void
}
