/**
 * What is the life of a range of addresses under one ArrayBuffer on Windows, from its first view to its release?
 *
 * Windows cannot map one thing over another: the old view is unmapped first, and for a moment the addresses are free. The rules are
 * those of posix/address-range.ts, as far as that allows:
 *   VR1  while the buffer can be reached, a view of the file or zeros are mapped there. Between the end of a view and the next multiple
 *        of 64 KiB nothing is mapped, and nothing can be.
 *   VR2  after release() nothing shows the file. If the runtime can detach (Node 22 and later), the buffer has no bytes, and zeros are
 *        mapped at its addresses.
 *   VR3  an asynchronous call over the range keeps its addresses until the call has returned.
 *   VR4  a buffer that a user had keeps its addresses, with zeros mapped there, until it is collected; a transferred one keeps them for
 *        ever. If a thread of zlib or crypto reads at the moment of the change, the process ends: docs/windows.md.
 *   VR5  if another thread takes the addresses in that moment, a sliding range moves to other addresses and gets a new buffer.
 * Uses of ranges: mapped-region.ts for windows, win32-mapping.ts for views of users.
 */

import { StrideError } from '../../errors.ts'
import { roundUp } from '../bounds.ts'
import { BUFFER_BYTES_MAX } from '../buffer-limit.ts'
import { detach, lengthOf } from '../detach.ts'
import { PAGE_READONLY, PAGE_READWRITE } from './constants.ts'
import type { Win32Calls } from './win32-calls.ts'
import { ERROR_INVALID_ADDRESS, win32Error } from './win32-errors.ts'

const MOVES_MAX = 8

/** The part of a section (CreateFileMapping) that is shown, and the access. */
export interface ShownPart {
  readonly section: number
  /** FILE_MAP_READ, FILE_MAP_WRITE or FILE_MAP_COPY */
  readonly access: number
  readonly offset: number
  readonly length: number
}

interface Leftover {
  readonly calls: Win32Calls
  readonly address: number
}

const collected = new FinalizationRegistry<Leftover>(({ calls, address }) => void calls.free(address))

export class ViewRange {
  readonly bytes: number
  readonly #calls: Win32Calls
  readonly #path: string
  #address: number
  #buffer: ArrayBuffer
  /** Bytes from the address on that show the file, whole pages. */
  #viewBytes = 0
  /** Zeros are mapped from here to the end; equal to `bytes` if there are none. */
  #zerosAt: number
  #inFlight = 0
  #isLent = false
  #isReleased = false
  #fate: 'free' | 'free when collected' | 'keep' = 'keep'

  private constructor(calls: Win32Calls, path: string, address: number, bytes: number, viewBytes: number) {
    this.#calls = calls
    this.#path = path
    this.#address = address
    this.bytes = bytes
    this.#viewBytes = viewBytes
    this.#zerosAt = viewBytes === 0 ? 0 : bytes
    this.#buffer = layBuffer(calls, path, address, bytes)
  }

  /** Reserves `length` bytes of address space that read as zero. @throws ERR_STRIDE_NO_SPACE, _LIMIT, _NOT_MAPPABLE */
  static reserve(calls: Win32Calls, path: string, length: number): ViewRange {
    const bytes = roundUp(Math.max(1, length), calls.granularity)
    checkLength(path, bytes)
    const address = calls.allocate(0, bytes, PAGE_READONLY, true)
    if (address < 0) throw win32Error('VirtualAlloc', -address, path)
    try {
      return new ViewRange(calls, path, address, bytes, 0)
    } catch (error) {
      calls.free(address)
      throw error
    }
  }

  /** Shows a part at any free addresses. @throws ERR_STRIDE_NO_SPACE, _LIMIT, _NOT_MAPPABLE, _PERMISSION, _IO */
  static over(calls: Win32Calls, path: string, part: ShownPart): ViewRange {
    const bytes = roundUp(part.length, calls.pageBytes)
    checkLength(path, bytes)
    const address = calls.mapView(part.section, part.access, part.offset, part.length, 0)
    if (address < 0) throw win32Error('MapViewOfFileEx', -address, path, part.offset)
    try {
      return new ViewRange(calls, path, address, bytes, bytes)
    } catch (error) {
      calls.unmapView(address)
      throw error
    }
  }

  get address(): number {
    return this.#address
  }
  /** The buffer. After show() it is another one if the range had to move. */
  get buffer(): ArrayBuffer {
    return this.#buffer
  }
  get isReleased(): boolean {
    return this.#isReleased
  }

  /** Gives the buffer to code outside this library. */
  lend(): ArrayBuffer {
    this.#isLent = true
    return this.#buffer
  }

  /** Shows a part of a file from the start of the range on, and zeros behind it. On failure there are only zeros. */
  show(part: ShownPart): void {
    for (let moves = 0; ; moves++) {
      const result = this.#place(part)
      if (result >= 0) return
      const isHere = this.#zeros(PAGE_READONLY)
      if ((isHere && result !== -ERROR_INVALID_ADDRESS) || moves === MOVES_MAX)
        throw win32Error('MapViewOfFileEx', -result, this.#path, part.offset)
      this.#move()
    }
  }

  /** Shows zeros in the whole range. */
  hide(): void {
    if (!this.#zeros(PAGE_READONLY)) this.#move()
  }

  /** Runs an asynchronous call over the range, which keeps its addresses until the call has returned (VR3). */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#inFlight++
    try {
      return await call()
    } finally {
      this.#inFlight--
      if (this.#isReleased && this.#inFlight === 0) this.#free()
    }
  }

  /** Unmaps the file's bytes, and detaches the buffer if the runtime can (VR2). Idempotent. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    // If not, a program has moved the memory into another buffer.
    const isHere = lengthOf(this.#buffer) === this.bytes
    const isGone = isHere && detach(this.#buffer)
    if (isGone && !this.#isLent) this.#fate = 'free'
    else this.#fate = isHere ? 'free when collected' : 'keep'
    if (this.#fate === 'free' && this.#inFlight === 0) this.#takeAway()
    else this.#zeros(PAGE_READWRITE)
    if (this.#fate !== 'free' && this.#inFlight === 0) this.#free()
  }

  /** @returns 0, or the error code as a negative number */
  #place({ section, access, offset, length }: ShownPart): number {
    const { granularity, pageBytes } = this.#calls
    const viewBytes = roundUp(length, pageBytes)
    const zerosAt = Math.min(this.bytes, roundUp(viewBytes, granularity))
    const keepsZeros = zerosAt === this.#zerosAt
    if (this.#viewBytes > 0) this.#calls.unmapView(this.#address)
    if (!keepsZeros && this.#zerosAt < this.bytes) this.#calls.free(this.#address + this.#zerosAt)
    this.#viewBytes = 0
    if (!keepsZeros) this.#zerosAt = this.bytes
    const result = this.#calls.mapView(section, access, offset, length, this.#address)
    if (result < 0) return result
    this.#viewBytes = viewBytes
    if (keepsZeros || zerosAt === this.bytes) return 0
    return this.#layZeros(zerosAt, PAGE_READONLY)
  }

  /** @returns false if another thread has the addresses now */
  #zeros(protection: number): boolean {
    this.#takeAway()
    return this.#layZeros(0, protection) === 0
  }

  /** If the system cannot commit memory, the addresses are still reserved. @returns 0, or the error code as a negative number */
  #layZeros(at: number, protection: number): number {
    const place = (isCommitted: boolean): number =>
      this.#calls.allocate(this.#address + at, this.bytes - at, protection, isCommitted)
    const committed = place(true)
    const result = committed < 0 && committed !== -ERROR_INVALID_ADDRESS ? place(false) : committed
    if (result < 0) return result
    this.#zerosAt = at
    return 0
  }

  #takeAway(): void {
    if (this.#viewBytes > 0) this.#calls.unmapView(this.#address)
    if (this.#zerosAt < this.bytes) this.#calls.free(this.#address + this.#zerosAt)
    this.#viewBytes = 0
    this.#zerosAt = this.bytes
  }

  /** Moves the range. The old addresses now belong to other memory, so the buffer over them is detached first. */
  #move(): void {
    detach(this.#buffer)
    this.#takeAway()
    const address = this.#calls.allocate(0, this.bytes, PAGE_READONLY, true)
    if (address < 0) throw win32Error('VirtualAlloc', -address, this.#path)
    this.#address = address
    this.#zerosAt = 0
    this.#buffer = layBuffer(this.#calls, this.#path, address, this.bytes)
  }

  #free(): void {
    if (this.#fate === 'free') this.#takeAway()
    else if (this.#fate === 'free when collected' && this.#zerosAt === 0)
      collected.register(this.#buffer, { calls: this.#calls, address: this.#address })
  }
}

function checkLength(path: string, bytes: number): void {
  if (bytes <= BUFFER_BYTES_MAX) return
  const message = `This runtime shows at most ${BUFFER_BYTES_MAX} bytes in one buffer: ${bytes}`
  throw new StrideError('ERR_STRIDE_LIMIT', message, { path })
}

function layBuffer(calls: Win32Calls, path: string, address: number, bytes: number): ArrayBuffer {
  try {
    return calls.view(address, bytes)
  } catch (error) {
    const message = `This runtime lays no buffer over mapped memory: ${path}`
    throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', message, { path, cause: error })
  }
}
