/**
 * Reads a journal's file in pieces through a bounded cache.
 *
 *   JB1  a piece that is read again must have the CRC-32 of the first reading; otherwise it is ERR_STRIDE_CORRUPT. After a failed sync the
 *        system may show bytes that are not on the disk, and drop them later. Bytes behind the frames are not compared, since a live
 *        writer may write there.
 *   JB2  returned memory is never overwritten. Exception: with `isReadOnce` it is valid until the next piece but one is read.
 *   JB3  the file is closed right after the scan if the cache contains all of it.
 */

import { crc32 } from 'node:zlib'
import type { PlatformFile } from '../../mmap/platform.ts'
import { corrupt } from '../format/identity.ts'
import { HeapBytes } from '../staging/heap-bytes.ts'
import type { FrameBytes } from './frame-bytes.ts'

/** A multiple of the block, so that a frame's magic never crosses two pieces. */
export const PIECE_BYTES = 64 * 1024
const UNREAD = -1

export interface JournalBytesOptions {
  /** Size of the cache in bytes; at least two pieces are kept. */
  readonly keptBytesMax: number
  /** Whether the caller neither reads a piece again nor keeps its memory. */
  readonly isReadOnce?: boolean
  /** The file's size, if the caller has read it before. */
  readonly size?: number
}

export class JournalBytes implements FrameBytes {
  readonly size: number
  readonly keptBytesMax: number
  readonly #file: PlatformFile
  readonly #isReadOnce: boolean
  readonly #pieces: (HeapBytes | undefined)[]
  /** CRC-32 of the pieces that were evicted. */
  readonly #checksums: Float64Array
  /** How many bytes of a piece the CRC-32 covers, if frames end in it. */
  readonly #counting = new Map<number, number>()
  /** The cached pieces, in a ring, and which of them were used since the hand passed (clock eviction). */
  readonly #ring: Uint32Array
  readonly #isUsed: Uint8Array
  #count = 0
  #hand = 0
  #isClosed = false
  #isWhole = true
  at = 0

  /** Takes over the file: `close` closes it. */
  constructor(file: PlatformFile, options: JournalBytesOptions) {
    const { keptBytesMax, isReadOnce = false, size = file.size() } = options
    this.#file = file
    this.size = size
    this.keptBytesMax = keptBytesMax
    this.#isReadOnce = isReadOnce
    const count = Math.ceil(this.size / PIECE_BYTES)
    this.#pieces = new Array<undefined>(count).fill(undefined)
    this.#checksums = new Float64Array(isReadOnce ? 0 : count).fill(UNREAD)
    this.#ring = new Uint32Array(Math.max(2, Math.min(count, Math.floor(keptBytesMax / PIECE_BYTES))))
    this.#isUsed = new Uint8Array(count)
  }

  find(at: number, length: number): HeapBytes {
    const k = Math.floor(at / PIECE_BYTES)
    const start = at - k * PIECE_BYTES
    if (start + length > PIECE_BYTES) return this.#join(at, length)
    this.at = start
    return this.#piece(k)
  }

  atOf(at: number, length: number): number {
    const start = at % PIECE_BYTES
    return start + length > PIECE_BYTES ? 0 : start
  }

  stretchAt(at: number): number {
    return Math.min(this.size - at, PIECE_BYTES - (at % PIECE_BYTES))
  }

  /** Reads the piece around a position again, since it may have been written meanwhile. */
  refresh(at: number): void {
    const k = Math.floor(at / PIECE_BYTES)
    if (at >= this.size) return
    this.#checksums[k] = UNREAD
    if (this.#pieces[k] !== undefined) this.#pieces[k] = new HeapBytes(this.#bytesOf(k, this.#memoryOf(k)))
  }

  /** Called after the scan with the ends of the frames. Closes the file if all of it is in memory. */
  settle(ends: readonly number[]): void {
    for (const end of ends) {
      const k = Math.floor(end / PIECE_BYTES)
      this.#counting.set(k, end - k * PIECE_BYTES)
      if (k < this.#checksums.length) this.#checksums[k] = UNREAD
    }
    if (this.#isWhole) this.close()
  }

  /** Closes the file. Cached pieces can still be read. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#file.close()
  }

  /** Copies bytes that cross pieces. */
  #join(at: number, length: number): HeapBytes {
    const joined = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length; ) {
      const start = (at + done) % PIECE_BYTES
      const { bytes } = this.#piece(Math.floor((at + done) / PIECE_BYTES))
      done += bytes.copy(joined, done, start, Math.min(bytes.length, start + length - done))
    }
    this.at = 0
    return new HeapBytes(joined)
  }

  #piece(k: number): HeapBytes {
    this.#isUsed[k] = 1
    return this.#pieces[k] ?? this.#read(k)
  }

  #read(k: number): HeapBytes {
    if (this.#isReadOnce) return this.#readOnce(k)
    const bytes = this.#bytesOf(k, this.#memoryOf(k))
    const before = this.#checksums[k] as number
    if (before !== UNREAD && this.#checksumOf(k, bytes) !== before) {
      const what = 'the journal has other bytes here than when it was opened'
      throw corrupt(this.#file.path, k * PIECE_BYTES, what)
    }
    this.#makeRoom()
    return this.#keep(k, new HeapBytes(bytes))
  }

  /** Reads a piece into the memory of an evicted one, since allocating a gigabyte costs more than reading it. */
  #readOnce(k: number): HeapBytes {
    const left = this.#makeRoom()
    const isFitting = left?.bytes.length === this.#lengthOf(k)
    const piece = isFitting ? left : new HeapBytes(this.#memoryOf(k))
    this.#bytesOf(k, piece.bytes)
    return this.#keep(k, piece)
  }

  #keep(k: number, piece: HeapBytes): HeapBytes {
    this.#pieces[k] = piece
    this.#ring[this.#hand] = k
    this.#hand = (this.#hand + 1) % this.#ring.length
    return piece
  }

  #checksumOf(k: number, bytes: Buffer): number {
    return crc32(bytes.subarray(0, this.#counting.get(k) ?? bytes.length))
  }

  #lengthOf(k: number): number {
    return Math.min(PIECE_BYTES, this.size - k * PIECE_BYTES)
  }

  #memoryOf(k: number): Buffer {
    return Buffer.allocUnsafeSlow(this.#lengthOf(k))
  }

  #bytesOf(k: number, bytes: Buffer): Buffer {
    const offset = k * PIECE_BYTES
    if (this.#file.read(bytes, offset) === bytes.length) return bytes
    throw corrupt(this.#file.path, offset, 'the journal was cut short')
  }

  /** If the cache is full, evicts the next piece that was not used since the hand passed it. @returns the evicted piece */
  #makeRoom(): HeapBytes | undefined {
    if (this.#count < this.#ring.length) {
      this.#count++
      return undefined
    }
    let k = this.#ring[this.#hand] as number
    while (this.#isUsed[k] === 1) {
      this.#isUsed[k] = 0
      this.#hand = (this.#hand + 1) % this.#ring.length
      k = this.#ring[this.#hand] as number
    }
    const left = this.#pieces[k] as HeapBytes
    if (this.#checksums[k] === UNREAD) this.#checksums[k] = this.#checksumOf(k, left.bytes)
    this.#pieces[k] = undefined
    this.#isWhole = false
    return left
  }
}
