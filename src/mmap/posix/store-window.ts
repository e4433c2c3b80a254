/**
 * How are pieces stored through a writable mapping of the file, without a touch that could end the process?
 *
 *   SV1  each run of adjacent pages is populated for writing in the call that stores into it. Where a touch would be SIGBUS (the file
 *        was cut short, the disk is full or bad) populating fails. Then the file's size is checked, and the run is stored by position,
 *        which reports the system's error.
 *   SV2  only on file systems that overwrite a block in place. A page may be written back between populating and storing; there it
 *        needs no room to be dirty again.
 *   SV3  stores to shared words that came before are visible before any byte of a piece.
 *   SV4  one mapping of bounded length. It slides, and is released by clear() and when the file is closed.
 * When this way is taken: engine/data-file/store-batch.ts. What other ways cost: bench/apply-ways.ts.
 */

import * as fs from 'node:fs'
import { InvariantError, StrideError } from '../../errors.ts'
import { copyBytes, type ViewedBytes } from '../../runtime/copy-bytes.ts'
import { roundDown, roundUp } from '../bounds.ts'
import type { Pieces } from '../pieces.ts'
import { STORE_BLOCK_BYTES, type StoreWindow } from '../platform.ts'
import { closedError, truncatedError } from '../system-errors.ts'
import { AddressRange } from './address-range.ts'
import type { SystemCalls } from './system-calls.ts'

/** linux/magic.h: ext2 to ext4, XFS, tmpfs */
const IN_PLACE_TYPES = [0xef53, 0x58465342, 0x01021994]
/** A third of a block. A touch may make the whole block dirty, so at most three times the changed pages are written back. */
const PAGES_MIN = 171
/** A store up to this size needs no sliding. */
const CAPACITY_MAX = 256 * 1024 * 1024

/** What the window needs from its file. */
export interface StorableFile {
  readonly fd: number
  readonly path: string
  size(): number
  store(bytes: Uint8Array, offset: number): void
}

export class MappedStores implements StoreWindow {
  readonly pagesMin = PAGES_MIN
  /** No opener is kept from cutting the file: each touch follows a populate (SV1). */
  readonly shownEnd = 0
  readonly #calls: SystemCalls
  readonly #file: StorableFile
  readonly #capacity: number
  #range: AddressRange | undefined
  #memory: ViewedBytes | undefined
  #start = 0
  #isClosed = false

  /** @param capacity bytes to map at most; two blocks if that is more */
  constructor(calls: SystemCalls, file: StorableFile, capacity: number) {
    this.#calls = calls
    this.#file = file
    const whole = roundDown(Math.min(capacity, CAPACITY_MAX), 2 * STORE_BLOCK_BYTES)
    this.#capacity = Math.max(whole, 2 * STORE_BLOCK_BYTES)
  }

  store(pieces: Pieces): void {
    const { count } = pieces
    if (this.#isClosed) throw closedError(this.#file.path)
    if (count === 0) return
    const isShown = this.#show(pieces.offsetOf(0), pieces.endOf(count - 1))
    if (isShown) orderBehindWords()
    for (let from = 0; from < count; ) {
      const to = this.#endOfRun(pieces, from)
      if (isShown && this.#populate(pieces.offsetOf(from), pieces.endOf(to - 1))) this.#copy(pieces, from, to)
      else for (let i = from; i < to; i++) this.#file.store(pieces.bytesOf(i), pieces.offsetOf(i))
      from = to
    }
  }

  clear(): void {
    this.#memory = undefined
    this.#range?.release()
    this.#range = undefined
  }
  /** The file is closed. */
  release(): void {
    this.#isClosed = true
    this.clear()
  }

  /** Slides the mapping over [start, end). It may reach beyond the end of the file. @returns false if it cannot be mapped */
  #show(start: number, end: number): boolean {
    if (this.#range !== undefined && start >= this.#start && end <= this.#start + this.#capacity) return true
    const first = roundDown(start, this.#capacity / 2)
    if (end > first + this.#capacity) return false
    const { abi } = this.#calls
    try {
      this.#range ??= AddressRange.reserve(this.#calls, this.#file.path, this.#capacity)
      const protection = abi.PROT_READ | abi.PROT_WRITE
      this.#range.show(0, this.#capacity, this.#file.fd, first, protection, abi.MAP_SHARED)
    } catch (error) {
      this.clear()
      if (error instanceof StrideError) return false
      throw error
    }
    this.#start = first
    const { buffer } = this.#range
    this.#memory ??= { view: new DataView(buffer), bytes: new Uint8Array(buffer) }
    return true
  }

  /** @returns the first piece behind `from` that is not on the same page as the one before it, or on the next page */
  #endOfRun(pieces: Pieces, from: number): number {
    const { pageBytes } = this.#calls
    let to = from + 1
    for (let end = pieces.endOf(from); to < pieces.count; end = pieces.endOf(to++)) {
      if (roundDown(pieces.offsetOf(to), pageBytes) > roundUp(end, pageBytes)) break
    }
    return to
  }

  /** @returns false if a touch would fail @throws ERR_STRIDE_TRUNCATED */
  #populate(start: number, end: number): boolean {
    const { abi, pageBytes } = this.#calls
    const first = roundDown(start, pageBytes)
    const length = roundUp(end, pageBytes) - first
    const address = (this.#range as AddressRange).address + first - this.#start
    if (this.#calls.madvise(address, length, abi.MADV_POPULATE_WRITE as number) === 0) return true
    const size = this.#file.size()
    if (size < end) throw truncatedError(this.#file.path, end, size)
    return false
  }

  #copy(pieces: Pieces, from: number, to: number): void {
    const memory = this.#memory as ViewedBytes
    for (let i = from; i < to; i++) {
      const at = pieces.offsetOf(i) - this.#start
      copyBytes(pieces.sourceOf(i), pieces.startOf(i), memory, at, pieces.lengthOf(i))
    }
  }
}

/** Whether stores through a mapping of this file are safe (SV2) and the system can populate for writing. */
export function takesMappedStores(calls: SystemCalls, file: StorableFile): boolean {
  try {
    if (!fs.fstatSync(file.fd).isFile()) return false
    if (!IN_PLACE_TYPES.includes(Number(fs.statfsSync(file.path).type) >>> 0)) return false
  } catch {
    return false
  }
  return canPopulate(calls)
}

const populating = new WeakMap<SystemCalls, boolean>()

/** Tried on an anonymous page: Linux before 5.14 answers EINVAL, and a seccomp policy may answer another error. */
function canPopulate(calls: SystemCalls): boolean {
  const advice = calls.abi.MADV_POPULATE_WRITE
  if (advice === undefined) return false
  const known = populating.get(calls)
  if (known !== undefined) return known
  try {
    const range = AddressRange.reserve(calls, 'a page of zeros', 1)
    range.hide(0, range.bytes, true)
    const isKnown = calls.madvise(range.address, range.bytes, advice) === 0
    range.release()
    populating.set(calls, isKnown)
    return isKnown
  } catch (error) {
    // No address space now: the next file asks again.
    if (error instanceof StrideError) return false
    throw error
  }
}

const fence = new Int32Array(1)

/**
 * On ARM a plain store may become visible before an earlier Atomics.store, which is STLR. An Atomics.load between the two prevents
 * that (SV3): it is LDAR, which is ordered after an earlier STLR and before every later access (Arm Architecture Reference Manual,
 * barrier-ordered-before). A later Atomics.store is ordered after the plain stores anyway. pwrite needed none of this.
 */
function orderBehindWords(): void {
  // A compiler cannot leave out a load whose value is used.
  if (Atomics.load(fence, 0) !== 0) throw new InvariantError('The fence was stored to')
}
