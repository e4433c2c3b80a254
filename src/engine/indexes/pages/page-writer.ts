/**
 * Writes pages of entries to free places of the index file, neighbouring pages with one call.
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { INDEX_PAGE_BYTES } from '../../format/index-format.ts'
import type { EntryBuffer } from '../keys/entry-words.ts'
import { type LeafFormat, type PageBytes, type PageRange, writeLeaf } from './leaf-format.ts'
import type { PageSpace } from './page-space.ts'

const BATCH_PAGES = 64

export interface WrittenPage {
  readonly place: number
  readonly isPacked: boolean
  readonly checksum: number
}

export class PageWriter {
  readonly #pool: WindowPool
  readonly #space: PageSpace
  readonly #batch = Buffer.alloc(BATCH_PAGES * INDEX_PAGE_BYTES)
  /** The pages of the batch that were used so far. */
  readonly #pages: PageBytes[] = []
  #first = 0
  #count = 0

  constructor(pool: WindowPool, space: PageSpace) {
    this.#pool = pool
    this.#space = space
  }

  /** Writes a page. It is in the file after `flush`. @throws ERR_STRIDE_NO_SPACE, _IO */
  write(
    format: LeafFormat,
    indexNumber: number,
    entries: EntryBuffer,
    from: number,
    count: number,
    range: PageRange,
  ): WrittenPage {
    const place = this.#space.take()
    if (this.#count === BATCH_PAGES || (this.#count > 0 && place !== this.#first + this.#count)) this.flush()
    if (this.#count === 0) this.#first = place
    const page = this.#page(this.#count++)
    const { checksum, isPacked } = writeLeaf(format, indexNumber, entries, from, count, range, page)
    return { place, isPacked, checksum }
  }

  #page(i: number): PageBytes {
    let page = this.#pages[i]
    if (page === undefined) {
      const bytes = this.#batch.subarray(i * INDEX_PAGE_BYTES, (i + 1) * INDEX_PAGE_BYTES)
      page = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
      this.#pages.push(page)
    }
    return page
  }

  /** Drops the pages that are not in the file yet. The caller frees their places. */
  discard(): void {
    this.#count = 0
  }

  flush(): void {
    if (this.#count === 0) return
    const bytes = this.#batch.subarray(0, this.#count * INDEX_PAGE_BYTES)
    this.#pool.store(bytes, this.#first * INDEX_PAGE_BYTES)
    this.#count = 0
  }
}
