/**
 * How does a region show a mapped file and slide? By one mmap(MAP_FIXED) over a range that keeps its buffer.
 *
 * A slide costs 9 to 12 us and makes no garbage, which a new buffer for each place would (docs/performance.md).
 *   PR1  zeros are mapped behind the part that point() shows. A point() that fails leaves zeros everywhere.
 *   PR2  read-only for its holder: the pages are MAP_SHARED and PROT_READ.
 * Which part is shown: window-pool/live-windows.ts.
 */

import { constants } from 'node:os'
import { InvariantError, type StrideError } from '../../errors.ts'
import { roundDown, roundUp } from '../bounds.ts'
import type { Advice, Region } from '../platform.ts'
import { inPoolShare } from '../pool-share.ts'
import { closedError, errnoError, truncatedError } from '../system-errors.ts'
import { AddressRange } from './address-range.ts'
import { countResident } from './residency.ts'
import type { SystemCalls } from './system-calls.ts'

const { EFAULT, EINVAL } = constants.errno

/** How much one asynchronous call populates, so that its thread of the pool is soon free again. */
const PIECE_BYTES = 4 * 1024 * 1024

/** The file, as far as a region needs it. */
export interface MappedFile {
  readonly fd: number
  readonly path: string
  size(): number
  /** See holes.ts. */
  touchHoles(address: number, offset: number, length: number): void
}

export class MappedRegion implements Region {
  readonly live = true
  readonly #calls: SystemCalls
  readonly #file: MappedFile
  readonly #range: AddressRange
  readonly #onRelease: (region: MappedRegion) => void
  #offset = 0
  #length = 0
  /** Whole pages that show the file. */
  #mapped = 0
  #advice: Advice = 'normal'

  constructor(
    calls: SystemCalls,
    file: MappedFile,
    capacity: number,
    onRelease: (region: MappedRegion) => void,
  ) {
    this.#calls = calls
    this.#file = file
    this.#range = AddressRange.reserve(calls, file.path, capacity)
    this.#onRelease = onRelease
  }

  get capacity(): number {
    return this.#range.bytes
  }
  get buffer(): ArrayBuffer {
    return this.#range.buffer
  }
  get pageBytes(): number {
    return this.#calls.pageBytes
  }
  get shownEnd(): number {
    return this.#offset + this.#length
  }

  point(offset: number, length: number): void {
    this.#assertOpen()
    const { abi, pageBytes } = this.#calls
    if (offset % pageBytes !== 0 || length > this.capacity) {
      throw new InvariantError(`A region of ${this.capacity} bytes cannot show ${length} bytes from ${offset}`)
    }
    const pages = roundUp(length, pageBytes)
    // A region that grows in place keeps the pages that are already mapped.
    const kept = offset === this.#offset ? Math.min(this.#mapped, pages) : 0
    const before = this.#mapped
    this.#mapped = 0
    this.#length = 0
    if (pages > kept) {
      this.#range.show(kept, pages - kept, this.#file.fd, offset + kept, abi.PROT_READ, abi.MAP_SHARED)
      this.#touchHoles(kept, pages - kept, offset + kept)
    }
    if (before > pages) this.#range.hide(pages, before - pages)
    this.#offset = offset
    this.#length = length
    this.#mapped = pages
    if (pages > kept && this.#advice !== 'normal') this.#madvise(kept, pages - kept, this.#advice)
  }

  /** Touches the holes. If that fails, the region shows nothing (PR1). */
  #touchHoles(at: number, length: number, offset: number): void {
    try {
      this.#file.touchHoles(this.#range.address + at, offset, length)
    } catch (error) {
      this.#range.hide(0, this.#range.bytes)
      throw error
    }
  }

  advise(at: number, length: number, advice: Advice): void {
    this.#checkShown(at, length)
    // Advice for the whole region also applies to what it shows later.
    if (at === 0 && length === this.#length) this.#advice = advice
    this.#madvise(at, length, advice)
  }

  populate(at: number, length: number): void {
    this.#checkShown(at, length)
    const { abi } = this.#calls
    if (abi.MADV_POPULATE_READ !== undefined) {
      const { start, bytes } = this.#pages(at, length)
      const result = this.#calls.madvise(start, bytes, abi.MADV_POPULATE_READ)
      if (result === 0) return
      if (result !== -EINVAL) throw this.#populateError(-result, at, length)
    }
    this.#willNeed(at, length)
  }

  async populateAsync(at: number, length: number): Promise<void> {
    this.#checkShown(at, length)
    for (let done = 0; done < length; done += PIECE_BYTES) {
      if (this.#range.isReleased) return
      await this.#populatePiece(at + done, Math.min(PIECE_BYTES, length - done))
    }
  }

  residentPages(at: number, length: number): number {
    this.#checkShown(at, length)
    const { start, bytes } = this.#pages(at, length)
    return countResident(this.#calls, this.#file.path, start, bytes)
  }

  clear(): void {
    this.#assertOpen()
    this.#range.hide(0, this.#mapped)
    this.#mapped = 0
    this.#length = 0
  }

  release(): void {
    if (this.#range.isReleased) return
    this.#length = 0
    this.#range.release()
    this.#onRelease(this)
  }

  /**
   * Starts the read first. On pages that are advised 'random', populating alone reads one page after the other (1.8 s for 125 MB
   * instead of 0.05 s).
   */
  async #populatePiece(at: number, length: number): Promise<void> {
    const { abi } = this.#calls
    const { start, bytes } = this.#pages(at, length)
    const advise = (advice: number): Promise<number> => this.#calls.madviseAsync(start, bytes, advice)
    const result = await inPoolShare(() =>
      this.#range.during(async () => {
        if (this.#range.isReleased) return 0
        const asked = await advise(abi.MADV_WILLNEED)
        if (this.#range.isReleased || abi.MADV_POPULATE_READ === undefined) return asked
        const populated = await advise(abi.MADV_POPULATE_READ)
        return populated === -EINVAL ? asked : populated
      }),
    )
    if (abi.MADV_POPULATE_READ === undefined && !this.#range.isReleased) this.#checkStillThere(at, length)
    if (result < 0 && !this.#range.isReleased) throw this.#populateError(-result, at, length)
  }

  /** WILLNEED reports no error for pages behind the end of the file. */
  #willNeed(at: number, length: number): void {
    this.#checkStillThere(at, length)
    const { start, bytes } = this.#pages(at, length)
    const result = this.#calls.madvise(start, bytes, this.#calls.abi.MADV_WILLNEED)
    if (result < 0) throw this.#populateError(-result, at, length)
  }

  #madvise(at: number, length: number, wanted: Advice): void {
    const { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL } = this.#calls.abi
    const advice = wanted === 'random' ? MADV_RANDOM : wanted === 'sequential' ? MADV_SEQUENTIAL : MADV_NORMAL
    const { start, bytes } = this.#pages(at, length)
    // Advice is optional: a system that does not know it reads as usual.
    this.#calls.madvise(start, bytes, advice)
  }

  #checkStillThere(at: number, length: number): void {
    const needed = this.#offset + Math.min(at + length, this.#length)
    const size = this.#file.size()
    if (size < needed) throw truncatedError(this.#file.path, needed, size)
  }

  /** EFAULT means that a touch would be a SIGBUS: past the end of a file that became shorter, or on a bad disk. */
  #populateError(errno: number, at: number, length: number): StrideError {
    const needed = this.#offset + at + length
    const size = errno === EFAULT ? this.#file.size() : needed
    if (size < needed) return truncatedError(this.#file.path, needed, size)
    return errnoError('madvise', errno, this.#file.path, this.#offset + at)
  }

  #pages(at: number, length: number): { readonly start: number; readonly bytes: number } {
    const first = roundDown(at, this.#calls.pageBytes)
    return { start: this.#range.address + first, bytes: roundUp(at + length, this.#calls.pageBytes) - first }
  }

  #checkShown(at: number, length: number): void {
    this.#assertOpen()
    if (!(at >= 0 && length >= 0 && at + length <= roundUp(this.#length, this.#calls.pageBytes))) {
      throw new InvariantError(`[${at}, ${at + length}) is not shown: ${this.#length} bytes are`)
    }
  }

  #assertOpen(): void {
    if (this.#range.isReleased) throw closedError(this.#file.path)
  }
}
