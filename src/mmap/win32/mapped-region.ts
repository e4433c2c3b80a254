/**
 * How does a region show a mapped file and slide on Windows? The old view is unmapped and another one mapped at the same addresses.
 *
 *   WR1  zeros lie behind the part that point() shows. A point() that fails leaves zeros everywhere.
 *   WR2  read-only for its holder: the section is PAGE_READONLY.
 * Which part is shown: window-pool/live-windows.ts.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { roundDown, roundUp } from '../bounds.ts'
import type { Advice, Region } from '../platform.ts'
import { inPoolShare } from '../pool-share.ts'
import { closedError, truncatedError } from '../system-errors.ts'
import { FILE_MAP_READ } from './constants.ts'
import { countResident } from './residency.ts'
import type { Sections } from './sections.ts'
import { ViewRange } from './view-range.ts'
import type { Win32Calls } from './win32-calls.ts'

/** How much one asynchronous call brings in, so that its thread of the pool is soon free again. */
const PIECE_BYTES = 4 * 1024 * 1024
/** The most that a walk prefetches. */
const PREFETCH_BYTES_MAX = 8 * 1024 * 1024

/** The file, as far as a region needs it. */
export interface SectionedFile {
  readonly path: string
  readonly sections: Sections
  size(): number
}

export class MappedRegion implements Region {
  readonly live = true
  readonly #calls: Win32Calls
  readonly #file: SectionedFile
  readonly #range: ViewRange
  readonly #onRelease: (region: MappedRegion) => void
  #offset = 0
  #length = 0

  constructor(
    calls: Win32Calls,
    file: SectionedFile,
    capacity: number,
    onRelease: (region: MappedRegion) => void,
  ) {
    this.#calls = calls
    this.#file = file
    this.#range = ViewRange.reserve(calls, file.path, capacity)
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

  point(offset: number, length: number): void {
    this.#assertOpen()
    if (offset % this.#calls.granularity !== 0 || length > this.capacity) {
      throw new InvariantError(`A region of ${this.capacity} bytes cannot show ${length} bytes from ${offset}`)
    }
    this.#length = 0
    try {
      const section = this.#file.sections.reaching(offset + length, 'read')
      this.#range.show({ section, access: FILE_MAP_READ, offset, length })
    } catch (error) {
      this.#range.hide()
      throw error
    }
    this.#offset = offset
    this.#length = length
  }

  /** Windows takes no advice about a mapping. The part that a walk reads next is prefetched instead. */
  advise(at: number, length: number, advice: Advice): void {
    this.#checkShown(at, length)
    if (advice !== 'sequential' || length > PREFETCH_BYTES_MAX || this.#length === 0) return
    const { start, bytes } = this.#pages(at, length)
    this.#calls.prefetch(start, bytes)
  }

  populate(at: number, length: number): void {
    this.#checkShown(at, length)
    if (length === 0) return
    this.#checkReached(at, length)
    const { start, bytes } = this.#pages(at, length)
    this.#calls.prefetch(start, bytes)
    if (this.#calls.touch(start, bytes) !== 0) throw this.#unreadable(at, length)
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
    if (length === 0) return 0
    const { start, bytes } = this.#pages(at, length)
    return countResident(this.#calls, this.#file.path, start, bytes)
  }

  clear(): void {
    this.#assertOpen()
    this.#range.hide()
    this.#length = 0
  }

  release(): void {
    if (this.#range.isReleased) return
    this.#length = 0
    this.#range.release()
    this.#onRelease(this)
  }

  /** Unmaps the view while the file is shortened. @returns a function that maps it again, as far as the file reaches */
  suspend(): () => void {
    this.#range.hide()
    return () => {
      const length = Math.min(this.#length, Math.max(0, this.#file.size() - this.#offset))
      if (this.#range.isReleased || length === 0) return
      const section = this.#file.sections.reaching(this.#offset + length, 'read')
      this.#range.show({ section, access: FILE_MAP_READ, offset: this.#offset, length })
    }
  }

  async #populatePiece(at: number, length: number): Promise<void> {
    this.#checkReached(at, length)
    const { start, bytes } = this.#pages(at, length)
    const result = await inPoolShare(() =>
      this.#range.during(async () => {
        if (this.#range.isReleased) return 0
        await this.#calls.prefetchAsync(start, bytes)
        return this.#range.isReleased ? 0 : this.#calls.touchAsync(start, bytes)
      }),
    )
    // If the window has slid on meanwhile, the result does not matter.
    if (result !== 0 && !this.#range.isReleased && at + length <= this.#length) {
      throw this.#unreadable(at, length)
    }
  }

  #checkReached(at: number, length: number): void {
    const needed = this.#offset + Math.min(at + length, this.#length)
    const size = this.#file.size()
    if (size < needed) throw truncatedError(this.#file.path, needed, size)
  }

  #unreadable(at: number, length: number): StrideError {
    const { path } = this.#file
    const offset = this.#offset + at
    const message = `The system could not bring in ${length} bytes at offset ${offset}: ${path}`
    return new StrideError('ERR_STRIDE_IO', message, { path, offset, syscall: 'IsBadReadPtr' })
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
