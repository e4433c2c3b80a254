/**
 * Which pages of the index file are free? A page is used while either of the two roots reaches it.
 *
 *   PS1  a page that is dropped stays as it is until a root that no longer reaches it has been published, and another one
 *       after that: then neither root on disk reaches it.
 *   PS2  room is allocated before it is written, so that a full disk changes nothing that any root reaches.
 *   PS3  a fresh page, taken since the last root was made, is reached by none: dropped, it is free at once. Pages can therefore be
 *       rebuilt again and again between two roots.
 */

import type { PlatformFile } from '../../../mmap/platform.ts'
import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { INDEX_PAGE_BYTES } from '../../format/index-format.ts'

const GROW_PAGES_MIN = 16
/** The file grows by this part of itself. */
const GROW_PART = 1 / 32
/** What a page is. */
const FREE = 0
const USED = 1
const FRESH = 2

export class PageSpace {
  readonly #file: PlatformFile
  readonly #pool: WindowPool
  /** What each page is. */
  #used: Uint8Array
  /** Pages that the file has. */
  #pages: number
  #cursor = 0
  /** Dropped since the last root, and before it. */
  #dropped: number[] = []
  #leaving: number[] = []
  #freeCount = 0
  #freshCount = 0

  /** @param used pages that a root reaches, and those of header and roots */
  constructor(file: PlatformFile, pool: WindowPool, pages: number, used: Iterable<number>) {
    this.#file = file
    this.#pool = pool
    this.#pages = pages
    this.#used = new Uint8Array(Math.max(64, pages))
    for (const page of used) this.#used[page] = USED
    for (let page = 0; page < pages; page++) if (this.#used[page] === FREE) this.#freeCount++
  }

  /** Pages that the file has. */
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

  /** A free page, in use from now on. @throws ERR_STRIDE_NO_SPACE */
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

  /** So many of them, or none. @throws ERR_STRIDE_NO_SPACE */
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

  /** The first of so many neighbouring free pages, in use from now on. @throws ERR_STRIDE_NO_SPACE */
  takeRun(count: number): number {
    let run = 0
    for (let page = 0; page < this.#pages; page++) {
      run = this.#used[page] === FREE ? run + 1 : 0
      if (run === count) return this.#useRun(page + 1 - count, count)
    }
    // Free pages at the end of the file are the beginning of the run.
    this.#grow(count - run)
    return this.#useRun(this.#pages === 0 ? 0 : this.#endRun(count), count)
  }

  /** A page that the next root no longer reaches. */
  drop(page: number): void {
    if (this.#used[page] === FRESH) {
      this.giveBack(page)
      return
    }
    this.#dropped.push(page)
  }

  /** A page that was taken since the last root and is not needed after all. */
  giveBack(page: number): void {
    if (this.#used[page] === FREE) return
    if (this.#used[page] === FRESH) this.#freshCount--
    this.#freeCount++
    this.#used[page] = FREE
  }

  /** A root is about to be stored that may reach every page in use. */
  naming(): void {
    if (this.#freshCount === 0) return
    for (let page = 0; page < this.#pages; page++) if (this.#used[page] === FRESH) this.#used[page] = USED
    this.#freshCount = 0
  }

  /** A root was published and is durable. */
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
