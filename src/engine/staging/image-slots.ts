/**
 * Where are the images of changed records kept in heap memory? In fixed slots in chunks, which are reused.
 *
 * Keeping a reference to an image across a change: heap-bytes.ts.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { HeapBytes } from './heap-bytes.ts'

const CHUNK_BYTES = 1024 * 1024

export class ImageSlots {
  readonly #recordSize: number
  readonly #perChunk: number
  #chunks: HeapBytes[] = []
  #count = 0
  #free: number[] = []

  constructor(recordSize: number) {
    this.#recordSize = recordSize
    this.#perChunk = recordsPerChunk(recordSize)
  }

  /** The most slots in use at one time since the last `clear`. */
  get count(): number {
    return this.#count
  }
  /** Bytes of heap memory. */
  get bytes(): number {
    return this.#chunks.length * this.#perChunk * this.#recordSize
  }

  source(slot: number): HeapBytes {
    const chunk = this.#chunks[Math.floor(slot / this.#perChunk)]
    if (chunk === undefined) throw new InvariantError(`no staged image in slot ${slot}`)
    return chunk
  }
  /** The position of a slot's image in its source. */
  at(slot: number): number {
    return (slot % this.#perChunk) * this.#recordSize
  }

  /** Copies an image from `at` in the source into a slot. */
  set(slot: number, source: RecordBytes, at: number): void {
    copyBytes(source, at, this.source(slot), this.at(slot), this.#recordSize)
  }

  /** Takes a free slot. @param room bytes of memory that may be allocated @throws ERR_STRIDE_LIMIT */
  take(room: number): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const slot = this.#count
    if (slot === this.#chunks.length * this.#perChunk) {
      const bytes = this.#perChunk * this.#recordSize
      if (bytes > room) {
        const message = `More is staged than stagedBytesMax allows: ${bytes - room} bytes more`
        throw new StrideError('ERR_STRIDE_LIMIT', message)
      }
      this.#chunks.push(new HeapBytes(Buffer.allocUnsafeSlow(bytes)))
    }
    this.#count = slot + 1
    return slot
  }

  /** Frees a slot. */
  give(slot: number): void {
    this.#free.push(slot)
  }
  /** Frees all slots. One chunk is kept. */
  clear(): void {
    this.#chunks.length = Math.min(this.#chunks.length, 1)
    this.#count = 0
    this.#free = []
  }
}

/** How many images one chunk of heap memory contains. */
export function recordsPerChunk(recordSize: number): number {
  return Math.max(1, Math.floor(CHUNK_BYTES / recordSize))
}
