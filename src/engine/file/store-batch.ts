/**
 * Stores many small pieces into a file with few calls: neighbours go together, with the bytes between them.
 *
 *   SB1  bytes between two pieces are stored as they are: whoever reads them sees no change.
 *   SB2  pieces come with rising offsets.
 * A store call costs as much as copying some kilobytes; that is how far apart neighbours may be (bench: commits).
 */

import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { copyBytes } from './copy-bytes.ts'
import type { DirtyRanges } from './dirty-ranges.ts'

const BATCH_BYTES = 64 * 1024
/** Bytes between two pieces up to which copying them costs less than another call. */
const GAP_BYTES_MAX = 3072

export class StoreBatch {
  readonly #pool: WindowPool
  readonly #dirty: DirtyRanges
  #batch = over(Buffer.alloc(8 * 1024))
  #start = 0
  #length = 0

  constructor(pool: WindowPool, dirty: DirtyRanges) {
    this.#pool = pool
    this.#dirty = dirty
  }

  /** Takes a copy of `length` bytes from `at` in the source, for the file's offset. */
  add(source: RecordBytes, at: number, length: number, offset: number): void {
    const gap = offset - (this.#start + this.#length)
    // Bytes between are at hand only where memory is mapped.
    const joins = this.#length > 0 && gap >= 0 && gap <= (this.#pool.live ? GAP_BYTES_MAX : 0)
    if (!joins || this.#length + gap + length > BATCH_BYTES) {
      this.flush()
      this.#start = offset
    } else if (gap > 0) {
      this.#grow(gap)
      this.#fill(gap)
    }
    if (length > BATCH_BYTES) {
      this.#store(source.bytes.subarray(at, at + length), offset)
      return
    }
    this.#grow(length)
    copyBytes(source, at, this.#batch, this.#length, length)
    this.#length += length
  }

  /** Stores the pieces that are pending. */
  flush(): void {
    if (this.#length === 0) return
    const length = this.#length
    this.#length = 0
    this.#store(this.#batch.bytes.subarray(0, length), this.#start)
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
      copyBytes(window, offset - window.start, this.#batch, this.#length, count)
      this.#length += count
      offset += count
      left -= count
    }
  }

  #grow(more: number): void {
    const { bytes } = this.#batch
    if (this.#length + more <= bytes.length) return
    const size = Math.min(BATCH_BYTES, Math.max(this.#length + more, bytes.length * 4))
    this.#batch = over(Buffer.allocUnsafeSlow(size))
    bytes.copy(this.#batch.bytes, 0, 0, this.#length)
  }
}

function over(bytes: Buffer): RecordBytes {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
}
