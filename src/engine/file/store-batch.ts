/**
 * How are many small pieces stored into a file with few calls? Neighbours are joined, with the bytes between them.
 *
 *   SB1  bytes between two pieces are stored unchanged, so that readers see no change.
 *   SB2  pieces come in ascending order of their offsets.
 * A store call costs as much as copying some kilobytes, so neighbours may be that far apart (bench: writes).
 */

import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { copyBytes } from './copy-bytes.ts'
import type { DirtyRanges } from './dirty-ranges.ts'

const BATCH_BYTES = 64 * 1024
/** If there are no more bytes between two pieces, copying them costs less than another call. */
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

  /** Copies `length` bytes from `at` in the source, for this file offset. */
  add(source: RecordBytes, at: number, length: number, offset: number): void {
    const gap = offset - (this.#start + this.#length)
    // The bytes in between are in memory only if the file is mapped.
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
