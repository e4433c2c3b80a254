/**
 * A file on disk through node:fs: what mapping and reading by position have in common.
 *
 *   DK1  bytes are stored by pwrite. Storing through a mapping is not faster for durable commits, and on a file
 *       system that copies on write a full disk would be a SIGBUS instead of ERR_STRIDE_NO_SPACE.
 *   DK2  a sync is never retried, and two syncs of one file description never overlap (D5): asynchronous ones
 *       queue, and a blocking one that meets them uses a description of its own, opened before the first store.
 *   DK3  close() lets go of the locks at once; the descriptor itself goes when the last sync has returned, so
 *       that its number is not taken by another file meanwhile.
 *   LK2  locks lie on a description that is never mapped. A mapping keeps its description, and the locks on it, after the
 *       descriptor is closed: Node closes the descriptors of a worker thread that ends, if node:fs opened them; mappings stay.
 * How it is shown in memory: posix/mapped-region.ts, file/copied-region.ts.
 */

import * as fs from 'node:fs'
import { type ErrorCode, StrideError } from '../errors.ts'
import { checkOffset, checkRange } from './bounds.ts'
import { assertSyncable, syncDescriptor, syncDescriptorAsync } from './descriptor-sync.ts'
import { deviceSize } from './device-size.ts'
import { type FileAccess, takeAccess } from './file-access.ts'
import type { Access, LockKind, OpenFileOptions, PlatformFile, Region, SharedWords } from './platform.ts'
import { inPoolShare } from './pool-share.ts'
import { closedError, nodeError, readOnlyError, withCodes } from './system-errors.ts'

/** Who holds which byte of a file: the kernel, or a table of this process where koffi cannot ask it. */
export interface LockTable {
  tryLock(fd: number, path: string, byte: number, kind: LockKind): boolean
  unlock(fd: number, path: string, byte: number): void
  /** Whether another descriptor than this one holds the exclusive lock. */
  isLocked(fd: number, path: string, byte: number): boolean
  unlockAll(fd: number, path: string): void
}

/** One call of node:fs takes no more. */
const CALL_BYTES_MAX = 2 ** 30
/**
 * Stores go out in pieces of this. Linux keeps a written piece in one folio as large as the call, and storing a few bytes
 * into a folio of 1 MiB later took 19 to 23 us, into one of 64 KiB 5 us (2026-11-21, ext4, Linux 6.18).
 */
const STORE_BYTES = 64 * 1024
const ZEROS_BYTES = 1024 * 1024
/** Bytes between which a block cannot lie hidden. */
const BLOCK_BYTES_MIN = 512

export abstract class DiskFile implements PlatformFile {
  readonly path: string
  readonly access: Access
  readonly #locks: LockTable
  /** Taken at once: Wine forgets the device of a file that was renamed. */
  readonly #identity: string
  #fd: number
  #isReplaced = false
  readonly #held = new Map<number, LockKind>()
  #closed = false
  /** What a block device had when it was asked last. */
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
  /** Whether locks need a descriptor of their own (LK2): where this one may be mapped, or was not opened by node:fs. */
  protected abstract readonly locksApart: boolean
  /** Blocks for a range, by the system's own means; false where it has none. */
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

  /** Where the system has no call for it, the next sync has more to do. */
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
   * Another file takes this one's name, on a system that replaces no open file: it is closed while `replace` runs, and
   * open again, with the locks that it had, where that throws. Otherwise it is as good as closed afterwards.
   * @internal
   */
  giveWay(replace: () => void, reopen: () => number): void {
    this.assertOpen()
    // What is being synced needs its descriptor; the system may still allow it.
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

  /** Where the locks are (LK2). */
  #lockDescriptor(): number {
    if (!this.locksApart) return this.fd
    this.#openTwin()
    return this.#twin ?? this.fd
  }

  #unlockAll(): void {
    if (this.#held.size > 0) this.#locks.unlockAll(this.#lockDescriptor(), this.path)
  }

  /** A second description of the file: locks lie on it (LK2), and a blocking sync uses it while asynchronous ones run (DK2). */
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
        // No /proc, or the file was renamed meanwhile: the next way.
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
        // libuv repeats interrupted writes by itself, reads not.
        if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw nodeError(error, this.path)
      }
    }
  }

  /** Past the old end zeros; below it each block is given what it reads as, which fills holes. */
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
 * Opens a regular file, or a block device where that is asked for.
 * @throws ERR_STRIDE_NOT_FOUND, _EXISTS, _IS_DIRECTORY, _PERMISSION, _NOT_MAPPABLE, _IO
 */
export function openDescriptor(path: string, options: OpenFileOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = fs.constants
  const { access, create = 'never', mode = 0o600, like } = options
  if (access === 'readwrite') assertSyncable(path)
  if (create === 'missing' && like !== undefined) return openMissing(path, options)
  const creation = { never: 0, missing: O_CREAT, always: O_CREAT | O_EXCL }[create]
  // Non-blocking, or opening a pipe would wait for its other end.
  const flags = (access === 'read' ? O_RDONLY : O_RDWR) | creation | O_NONBLOCK
  const fd = withCodes(path, () => fs.openSync(path, flags, like === undefined ? mode : 0o600))
  if (create === 'always' && like !== undefined) takeAccess(fd, path, accessOf(like))
  const stat = fs.fstatSync(fd)
  if (stat.isFile() || (options.orDevice === true && stat.isBlockDevice())) return fd
  fs.closeSync(fd)
  if (stat.isDirectory()) throw new StrideError('ERR_STRIDE_IS_DIRECTORY', `${path} is a directory`, { path })
  throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `${path} is no regular file`, { path })
}

/** Only a file that this call creates gets rights. */
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
      // A link that leads nowhere exists and cannot be opened; a file may have gone meanwhile.
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
