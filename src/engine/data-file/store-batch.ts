/**
 * Stores many small pieces into a file in the cheaper of two ways.
 *
 *   SB1  if few pages of a block changed since the last sync: one call for each run of neighbouring pieces. The bytes between them are
 *        rewritten unchanged, so readers see no change there.
 *   SB2  if many pages changed: through a writable mapping (StoreWindow), piece by piece.
 *   SB3  pieces are added with ascending offsets. Their bytes may not change until flush().
 * Measurements of both ways and of others: bench/apply-ways.ts.
 */

import { Pieces } from '../../mmap/pieces.ts'
import { STORE_BLOCK_BYTES } from '../../mmap/platform.ts'
import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import { copyBytes, type ViewedBytes } from '../../runtime/copy-bytes.ts'
import type { DirtyRanges } from './dirty-ranges.ts'

const RUN_BYTES_MAX = 64 * 1024
/** Copying a gap of this many bytes costs less than another call. It contains no whole page, so no clean page becomes dirty. */
const GAP_BYTES_MAX = 3072

export class StoreBatch {
  readonly #pool: WindowPool
  readonly #dirty: DirtyRanges
  readonly #pieces = new Pieces()
  /** The block that all of them begin in. */
  #block = -1
  #run = over(Buffer.alloc(0))

  constructor(pool: WindowPool, dirty: DirtyRanges) {
    this.#pool = pool
    this.#dirty = dirty
  }

  /** Adds `length` bytes from `at` in the source, for this offset of the file. */
  add(source: ViewedBytes, at: number, length: number, offset: number): void {
    const block = Math.floor(offset / STORE_BLOCK_BYTES)
    if (block !== this.#block || this.#pieces.isFull) {
      this.flush()
      this.#block = block
    }
    this.#dirty.add(offset, length)
    this.#pieces.add(source, at, length, offset)
  }

  /** Stores the pending pieces. */
  flush(): void {
    const pieces = this.#pieces
    if (pieces.count === 0) return
    try {
      const pages = this.#dirty.pagesAround(pieces.offsetOf(0))
      if (pages >= this.#pool.piecesFrom) this.#pool.storePieces(pieces)
      else this.#storeRuns()
    } finally {
      pieces.clear()
    }
  }

  #storeRuns(): void {
    const pieces = this.#pieces
    // The bytes between pieces are in memory only if the file is mapped.
    const gapMax = this.#pool.live ? GAP_BYTES_MAX : 0
    for (let from = 0; from < pieces.count; ) {
      const start = pieces.offsetOf(from)
      let to = from + 1
      for (let end = pieces.endOf(from); to < pieces.count; end = pieces.endOf(to++)) {
        if (pieces.offsetOf(to) - end > gapMax || pieces.endOf(to) - start > RUN_BYTES_MAX) break
      }
      if (to === from + 1) this.#pool.store(pieces.bytesOf(from), start)
      else this.#storeRun(from, to)
      from = to
    }
  }

  #storeRun(from: number, to: number): void {
    const pieces = this.#pieces
    const start = pieces.offsetOf(from)
    const length = pieces.endOf(to - 1) - start
    if (this.#run.bytes.length < length) this.#run = over(Buffer.allocUnsafeSlow(RUN_BYTES_MAX))
    for (let i = from, end = start; i < to; i++) {
      const offset = pieces.offsetOf(i)
      if (offset > end) this.#fill(start, end, offset)
      copyBytes(pieces.sourceOf(i), pieces.startOf(i), this.#run, offset - start, pieces.lengthOf(i))
      end = pieces.endOf(i)
    }
    this.#pool.store(this.#run.bytes.subarray(0, length), start)
  }

  /** The bytes of the file between two pieces. */
  #fill(start: number, from: number, to: number): void {
    for (let offset = from; offset < to; ) {
      const window: Window = this.#pool.acquire(offset, 1, to - offset)
      const count = Math.min(to - offset, window.end - offset)
      copyBytes(window, offset - window.start, this.#run, offset - start, count)
      offset += count
    }
  }
}

function over(bytes: Buffer): ViewedBytes {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
}
