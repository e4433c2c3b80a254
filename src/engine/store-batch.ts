/**
 * Stores many small pieces into a file with few calls: neighbours go together, with the bytes between them.
 *
 *   I1  bytes between two pieces are stored as they are: whoever reads them sees no change.
 *   I2  pieces come with rising offsets.
 * A store call costs as much as copying some kilobytes; that is how far apart neighbours may be (bench: commits).
 */

import type { Window, WindowPool } from '../mmap/window.ts'
import type { DirtyRanges } from './dirty-ranges.ts'

const BATCH_BYTES = 256 * 1024
/** Bytes between two pieces up to which copying them costs less than another call. */
const GAP_BYTES_MAX = 3072

export class StoreBatch {
  readonly #pool: WindowPool
  readonly #dirty: DirtyRanges
  #bytes: Buffer
  #start = 0
  #length = 0

  constructor(pool: WindowPool, dirty: DirtyRanges) {
    this.#pool = pool
    this.#dirty = dirty
    this.#bytes = Buffer.alloc(8 * 1024)
  }

  /** Takes a copy of the piece. */
  add(piece: Uint8Array, offset: number): void {
    const gap = offset - (this.#start + this.#length)
    // Bytes between are at hand only where memory is mapped.
    const joins = this.#length > 0 && gap >= 0 && gap <= (this.#pool.live ? GAP_BYTES_MAX : 0)
    if (!joins || this.#length + gap + piece.length > BATCH_BYTES) {
      this.flush()
      this.#start = offset
    } else if (gap > 0) {
      this.#grow(gap)
      this.#fill(gap)
    }
    if (piece.length > BATCH_BYTES) {
      this.#store(piece, offset)
      return
    }
    this.#grow(piece.length)
    this.#bytes.set(piece, this.#length)
    this.#length += piece.length
  }

  /** Stores what waits. */
  flush(): void {
    if (this.#length === 0) return
    const length = this.#length
    this.#length = 0
    this.#store(this.#bytes.subarray(0, length), this.#start)
  }

  #store(bytes: Uint8Array, offset: number): void {
    this.#dirty.add(offset, bytes.length)
    this.#pool.store(bytes, offset)
  }

  #fill(gap: number): void {
    let offset = this.#start + this.#length
    for (let left = gap; left > 0; ) {
      const window: Window = this.#pool.acquire(offset, 1, left)
      const count = Math.min(left, window.end - offset)
      window.bytes.copy(this.#bytes, this.#length, offset - window.start, offset - window.start + count)
      this.#length += count
      offset += count
      left -= count
    }
  }

  #grow(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const old = this.#bytes
    this.#bytes = Buffer.allocUnsafe(Math.min(BATCH_BYTES, Math.max(this.#length + more, old.length * 4)))
    old.copy(this.#bytes, 0, 0, this.#length)
  }
}
