/**
 * A hash index: finds records by their whole key.
 *
 * A lookup hashes the key, finds the page whose range of hashes it is in (directory.ts), its home in that page (hash-leaf.ts)
 * and there the numbers of records with this hash, and asks each whether it has the key. Many lookups go in steps, each for
 * all keys: hashes, then pages, then records, so that the processor waits for many cache lines at once.
 */

import type { Window } from '../../mmap/window.ts'
import type { RecordBytes } from '../../schema/index.ts'
import type { HashDelta } from './hash-delta.ts'
import { HASH_ENTRY_BYTES, HASH_PLACES, homeOf } from './hash-leaf.ts'
import { INDEX_PAGE_BYTES, NO_NUMBER, PAGE_FIELD_AT } from './index-format.ts'
import type { KeyHash } from './key-hash.ts'
import { KeyIndex, type KeyIndexParts } from './key-index.ts'
import { hasKey } from './record-keys.ts'

export interface HashIndexParts extends KeyIndexParts<HashDelta> {
  readonly hash: KeyHash
}

/** Keys that are looked for together. */
const BATCH = 512

export class HashIndex extends KeyIndex<HashDelta> {
  readonly #hash: KeyHash
  readonly #isWord: boolean
  /** The key that is looked for. */
  readonly #key: Uint32Array
  readonly #hashes = new Uint32Array(BATCH)
  readonly #words = new Float64Array(BATCH)
  readonly #spots = new Int32Array(BATCH)

  constructor(parts: HashIndexParts) {
    super(parts)
    this.#hash = parts.hash
    this.#isWord = parts.codec.isWord
    this.#key = parts.codec.words
  }

  override number(key: unknown): number {
    if (!this.#isWord) return super.number(key)
    const word = this.codec.wordOf(key)
    if (word < 0) return -1
    this.#key[0] = word
    return this.#find(this.#hash.ofWord(word))
  }

  override numbers(keys: ArrayLike<unknown>): Float64Array {
    const { length } = keys
    const out = new Float64Array(length)
    if (!this.#isWord) {
      for (let i = 0; i < length; i++) out[i] = super.number(keys[i])
      return out
    }
    for (let from = 0; from < length; from += BATCH) {
      this.#numbersOfWords(keys, from, Math.min(length, from + BATCH), out)
    }
    return out
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
    const found = new Set<number>()
    this.#searchPages(hash, found)
    for (const delta of this.#deltas()) {
      const part = delta.partOf(hash)
      for (let e = part.first(hash); e >= 0; e = part.following(e, hash)) {
        const n = part.numbers[e] as number
        if (!found.has(n) && this.#isKeyOf(n)) found.add(n)
      }
    }
    return Float64Array.from(found).sort()
  }

  protected override noteKey(n: number): void {
    this.tree.active.addHash(this.#hash.of(this.#key), n)
  }

  #find(hash: number): number {
    const best = this.#searchPages(hash, undefined)
    const { tree } = this
    if (tree.active.count === 0 && tree.frozen === undefined) return best
    if (best >= 0 && tree.definition.unique) return best
    return this.#searchDeltas(hash, best)
  }

  /** The lowest number of a record with the key; `all` is given every one. */
  #searchPages(hash: number, all: Set<number> | undefined): number {
    const { directory } = this.tree
    if (directory.pageCount === 0) return -1
    const { pool } = this.parts
    let page = directory.pageOfHash(hash)
    do {
      const offset = directory.placeOf(page) * INDEX_PAGE_BYTES
      const window = pool.acquire(offset, INDEX_PAGE_BYTES)
      const view = window.view as DataView
      const start = offset - window.start + PAGE_FIELD_AT.entries
      const isPacked = directory.isPacked(page)
      const end =
        start + (isPacked ? Math.min(directory.countOf(page), HASH_PLACES) : HASH_PLACES) * HASH_ENTRY_BYTES
      const low = directory.fenceWord(page)
      let at = isPacked
        ? lowerBound(view, start, end, hash)
        : start + homeOf(hash, low, directory.fenceWord(page + 1)) * HASH_ENTRY_BYTES
      for (; at < end; at += HASH_ENTRY_BYTES) {
        const found = view.getUint32(at, true)
        if (found < hash) continue
        if (found > hash) break
        const n = view.getUint32(at + 4, true)
        if (n === NO_NUMBER) break
        if (!this.#isKeyOf(n)) continue
        if (all === undefined) return n
        all.add(n)
      }
      page++
    } while (directory.fenceWord(page) === hash)
    return -1
  }

  /** A lower number than `best`, or any one where that is -1, among what waits. */
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

  /** Looks for keys of one word, step by step. */
  #numbersOfWords(keys: ArrayLike<unknown>, from: number, to: number, out: Float64Array): void {
    const { codec, tree } = this
    const hashes = this.#hashes
    const words = this.#words
    const spots = this.#spots
    const count = to - from
    for (let i = 0; i < count; i++) {
      const word = codec.wordOf(keys[from + i])
      words[i] = word
      hashes[i] = word < 0 ? 0 : this.#hash.ofWord(word)
    }
    const { directory } = tree
    const { records, recordCodec, pool } = this.parts
    let touched = 0
    let window: Window | undefined
    // Of several records the lowest is asked for, and that may be among what waits.
    const isSimple = tree.definition.unique || tree.waiting === 0
    if (directory.pageCount > 0 && isSimple) {
      // Where each is expected; -1 where that takes a closer look.
      for (let i = 0; i < count; i++) {
        const hash = hashes[i] as number
        const page = directory.pageOfHash(hash)
        const offset = directory.placeOf(page) * INDEX_PAGE_BYTES
        if (
          window === undefined ||
          window.view === null ||
          offset < window.start ||
          offset + INDEX_PAGE_BYTES > window.end
        ) {
          const first = window === undefined
          window = pool.acquire(offset, INDEX_PAGE_BYTES)
          if (!first || window.isCopy === true || !pool.live) {
            window = undefined
            break
          }
        }
        if (directory.isPacked(page)) {
          spots[i] = -1
          continue
        }
        const home = homeOf(hash, directory.fenceWord(page), directory.fenceWord(page + 1))
        spots[i] = offset - window.start + PAGE_FIELD_AT.entries + home * HASH_ENTRY_BYTES
      }
    }
    if (window === undefined || window.view === null) {
      this.#oneByOne(from, count, out)
      return
    }
    const { view } = window
    for (let i = 0; i < count; i++) {
      const at = spots[i] as number
      if (at >= 0) touched ^= view.getUint32(at, true)
    }
    // The first entry with the hash: nearly always the one.
    for (let i = 0; i < count; i++) {
      let at = spots[i] as number
      out[from + i] = -1
      if (at < 0) continue
      const hash = hashes[i] as number
      const pageEnd =
        at - ((at - PAGE_FIELD_AT.entries) & (INDEX_PAGE_BYTES - 1)) + HASH_PLACES * HASH_ENTRY_BYTES
      let n = -1
      for (; at < pageEnd; at += HASH_ENTRY_BYTES) {
        const found = view.getUint32(at, true)
        if (found < hash) continue
        if (found === hash) n = view.getUint32(at + 4, true)
        break
      }
      out[from + i] = n
    }
    for (let i = 0; i < count; i++) {
      const n = out[from + i] as number
      const word = words[i] as number
      let source: RecordBytes | undefined
      if (n >= 0) source = records.find(n)
      if (source !== undefined && recordCodec.wordAt(source.view as DataView, records.at) === word) continue
      this.#key[0] = word
      out[from + i] = word < 0 ? -1 : this.#find(hashes[i] as number)
    }
    if (touched === 0x5bd1e995) TOUCHED.count++
  }

  #oneByOne(from: number, count: number, out: Float64Array): void {
    for (let i = 0; i < count; i++) {
      const word = this.#words[i] as number
      this.#key[0] = word
      out[from + i] = word < 0 ? -1 : this.#find(this.#hashes[i] as number)
    }
  }
}

/** There so that what was touched is not optimised away. */
const TOUCHED = { count: 0 }

/** Where the first packed entry with a hash that is not lower lies. */
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
