/**
 * The seam without mapping: positioned reads and writes through node:fs.
 *
 * First class, not a fallback to be ashamed of: network file systems break mappings, Electron forbids buffers over
 * foreign memory, and some data is cold. Locks, allocation and read-ahead are the system's where koffi loads.
 */

import { checkRange } from '../bounds.ts'
import { DiskFile, type LockTable, openDescriptor } from '../disk-file.ts'
import { exists, remove, rename, resolve, syncFolder } from '../disk-folder.ts'
import { networkFileSystem } from '../network-path.ts'
import type { Access, Platform, Region, SharedWords } from '../platform.ts'
import { reserveBlocks } from '../posix/allocation.ts'
import { recordLocks } from '../posix/record-locks.ts'
import type { SystemCalls } from '../posix/system-calls.ts'
import { closedError, readOnlyError, truncatedError } from '../system-errors.ts'
import { CopiedRegion } from './copied-region.ts'
import { processLocks } from './process-locks.ts'

/** @param calls undefined where koffi cannot be had: then locks hold within this process only, and zeros are written */
export function createFilePlatform(calls?: SystemCalls): Platform {
  const locks = calls === undefined ? processLocks : recordLocks(calls)
  return {
    name: 'file',
    granularity: 1,
    open: (path, options) =>
      new PositionedFile(calls, path, openDescriptor(path, options), options.access, locks),
    exists,
    resolve,
    rename,
    remove,
    syncFolder,
    isNetworkPath: path => networkFileSystem(path) !== undefined,
  }
}

class PositionedFile extends DiskFile {
  readonly #calls: SystemCalls | undefined

  constructor(calls: SystemCalls | undefined, path: string, fd: number, access: Access, locks: LockTable) {
    super(path, fd, access, locks)
    this.#calls = calls
  }

  reserve(capacity: number): Region {
    this.assertOpen()
    return new CopiedRegion(this, capacity)
  }

  sharedWords(offset: number, count: number): SharedWords {
    this.assertOpen()
    checkRange(offset, count * 4)
    return new PositionedWords(this, offset)
  }

  readAhead(offset: number, length: number): void {
    this.assertOpen()
    checkRange(offset, length)
    const advice = this.#calls?.abi.POSIX_FADV_WILLNEED
    if (advice !== undefined) this.#calls?.posixFadvise(this.fd, offset, length, advice)
  }

  protected override reserveBlocks(offset: number, length: number): boolean {
    return this.#calls !== undefined && reserveBlocks(this.#calls, this, offset, length)
  }
}

/** Words read and written by position: each read asks the system, so it is as new as a mapped one. */
class PositionedWords implements SharedWords {
  readonly #file: PositionedFile
  readonly #offset: number
  readonly #word = new Int32Array(1)
  readonly #bytes = new Uint8Array(this.#word.buffer)
  #closed = false

  constructor(file: PositionedFile, offset: number) {
    this.#file = file
    this.#offset = offset
  }

  load(index: number): number {
    if (this.#closed) throw closedError(this.#file.path)
    const at = this.#offset + index * 4
    const count = this.#file.read(this.#bytes, at)
    if (count < 4) throw truncatedError(this.#file.path, at + 4, at + count)
    return this.#word[0] as number
  }

  store(index: number, value: number): void {
    if (this.#closed) throw closedError(this.#file.path)
    if (this.#file.access === 'read') throw readOnlyError(this.#file.path)
    this.#word[0] = value
    this.#file.store(this.#bytes, this.#offset + index * 4)
  }

  close(): void {
    this.#closed = true
  }
}
