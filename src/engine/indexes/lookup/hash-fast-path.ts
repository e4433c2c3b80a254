/**
 * The fast path of a hash index for keys of one word: a copy of its directory that is laid out for lookups.
 *
 * A table over the highest bits of hashes leaves one or two pages to choose from. Each page's position and the scale of its homes are
 * stored beside it. The fewer instructions a lookup takes, the more lookups the processor overlaps, so a lookup is one short loop over
 * typed arrays. The copy takes some 20 bytes a page and is rebuilt when the directory changes.
 *   HS3  `find` and `findMany` are called only while `isLaidOut`. It becomes false as soon as a page or its window moves.
 *   HS4  `isReady` means in addition that no entry is pending, so that the result of `find` is right.
 */

import { INDEX_PAGE_BYTES, PAGE_FIELD_AT } from '../../format/index-format.ts'
import type { KeyHash } from '../keys/key-hash.ts'
import type { Directory } from '../pages/directory.ts'
import { HASH_PLACES, homesPerHash } from '../pages/hash-leaf.ts'
import type { PageView } from '../pages/page-view.ts'

/** No result: the pages have to be searched. */
export const UNSURE = -2

/** Buckets of the table over hashes for each page. More buckets leave fewer pages to choose from. */
const BUCKETS_A_PAGE = 4
const BUCKETS_MAX = 2 ** 24
const PAGE_CELLS = INDEX_PAGE_BYTES / 4
const ENTRIES_CELL = PAGE_FIELD_AT.entries / 4
const ENTRY_CELLS = 2
const HASH_MAX = 0xffffffff

const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

export class HashFastPath {
  isReady = false
  isLaidOut = false
  readonly #hash: KeyHash
  #pages: PageView | undefined
  readonly #endWatch: (() => void) | undefined
  /** The directory's arrays that were laid out. */
  #arrays: Directory['arrays'] | undefined
  #shift = 31
  /** For the highest bits of a hash, the last page that begins at or before the first hash with these bits. */
  #firstPages = new Uint32Array(0)
  /** The first hash of each page, and HASH_MAX behind the last page. */
  #lows = new Uint32Array(0)
  /** The scale of each page (homesPerHash). */
  #scales = new Float64Array(0)
  /** The cell of each page's first home; -1 for a page that is packed or was not checked yet. */
  #starts = new Int32Array(0)
  /** The mapped pages, in cells of four bytes. */
  #cells: Uint32Array = new Uint32Array(0)
  #cellsOf: DataView | undefined

  /** @param pages undefined if there is no fast path */
  constructor(hash: KeyHash, pages: PageView | undefined) {
    this.#hash = hash
    this.#pages = pages
    this.#endWatch = pages?.watch(() => this.end())
  }

  /** Ends the fast path for good. */
  close(): void {
    this.#endWatch?.()
    this.#pages = undefined
    this.end()
  }

  /** Called when pages or their window have moved. */
  end(): void {
    this.isReady = this.isLaidOut = false
  }

  /** Lays a directory out, if one window shows all pages. @returns whether one does */
  layOut(directory: Directory): boolean {
    if (this.isLaidOut && this.#arrays === directory.arrays) return true
    const pages = this.#pages
    const view = IS_LITTLE_ENDIAN ? pages?.whole(directory.end * INDEX_PAGE_BYTES) : undefined
    if (pages === undefined || view === undefined) return false
    if (this.#cellsOf !== view) {
      this.#cells = new Uint32Array(view.buffer, view.byteOffset, view.byteLength >>> 2)
      this.#cellsOf = view
    }
    if (this.#arrays !== directory.arrays) this.#layOutPages(directory, pages)
    this.isLaidOut = true
    return true
  }

  /** Called when page i was checked and is whole. */
  show(directory: Directory, i: number): void {
    if (this.#arrays !== directory.arrays || directory.isPacked(i)) return
    this.#starts[i] = directory.placeOf(i) * PAGE_CELLS + ENTRIES_CELL
  }

  /** The lowest number in the pages with the hash of a word; -1 if there is none, or UNSURE. */
  find(word: number): number {
    const hash = this.#hash.ofWord(word)
    const lows = this.#lows
    if (hash === HASH_MAX) return UNSURE
    let page = this.#firstPages[hash >>> this.#shift] as number
    while ((lows[page + 1] as number) <= hash) page++
    const low = lows[page] as number
    const start = this.#starts[page] as number
    // If the page begins with this hash, the page before may have entries with it, too.
    if (start < 0 || low === hash) return UNSURE
    const cells = this.#cells
    const end = start + HASH_PLACES * ENTRY_CELLS
    let at = start + (((((hash - low) >>> 0) * (this.#scales[page] as number)) | 0) << 1)
    // A short loop is predicted well, so the processor begins the next lookup before this one ends.
    while (at < end && (cells[at] as number) < hash) at += ENTRY_CELLS
    return at < end && cells[at] === hash ? (cells[at + 1] as number) : -1
  }

  /** Like `find` for many hashes, in steps, so that the processor waits for many cache lines at once. */
  findMany(hashes: Uint32Array, count: number, numbers: Float64Array): void {
    const firstPages = this.#firstPages
    const lows = this.#lows
    const cells = this.#cells
    const spots = SPOTS
    let touched = 0
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] as number
      let page = hash === HASH_MAX ? 0 : (firstPages[hash >>> this.#shift] as number)
      if (hash !== HASH_MAX) while ((lows[page + 1] as number) <= hash) page++
      const low = lows[page] as number
      const start = this.#starts[page] as number
      const home = (((hash - low) >>> 0) * (this.#scales[page] as number)) | 0
      spots[i] = start < 0 || low === hash || hash === HASH_MAX ? -1 : start + (home << 1)
    }
    for (let i = 0; i < count; i++) touched ^= cells[Math.max(spots[i] as number, 0)] as number
    // Keeps the reads from being optimised away.
    if (touched === 0x5bd1e995) TOUCHED.count++
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] as number
      let at = spots[i] as number
      if (at < 0) {
        numbers[i] = UNSURE
        continue
      }
      const end = (at & -PAGE_CELLS) + ENTRIES_CELL + HASH_PLACES * ENTRY_CELLS
      while (at < end && (cells[at] as number) < hash) at += ENTRY_CELLS
      numbers[i] = at < end && cells[at] === hash ? (cells[at + 1] as number) : -1
    }
  }

  #layOutPages(directory: Directory, pages: PageView): void {
    const { pageCount } = directory
    const buckets = Math.min(BUCKETS_MAX, 2 ** Math.ceil(Math.log2(pageCount * BUCKETS_A_PAGE)))
    this.#arrays = directory.arrays
    this.#shift = 32 - Math.log2(buckets)
    this.#lows = new Uint32Array(pageCount + 1)
    this.#scales = new Float64Array(pageCount)
    this.#starts = new Int32Array(pageCount).fill(-1)
    for (let i = 0; i < pageCount; i++) {
      const low = directory.fenceWord(i)
      this.#lows[i] = low
      this.#scales[i] = homesPerHash(low, directory.fenceWord(i + 1))
      if (pages.isChecked(directory.placeOf(i))) this.show(directory, i)
    }
    this.#lows[pageCount] = HASH_MAX
    this.#firstPages = new Uint32Array(buckets)
    let page = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      const first = bucket * 2 ** this.#shift
      while (page + 1 < pageCount && (this.#lows[page + 1] as number) <= first) page++
      this.#firstPages[bucket] = page
    }
  }
}

/** The most keys of a call of `findMany`. */
export const HOMES_BATCH = 512
const SPOTS = new Int32Array(HOMES_BATCH)
const TOUCHED = { count: 0 }
