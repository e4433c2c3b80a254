/**
 * Where in the file is the entry of a hash expected? The directory of a hash index, laid out for many quick questions.
 *
 * A table over the highest bits of hashes leaves one or two pages to choose from; each page has its place and the scale of its
 * homes beside it. Made anew when the directory changes: 30 bytes a page.
 */

import type { Directory } from './directory.ts'
import { homesPerHash } from './hash-leaf.ts'
import { INDEX_PAGE_BYTES, PAGE_FIELD_AT } from './index-format.ts'

/** Positions of the file up to this one are 32-bit numbers. */
const POSITION_MAX = 2 ** 31

export class HashHomes {
  /** What it was made from: it is right as long as the directory has these arrays. */
  readonly arrays: Directory['arrays']
  readonly pageCount: number
  readonly shift: number
  /** By the highest bits of a hash: the last page that begins at or before the first hash with these bits. */
  readonly firstPages: Uint32Array
  /** The first hash of each page; one more behind the last page, above every hash. */
  readonly lows: Float64Array
  /** Homes a hash, and where the first home lies in the file; NaN and -1 for a packed page. */
  readonly scales: Float64Array
  readonly starts: Int32Array

  constructor(directory: Directory) {
    const { pageCount } = directory
    this.arrays = directory.arrays
    this.pageCount = pageCount
    const bits = Math.min(24, Math.max(1, Math.ceil(Math.log2(pageCount * 2))))
    this.shift = 32 - bits
    this.lows = new Float64Array(pageCount + 1)
    this.scales = new Float64Array(pageCount)
    this.starts = new Int32Array(pageCount)
    for (let i = 0; i < pageCount; i++) {
      const low = directory.fenceWord(i)
      const at = directory.placeOf(i) * INDEX_PAGE_BYTES + PAGE_FIELD_AT.entries
      const isPlain = !directory.isPacked(i) && at < POSITION_MAX - INDEX_PAGE_BYTES
      this.lows[i] = low
      this.scales[i] = homesPerHash(low, directory.fenceWord(i + 1))
      this.starts[i] = isPlain ? at : -1
    }
    this.lows[pageCount] = 2 ** 32
    this.firstPages = new Uint32Array(2 ** bits)
    let page = 0
    for (let bucket = 0; bucket < this.firstPages.length; bucket++) {
      const first = bucket * 2 ** this.shift
      while ((this.lows[page + 1] as number) <= first) page++
      this.firstPages[bucket] = page
    }
  }

  /**
   * Sets for each hash where in the file its search begins; -1 where that takes a closer look: a packed page, or one that
   * begins with this very hash, so that the page before may have it, too.
   */
  find(hashes: Uint32Array, count: number, spots: Int32Array): void {
    const { firstPages, shift, lows, scales, starts } = this
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] as number
      let page = firstPages[hash >>> shift] as number
      while ((lows[page + 1] as number) <= hash) page++
      const low = lows[page] as number
      const start = starts[page] as number
      const home = ((hash - low) * (scales[page] as number)) | 0
      spots[i] = start < 0 || hash === low ? -1 : start + (home << 3)
    }
  }
}
