/**
 * How are views of users mapped on Linux and macOS? Once, at an address that they keep.
 */

import { randomBytes } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { InvariantError, StrideError } from '../../errors.ts'
import { roundDown, roundUp } from '../bounds.ts'
import type { Mappable, MappedMemory, MappingSystem, Residency, ViewAccess } from '../mapping-system.ts'
import { inPoolShare } from '../pool-share.ts'
import { errnoError, withCodes } from '../system-errors.ts'
import { AddressRange } from './address-range.ts'
import { PosixFile, type Shown } from './posix-file.ts'
import { createPosixPlatform } from './posix-platform.ts'
import { countResident } from './residency.ts'
import { openSharedObject, sharedObjectOf, unlinkSharedObject } from './shared-object.ts'
import type { SystemCalls } from './system-calls.ts'

const { EAGAIN, ENOMEM, EPERM } = constants.errno

export function createPosixMapping(calls: SystemCalls): MappingSystem {
  const platform = createPosixPlatform(calls)
  return {
    granularity: calls.pageBytes,
    open: (path, options) => platform.open(path, options),
    openTemporary(folder, mode) {
      const path = join(folder, `stridedb-${randomBytes(8).toString('hex')}.tmp`)
      const file = platform.open(path, { access: 'readwrite', create: 'always', mode })
      try {
        withCodes(path, () => unlinkSync(path))
      } catch (error) {
        file.close()
        throw error
      }
      return file
    },
    map: (file, offset, length, access) => new PosixMemory(calls, file, offset, length, access),
    openShared: (name, request) => openSharedObject(calls, name, request),
    sharedFromDescriptor: descriptor => sharedObjectOf(calls, descriptor),
    unlinkShared: name => unlinkSharedObject(calls, name),
  }
}

class PosixMemory implements MappedMemory, Shown {
  readonly #calls: SystemCalls
  readonly #file: PosixFile
  readonly #range: AddressRange
  readonly #offset: number
  readonly shownEnd: number
  readonly #hidden: () => void

  constructor(calls: SystemCalls, file: Mappable, offset: number, length: number, access: ViewAccess) {
    if (!(file instanceof PosixFile)) throw new InvariantError(`${file.path} was not opened for mapping`)
    const { abi, pageBytes } = calls
    this.#calls = calls
    this.#file = file
    this.#offset = offset
    this.shownEnd = offset + length
    if (access === 'readwrite') file.fillHoles(offset, length)
    this.#range = AddressRange.reserve(calls, file.path, length)
    // Private pages are writable, so that an unintended store neither reaches the file nor ends the process. Without NORESERVE the
    // system would reserve memory for all of them.
    const kind = access === 'readwrite' ? abi.MAP_SHARED : abi.MAP_PRIVATE | abi.MAP_NORESERVE
    try {
      this.#range.show(0, roundUp(length, pageBytes), file.fd, offset, abi.PROT_READ | abi.PROT_WRITE, kind)
      if (access !== 'readwrite') file.touchHoles(this.#range.address, offset, length)
    } catch (error) {
      this.#range.release()
      throw error
    }
    this.#hidden = file.keep(this)
  }

  get buffer(): ArrayBuffer {
    return this.#range.lend()
  }
  get isMapped(): boolean {
    return !this.#range.isReleased
  }

  flush(at: number, length: number): void {
    const { start, bytes } = this.#pages(at, length)
    const { abi } = this.#calls
    this.#checkFlush(this.#calls.msync(start, bytes, abi.MS_SYNC), at)
    // On macOS msync leaves the bytes in the drive's cache (D7).
    if (abi.F_FULLFSYNC !== undefined) this.#file.sync()
  }

  async flushAsync(at: number, length: number): Promise<void> {
    const { start, bytes } = this.#pages(at, length)
    const { abi } = this.#calls
    const result = await inPoolShare(() =>
      this.#range.during(() => this.#calls.msyncAsync(start, bytes, abi.MS_SYNC)),
    )
    this.#checkFlush(result, at)
    if (abi.F_FULLFSYNC !== undefined) await this.#file.syncAsync()
  }

  residency(at: number, length: number): Residency {
    const { start, bytes } = this.#pages(at, length)
    const resident = countResident(this.#calls, this.#file.path, start, bytes)
    return { pages: bytes / this.#calls.pageBytes, resident }
  }

  lock(at: number, length: number): void {
    const { start, bytes } = this.#pages(at, length)
    const result = this.#calls.mlock(start, bytes)
    if (result >= 0) return
    if (![-ENOMEM, -EPERM, -EAGAIN].includes(result)) throw errnoError('mlock', -result, this.#file.path)
    const { path } = this.#file
    const message = `The system locks no more memory for this process (RLIMIT_MEMLOCK): ${bytes} bytes of ${path}`
    throw new StrideError('ERR_STRIDE_LIMIT', message, { path, syscall: 'mlock', errno: -result })
  }

  unlock(at: number, length: number): void {
    const { start, bytes } = this.#pages(at, length)
    const result = this.#calls.munlock(start, bytes)
    if (result < 0) throw errnoError('munlock', -result, this.#file.path)
  }

  unmap(): void {
    this.release()
  }
  release(): void {
    this.#range.release()
    this.#hidden()
  }

  #pages(at: number, length: number): { readonly start: number; readonly bytes: number } {
    const first = roundDown(at, this.#calls.pageBytes)
    return { start: this.#range.address + first, bytes: roundUp(at + length, this.#calls.pageBytes) - first }
  }

  #checkFlush(result: number, at: number): void {
    if (result < 0) throw errnoError('msync', -result, this.#file.path, this.#offset + at)
  }
}
