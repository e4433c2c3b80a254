/**
 * A hash index: finds records by their whole key.
 *
 * A lookup hashes the key, finds the page whose range of hashes it is in (directory.ts), its home in that page (hash-leaf.ts)
 * and there the numbers of records with this hash, and asks each whether it has the key. Many lookups go in steps, each for
 * all keys: hashes, then pages, then records, so that the processor waits for many cache lines at once.
 */

import type { HashDelta } from './hash-delta.ts'
import { HashHomes } from './hash-homes.ts'
import { HASH_ENTRY_BYTES, HASH_PLACES, homesPerHash } from './hash-leaf.ts'
import { INDEX_PAGE_BYTES, NO_NUMBER, PAGE_FIELD_AT } from './index-format.ts'
import type { KeyHash } from './key-hash.ts'
import { KeyIndex, type KeyIndexParts } from './key-index.ts'
import { hasKey } from './record-keys.ts'

export interface HashIndexParts extends KeyIndexParts<HashDelta> {
  readonly hash: KeyHash
}

/** No answer yet. */
const UNSURE = -2
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
  readonly #candidates = new Uint32Array(BATCH)
  #homesNow: HashHomes | undefined

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
    const found = this.#searchHome(hash)
    const best = found === UNSURE ? this.#searchPages(hash, undefined) : found
    const { tree } = this
    if (tree.active.count === 0 && tree.frozen === undefined) return best
    if (best >= 0 && tree.definition.unique) return best
    return this.#searchDeltas(hash, best)
  }

  /** The same as searchPages where one page answers; UNSURE where that takes a closer look. */
  #searchHome(hash: number): number {
    const { directory } = this.tree
    if (directory.pageCount === 0) return -1
    let homes = this.#homesNow
    if (homes === undefined || homes.arrays !== directory.arrays) homes = this.#homes()
    const { lows } = homes
    let page = homes.firstPages[hash >>> homes.shift] as number
    while ((lows[page + 1] as number) <= hash) page++
    const low = lows[page] as number
    const start = homes.starts[page] as number
    // A page that begins with this hash may have it in common with the page before.
    if (start < 0 || low === hash) return UNSURE
    const offset = start - PAGE_FIELD_AT.entries
    const window = this.parts.pool.acquire(offset, INDEX_PAGE_BYTES)
    const view = window.view as DataView
    const first = start - window.start
    const end = first + HASH_PLACES * HASH_ENTRY_BYTES
    let at = first + ((((hash - low) * (homes.scales[page] as number)) | 0) << 3)
    for (; at < end; at += HASH_ENTRY_BYTES) {
      const found = view.getUint32(at, true)
      if (found < hash) continue
      if (found > hash) return -1
      const n = view.getUint32(at + 4, true)
      if (n === NO_NUMBER) return -1
      if (this.#isKeyOf(n)) return n
    }
    return UNSURE
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
        : start + Math.floor((hash - low) * homesPerHash(low, directory.fenceWord(page + 1))) * HASH_ENTRY_BYTES
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
    const count = to - from
    for (let i = 0; i < count; i++) {
      const word = codec.wordOf(keys[from + i])
      words[i] = word
      hashes[i] = word < 0 ? 0 : this.#hash.ofWord(word)
    }
    // Of several records the lowest is asked for, and that may be among what waits.
    const isSimple = tree.definition.unique || tree.waiting === 0
    const pages = isSimple ? this.#allPages() : undefined
    const records = pages === undefined ? undefined : this.parts.records.firstRecords?.()
    if (pages === undefined || records === undefined) {
      this.#oneByOne(from, count, out)
      return
    }
    const spots = this.#spots
    this.#homes().find(hashes, count, spots)
    touch(pages, spots, count)
    firstWithHash(pages, hashes, spots, count, this.#candidates)
    const { offset, isLittle, flip } = codec.wordPlace
    const { view, stride, count: reach } = records
    const base = records.base + offset
    const candidates = this.#candidates
    for (let i = 0; i < count; i++) {
      const n = candidates[i] as number
      // 0 lies in the file, too: whatever is read there is not looked at.
      spots[i] = n < reach ? base + n * stride : base
    }
    touch(view, spots, count)
    for (let i = 0; i < count; i++) {
      const n = candidates[i] as number
      const word = words[i] as number
      if (n < reach && (view.getUint32(spots[i] as number, isLittle) ^ flip) >>> 0 === word) out[from + i] = n
      else out[from + i] = word < 0 ? -1 : this.#findWord(word, hashes[i] as number)
    }
  }

  /** The memory that shows the whole index file, if one window does. */
  #allPages(): DataView | undefined {
    const { directory } = this.tree
    const { pool } = this.parts
    if (directory.pageCount === 0 || !pool.live) return undefined
    const window = pool.acquire(directory.placeOf(0) * INDEX_PAGE_BYTES, INDEX_PAGE_BYTES)
    const isWhole = window.start === 0 && window.end >= directory.end * INDEX_PAGE_BYTES && window.end < 2 ** 31
    return isWhole && window.isCopy !== true && window.view !== null ? window.view : undefined
  }

  #homes(): HashHomes {
    const { directory } = this.tree
    if (this.#homesNow?.arrays !== directory.arrays) this.#homesNow = new HashHomes(directory)
    return this.#homesNow
  }

  #findWord(word: number, hash: number): number {
    this.#key[0] = word
    return this.#find(hash)
  }

  #oneByOne(from: number, count: number, out: Float64Array): void {
    for (let i = 0; i < count; i++) {
      const word = this.#words[i] as number
      this.#key[0] = word
      out[from + i] = word < 0 ? -1 : this.#find(this.#hashes[i] as number)
    }
  }
}

/** Reads a word at each place, so that its cache line is there when it is asked for. */
function touch(view: DataView, spots: Int32Array, count: number): void {
  let touched = 0
  for (let i = 0; i < count; i++) {
    const at = spots[i] as number
    touched ^= view.getUint32(Math.max(at, 0), true)
  }
  // There so that the reads are not optimised away.
  if (touched === 0x5bd1e995) TOUCHED.count++
}

const TOUCHED = { count: 0 }

/** The number in the first entry with each hash, from its place on; NO_NUMBER where there is none in that page. */
function firstWithHash(
  view: DataView,
  hashes: Uint32Array,
  spots: Int32Array,
  count: number,
  numbers: Uint32Array,
): void {
  for (let i = 0; i < count; i++) {
    const hash = hashes[i] as number
    let at = spots[i] as number
    let number = NO_NUMBER
    if (at >= 0) {
      const end = (at & -INDEX_PAGE_BYTES) + (PAGE_FIELD_AT.entries + HASH_PLACES * HASH_ENTRY_BYTES)
      while (at < end && view.getUint32(at, true) < hash) at += HASH_ENTRY_BYTES
      if (at < end && view.getUint32(at, true) === hash) number = view.getUint32(at + 4, true)
    }
    numbers[i] = number
  }
}

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
