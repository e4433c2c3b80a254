/**
 * Which records of a store with checksums were already compared with them?
 *
 *   CR1  no reading call returns a record that was not compared with its checksum since the file was opened.
 *   CR2  a damaged record is an error of its own; its neighbours stay readable.
 *   CR3  no reading call treats a record as deleted or live before its deletion bit was compared with its entry in the checksum table
 *        (CK2 of checksums.ts).
 *
 * Records are compared in blocks of neighbours. One bit for each block says that all its records were right, so that later reads cost
 * what they cost without checksums. Records that this process stored are not compared. If bytes are read from the file for each use,
 * as without a mapping, each use compares. The checksums: checksums.ts. The caller: locator.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { type Checksums, DELETED_ENTRY } from './checksums.ts'
import type { DeletionBits } from './deletion-bits.ts'

/** When a record is compared with its checksum: at each read, at its first read, or only by `verify`. */
export type ChecksumPolicy = 'each' | 'first' | 'never'

export interface CheckedParts {
  readonly policy: ChecksumPolicy
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly deletionBits: DeletionBits
  readonly checksums: Checksums
  /** Records from this number on are stored by this process. Infinity if another process writes. */
  readonly ownFrom: number
}

/** The size of a block: a few pages, so that a cold lookup does not read much more than it needs. */
const BLOCK_BYTES = 16 * 1024
const BLOCK_RECORDS_MAX = 1024
/** How many damaged blocks are remembered at most. */
const PATIENCE_MAX = 65_536
/** Entries of one block, while it is compared. */
const entries = new Uint32Array(BLOCK_RECORDS_MAX)

export class CheckedRecords {
  readonly #parts: CheckedParts
  readonly #blockRecords: number
  /** One bit for each block, set if all its records were right. */
  #words = new Int32Array(0)
  /** The last row of such blocks that was found. */
  #rowFrom = 0
  #rowTo = 0
  /** The part of the last block that was right, since that block is rarely full. */
  #lastFrom = 0
  #lastTo = 0
  /** For a block with a damaged record: how many records are still compared one by one before the block is compared again. */
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
  /** Whether every read compares, so that no record may be read by arithmetic alone. */
  get isEach(): boolean {
    return this.isActive && (this.#parts.policy === 'each' || !this.#parts.pool.live)
  }

  /** Whether record n needs no comparison. */
  has(n: number): boolean {
    if (this.isEach) return false
    if (n >= this.#parts.ownFrom || (n >= this.#lastFrom && n < this.#lastTo)) return true
    return this.#hasBlock(Math.floor(n / this.#blockRecords))
  }

  /** The end of the records from n on that need no comparison, at most `end`. Record n needs none. */
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
  /** The first of the records up to n that need no comparison, at least `start`. */
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
   * Compares record n of the file, live or deleted, and if that is cheap its neighbours.
   * @param end the highest record number plus 1
   * @throws ERR_STRIDE_CORRUPT with record and offset
   */
  compare(n: number, end: number): void {
    // The copy of a lone lookup contains no neighbours, and a deleted record is not read.
    if (this.#assertIntact(n) && !this.isEach) this.#compareBlock(n, end)
  }

  /** Compares the records [from, to), all deleted by their bits. @throws ERR_STRIDE_CORRUPT with record and offset */
  compareDeleted(from: number, to: number, end: number): void {
    for (let n = from; n < to; n++) {
      if (this.has(n)) n = this.endFrom(n, to) - 1
      else {
        this.assertMark(n, true, to - n)
        if (!this.isEach) this.#compareBlock(n, end)
      }
    }
  }

  #compareBlock(n: number, end: number): void {
    const block = Math.floor(n / this.#blockRecords)
    const patience = this.#patience.get(block) ?? 0
    if (patience > 0) {
      this.#patience.set(block, patience - 1)
      return
    }
    const from = block * this.#blockRecords
    const to = Math.min(from + this.#blockRecords, end, this.#parts.ownFrom)
    if (!this.#isIntact(from, to)) {
      if (this.#patience.size === PATIENCE_MAX) this.#patience.clear()
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

  /** Compares one record and its deletion bit. @throws ERR_STRIDE_CORRUPT with record and offset */
  assertIntact(n: number): void {
    this.#assertIntact(n)
  }

  /** Whether the bytes of record n have the checksum in its entry. */
  hasEntry(n: number): boolean {
    return this.#hasEntry(n, this.#windowOf(n))
  }

  #windowOf(n: number): Window {
    const { addressing, pool } = this.#parts
    return pool.acquire(offsetOf(addressing, n), addressing.recordSize)
  }

  #hasEntry(n: number, { bytes, start }: Window): boolean {
    const { addressing, checksums } = this.#parts
    const at = offsetOf(addressing, n) - start
    const computed = checksums.entryOf(bytes.subarray(at, at + addressing.recordSize))
    return computed === checksums.stored(n)
  }

  /**
   * Compares a deletion bit with the entry of its record, without the record's bytes.
   * @param isDeleted the bit
   * @param ahead how many records a walk will read
   * @throws ERR_STRIDE_CORRUPT with record and offset
   */
  assertMark(n: number, isDeleted: boolean, ahead?: number): void {
    const { checksums } = this.#parts
    if (checksums.marksDeleted && checksums.isMarked(n, ahead) !== isDeleted)
      throw this.#damaged(n, 'deletion bit')
  }

  /** @returns whether neighbours of the record are in memory */
  #assertIntact(n: number): boolean {
    const { deletionBits, checksums } = this.#parts
    if (deletionBits.isDeleted(n)) {
      this.assertMark(n, true)
      return false
    }
    const window = this.#windowOf(n)
    if (this.#hasEntry(n, window)) return window.isCopy !== true
    throw this.#damaged(n, checksums.isMarked(n) ? 'deletion bit' : 'bytes')
  }

  #damaged(n: number, what: 'deletion bit' | 'bytes'): StrideError {
    const message =
      what === 'bytes'
        ? `Record ${n} does not have the checksum that was stored with it`
        : `The deletion bit of record ${n} contradicts its checksum`
    const offset = offsetOf(this.#parts.addressing, n)
    return new StrideError('ERR_STRIDE_CORRUPT', message, { recordNumber: n, offset })
  }

  /** Whether all records [from, to) have their checksums, and deleted ones the entry of a deleted record. */
  #isIntact(from: number, to: number): boolean {
    const { addressing, pool, deletionBits, checksums } = this.#parts
    const { stride, recordSize } = addressing
    // The windows of the table, the bits and the records may replace each other.
    for (let n = from; n < to; n++) entries[n - from] = checksums.stored(n, to - n)
    for (let n = from; n < to; ) {
      const live = deletionBits.nextLive(n, to)
      if (checksums.marksDeleted) {
        for (; n < live; n++) if (entries[n - from] !== DELETED_ENTRY) return false
      }
      const stop = deletionBits.nextDeleted(live, to)
      for (n = live; n < stop; ) {
        const window: Window = pool.acquire(offsetOf(addressing, n), recordSize, (stop - n) * stride)
        for (; n < stop && offsetOf(addressing, n) + recordSize <= window.end; n++) {
          const at = offsetOf(addressing, n) - window.start
          if (checksums.entryOf(window.bytes.subarray(at, at + recordSize)) !== entries[n - from]) return false
        }
      }
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
