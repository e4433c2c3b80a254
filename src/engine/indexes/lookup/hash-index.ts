/**
 * Finds records by their whole key in a hash index.
 *
 * A lookup hashes the key and finds the page of the hash (directory.ts), its home in that page (hash-leaf.ts) and the record numbers with
 * this hash there. It then compares the key of each such record. A batch of lookups does each step for all keys: hashes, then pages, then
 * records, so that the processor waits for many cache lines at once.
 */

import { NO_NUMBER, PAGE_FIELD_AT } from '../../format/index-format.ts'
import { NumberList } from '../../numbers/number-list.ts'
import type { KeyHash } from '../keys/key-hash.ts'
import { hasKey, type RecordAccess } from '../keys/record-keys.ts'
import { HASH_ENTRY_BYTES, HASH_PLACES, homesPerHash } from '../pages/hash-leaf.ts'
import type { HashDelta } from '../trees/hash-delta.ts'
import { HashFastPath, HOMES_BATCH, UNSURE } from './hash-fast-path.ts'
import { KeyIndex, type KeyIndexParts } from './key-index.ts'

/** Buffers of one batch of keys. They can be shared, since no code of a caller runs during a batch. */
const HASHES = new Uint32Array(HOMES_BATCH)
const WORDS = new Float64Array(HOMES_BATCH)
const FOUND = new Float64Array(HOMES_BATCH)

export interface HashIndexParts extends KeyIndexParts<HashDelta> {
  readonly hash: KeyHash
}

export class HashIndex extends KeyIndex<HashDelta> {
  readonly #hash: KeyHash
  /** Whether the keys of records are one word, and whether looked-up keys are values of such a word. */
  readonly #isWord: boolean
  readonly #isPlainWord: boolean
  /** The key that is looked up. */
  readonly #key: Uint32Array
  readonly #homes: HashFastPath
  /** Whether this is the store's index; the index of a view uses the tree of the store's index. */
  readonly #isOwn: boolean
  override readonly quick: HashFastPath | undefined

  constructor(parts: HashIndexParts) {
    super(parts)
    this.#hash = parts.hash
    this.#isWord = parts.codec.isWord
    this.#isPlainWord = parts.codec.isPlainWord
    this.#key = parts.codec.words
    const isOwn = parts.recordsEnd === undefined
    this.#isOwn = isOwn
    this.#homes = new HashFastPath(parts.hash, this.#isWord && isOwn ? parts.pages : undefined)
    this.quick = parts.codec.isUnsignedWord && isOwn ? this.#homes : undefined
    if (isOwn) this.tree.watch(() => this.#homes.end())
  }

  override over(records: RecordAccess, recordsEnd: number): HashIndex {
    return new HashIndex({ ...this.partsOver(records, recordsEnd), hash: this.#hash })
  }

  override number(key: unknown): number {
    if (!this.#isPlainWord) return super.number(key)
    const word = this.codec.wordOf(key)
    return word < 0 ? -1 : this.#findWord(word, this.#hash.ofWord(word))
  }

  override numbers(keys: ArrayLike<unknown>): Float64Array {
    const { length } = keys
    const out = new Float64Array(length)
    if (!this.#isPlainWord) {
      for (let i = 0; i < length; i++) out[i] = super.number(keys[i])
      return out
    }
    for (let from = 0; from < length; from += HOMES_BATCH) {
      this.#numbersOfWords(keys, from, Math.min(length, from + HOMES_BATCH), out)
    }
    return out
  }

  override close(): void {
    this.#homes.close()
  }

  override entryOf(n: number, view: DataView, at: number, entry: Uint32Array): void {
    const { recordCodec } = this.parts
    recordCodec.extract(view, at)
    entry[0] = this.#hash.of(recordCodec.words)
    entry[1] = n
  }

  protected override findNumber(): number {
    return this.#find(this.#hash.of(this.#key))
  }

  protected override findAll(): Float64Array {
    const hash = this.#hash.of(this.#key)
    const found = new NumberList()
    this.#searchPages(hash, found)
    for (const delta of this.#deltas()) {
      const part = delta.partOf(hash)
      for (let e = part.first(hash); e >= 0; e = part.following(e, hash)) {
        const n = part.numbers[e] as number
        if (this.#isKeyOf(n)) found.push(n)
      }
    }
    return found.toSet()
  }

  protected override noteKey(n: number): void {
    this.#homes.isReady = false
    this.tree.active.addHash(this.#hash.of(this.#key), n)
  }

  #find(hash: number): number {
    const best = this.#searchPages(hash, undefined)
    const { tree } = this
    if (tree.active.count === 0 && tree.frozen === undefined) return best
    if (best >= 0 && tree.definition.unique && !this.codec.hasNull) return best
    return this.#searchDeltas(hash, best)
  }

  /**
   * Finds a key of one word. No other word has the same hash, so if no entry with this hash is pending, the pages are right. A view always
   * reads the record, which may have been appended later.
   */
  #findWord(word: number, hash: number): number {
    const { tree } = this
    const homes = this.#homes
    const isWaiting = tree.active.count > 0 || tree.frozen !== undefined
    if (!this.#isOwn || (isWaiting && this.#waits(hash))) {
      this.#key[0] = word
      return this.#find(hash)
    }
    if (tree.directory.pageCount === 0) return -1
    if (homes.layOut(tree.directory)) {
      homes.isReady = !isWaiting
      const found = homes.find(word)
      if (found !== UNSURE) return found
    }
    return this.#searchPages(hash, undefined, true)
  }

  #waits(hash: number): boolean {
    const { active, frozen } = this.tree
    return active.partOf(hash).first(hash) >= 0 || (frozen?.partOf(hash).first(hash) ?? -1) >= 0
  }

  /**
   * The lowest number of a record with the key in the pages; `all` collects all of them. `isRight`: every entry with the hash has the key,
   * so that no record is read.
   */
  #searchPages(hash: number, all: NumberList | undefined, isRight = false): number {
    const { directory } = this.tree
    if (directory.pageCount === 0) return -1
    const { pages } = this.parts
    let page = directory.pageOfHash(hash)
    do {
      const start = pages.find(directory, page) + PAGE_FIELD_AT.entries
      const { view } = pages
      this.#homes.show(directory, page)
      const isPacked = directory.isPacked(page)
      const end =
        start + (isPacked ? Math.min(directory.countOf(page), HASH_PLACES) : HASH_PLACES) * HASH_ENTRY_BYTES
      const low = directory.fenceWord(page)
      let at = isPacked
        ? lowerBound(view, start, end, hash)
        : start + Math.floor((hash - low) * homesPerHash(low, directory.fenceWord(page + 1))) * HASH_ENTRY_BYTES
      for (; at < end; at += HASH_ENTRY_BYTES) {
        const found = view.getUint32(at, true)
        if (found < hash) continue
        if (found > hash) break
        const n = view.getUint32(at + 4, true)
        if (n === NO_NUMBER) break
        if (!isRight && !this.#isKeyOf(n)) continue
        if (all === undefined) return n
        all.push(n)
      }
      page++
    } while (directory.fenceWord(page) === hash)
    return -1
  }

  /** The lowest number with the key among the pending entries and `best`, which may be -1. */
  #searchDeltas(hash: number, best: number): number {
    for (const delta of this.#deltas()) {
      const part = delta.partOf(hash)
      for (let e = part.first(hash); e >= 0; e = part.following(e, hash)) {
        const n = part.numbers[e] as number
        if ((best < 0 || n < best) && this.#isKeyOf(n)) best = n
      }
    }
    return best
  }

  #deltas(): readonly HashDelta[] {
    const { active, frozen } = this.tree
    return frozen === undefined ? [active] : [active, frozen]
  }

  #isKeyOf(n: number): boolean {
    const { records, recordCodec } = this.parts
    if (!this.#isWord) return hasKey(records, recordCodec, n, this.#key)
    const source = records.find(n)
    return source !== undefined && recordCodec.wordAt(source.view as DataView, records.at) === this.#key[0]
  }

  /** Looks up a batch of keys of one word, step by step. */
  #numbersOfWords(keys: ArrayLike<unknown>, from: number, to: number, out: Float64Array): void {
    const { codec, tree } = this
    const hashes = HASHES
    const words = WORDS
    const count = to - from
    for (let i = 0; i < count; i++) {
      const word = codec.wordOf(keys[from + i])
      words[i] = word
      hashes[i] = word < 0 ? 0 : this.#hash.ofWord(word)
    }
    const found = FOUND
    if (tree.directory.pageCount > 0 && this.#homes.layOut(tree.directory))
      this.#homes.findMany(hashes, count, found)
    else found.fill(UNSURE, 0, count)
    const isWaiting = tree.waiting > 0
    for (let i = 0; i < count; i++) {
      const n = found[i] as number
      const isSure =
        n !== UNSURE && (words[i] as number) >= 0 && !(isWaiting && this.#waits(hashes[i] as number))
      out[from + i] = isSure ? n : this.#numberOfWord(i)
    }
  }

  /** The number of key i of the batch. */
  #numberOfWord(i: number): number {
    const word = WORDS[i] as number
    return word < 0 ? -1 : this.#findWord(word, HASHES[i] as number)
  }
}

/** The position of the first packed entry whose hash is not lower. */
function lowerBound(view: DataView, start: number, end: number, hash: number): number {
  let low = 0
  let high = (end - start) / HASH_ENTRY_BYTES
  while (low < high) {
    const middle = (low + high) >>> 1
    if (view.getUint32(start + middle * HASH_ENTRY_BYTES, true) < hash) low = middle + 1
    else high = middle
  }
  return start + low * HASH_ENTRY_BYTES
}
