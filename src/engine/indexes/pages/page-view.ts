/**
 * Finds pages of the index file in memory, and checks them, for lookups that read one page each.
 *
 *   PV1  the view of one window is kept between lookups, and dropped as soon as the window goes.
 *   PV2  a page is compared with its checksum when it is first used after the file was opened.
 *   PV3  the view of `find` is valid until the next call that reads, stages or commits.
 * All indexes of a store share one file, and one object of this class.
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { corrupt } from '../../format/identity.ts'
import { INDEX_PAGE_BYTES } from '../../format/index-format.ts'
import type { Directory } from './directory.ts'
import { checksumOfLeaf } from './leaf-format.ts'

const NO_VIEW = new DataView(new ArrayBuffer(0))

export class PageView {
  readonly #path: string
  readonly #pool: WindowPool
  /** The view of the window that shows the last page. */
  view: DataView = NO_VIEW
  /** The bytes of the file that a kept view shows; none if `#end` is 0. */
  #start = 0
  #end = 0
  /** 1 for each page of the file that was compared with its checksum. */
  #checked = new Uint8Array(0)
  readonly #watchers = new Set<() => void>()

  constructor(path: string, pool: WindowPool) {
    this.#path = path
    this.#pool = pool
    pool.watch(() => this.#letGo())
  }

  /**
   * Sets `view` to a window that shows page i of a directory. @returns the page's position there
   * @throws ERR_STRIDE_CORRUPT for a damaged page, _TRUNCATED, _IO
   */
  find(directory: Directory, i: number): number {
    const place = directory.placeOf(i)
    if (this.#checked[place] !== 1) this.#check(directory, i)
    return this.at(place * INDEX_PAGE_BYTES)
  }

  /** Like `find`, for a page that `isChecked`, by its file offset. */
  at(offset: number): number {
    const isKept = offset >= this.#start && offset + INDEX_PAGE_BYTES <= this.#end
    return isKept ? offset - this.#start : this.#acquire(offset)
  }

  isChecked(place: number): boolean {
    return this.#checked[place] === 1
  }

  /** Calls `gone` each time the kept view may have become invalid. @returns a function that ends this */
  watch(gone: () => void): () => void {
    // A new function, since the same `gone` may be passed twice.
    const watcher = (): void => gone()
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  /** The view, if it shows all of the file below `end`, and positions in it are 32-bit numbers. */
  whole(end: number): DataView | undefined {
    if (end < INDEX_PAGE_BYTES) return undefined
    this.at(end - INDEX_PAGE_BYTES)
    return this.#start === 0 && this.#end >= end && this.#end < 2 ** 31 ? this.view : undefined
  }

  #check(directory: Directory, i: number): void {
    const place = directory.placeOf(i)
    const offset = place * INDEX_PAGE_BYTES
    const window = this.#pool.acquire(offset, INDEX_PAGE_BYTES)
    if (checksumOfLeaf(window.bytes, offset - window.start) !== directory.arrays.checksums[i]) {
      directory.isDamaged = true
      throw corrupt(this.#path, offset, 'a page of an index fails its checksum')
    }
    if (place >= this.#checked.length) {
      const grown = new Uint8Array(Math.max(directory.end, this.#checked.length * 2))
      grown.set(this.#checked)
      this.#checked = grown
    }
    this.#checked[place] = 1
  }

  #acquire(offset: number): number {
    const window = this.#pool.acquire(offset, INDEX_PAGE_BYTES)
    this.view = window.view as DataView
    this.#start = window.start
    // A copy is not kept: it is read again for each use.
    this.#end = this.#pool.live && window.isCopy !== true ? window.end : 0
    return offset - window.start
  }

  #letGo(): void {
    this.view = NO_VIEW
    this.#end = 0
    for (const gone of this.#watchers) gone()
  }
}
