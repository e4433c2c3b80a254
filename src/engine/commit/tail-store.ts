/**
 * Stores appended records behind the committed end, where no count, deletion bit or index refers to them (D4).
 *
 * If no frame will contain the records, their checksum is computed piece by piece and stored in the frame (journal/in-place.ts).
 */

import { crc32 } from 'node:zlib'
import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import type { DirtyRanges } from '../data-file/dirty-ranges.ts'
import { offsetOf } from '../format/addressing.ts'
import { checksumInPlace } from '../journal/in-place.ts'
import type { Numbers } from '../numbers/sort-changes.ts'
import type { Locator } from '../staging/locator.ts'
import { allSteps } from '../steps/steps.ts'

export class TailStore {
  readonly #file: PlatformFile
  readonly #locator: Locator
  readonly #dirty: DirtyRanges
  /** The CRC-32 of the records [#from, #to) that were stored. */
  #crc = 0
  #from = 0
  #to = 0

  constructor(file: PlatformFile, locator: Locator, dirty: DirtyRanges) {
    this.#file = file
    this.#locator = locator
    this.#dirty = dirty
  }

  /**
   * Stores the staged tail in the file. It stays staged.
   * @param isInPlace whether no frame will contain these records
   * @throws ERR_STRIDE_NO_SPACE, _IO
   */
  store(isInPlace: boolean): void {
    const { staging, addressing, checksums, deletionBits } = this.#locator
    if (staging.tailCount === 0) return
    if (deletionBits.exists) this.#clearBits(staging.tailStart, staging.size)
    const tail = staging.tail.bytes.subarray(0, staging.tailCount * staging.recordSize)
    this.#put(tail, offsetOf(addressing, staging.tailStart))
    if (checksums.exists) {
      this.#put(checksums.entriesOf(tail, staging.recordSize), checksums.offsetOf(staging.tailStart))
    }
    if (isInPlace) this.#extend(tail)
  }

  /**
   * The CRC-32 of all appended records, which are in the file.
   * @param changed the records that the same commit changes, ascending; appended ones among them count as zeros
   * @throws ERR_STRIDE_TRUNCATED, _IO
   */
  checksum(changed: Numbers): number {
    const { staging, addressing } = this.#locator
    const { baseSize, size } = staging
    const isWhole = this.#from === baseSize && this.#to === size
    if (isWhole && (changed.at(-1) ?? -1) < baseSize) return this.#crc
    // A record was changed after it was stored, or a batch was taken back, so the file is read.
    const asZeros = { numbers: changed, put: (_: number, target: Buffer) => target.fill(0) }
    const crc = allSteps(checksumInPlace({ file: this.#file, addressing }, baseSize, size, asZeros))
    if (crc !== undefined) return crc
    const { path } = this.#file
    throw new StrideError('ERR_STRIDE_TRUNCATED', `${path} was cut short while records were appended`, { path })
  }

  /** Clears damaged bits behind the end, which should be clear (DB1), so that no new record looks deleted. */
  #clearBits(from: number, to: number): void {
    const { deletionBits } = this.#locator
    for (let n = deletionBits.nextDeleted(from, to); n < to; n = deletionBits.nextDeleted(n + 1, to)) {
      const at = Math.floor(n / 8)
      this.#put(Buffer.of(deletionBits.byteAt(at) & ~(1 << (n & 7))), deletionBits.offset + at)
      deletionBits.expire()
    }
  }

  /** Extends the checksum by a tail that follows the last one, or begins with the first tail of a commit. */
  #extend(tail: Buffer): void {
    const { baseSize, tailStart, size } = this.#locator.staging
    const goesOn = this.#from === baseSize && this.#to === tailStart && tailStart > baseSize
    if (!goesOn) this.#from = tailStart
    this.#crc = crc32(tail, goesOn ? this.#crc : 0)
    this.#to = size
  }

  #put(bytes: Uint8Array, offset: number): void {
    this.#dirty.add(offset, bytes.length)
    this.#locator.pool.store(bytes, offset)
  }
}
