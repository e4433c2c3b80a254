/**
 * How does platform.ts work without mapping? By positioned reads and writes through node:fs.
 *
 * Network file systems break mappings, Electron forbids buffers over foreign memory, and for cold data mapping does not pay. If koffi
 * loads, the system does locks, allocation and read-ahead.
 */

import { checkRange } from '../bounds.ts'
import { DiskFile, type LockTable, openDescriptor } from '../disk-file.ts'
import { exists, remove, rename, renameNew, resolve, syncFolder } from '../disk-folder.ts'
import { networkFileSystem } from '../network-path.ts'
import type { Access, OpenFileOptions, Platform, PlatformFile, Region, SharedWords } from '../platform.ts'
import { closedError, readOnlyError, truncatedError } from '../system-errors.ts'
import { CopiedRegion } from './copied-region.ts'
import { processLocks } from './process-locks.ts'

/** A descriptor and its file. */
export interface OpenFile {
  readonly fd: number
  readonly path: string
  size(): number
}

/** Calls of the system that node:fs lacks or does worse: posix/file-help.ts, win32/win32-platform.ts. */
export interface FileHelp {
  readonly locks: LockTable
  /** Why locks only exclude handles of this process; undefined if they exclude all processes. */
  readonly lockObstacle?: string
  open(path: string, options: OpenFileOptions): number
  /** Reserves blocks; false if the system cannot, and zeros must be written. */
  reserveBlocks(file: OpenFile, offset: number, length: number): boolean
  readAhead(file: OpenFile, offset: number, length: number): void
  rename(from: string, to: string, own?: PlatformFile): void
  renameNew(from: string, to: string): void
  remove(path: string): void
  syncFolder(path: string): void
}

/** The help without koffi: locks are valid within this process only, and zeros are written. */
export function withoutHelp(reason: string): FileHelp {
  return {
    locks: processLocks,
    lockObstacle: reason,
    open: openDescriptor,
    reserveBlocks: () => false,
    readAhead() {},
    rename: renameOver,
    renameNew,
    remove,
    syncFolder,
  }
}

/** Windows replaces no open file, so the caller's own opener is closed first. */
function renameOver(from: string, to: string, own?: PlatformFile): void {
  const replace = (): void => rename(from, to)
  if (process.platform !== 'win32' || !(own instanceof DiskFile)) replace()
  else own.giveWay(replace, () => openDescriptor(to, { access: own.access }))
}

export function createFilePlatform(help: FileHelp = withoutHelp('koffi is not used')): Platform {
  const { lockObstacle } = help
  return {
    name: 'file',
    granularity: 1,
    ...(lockObstacle === undefined ? {} : { lockObstacle }),
    open: (path, options) => new PositionedFile(help, path, help.open(path, options), options.access),
    exists,
    resolve,
    rename: help.rename,
    renameNew: help.renameNew,
    remove: help.remove,
    syncFolder: help.syncFolder,
    obstacle: () => undefined,
    isNetworkPath: path => networkFileSystem(path) !== undefined,
  }
}

class PositionedFile extends DiskFile {
  // On Windows the descriptor is made from a handle, and Node does not know it.
  protected override readonly locksApart = process.platform === 'win32'
  readonly #help: FileHelp

  constructor(help: FileHelp, path: string, fd: number, access: Access) {
    super(path, fd, access, help.locks)
    this.#help = help
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
    this.#help.readAhead(this, offset, length)
  }

  protected override reserveBlocks(offset: number, length: number): boolean {
    return this.#help.reserveBlocks(this, offset, length)
  }
}

/** Words that are read and written by position. Each read calls the system, so it is as current as a mapped word. */
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

  mapped(): undefined {
    if (this.#closed) throw closedError(this.#file.path)
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
