/**
 * What can every kind of index do? It finds the record numbers of keys, and is told of staged changes.
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
import type { HashHomes } from './hash-slots.ts'

export interface KeyIndexParts<D extends Delta> {
  readonly tree: IndexTree<D>
  readonly codec: KeyCodec
  /** Of the same keys: for the records that are looked at while `codec` holds what is looked for. */
  readonly recordCodec: KeyCodec
  readonly records: RecordAccess
  readonly pages: PageView
  /** For a view of an older commit: the record numbers in use there. Pages may name later ones, which are not seen. */
  readonly recordsEnd?: number
}

export abstract class KeyIndex<D extends Delta = Delta> {
  readonly tree: IndexTree<D>
  readonly codec: KeyCodec
  /** Answers at once while it is ready, where keys are u32. */
  readonly quick: HashHomes | undefined
  protected readonly parts: KeyIndexParts<D>
  readonly #old: Uint32Array

  constructor(parts: KeyIndexParts<D>) {
    this.parts = parts
    this.tree = parts.tree
    this.codec = parts.codec
    this.#old = new Uint32Array(parts.codec.wordCount)
  }

  /**
   * The same index as a view of an older commit reads it. Good for as long as this one.
   * @param recordsEnd record numbers in use at that commit
   */
  abstract over(records: RecordAccess, recordsEnd: number): KeyIndex

  /** The index is no more, its file goes on: leaves nothing of it there. */
  close(): void {}

  /** The number of the record with this key, the lowest of several; -1 where there is none. @throws TypeError */
  number(key: unknown): number {
    return this.codec.encode(key) ? this.findNumber() : -1
  }

  /** The same for many keys. @throws TypeError */
  numbers(keys: ArrayLike<unknown>): Float64Array {
    const out = new Float64Array(keys.length)
    for (let i = 0; i < keys.length; i++) out[i] = this.number(keys[i])
    return out
  }

  /** Every number with this key, rising. @throws TypeError */
  all(key: unknown): Float64Array {
    if (!this.codec.encode(key)) return new Float64Array(0)
    return this.findAll()
  }

  /**
   * Takes note of a record that is about to be staged: `view` and `at` say its new bytes.
   * @throws ERR_STRIDE_DUPLICATE_KEY where the index is unique and another live record has the key, _LIMIT
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

  /** Whether a change of a record changes its key. The new key is the codec's afterwards. */
  changesKey(oldView: DataView, oldAt: number, newView: DataView, newAt: number): boolean {
    const { codec } = this
    codec.extract(oldView, oldAt)
    this.#old.set(codec.words)
    return !codec.matches(newView, newAt, this.#old)
  }

  /** A live record that has the key of these bytes, other than n; -1 where there is none or the index is not unique. */
  rival(n: number, view: DataView, at: number): number {
    if (!this.tree.definition.unique) return -1
    this.codec.extract(view, at)
    if (this.codec.hasNull) return -1
    const found = this.findNumber()
    if (found !== n) return found
    // A record is no rival of itself, but there may be one behind it.
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

  /** The key of record n as a text, equal for equal keys; undefined where it has a null in it, or there is no such record. */
  keyTextOf(n: number): string | undefined {
    const { records, recordCodec } = this.parts
    const source = records.find(n)
    if (source === undefined) return undefined
    recordCodec.extract(source.view as DataView, records.at)
    return recordCodec.hasNull ? undefined : recordCodec.words.join(' ')
  }

  /** What an index over other records is made of. Nobody looks for keys in both at once, so they share their codecs. */
  protected partsOver(records: RecordAccess, recordsEnd: number): KeyIndexParts<D> {
    return { ...this.parts, records, recordsEnd }
  }

  /** The key that the codec holds. @returns -1 where there is none */
  protected abstract findNumber(): number
  protected abstract findAll(): Float64Array
  /** Adds the key that the codec holds to the pending entries. */
  protected abstract noteKey(n: number): void
  /** Sets the words of the entry of a record's key. */
  abstract entryOf(n: number, view: DataView, at: number, entry: Uint32Array): void
}
