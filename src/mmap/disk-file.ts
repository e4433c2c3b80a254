/**
 * How is a file on disk read, stored and synced through node:fs? Shared by mapped files and files read by position.
 *
 *   DK1  `store` is pwrite, so that a full disk is ERR_STRIDE_NO_SPACE on every file system. Stores through a mapping, where they are
 *        safe: posix/store-window.ts.
 *   DK2  a sync is never retried, and two syncs of one file description never overlap (D5). Asynchronous ones queue. A blocking one
 *        that meets them uses a second description, opened before the first store.
 *   DK3  close() releases the locks at once. The descriptor is closed when the last sync has returned, so that another file does not
 *        get its number meanwhile.
 *   LK2  locks are held by a description that is never mapped. A mapping keeps its description, and the locks of that, after the
 *        descriptor is closed. Node closes the descriptors of a worker thread that ends if node:fs opened them; mappings stay.
 * Showing it in memory: posix/mapped-region.ts, win32/mapped-region.ts, node-fs/copied-region.ts.
 */

import * as fs from 'node:fs'
import { type ErrorCode, StrideError } from '../errors.ts'
import { checkOffset, checkRange } from './bounds.ts'
import { assertSyncable, syncDescriptor, syncDescriptorAsync } from './descriptor-sync.ts'
import { deviceSize } from './device-size.ts'
import { type FileAccess, takeAccess } from './file-permissions.ts'
import type {
  Access,
  LockKind,
  OpenFileOptions,
  PlatformFile,
  Region,
  SharedWords,
  StoreWindow,
} from './platform.ts'
import { inPoolShare } from './pool-share.ts'
import { closedError, nodeError, readOnlyError, withCodes } from './system-errors.ts'

/** Locks on bytes of files: those of the kernel, or of a table of this process if koffi does not load. */
export interface LockTable {
  tryLock(fd: number, path: string, byte: number, kind: LockKind): boolean
  unlock(fd: number, path: string, byte: number): void
  /** Whether another descriptor than this one holds the exclusive lock. */
  isLocked(fd: number, path: string, byte: number): boolean
  unlockAll(fd: number, path: string): void
}

/** The most bytes for one call of node:fs. */
const CALL_BYTES_MAX = 2 ** 30
/**
 * Stores are divided into pieces of this size. Linux keeps a written piece in one folio as large as the call. Storing a few bytes into
 * a folio of 1 MiB later took 19 to 23 us, into one of 64 KiB 5 us (ext4, Linux 6.18).
 */
const STORE_BYTES = 64 * 1024
const ZEROS_BYTES = 1024 * 1024
/** No block of a file system is smaller. */
const BLOCK_BYTES_MIN = 512

export abstract class DiskFile implements PlatformFile {
  readonly path: string
  readonly access: Access
  readonly #locks: LockTable
  /** Read at opening, since Wine forgets the device of a file that was renamed. */
  readonly #identity: string
  #fd: number
  #isReplaced = false
  readonly #held = new Map<number, LockKind>()
  #closed = false
  /** Last known size of a block device. */
  #deviceBytes = 0
  #twin: number | undefined
  #syncsPending = 0
  #lastSync: Promise<void> = Promise.resolve()

  constructor(path: string, fd: number, access: Access, locks: LockTable) {
    this.path = path
    this.#fd = fd
    this.access = access
    this.#locks = locks
    this.#identity = identityOf(fd, path)
  }

  abstract sharedWords(offset: number, count: number): SharedWords
  abstract reserve(capacity: number): Region
  abstract readAhead(offset: number, length: number): void
  /** Whether locks need a descriptor of their own (LK2), since this one may be mapped or was not opened by node:fs. */
  protected abstract readonly locksApart: boolean
  /** Allocates blocks for a range with a call of the system; false if there is none. */
  protected abstract reserveBlocks(offset: number, length: number): boolean

  /** @internal */
  get fd(): number {
    return this.#fd
  }
  get isClosed(): boolean {
    return this.#closed
  }

  size(): number {
    this.assertOpen()
    const stat = withCodes(this.path, () => fs.fstatSync(this.fd))
    if (stat.isFile()) return stat.size
    this.#deviceBytes = deviceSize(this.fd, this.path, this.#deviceBytes)
    return this.#deviceBytes
  }

  identity(): string {
    if (!this.#isReplaced) this.assertOpen()
    return this.#identity
  }

  takeAccessOf(other: PlatformFile): void {
    this.assertOpen()
    takeAccess(this.fd, this.path, accessOf(other))
  }

  resize(size: number): void {
    this.assertWritable()
    checkOffset('size', size)
    this.#openTwin()
    withCodes(this.path, () => fs.ftruncateSync(this.fd, size))
  }

  allocate(offset: number, length: number): void {
    this.assertWritable()
    checkRange(offset, length)
    if (length === 0) return
    this.#openTwin()
    const before = this.size()
    try {
      if (!this.reserveBlocks(offset, length)) this.#writeZeros(offset, length, before)
    } catch (error) {
      if (this.size() !== before) withCodes(this.path, () => fs.ftruncateSync(this.fd, before))
      throw error
    }
  }

  read(target: Uint8Array, offset: number): number {
    this.assertOpen()
    checkRange(offset, target.byteLength)
    let done = 0
    while (done < target.byteLength) {
      const count = this.#readOnce(target, done, offset + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  store(bytes: Uint8Array, offset: number): void {
    this.assertWritable()
    checkRange(offset, bytes.byteLength)
    this.#openTwin()
    try {
      let done = 0
      while (done < bytes.byteLength) {
        const length = Math.min(bytes.byteLength - done, STORE_BYTES)
        done += fs.writeSync(this.fd, bytes, done, length, offset + done)
      }
    } catch (error) {
      throw nodeError(error, this.path)
    }
  }

  storeWindow(_capacity: number): StoreWindow | undefined {
    return undefined
  }

  sync(): void {
    this.assertOpen()
    const fd = this.#syncsPending > 0 ? (this.#twin ?? this.fd) : this.fd
    // On macOS node's fdatasync is fcntl(F_FULLFSYNC) (libuv, src/unix/fs.c).
    syncDescriptor(fd, this.path, 'fdatasync')
  }

  syncAsync(): Promise<void> {
    this.assertOpen()
    const sync = (): Promise<void> => inPoolShare(() => syncDescriptorAsync(this.fd, this.path))
    const done = this.#syncsPending === 0 ? sync() : this.#lastSync.then(sync)
    this.#syncsPending++
    this.#lastSync = done.then(this.#syncReturned, this.#syncReturned)
    return done
  }

  /** Does nothing here. Without a call of the system the next sync writes more. */
  async writeBack(offset: number, length: number): Promise<void> {
    this.assertOpen()
    checkRange(offset, length)
  }

  tryLock(byte: number, kind: LockKind): boolean {
    this.assertOpen()
    checkOffset('byte', byte)
    const isTaken = this.#locks.tryLock(this.#lockDescriptor(), this.path, byte, kind)
    if (isTaken) this.#held.set(byte, kind)
    return isTaken
  }

  unlock(byte: number): void {
    this.assertOpen()
    checkOffset('byte', byte)
    this.#held.delete(byte)
    this.#locks.unlock(this.#lockDescriptor(), this.path, byte)
  }

  isLocked(byte: number): boolean {
    this.assertOpen()
    checkOffset('byte', byte)
    return this.#locks.isLocked(this.#twin ?? this.fd, this.path, byte)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unlockAll()
    if (this.#syncsPending === 0) this.#closeDescriptors()
  }

  /**
   * Lets another file take this one's name, on a system that replaces no open file. The file is closed while `replace` runs. If that
   * throws, it is opened again with its locks; otherwise it stays closed.
   * @internal
   */
  giveWay(replace: () => void, reopen: () => number): void {
    this.assertOpen()
    // A running sync needs the descriptor, so it stays open. The system may still allow the replacement.
    if (this.#syncsPending > 0) {
      replace()
      return
    }
    this.#unlockAll()
    this.#closeDescriptors()
    this.#twin = undefined
    this.#closed = true
    try {
      replace()
      this.#isReplaced = true
    } catch (error) {
      this.#fd = reopen()
      this.#closed = false
      for (const [byte, kind] of this.#held) this.#locks.tryLock(this.#lockDescriptor(), this.path, byte, kind)
      throw error
    }
  }

  protected assertOpen(): void {
    if (this.#closed) throw closedError(this.path)
  }

  protected assertWritable(): void {
    this.assertOpen()
    if (this.access === 'read') throw readOnlyError(this.path)
  }

  readonly #syncReturned = (): void => {
    this.#syncsPending--
    if (this.#closed && this.#syncsPending === 0) this.#closeDescriptors()
  }

  /** The descriptor that holds the locks (LK2). */
  #lockDescriptor(): number {
    if (!this.locksApart) return this.fd
    this.#openTwin()
    return this.#twin ?? this.fd
  }

  #unlockAll(): void {
    if (this.#held.size > 0) this.#locks.unlockAll(this.#lockDescriptor(), this.path)
  }

  /** Opens a second description of the file. It holds the locks (LK2), and a blocking sync uses it while asynchronous ones run (DK2). */
  #openTwin(): void {
    if (this.#twin !== undefined) return
    const { O_RDONLY, O_RDWR } = fs.constants
    const paths = process.platform === 'win32' ? [this.path] : [`/proc/self/fd/${this.fd}`, this.path]
    for (const path of paths) {
      try {
        const twin = fs.openSync(path, this.access === 'read' ? O_RDONLY : O_RDWR)
        if (identityOf(twin, path) === this.#identity) {
          this.#twin = twin
          return
        }
        fs.closeSync(twin)
      } catch {
        // There is no /proc, or the file was renamed meanwhile. Try the next path.
      }
    }
    this.#twin = this.fd
  }

  #closeDescriptors(): void {
    if (this.#twin !== undefined && this.#twin !== this.fd) fs.closeSync(this.#twin)
    withCodes(this.path, () => fs.closeSync(this.fd))
  }

  #readOnce(target: Uint8Array, at: number, offset: number): number {
    const length = Math.min(target.byteLength - at, CALL_BYTES_MAX)
    for (;;) {
      try {
        return fs.readSync(this.fd, target, at, length, offset)
      } catch (error) {
        // libuv retries interrupted writes by itself, but not reads.
        if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw nodeError(error, this.path)
      }
    }
  }

  /** Writes zeros behind the old end. Below it, every block is written with what it reads as, which fills holes. */
  #writeZeros(offset: number, length: number, sizeBefore: number): void {
    const end = offset + length
    const byte = new Uint8Array(1)
    for (let at = offset; at < Math.min(end, sizeBefore); at += BLOCK_BYTES_MIN) {
      this.read(byte, at)
      this.store(byte, at)
    }
    const zeros = new Uint8Array(Math.min(ZEROS_BYTES, Math.max(0, end - sizeBefore)))
    for (let at = Math.max(offset, sizeBefore); at < end; at += zeros.length) {
      this.store(zeros.subarray(0, Math.min(zeros.length, end - at)), at)
    }
  }
}

/**
 * Opens a regular file, or with `orDevice` a block device.
 * @throws ERR_STRIDE_NOT_FOUND, _EXISTS, _IS_DIRECTORY, _PERMISSION, _NOT_MAPPABLE, _IO
 */
export function openDescriptor(path: string, options: OpenFileOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = fs.constants
  const { access, create = 'never', mode = 0o600, like } = options
  if (access === 'readwrite') assertSyncable(path)
  if (create === 'missing' && like !== undefined) return openMissing(path, options)
  const creation = { never: 0, missing: O_CREAT, always: O_CREAT | O_EXCL }[create]
  // O_NONBLOCK, since opening a pipe would otherwise wait for its other end.
  const flags = (access === 'read' ? O_RDONLY : O_RDWR) | creation | O_NONBLOCK
  const fd = withCodes(path, () => fs.openSync(path, flags, like === undefined ? mode : 0o600))
  if (create === 'always' && like !== undefined) takeAccess(fd, path, accessOf(like))
  const stat = fs.fstatSync(fd)
  if (stat.isFile() || (options.orDevice === true && stat.isBlockDevice())) return fd
  fs.closeSync(fd)
  if (stat.isDirectory()) throw new StrideError('ERR_STRIDE_IS_DIRECTORY', `${path} is a directory`, { path })
  throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `${path} is no regular file`, { path })
}

/** Opens a file and creates it if it is absent. Only a created file gets permission bits. */
function openMissing(path: string, options: OpenFileOptions): number {
  for (;;) {
    try {
      return openDescriptor(path, { ...options, create: 'always' })
    } catch (error) {
      if (!isCode(error, 'ERR_STRIDE_EXISTS')) throw error
    }
    try {
      return openDescriptor(path, { ...options, create: 'never' })
    } catch (error) {
      // A dangling link exists and cannot be opened. Otherwise the file was removed meanwhile.
      if (!isCode(error, 'ERR_STRIDE_NOT_FOUND') || isLink(path)) throw error
    }
  }
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof StrideError && error.code === code
}

function isLink(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}

function accessOf(file: PlatformFile): FileAccess {
  return withCodes(file.path, () => (file instanceof DiskFile ? fs.fstatSync(file.fd) : fs.statSync(file.path)))
}

/** "device:inode" */
export function identityOf(fd: number, path: string): string {
  const stat = withCodes(path, () => fs.fstatSync(fd, { bigint: true }))
  return `${stat.dev}:${stat.ino}`
}
