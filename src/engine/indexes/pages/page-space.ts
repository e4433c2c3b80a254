/**
 * Which pages of the index file are free? A page is in use while one of the two roots reaches it.
 *
 *   PS1  a dropped page stays unchanged until two roots that do not reach it have been published. Then neither root on disk reaches it.
 *   PS2  disk blocks are allocated before pages are written, so that a full disk changes no page that a root reaches.
 *   PS3  a fresh page, taken since the last root, is reached by no root, and is free as soon as it is dropped. Pages can therefore be
 *        rebuilt many times between two roots.
 */

import type { PlatformFile } from '../../../mmap/platform.ts'
import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { INDEX_PAGE_BYTES } from '../../format/index-format.ts'

const GROW_PAGES_MIN = 16
/** The file grows by this part of itself. */
const GROW_PART = 1 / 32
/** States of a page. */
const FREE = 0
const USED = 1
const FRESH = 2

export class PageSpace {
  readonly #file: PlatformFile
  readonly #pool: WindowPool
  /** The state of each page. */
  #used: Uint8Array
  /** Count of the file's pages. */
  #pages: number
  #cursor = 0
  /** Pages dropped since the last root, and those dropped before it. */
  #dropped: number[] = []
  #leaving: number[] = []
  #freeCount = 0
  #freshCount = 0

  /** @param used a byte for each page of the file: 1 for those that a root reaches, including those of header and roots */
  constructor(file: PlatformFile, pool: WindowPool, used: Uint8Array) {
    this.#file = file
    this.#pool = pool
    this.#pages = used.length
    this.#used = used
    this.#freeCount = freePagesOf(used)
  }

  /** Count of the file's pages. */
  get pages(): number {
    return this.#pages
  }
  get freePages(): number {
    return this.#freeCount
  }
  /** Pages in use that no root reaches yet. */
  get freshPages(): number {
    return this.#freshCount
  }

  /** Takes a free page. @throws ERR_STRIDE_NO_SPACE */
  take(): number {
    if (this.#freeCount === 0) this.#grow(1)
    for (let page = this.#cursor; page < this.#pages; page++) {
      if (this.#used[page] === FREE) return this.#use(page)
    }
    for (let page = 0; page < this.#cursor; page++) {
      if (this.#used[page] === FREE) return this.#use(page)
    }
    this.#grow(1)
    return this.take()
  }

  /** Takes `count` free pages, or none. @throws ERR_STRIDE_NO_SPACE */
  takeMany(count: number): readonly number[] {
    const pages: number[] = []
    try {
      while (pages.length < count) pages.push(this.take())
    } catch (error) {
      for (const page of pages) this.giveBack(page)
      throw error
    }
    return pages
  }

  /** Takes `count` consecutive free pages. @returns the first @throws ERR_STRIDE_NO_SPACE */
  takeRun(count: number): number {
    let run = 0
    for (let page = 0; page < this.#pages; page++) {
      run = this.#used[page] === FREE ? run + 1 : 0
      if (run === count) return this.#useRun(page + 1 - count, count)
    }
    // Free pages at the end of the file begin the run.
    this.#grow(count - run)
    return this.#useRun(this.#pages === 0 ? 0 : this.#endRun(count), count)
  }

  /** Drops a page, which the next root will not reach. */
  drop(page: number): void {
    if (this.#used[page] === FRESH) {
      this.giveBack(page)
      return
    }
    this.#dropped.push(page)
  }

  /** Frees a page that was taken since the last root and is not needed. */
  giveBack(page: number): void {
    if (this.#used[page] === FREE) return
    if (this.#used[page] === FRESH) this.#freshCount--
    this.#freeCount++
    this.#used[page] = FREE
  }

  /** Called before a root is stored, which may reach every page in use. */
  naming(): void {
    if (this.#freshCount === 0) return
    for (let page = 0; page < this.#pages; page++) if (this.#used[page] === FRESH) this.#used[page] = USED
    this.#freshCount = 0
  }

  /** Called once a root is durable. */
  published(): void {
    for (const page of this.#leaving) this.giveBack(page)
    this.#leaving = this.#dropped
    this.#dropped = []
  }

  #use(page: number): number {
    this.#used[page] = FRESH
    this.#freshCount++
    this.#freeCount--
    this.#cursor = page + 1
    return page
  }

  #useRun(first: number, count: number): number {
    for (let page = first; page < first + count; page++) this.#use(page)
    return first
  }

  #endRun(count: number): number {
    let first = this.#pages
    while (first > 0 && this.#used[first - 1] === FREE && this.#pages - first < count) first--
    return first
  }

  #grow(least: number): void {
    const more = Math.max(least, GROW_PAGES_MIN, Math.ceil(this.#pages * GROW_PART))
    this.#file.allocate(this.#pages * INDEX_PAGE_BYTES, more * INDEX_PAGE_BYTES)
    const pages = this.#pages + more
    if (pages > this.#used.length) {
      const used = new Uint8Array(Math.max(pages, this.#used.length * 2))
      used.set(this.#used)
      this.#used = used
    }
    this.#pages = pages
    this.#freeCount += more
    this.#pool.setEnd(pages * INDEX_PAGE_BYTES)
  }
}

function freePagesOf(used: Uint8Array): number {
  let count = 0
  // Found by native code: nearly all pages of a large file are in use.
  for (let page = used.indexOf(FREE); page >= 0; page = used.indexOf(FREE, page + 1)) count++
  return count
}
