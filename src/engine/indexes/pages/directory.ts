/**
 * Which page of an index may contain an entry? The directory lists the pages in order, each with its place in the file and its fence.
 *
 * A page contains the entries from its fence up to the next page's fence. Fences do not change with the entries of a page, so a page's
 * range stays the same until it is replaced. The directory is in memory, and takes at least 16 bytes a page, half a percent of the pages. A
 * table over the first word of the fences leaves few of them to be compared.
 *   DI1  fences never fall; the first is all zeros, below every entry.
 */

import { InvariantError } from '../../../errors.ts'
import { compareWords, copyWords } from '../keys/entry-words.ts'

/** Set in the place of a page whose entries are packed. */
export const PACKED_FLAG = 0x80000000
/** Takes the flag away. */
export const PLACE_MASK = 0x7fffffff

/** New pages in order, which replace others. */
export class PageList {
  readonly entryWords: number
  readonly places: number[] = []
  readonly checksums: number[] = []
  readonly counts: number[] = []
  readonly fences: number[] = []

  constructor(entryWords: number) {
    this.entryWords = entryWords
  }

  get count(): number {
    return this.places.length
  }

  push(place: number, isPacked: boolean, checksum: number, count: number, fence: ArrayLike<number>): void {
    this.places.push(isPacked ? (place | PACKED_FLAG) >>> 0 : place)
    this.checksums.push(checksum)
    this.counts.push(count)
    for (let i = 0; i < this.entryWords; i++) this.fences.push(fence[i] as number)
  }
}

/** Replaces `removed` pages from `from` on by the added ones. */
export interface PageEdit {
  readonly from: number
  readonly removed: number
  readonly added: PageList
}

/** The arrays of a directory, as in a catalog. */
export interface DirectoryArrays {
  readonly places: Uint32Array
  readonly checksums: Uint32Array
  readonly counts: Uint32Array
  readonly fences: Uint32Array
}

export class Directory {
  readonly entryWords: number
  arrays: DirectoryArrays
  /** Whether a page was found damaged: the next checkpoint rebuilds the index. */
  isDamaged = false
  #entries = 0
  #end = 0
  /** Whether the arrays are summed up, which is put off until the first use: opening takes half the time without it. */
  #isLaidOut = false
  #low = 0
  #scale = 0
  /** For each bucket, how many pages have their fence in an earlier bucket. */
  #before: Uint32Array = new Uint32Array(2)

  /** @param arrays checked by the caller: of equal length, with fences in order */
  constructor(entryWords: number, arrays: DirectoryArrays) {
    this.entryWords = entryWords
    this.arrays = arrays
  }

  static empty(entryWords: number): Directory {
    const none = new Uint32Array(0)
    return new Directory(entryWords, { places: none, checksums: none, counts: none, fences: none })
  }

  get pageCount(): number {
    return this.arrays.places.length
  }
  /** Entries of all pages. */
  get entries(): number {
    if (!this.#isLaidOut) this.#layOut()
    return this.#entries
  }
  /** The highest place of a page plus 1. */
  get end(): number {
    if (!this.#isLaidOut) this.#layOut()
    return this.#end
  }
  /** The place of page i in the file. */
  placeOf(i: number): number {
    return (this.arrays.places[i] as number) & PLACE_MASK
  }
  isPacked(i: number): boolean {
    return (this.arrays.places[i] as number) >= PACKED_FLAG
  }
  countOf(i: number): number {
    return this.arrays.counts[i] as number
  }
  /** First word of page i's fence; 2^32 behind the last page. */
  fenceWord(i: number): number {
    return i < this.pageCount ? (this.arrays.fences[i * this.entryWords] as number) : 2 ** 32
  }

  /** The last page whose fence is not after an entry, or the first page. There is at least one page. */
  pageOf(entry: Uint32Array): number {
    if (!this.#isLaidOut) this.#layOut()
    const { fences } = this.arrays
    const { entryWords } = this
    const word = entry[0] as number
    const bucket = this.#bucketOf(word)
    let low = this.#before[bucket] as number
    let high = this.#before[bucket + 1] as number
    // The first page in [low, high) whose fence is after the entry.
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareWords(fences, middle * entryWords, entry, 0, entryWords) <= 0) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : low - 1
  }

  /** The estimated position of an entry in page i, by interpolation between the page's fence and the next one. */
  guess(entry: Uint32Array, i: number): number {
    const low = this.fenceWord(i)
    const span = this.fenceWord(i + 1) - low
    const guess = (((entry[0] as number) - low) / span) * this.countOf(i)
    // If both fences begin with the same word, the quotient is NaN or infinite.
    return guess > 0 ? Math.min(guess, 0xffff) | 0 : 0
  }

  /** Like `pageOf`, for an entry of a hash and record number 0. */
  pageOfHash(hash: number): number {
    if (!this.#isLaidOut) this.#layOut()
    const { fences } = this.arrays
    const bucket = this.#bucketOf(hash)
    let low = this.#before[bucket] as number
    const high = this.#before[bucket + 1] as number
    while (low < high) {
      const fence = fences[low * 2] as number
      if (fence > hash || (fence === hash && (fences[low * 2 + 1] as number) > 0)) break
      low++
    }
    return low === 0 ? 0 : low - 1
  }

  /** Whether an entry is before the fence of page i; true if there is no page i. */
  isBefore(entry: Uint32Array, entryAt: number, i: number): boolean {
    if (i >= this.pageCount) return true
    return compareWords(entry, entryAt, this.arrays.fences, i * this.entryWords, this.entryWords) < 0
  }

  /** Whether the fence of page i is not after this key, so that page i may contain the key. */
  startsWith(key: Uint32Array, i: number): boolean {
    if (i >= this.pageCount) return false
    return compareWords(key, 0, this.arrays.fences, i * this.entryWords, this.entryWords - 1) >= 0
  }

  copyFence(i: number, to: Uint32Array): void {
    copyWords(this.arrays.fences, i * this.entryWords, to, 0, this.entryWords)
  }

  /** Replaces pages. Edits are in ascending order and do not overlap. @returns the places of the replaced pages */
  apply(edits: readonly PageEdit[]): number[] {
    const left: number[] = []
    const grown = edits.reduce((sum, { added, removed }) => sum + added.count - removed, 0)
    const count = this.pageCount + grown
    const next = {
      places: new Uint32Array(count),
      checksums: new Uint32Array(count),
      counts: new Uint32Array(count),
      fences: new Uint32Array(count * this.entryWords),
    }
    let from = 0
    let to = 0
    const keep = (end: number): void => {
      const { places, checksums, counts, fences } = this.arrays
      next.places.set(places.subarray(from, end), to)
      next.checksums.set(checksums.subarray(from, end), to)
      next.counts.set(counts.subarray(from, end), to)
      next.fences.set(fences.subarray(from * this.entryWords, end * this.entryWords), to * this.entryWords)
      to += end - from
      from = end
    }
    for (const { from: at, removed, added } of edits) {
      if (at < from) throw new InvariantError(`pages ${at} and ${from} are replaced out of order`)
      keep(at)
      for (let i = at; i < at + removed; i++) left.push(this.placeOf(i))
      from = at + removed
      next.places.set(added.places, to)
      next.checksums.set(added.checksums, to)
      next.counts.set(added.counts, to)
      next.fences.set(added.fences, to * this.entryWords)
      to += added.count
    }
    keep(this.pageCount)
    this.arrays = next
    this.#isLaidOut = false
    return left
  }

  #bucketOf(word: number): number {
    const bucket = Math.floor((word - this.#low) * this.#scale)
    const last = this.#before.length - 2
    return Math.max(0, Math.min(bucket, last))
  }

  #layOut(): void {
    const { counts, places } = this.arrays
    const { pageCount } = this
    this.#entries = 0
    let last = -1
    for (let i = 0; i < pageCount; i++) {
      this.#entries += counts[i] as number
      last = Math.max(last, (places[i] as number) & PLACE_MASK)
    }
    this.#end = last + 1
    // The first fence is all zeros, so it says nothing about the keys.
    this.#low = pageCount > 1 ? this.fenceWord(1) : 0
    const high = pageCount > 1 ? this.fenceWord(pageCount - 1) : 0
    const buckets = Math.max(1, pageCount * 2)
    this.#scale = buckets / (high - this.#low + 1)
    const before = new Uint32Array(buckets + 1)
    this.#before = before
    // Fences do not fall, so neither do their buckets.
    let next = 0
    for (let i = 0; i < pageCount; i++) {
      const bucket = this.#bucketOf(this.fenceWord(i))
      while (next <= bucket) before[next++] = i
    }
    before.fill(pageCount, next)
    this.#isLaidOut = true
  }
}
