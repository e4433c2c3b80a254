/**
 * The bytes of a journal that was left, read in pieces, of which a bounded number is kept in memory.
 *
 *   JB1  a piece that is read again has the bytes that it had before, by its CRC-32; otherwise ERR_STRIDE_CORRUPT. After a sync that
 *        failed the system may show what is not on the disk, and forget it later. Bytes behind the frames are not compared: a writer
 *        may be alive, and go on there.
 *   JB2  memory that was returned is never written again, whatever is read afterwards; where bytes are read once, only until the next
 *        piece but one.
 *   JB3  the file of a journal that is kept whole is closed as soon as it was scanned.
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
  /** Bytes of pieces that are kept, two pieces at least. */
  readonly keptBytesMax: number
  /** Whether no byte is read again, or held, once its piece was released. */
  readonly isReadOnce?: boolean
  /** The file's size as of an earlier look. */
  readonly size?: number
}

export class JournalBytes implements FrameBytes {
  readonly size: number
  readonly keptBytesMax: number
  readonly #file: PlatformFile
  readonly #isReadOnce: boolean
  readonly #pieces: (HeapBytes | undefined)[]
  /** CRC-32 of the pieces that were released. */
  readonly #checksums: Float64Array
  /** How many bytes of a piece count, where frames end in it. */
  readonly #counting = new Map<number, number>()
  /** The pieces that are kept, in a ring, and which of them were used since the hand passed. */
  readonly #ring: Uint32Array
  readonly #isUsed: Uint8Array
  #count = 0
  #hand = 0
  #isClosed = false
  #isWhole = true
  at = 0

  /** The file is this one's to close. */
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

  /** Forgets what the piece around a position held: it may have been written since. */
  refresh(at: number): void {
    const k = Math.floor(at / PIECE_BYTES)
    if (at >= this.size) return
    this.#checksums[k] = UNREAD
    if (this.#pieces[k] !== undefined) this.#pieces[k] = new HeapBytes(this.#bytesOf(k, this.#memoryOf(k)))
  }

  /** Everything up to these ends was read, and nothing behind them counts. Where all of it is in memory, the file is closed. */
  settle(ends: readonly number[]): void {
    for (const end of ends) {
      const k = Math.floor(end / PIECE_BYTES)
      this.#counting.set(k, end - k * PIECE_BYTES)
      if (k < this.#checksums.length) this.#checksums[k] = UNREAD
    }
    if (this.#isWhole) this.close()
  }

  /** Closes the file. Pieces in memory can still be read. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#file.close()
  }

  /** Bytes that lie in several pieces. */
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

  /** A gigabyte of new memory costs more than reading as much. */
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

  /** Drops the first piece, from the hand on, that was not used since the hand passed it last. @returns it */
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
