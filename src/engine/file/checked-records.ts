/**
 * Which records of a store with checksums may be believed without looking at their checksum again.
 *
 *   CR1  no reading call returns a record that was not compared with its checksum since the file was opened.
 *   CR2  a damaged record is an error of its own; its neighbours stay readable.
 *
 * Records are compared in blocks of neighbours, and a bit a block remembers that all of them were right: after its first read a
 * record costs what it costs without checksums. What this process stored itself is not compared. Where bytes are read from the
 * file again for each use, as without a mapping, each use compares.
 * The checksums themselves: checksums.ts. Who asks: locator.ts.
 */

import { crc32 } from 'node:zlib'
import { StrideError } from '../../errors.ts'
import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import type { Checksums } from './checksums.ts'
import type { Liveness } from './deletion-bits.ts'

/** When a record is compared with its checksum: whenever it is read, when it is read first, or by `verify` alone. */
export type ChecksumPolicy = 'each' | 'first' | 'never'

export interface CheckedParts {
  readonly policy: ChecksumPolicy
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly liveness: Liveness
  readonly checksums: Checksums
  /** Records from this number on were stored by this process, or will be. Infinity where another process writes. */
  readonly ownFrom: number
}

/** Neighbours that are compared together: a few pages, so that a cold lookup does not read much more than it asked for. */
const BLOCK_BYTES = 16 * 1024
const BLOCK_RECORDS_MAX = 1024
/** Checksums of one block, while it is compared. */
const found = new Uint32Array(BLOCK_RECORDS_MAX)

export class CheckedRecords {
  readonly #parts: CheckedParts
  readonly #blockRecords: number
  /** A bit a block, 32 in a word: all its records were right. */
  #words = new Int32Array(0)
  /** The row of such blocks that was looked for last. */
  #rowFrom = 0
  #rowTo = 0
  /** The last block is rarely whole: what of it was right. */
  #lastFrom = 0
  #lastTo = 0
  /** Blocks with a damaged record: how many of their records are compared one by one before the whole block is again. */
  readonly #patience = new Map<number, number>()

  constructor(parts: CheckedParts) {
    this.#parts = parts
    const inBlock = Math.floor(BLOCK_BYTES / parts.addressing.stride)
    this.#blockRecords = Math.min(BLOCK_RECORDS_MAX, Math.max(1, inBlock))
  }

  /** Whether reads compare at all. */
  get isActive(): boolean {
    return this.#parts.policy !== 'never' && this.#parts.checksums.exists
  }
  get policy(): ChecksumPolicy {
    return this.#parts.policy
  }
  /** Whether every single read compares, so that nothing may be read by arithmetic alone. */
  get isEach(): boolean {
    return this.isActive && (this.#parts.policy === 'each' || !this.#parts.pool.live)
  }

  /** Whether record n may be believed. */
  has(n: number): boolean {
    if (this.isEach) return false
    if (n >= this.#parts.ownFrom || (n >= this.#lastFrom && n < this.#lastTo)) return true
    return this.#hasBlock(Math.floor(n / this.#blockRecords))
  }

  /** One past the last record behind n that may be believed like n, at most `end`. Record n may. */
  endFrom(n: number, end: number): number {
    if (n >= this.#parts.ownFrom) return end
    const block = Math.floor(n / this.#blockRecords)
    let stop = n
    if (this.#hasBlock(block)) {
      this.#findRow(block)
      stop = this.#rowTo * this.#blockRecords
    }
    if (stop >= this.#lastFrom && stop < this.#lastTo) stop = this.#lastTo
    return stop >= this.#parts.ownFrom ? end : Math.min(end, Math.max(stop, n + 1))
  }
  /** The first record before n, at least `start`, from which on all may be believed like n. */
  startTo(n: number, start: number): number {
    if (n >= this.#parts.ownFrom) return Math.max(start, this.#parts.ownFrom)
    let block = Math.floor(n / this.#blockRecords)
    if (!this.#hasBlock(block)) {
      if (n < this.#lastFrom || n >= this.#lastTo) return n
      if (block === 0 || !this.#hasBlock(block - 1)) return Math.max(start, this.#lastFrom)
      block--
    }
    this.#findRow(block)
    return Math.max(start, this.#rowFrom * this.#blockRecords)
  }

  /**
   * Compares record n, which lies in the file, and where that is cheap its neighbours.
   * @param end record numbers in use
   * @throws ERR_STRIDE_CORRUPT naming record and offset
   */
  compare(n: number, end: number): void {
    // What a lone lookup gets holds no neighbours.
    const isLone = this.#assertIntact(n)
    if (this.isEach || isLone) return
    const block = Math.floor(n / this.#blockRecords)
    const patience = this.#patience.get(block) ?? 0
    if (patience > 0) {
      this.#patience.set(block, patience - 1)
      return
    }
    const from = block * this.#blockRecords
    const to = Math.min(from + this.#blockRecords, end, this.#parts.ownFrom)
    if (!this.#isIntact(from, to)) {
      this.#patience.set(block, this.#blockRecords)
      return
    }
    this.#patience.delete(block)
    if (to === from + this.#blockRecords) this.#setBlock(block)
    else {
      this.#lastFrom = from
      this.#lastTo = to
    }
  }

  /** Compares one record. @throws ERR_STRIDE_CORRUPT naming record and offset */
  assertIntact(n: number): void {
    this.#assertIntact(n)
  }

  /** @returns whether the record was read alone */
  #assertIntact(n: number): boolean {
    const { addressing, pool, checksums } = this.#parts
    const { recordSize } = addressing
    const offset = offsetOf(addressing, n)
    const { bytes, start, isCopy } = pool.acquire(offset, recordSize)
    const computed = crc32(bytes.subarray(offset - start, offset - start + recordSize))
    if (computed === checksums.stored(n)) return isCopy === true
    const message = `Record ${n} does not have the checksum that was stored with it`
    throw new StrideError('ERR_STRIDE_CORRUPT', message, { recordNumber: n, offset })
  }

  /** Whether the live records [from, to) all have their checksums. */
  #isIntact(from: number, to: number): boolean {
    const { addressing, pool, liveness, checksums } = this.#parts
    const { stride, recordSize } = addressing
    for (let n = from; n < to; ) {
      const offset = offsetOf(addressing, n)
      const window: Window = pool.acquire(offset, recordSize, (to - n) * stride)
      for (; n < to && offsetOf(addressing, n) + recordSize <= window.end; n++) {
        const at = offsetOf(addressing, n) - window.start
        found[n - from] = crc32(window.bytes.subarray(at, at + recordSize))
      }
    }
    // The table may lie in another window than the records, and take its place.
    for (let n = from; n < to; n++) {
      if (found[n - from] !== checksums.stored(n) && !liveness.isDeleted(n)) return false
    }
    return true
  }

  #hasBlock(block: number): boolean {
    return (((this.#words[block >>> 5] ?? 0) >>> (block & 31)) & 1) === 1
  }

  #setBlock(block: number): void {
    const index = block >>> 5
    if (index >= this.#words.length) {
      const old = this.#words
      this.#words = new Int32Array(Math.max(16, (index + 1) * 2))
      this.#words.set(old)
    }
    this.#words[index] = (this.#words[index] as number) | (1 << (block & 31))
    if (block === this.#rowTo) this.#rowTo++
  }

  /** Finds the row of compared blocks around one of them. */
  #findRow(block: number): void {
    if (block >= this.#rowFrom && block < this.#rowTo) return
    let from = block
    while (from > 0) {
      if ((from & 31) === 0 && this.#words[(from >>> 5) - 1] === -1) from -= 32
      else if (this.#hasBlock(from - 1)) from--
      else break
    }
    let to = block + 1
    for (;;) {
      if ((to & 31) === 0 && this.#words[to >>> 5] === -1) to += 32
      else if (this.#hasBlock(to)) to++
      else break
    }
    this.#rowFrom = from
    this.#rowTo = to
  }
}
