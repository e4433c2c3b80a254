/**
 * How are views of users mapped on Windows? Once, at an address that they keep.
 */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { InvariantError, StrideError } from '../../errors.ts'
import { roundDown, roundUp } from '../bounds.ts'
import type { Mappable, MappedMemory, MappingSystem, Residency, ViewAccess } from '../mapping-system.ts'
import { inPoolShare } from '../pool-share.ts'
import { byteLocks } from './byte-locks.ts'
import { FILE_MAP_COPY, FILE_MAP_WRITE } from './constants.ts'
import { openTemporaryFile } from './file-names.ts'
import { countResident } from './residency.ts'
import { openSharedSection, refuseUnlink, SharedSection } from './shared-section.ts'
import { type ShownPart, ViewRange } from './view-range.ts'
import type { Win32Calls } from './win32-calls.ts'
import { ERROR_NOT_LOCKED, ERROR_WORKING_SET_QUOTA, win32Error } from './win32-errors.ts'
import { type Shown, Win32File } from './win32-file.ts'
import { createWin32Platform } from './win32-platform.ts'

export function createWin32Mapping(calls: Win32Calls): MappingSystem {
  const platform = createWin32Platform(calls)
  const locks = byteLocks(calls)
  return {
    granularity: calls.granularity,
    open: (path, options) => platform.open(path, options),
    openTemporary(folder) {
      const path = join(folder, `stridedb-${randomBytes(8).toString('hex')}.tmp`)
      return new Win32File(calls, path, openTemporaryFile(calls, path), 'readwrite', locks)
    },
    map: (source, offset, length, access) => new Win32Memory(calls, source, offset, length, access),
    openShared: (name, request) => openSharedSection(calls, name, request),
    sharedFromDescriptor: undefined,
    unlinkShared: name => refuseUnlink(calls, name),
  }
}

class Win32Memory implements MappedMemory, Shown {
  readonly #calls: Win32Calls
  readonly #path: string
  /** Undefined for shared memory, which is in no file. */
  readonly #file: Win32File | undefined
  readonly #part: () => ShownPart
  readonly #offset: number
  readonly #range: ViewRange
  readonly #hidden: () => void

  constructor(calls: Win32Calls, source: Mappable, offset: number, length: number, access: ViewAccess) {
    this.#calls = calls
    this.#path = source.path
    this.#offset = offset
    this.#file = source instanceof Win32File ? source : undefined
    // Private pages are writable, so that an unintended store neither reaches the file nor ends the process.
    const kind = access === 'readwrite' ? FILE_MAP_WRITE : FILE_MAP_COPY
    this.#part = () => ({
      section: sectionOf(source, offset + length, access === 'readwrite' ? 'readwrite' : 'copy'),
      access: kind,
      offset,
      length,
    })
    this.#range = ViewRange.over(calls, source.path, this.#part())
    this.#hidden = this.#file?.keep(this) ?? ((): void => {})
  }

  get buffer(): ArrayBuffer {
    return this.#range.lend()
  }
  get isMapped(): boolean {
    return !this.#range.isReleased
  }

  /** FlushViewOfFile writes the pages to the file, then FlushFileBuffers writes the file to the device (D7). */
  flush(at: number, length: number): void {
    const { start, bytes } = this.#pages(at, length)
    this.#checkFlush(this.#calls.flushView(start, bytes), at)
    this.#file?.sync()
  }

  async flushAsync(at: number, length: number): Promise<void> {
    const { start, bytes } = this.#pages(at, length)
    const result = await inPoolShare(() => this.#range.during(() => this.#calls.flushViewAsync(start, bytes)))
    if (this.#range.isReleased) return
    this.#checkFlush(result, at)
    await this.#file?.syncAsync()
  }

  residency(at: number, length: number): Residency {
    const { start, bytes } = this.#pages(at, length)
    const resident = countResident(this.#calls, this.#path, start, bytes)
    return { pages: bytes / this.#calls.pageBytes, resident }
  }

  lock(at: number, length: number): void {
    const { start, bytes } = this.#pages(at, length)
    const result = this.#calls.lockMemory(start, bytes)
    if (result >= 0) return
    if (result !== -ERROR_WORKING_SET_QUOTA) throw win32Error('VirtualLock', -result, this.#path)
    const message = `The system locks no more memory for this process (its working set): ${bytes} bytes of ${this.#path}`
    throw new StrideError('ERR_STRIDE_LIMIT', message, {
      path: this.#path,
      syscall: 'VirtualLock',
      errno: -result,
    })
  }

  unlock(at: number, length: number): void {
    const { start, bytes } = this.#pages(at, length)
    const result = this.#calls.unlockMemory(start, bytes)
    if (result < 0 && result !== -ERROR_NOT_LOCKED) throw win32Error('VirtualUnlock', -result, this.#path)
  }

  unmap(): void {
    this.release()
  }
  release(): void {
    this.#range.release()
    this.#hidden()
  }

  suspend(): () => void {
    this.#range.hide()
    return () => this.#range.show(this.#part())
  }

  #pages(at: number, length: number): { readonly start: number; readonly bytes: number } {
    const first = roundDown(at, this.#calls.pageBytes)
    return { start: this.#range.address + first, bytes: roundUp(at + length, this.#calls.pageBytes) - first }
  }

  #checkFlush(result: number, at: number): void {
    if (result < 0) throw win32Error('FlushViewOfFile', -result, this.#path, this.#offset + at)
  }
}

function sectionOf(source: Mappable, end: number, protection: 'readwrite' | 'copy'): number {
  if (source instanceof Win32File) return source.sections.reaching(end, protection)
  if (source instanceof SharedSection) return source.handle
  throw new InvariantError(`${source.path} was not opened for mapping`)
}
