/**
 * Heap memory for the images of changed records: fixed slots in chunks, reused.
 *
 *   G2  bytes handed out lose their view (null) before they are reused: whoever holds them looks again.
 */

import { InvariantError, StrideError } from '../errors.ts'
import type { RecordBytes } from '../schema/index.ts'
import { copyBytes } from './copy-bytes.ts'

const CHUNK_BYTES = 1024 * 1024

/** Heap memory for records. A new object each time the memory is reused, so that old holders see null. */
export interface Chunk extends RecordBytes {
  view: DataView | null
  readonly bytes: Buffer
}

export class ImageSlots {
  readonly #recordSize: number
  readonly #perChunk: number
  #chunks: Chunk[] = []
  #count = 0
  #free: number[] = []

  constructor(recordSize: number) {
    this.#recordSize = recordSize
    this.#perChunk = recordsPerChunk(recordSize)
  }

  /** Slots that were in use at one time since the last `clear`. */
  get count(): number {
    return this.#count
  }
  /** Bytes of heap memory. */
  get bytes(): number {
    return this.#chunks.length * this.#perChunk * this.#recordSize
  }

  source(slot: number): Chunk {
    const chunk = this.#chunks[Math.floor(slot / this.#perChunk)]
    if (chunk === undefined) throw new InvariantError(`no staged image in slot ${slot}`)
    return chunk
  }
  /** Where a slot's image begins in its source. */
  at(slot: number): number {
    return (slot % this.#perChunk) * this.#recordSize
  }

  /** Copies an image from `at` in the source into a slot. */
  set(slot: number, source: RecordBytes, at: number): void {
    copyBytes(source, at, this.source(slot), this.at(slot), this.#recordSize)
  }

  /** @param room bytes of memory that may be added @throws ERR_STRIDE_LIMIT */
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
      this.#chunks.push(chunkOver(Buffer.allocUnsafeSlow(bytes)))
    }
    this.#count = slot + 1
    return slot
  }

  /** A slot may be reused; whoever holds bytes of its chunk looks again. */
  give(slot: number): void {
    this.#chunks[Math.floor(slot / this.#perChunk)] = renewed(this.source(slot))
    this.#free.push(slot)
  }
  /** The same for one of many, before `renew`. */
  giveUnseen(slot: number): void {
    this.#free.push(slot)
  }

  /** Whoever holds bytes looks again. */
  renew(): void {
    this.#chunks = this.#chunks.map(renewed)
  }
  /** No slot is in use any more. One chunk is kept. */
  clear(): void {
    for (const chunk of this.#chunks) chunk.view = null
    this.#chunks = this.#chunks.slice(0, 1).map(chunk => chunkOver(chunk.bytes))
    this.#count = 0
    this.#free = []
  }
}

/** How many records share a piece of heap memory. */
export function recordsPerChunk(recordSize: number): number {
  return Math.max(1, Math.floor(CHUNK_BYTES / recordSize))
}

export function chunkOver(bytes: Buffer): Chunk {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes }
}

/** The same memory for new holders; old holders find null and look again. */
export function renewed(chunk: Chunk): Chunk {
  chunk.view = null
  return chunkOver(chunk.bytes)
}
