/**
 * Where are the bytes of a record now? In a staged image, in the tail of appended records, or in a window.
 *
 *   LC1  a staged change of a record is found in staging, never in the file.
 *   LC2  the result of find and run is valid until the next call that reads, stages or commits.
 * Arithmetic alone: addressing.ts. Which records are deleted in the file: deletion-bits.ts.
 */

import type { Window, WindowPool } from '../../mmap/window-pool/window.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { CheckedRecords, type ChecksumPolicy } from '../data-file/checked-records.ts'
import type { Checksums } from '../data-file/checksums.ts'
import type { DeletionBits } from '../data-file/deletion-bits.ts'
import { type Addressing, firstRecordIn, offsetOf, recordsBefore, recordsEndIn } from '../format/addressing.ts'
import type { RecordLayers } from './record-layers.ts'
import { Staging } from './staging.ts'

/** @template L the layers of changes that hide records of the file */
export class Locator<L extends RecordLayers = Staging> {
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly staging: L
  readonly deletionBits: DeletionBits
  readonly checksums: Checksums
  readonly #checked: CheckedRecords
  readonly #ownFrom: number
  #unchecked: Locator<L> | undefined
  /** Position, in the bytes that find() or run() returned last, of the requested record. */
  at = 0
  /** How many records from `at` on run() or stretch() found. */
  count = 0
  /** The first record that stretch() found. */
  first = 0

  constructor(
    addressing: Addressing,
    pool: WindowPool,
    staging: L,
    deletionBits: DeletionBits,
    checksums: Checksums,
    /** When a record of the file is compared with its checksum, if the store has checksums. */
    policy: ChecksumPolicy = 'never',
    /** Records from this number on were appended by this process after the file was opened. */
    ownFrom = Number.POSITIVE_INFINITY,
  ) {
    this.addressing = addressing
    this.pool = pool
    this.staging = staging
    this.deletionBits = deletionBits
    this.checksums = checksums
    this.#ownFrom = ownFrom
    this.#checked = new CheckedRecords({ policy, addressing, pool, deletionBits, checksums, ownFrom })
  }

  get checksumPolicy(): ChecksumPolicy {
    return this.#checked.policy
  }

  /** A locator of the same records that compares no checksums, for work that must get past a damaged record. */
  unchecked(): Locator<L> {
    const { addressing, pool, staging, deletionBits, checksums } = this
    this.#unchecked ??= new Locator(addressing, pool, staging, deletionBits, checksums)
    return this.#unchecked
  }

  /** A locator of the records below `size` in the file, without staged changes. */
  inFile(size: number): Locator {
    const { addressing, pool, deletionBits, checksums, checksumPolicy } = this
    const nothing = new Staging(addressing.recordSize, size, 0)
    return new Locator(addressing, pool, nothing, deletionBits, checksums, checksumPolicy, this.#ownFrom)
  }

  /** Ends all tokens and drops copied table pages, since bytes may have changed. */
  expire(): void {
    this.staging.expire()
    this.deletionBits.expire()
    this.checksums.expire()
  }

  /** Whether each record is in the file, live and unchanged, so that arithmetic alone finds it. */
  get isPlain(): boolean {
    return this.staging.changeCount === 0 && !this.deletionBits.exists && !this.#checked.isEach
  }

  /** Whether records are stored without gaps and need no comparison, so that generated loops can walk them. */
  get isDense(): boolean {
    return this.addressing.stride === this.addressing.recordSize && !this.#checked.isEach
  }

  /**
   * Whether record n is in the file, live and unchanged, so that a window which showed it before still does. May say no for a record of
   * which each read has to be compared or noted.
   */
  isInPlace(n: number): boolean {
    const { staging } = this
    if (n >= staging.tailStart || this.#checked.isEach) return false
    if (staging.changeCount > 0 && staging.find(n) !== undefined) return false
    return !this.deletionBits.exists || n >= staging.baseSize || !this.deletionBits.isDeleted(n)
  }

  isLive(n: number): boolean {
    if (n >= this.staging.size) return false
    if (this.staging.changeCount > 0) {
      const slot = this.staging.find(n)
      if (slot !== undefined) return slot >= 0
    }
    if (n >= this.staging.baseSize || !this.deletionBits.exists) return true
    const isDeleted = this.deletionBits.isDeleted(n)
    if (this.#checked.isActive && !this.#checked.has(n)) this.#checked.assertMark(n, isDeleted)
    return !isDeleted
  }

  /**
   * Whether record n can be changed. If its deletion bit contradicts its checksum, the record is live if its bytes have the checksum.
   * The change stores bit and checksum again.
   */
  isLiveForChange(n: number): boolean {
    return this.hasContradiction(n) ? this.#checked.hasEntry(n) : this.unchecked().isLive(n)
  }

  /** Whether the deletion bit of record n in the file contradicts its checksum. */
  hasContradiction(n: number): boolean {
    const { staging, deletionBits, checksums } = this
    if (!checksums.marksDeleted || !checksums.exists || !deletionBits.exists) return false
    const isInFile = n < staging.baseSize && (staging.changeCount === 0 || staging.find(n) === undefined)
    return isInFile && checksums.isMarked(n) !== deletionBits.isDeleted(n)
  }

  /** The bytes that contain record n, at `at`; undefined if it is deleted or past the end. */
  find(n: number, ahead?: number): RecordBytes | undefined {
    const { staging } = this
    if (n >= staging.size) return undefined
    if (staging.changeCount > 0) {
      const slot = staging.find(n)
      if (slot !== undefined) {
        if (slot < 0) return undefined
        this.at = staging.imageAt(slot)
        return staging.imageSource(slot)
      }
    }
    if (n >= staging.tailStart) {
      this.at = (n - staging.tailStart) * staging.recordSize
      return staging.tail
    }
    if (this.#checked.isActive && n < staging.baseSize && !this.#checked.has(n)) {
      this.#checked.compare(n, staging.baseSize)
    }
    if (this.deletionBits.exists && n < staging.baseSize && this.deletionBits.isDeleted(n)) return undefined
    return this.#windowOf(n, ahead)
  }

  /** Compares a record in the file and its deletion bit with its checksum. @throws ERR_STRIDE_CORRUPT naming record and offset */
  check(n: number): void {
    this.#checked.assertIntact(n)
  }

  /**
   * Compares the deletion bits of the records [from, to) with the checksum table. All are in the file, and all bits are equal.
   * @throws ERR_STRIDE_CORRUPT naming record and offset
   */
  checkBits(from: number, to: number, areDeleted: boolean): void {
    if (!this.checksums.exists) return
    for (let n = from; n < to; n++) this.#checked.assertMark(n, areDeleted, to - n)
  }

  /** The bytes that contain record n as of the last seal, at `at`, without later changes. */
  findSealed(n: number): RecordBytes | undefined {
    const { staging } = this
    if (n >= staging.baseSize) return undefined
    const slot = staging.findSealed(n)
    if (slot !== undefined) {
      if (slot < 0) return undefined
      this.at = staging.imageAt(slot)
      return staging.imageSource(slot)
    }
    return this.deletionBits.isDeleted(n) ? undefined : this.#windowOf(n)
  }

  /**
   * The bytes that contain record n and the live records after it, below `end`, one stride apart. Sets `at` and `count`. Undefined, with
   * count 0, if record n is absent.
   */
  run(n: number, end: number): RecordBytes | undefined {
    const { staging, addressing } = this
    const limit = Math.min(end, staging.size)
    const source = this.find(n, Math.max(1, (limit - n) * addressing.stride))
    if (source === undefined) {
      this.count = 0
      return undefined
    }
    let stop = this.isDense ? limit : n + 1
    if (staging.changeCount > 0) {
      if (staging.find(n) !== undefined) stop = n + 1
      else stop = Math.min(stop, staging.unchangedBelow(n))
    }
    if (n < staging.tailStart && stop > n + 1) {
      stop = Math.min(stop, staging.tailStart, recordsBefore(addressing, (source as Window).end))
      if (this.deletionBits.exists && stop > n + 1) {
        const at = this.at
        const limited = Math.min(stop, staging.baseSize)
        const deleted = this.deletionBits.nextDeleted(n, limited)
        if (deleted < limited) stop = deleted
        this.at = at
        if (source.view === null) return this.run(n, n + 1)
      }
    }
    if (this.#checked.isActive && stop > n + 1 && n < staging.baseSize) stop = this.#checked.endFrom(n, stop)
    this.count = Math.max(1, stop - n)
    return source
  }

  /**
   * Finds the records around n that may be read in this window by arithmetic; n itself was found there. Sets `first`, `count`, and `at` to
   * the position of the first.
   */
  stretch(window: Window, n: number): void {
    const { addressing, staging } = this
    let first = firstRecordIn(addressing, window.start, window.end)
    let end = Math.min(recordsEndIn(addressing, window.start, window.end), staging.tailStart)
    if (this.#checked.isActive) {
      first = this.#checked.startTo(n, first)
      end = this.#checked.endFrom(n, end)
    }
    this.first = first
    this.count = end - first
    this.at = offsetOf(addressing, first) - window.start
  }

  /** The first live record number in [n, end), or end. */
  nextLive(n: number, end: number): number {
    // The store may have become shorter since the caller read `end`.
    const last = Math.min(end, this.staging.size)
    let at = n
    while (at < last) {
      if (this.staging.changeCount > 0 && this.staging.find(at) !== undefined) {
        if (this.isLive(at)) return at
        at++
        continue
      }
      if (at >= this.staging.baseSize) return at
      const stop = Math.min(last, this.staging.baseSize, this.staging.unchangedBelow(at))
      const live = this.deletionBits.nextLive(at, stop)
      if (live > at && this.#checked.isActive) {
        this.#checked.compareDeleted(at, live, this.staging.baseSize)
      }
      at = live
      if (at < stop) return at
    }
    return end
  }

  /** The window that shows record n of the file. */
  #windowOf(n: number, ahead?: number): Window {
    const offset = offsetOf(this.addressing, n)
    const window = this.pool.acquire(offset, this.addressing.recordSize, ahead)
    this.at = offset - window.start
    return window
  }
}
