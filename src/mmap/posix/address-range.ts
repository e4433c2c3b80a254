/**
 * What is the life of a range of addresses under one ArrayBuffer, from reservation to release?
 *
 *   AR1  while the buffer can be reached, its addresses are mapped to a file's bytes or to zeros. So no use of it, however late, ends
 *        the process or shows other memory (S4).
 *   AR2  after release() nothing shows the file. If the runtime can detach (Node 22 and later), the buffer has no bytes, and zeros are
 *        mapped at its addresses.
 *   AR3  an asynchronous call over the range keeps it mapped until the call has returned.
 *   AR4  a buffer that a user had keeps its addresses until it is collected, detached or not. zlib and crypto work on such bytes in
 *        threads of their own, and hold the buffer until they are done. A buffer that was transferred keeps its addresses for ever,
 *        since its collection cannot be observed.
 *   AR5  a worker thread records its ranges, so that they are unmapped after its end (thread-ledger.ts).
 * Uses of ranges: mapped-region.ts for windows, posix-mapping.ts for views of users.
 */

import { constants } from 'node:os'
import { InvariantError, StrideError } from '../../errors.ts'
import { isError } from '../../runtime/realms.ts'
import { roundUp } from '../bounds.ts'
import { BUFFER_BYTES_MAX } from '../buffer-limit.ts'
import { canDetach, detach, lengthOf } from '../detach.ts'
import { errnoError } from '../system-errors.ts'
import { giveRange, takeRange } from './map-count.ts'
import type { SystemCalls } from './system-calls.ts'
import { type LedgerEntry, ownLedger } from './thread-ledger.ts'

interface Leftover {
  readonly calls: SystemCalls
  readonly address: number
  readonly bytes: number
  readonly entry: LedgerEntry
}

const collected = new FinalizationRegistry<Leftover>(({ calls, address, bytes, entry }) => {
  ownLedger(calls)?.remove(entry)
  calls.munmap(address, bytes)
  giveRange()
})

export class AddressRange {
  readonly address: number
  /** Whole pages. */
  readonly bytes: number
  readonly buffer: ArrayBuffer
  readonly #calls: SystemCalls
  readonly #path: string
  readonly #entry: LedgerEntry
  #inFlight = 0
  #isLent = false
  #released = false
  #fate: 'unmap' | 'unmap when collected' | 'keep' = 'keep'

  private constructor(calls: SystemCalls, path: string, address: number, bytes: number) {
    this.#calls = calls
    this.#path = path
    this.address = address
    this.bytes = bytes
    this.buffer = calls.view(address, bytes)
    this.#entry = ownLedger(calls)?.add(address, bytes)
  }

  /**
   * Reserves `length` bytes of address space that read as zero. They cost no memory until something is written.
   * @throws ERR_STRIDE_NO_SPACE (no address space), _LIMIT (map-count.ts), _NOT_MAPPABLE
   */
  static reserve(calls: SystemCalls, path: string, length: number): AddressRange {
    const bytes = roundUp(Math.max(1, length), calls.pageBytes)
    if (bytes > BUFFER_BYTES_MAX) {
      const message = `This runtime shows at most ${BUFFER_BYTES_MAX} bytes in one buffer: ${bytes}`
      throw new StrideError('ERR_STRIDE_LIMIT', message, { path })
    }
    const { abi } = calls
    const flags = abi.MAP_PRIVATE | abi.MAP_ANONYMOUS | abi.MAP_NORESERVE
    takeRange(path)
    const address = calls.mmap(0, bytes, abi.PROT_READ, flags, -1, 0)
    if (address < 0) {
      giveRange()
      throw errnoError('mmap', -address, path)
    }
    try {
      return new AddressRange(calls, path, address, bytes)
    } catch (error) {
      calls.munmap(address, bytes)
      giveRange()
      const said = isError(error) ? error.message : String(error)
      const message = `This runtime lays no buffer over mapped memory (${said}): ${path}`
      throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', message, { path, cause: error })
    }
  }

  /** Gives the buffer to code outside this library. */
  lend(): ArrayBuffer {
    // If the runtime cannot transfer buffers, none can live on in another thread.
    if (!this.#isLent && canDetach) ownLedger(this.#calls)?.lend(this.#entry)
    this.#isLent = true
    return this.buffer
  }

  get isReleased(): boolean {
    return this.#released
  }

  /** Maps a file's bytes over [at, at + length). On failure zeros are mapped. @throws ERR_STRIDE_IO, _NO_SPACE */
  show(at: number, length: number, fd: number, offset: number, protection: number, flags: number): void {
    this.#check(at, length)
    const result = this.#calls.mmap(
      this.address + at,
      length,
      protection,
      flags | this.#calls.abi.MAP_FIXED,
      fd,
      offset,
    )
    if (result >= 0) return
    // A failed MAP_FIXED may have unmapped the old pages.
    this.hide(0, this.bytes)
    throw refusal(-result, this.#path, offset)
  }

  /** Maps zeros over a range, so that a late read shows no file and does not end the process. */
  hide(at: number, length: number, writable = false): void {
    if (length === 0) return
    this.#check(at, length)
    const { abi } = this.#calls
    const protection = writable ? abi.PROT_READ | abi.PROT_WRITE : abi.PROT_READ
    const flags = abi.MAP_FIXED | abi.MAP_PRIVATE | abi.MAP_ANONYMOUS | abi.MAP_NORESERVE
    const result = this.#calls.mmap(this.address + at, length, protection, flags, -1, 0)
    if (result < 0) throw errnoError('mmap', -result, this.#path)
  }

  /** Runs an asynchronous call over the range, which stays mapped until the call has returned (AR3). */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#inFlight++
    try {
      return await call()
    } finally {
      this.#inFlight--
      if (this.#released && this.#inFlight === 0) this.#unmap()
    }
  }

  /** Unmaps the file's bytes, and detaches the buffer if the runtime can (AR2). Idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    // If not, a program has moved the memory into another buffer.
    const isHere = lengthOf(this.buffer) === this.bytes
    if (isHere && !this.#isLent && detach(this.buffer)) {
      this.#fate = 'unmap'
    } else {
      this.hide(0, this.bytes, true)
      if (isHere) detach(this.buffer)
      this.#fate = isHere ? 'unmap when collected' : 'keep'
    }
    if (this.#inFlight === 0) this.#unmap()
  }

  #unmap(): void {
    const { address, bytes } = this
    const calls = this.#calls
    const entry = this.#entry
    if (this.#fate === 'unmap when collected') {
      collected.register(this.buffer, { calls, address, bytes, entry })
      return
    }
    ownLedger(calls)?.remove(entry)
    if (this.#fate === 'keep') return
    calls.munmap(address, bytes)
    giveRange()
  }

  #check(at: number, length: number): void {
    const { pageBytes } = this.#calls
    const fits = at >= 0 && length > 0 && at + length <= this.bytes
    if (!fits || at % pageBytes !== 0 || length % pageBytes !== 0) {
      throw new InvariantError(`[${at}, ${at + length}) is no part of a range of ${this.bytes} bytes`)
    }
  }
}

/** The error of a failed mmap. EINVAL comes from file systems without shared mappings, since the arguments are right. */
function refusal(errno: number, path: string, offset: number): StrideError {
  const error = errnoError('mmap', errno, path, offset)
  if (errno !== constants.errno.EINVAL) return error
  return new StrideError('ERR_STRIDE_NOT_MAPPABLE', error.message, { path, offset, syscall: 'mmap', errno })
}
