/**
 * Which pages of the data file were stored into since its last sync?
 *
 *   DR1  a page is counted before it is stored into. It is counted until a sync, or writing it back, begins.
 * A checkpoint writes them back piece by piece before it syncs (checkpointer.ts). Their number in a block decides how changes are
 * stored there (store-batch.ts).
 */

import { STORE_BLOCK_BYTES } from '../../mmap/platform.ts'

const PAGE_BYTES = 4096
const PIECE_BYTES = 256 * 1024
const BLOCK_PAGES = STORE_BLOCK_BYTES / PAGE_BYTES
const WORD_BITS = 32
const PIECE_WORDS = PIECE_BYTES / PAGE_BYTES / WORD_BITS

/** A bit for each page of a block. */
class Block {
  readonly words = new Int32Array(BLOCK_PAGES / WORD_BITS)
  count = 0

  add(page: number): void {
    const word = this.words[page >>> 5] as number
    const bit = 1 << (page & 31)
    if ((word & bit) !== 0) return
    this.words[page >>> 5] = word | bit
    this.count++
  }
}

export class DirtyRanges {
  readonly pieceBytes = PIECE_BYTES
  readonly #blocks = new Map<number, Block>()
  #lastPage = -1
  #lastIndex = -1
  #lastBlock = new Block()

  add(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / PAGE_BYTES)
    let page = Math.floor(offset / PAGE_BYTES)
    if (page === this.#lastPage) page++
    for (; page <= last; page++) this.#addPage(page)
  }

  /** How many pages are counted in the block (STORE_BLOCK_BYTES) of this offset. */
  pagesAround(offset: number): number {
    return this.#blocks.get(Math.floor(offset / STORE_BLOCK_BYTES))?.count ?? 0
  }

  /** Offsets of the pieces that contain counted pages, ascending. No page is counted afterwards. */
  take(): readonly number[] {
    const pieces: number[] = []
    for (const [index, { words }] of [...this.#blocks].sort(([a], [b]) => a - b)) {
      for (let at = 0; at < words.length; at += PIECE_WORDS) {
        if (words.subarray(at, at + PIECE_WORDS).some(word => word !== 0))
          pieces.push(index * STORE_BLOCK_BYTES + (at / PIECE_WORDS) * PIECE_BYTES)
      }
    }
    this.clear()
    return pieces
  }

  /** A sync of the file begins. */
  clear(): void {
    this.#blocks.clear()
    this.#lastPage = -1
    this.#lastIndex = -1
  }

  #addPage(page: number): void {
    this.#lastPage = page
    const index = Math.floor(page / BLOCK_PAGES)
    if (index !== this.#lastIndex) this.#lastBlock = this.#blockAt(index)
    this.#lastBlock.add(page - index * BLOCK_PAGES)
  }

  #blockAt(index: number): Block {
    const block = this.#blocks.get(index) ?? new Block()
    this.#blocks.set(index, block)
    this.#lastIndex = index
    return block
  }
}
