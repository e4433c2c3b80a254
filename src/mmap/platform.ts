/**
 * What does the library need from an operating system? This interface is all of it.
 *
 * There are four implementations. posix (Linux, macOS) and win32 map files through koffi; file reads and writes by position through
 * node:fs; simulated keeps files in memory and sees every store, sync and change of size. Nothing above this interface asks which of
 * them it uses.
 *   PF1  bytes reach a file through PlatformFile.store and StoreWindow.store alone.
 *   PF2  sizes, offsets and lengths are safe integers, checked before the system sees them.
 *   PF3  every failure is a StrideError with code, path, syscall and errno.
 * Sliding windows over a file: create-window-pool.ts. What users map by hand: file-mapping.ts.
 */

import type { Pieces } from './pieces.ts'

export type Access = 'read' | 'readwrite'
/** What the system is told about the order of reads: see the `advice` option. */
export type Advice = 'normal' | 'random' | 'sequential'
export type LockKind = 'shared' | 'exclusive'

export interface OpenFileOptions {
  readonly access: Access
  /** 'never': the file must exist. 'always': it must not (ERR_STRIDE_EXISTS). 'missing': create it if absent. */
  readonly create?: 'never' | 'always' | 'missing'
  /** Whether a block device is taken as well. */
  readonly orDevice?: boolean
  /** Permission bits of a created file; 0o600 unless told. */
  readonly mode?: number
  /** A created file gets the owner and the permission bits of this file, as far as the process may set them. Replaces `mode`. */
  readonly like?: PlatformFile
}

export interface Platform {
  readonly name: 'posix' | 'win32' | 'file' | 'simulated'
  /** Offsets of mappings are multiples of this many bytes. */
  readonly granularity: number
  /** Why locks only exclude handles of this process; undefined if they are locks of the kernel, which exclude all processes (S0). */
  readonly lockObstacle?: string
  /** @throws ERR_STRIDE_NOT_FOUND, _EXISTS, _IS_DIRECTORY, _PERMISSION, _IO */
  open(path: string, options: OpenFileOptions): PlatformFile
  /**
   * False only where there is certainly no such file.
   * @throws ERR_STRIDE_PERMISSION, _LIMIT (name too long), _NOT_FOUND (a part of the path is no folder), _IO
   */
  exists(path: string): boolean
  /** The absolute path of a file, links followed. It stays right when the working directory changes. */
  resolve(path: string): string
  /**
   * Renames `from` to `to`, which it replaces.
   * @param own the caller's own opener of `to`, closed if the system replaces no open file; only close() may be called afterwards
   * @throws ERR_STRIDE_BUSY, nothing changed, if the file is open elsewhere and the system does not allow that
   */
  rename(from: string, to: string, own?: PlatformFile): void
  /** Renames a file to a name that is free. @throws ERR_STRIDE_EXISTS, nothing changed */
  renameNew(from: string, to: string): void
  /** Frees the name of a file. Openers keep the file. @throws ERR_STRIDE_BUSY if the system does not allow that */
  remove(path: string): void
  /** Makes creations, renames and removals in the folder of `path` durable, where the file system offers that. */
  syncFolder(path: string): void
  /** Why this open file should be read by position; undefined if it may be mapped. */
  obstacle(file: PlatformFile): string | undefined
  /** Whether the file system's mappings may not be trusted (NFS, SMB, FUSE and others). */
  isNetworkPath(path: string): boolean
}

/** One open file. Every method throws ERR_STRIDE_CLOSED after close(). */
export interface PlatformFile {
  readonly path: string
  readonly access: Access
  /** Bytes now, asked of the system each time. */
  size(): number
  /** Which file this is ("device:inode"), to find out whether a path names another file now. */
  identity(): string
  /** Takes over the permission bits of another file, and its owner if this process may change owners. */
  takeAccessOf(other: PlatformFile): void
  /** Sets the size; new bytes read as zero and may have no blocks (sparse). */
  resize(size: number): void
  /** Extends the file to offset + length, with blocks allocated for that range. @throws ERR_STRIDE_NO_SPACE, file unchanged */
  allocate(offset: number, length: number): void
  /** Reads up to target.byteLength bytes; fewer only at the end of the file. @returns bytes read */
  read(target: Uint8Array, offset: number): number
  /** Stores all the bytes. Every mapping and reader of the file sees them at once. They are durable after sync(). */
  store(bytes: Uint8Array, offset: number): void
  /** A second way to store, for many pieces. It maps `capacity` bytes at most, and ends with the file. Undefined if the file has none. */
  storeWindow(capacity: number): StoreWindow | undefined
  /** Makes data and size durable on the device. Blocks. Never retried: after a failure nothing is known of the stored bytes. */
  sync(): void
  /** Like `sync`, but off the event loop. At most two waits of the library run at once in the thread pool (S7). */
  syncAsync(): Promise<void>
  /** Asks the system to write stored bytes of a range to the disk now, and waits for that. It does not make them durable. */
  writeBack(offset: number, length: number): Promise<void>
  /** Takes the lock on one byte of the file if it is free. The descriptor holds it; it ends with the process. */
  tryLock(byte: number, kind: LockKind): boolean
  unlock(byte: number): void
  /**
   * Whether another descriptor holds the exclusive lock on one byte. If the system cannot tell (Windows), a shared lock is taken for a
   * moment.
   */
  isLocked(byte: number): boolean
  /** 32-bit words shared with every process that opens the same page; aligned to 4 bytes. */
  sharedWords(offset: number, count: number): SharedWords
  /** Reserves an address range of `capacity` bytes for sliding over the file. Nothing is mapped yet. */
  reserve(capacity: number): Region
  /** Asks the system to read a range into its cache soon; returns at once. */
  readAhead(offset: number, length: number): void
  close(): void
}

/** A store through memory may make this aligned block dirty as a whole: the largest folio in the page cache of Linux. */
export const STORE_BLOCK_BYTES = 2 * 1024 * 1024

/** Stores pieces as `store` would, for less where most pages around them change. The memory stays inside. */
export interface StoreWindow {
  /** It costs less than `store` if so many pages (4 KiB) of the block were changed since the last sync. */
  readonly pagesMin: number
  /**
   * Stores pieces that begin in one block.
   * @throws ERR_STRIDE_TRUNCATED if the file ends before them, _CLOSED, and what `store` throws; some pieces may be stored then
   */
  store(pieces: Pieces): void
  /** Releases the memory until the next store. */
  clear(): void
}

/** Words that several processes read and write. Sequentially consistent if they are mapped. */
export interface SharedWords {
  load(index: number): number
  /**
   * The mapped words, to be loaded with Atomics until this turn of the event loop ends or they are closed; undefined if they are not
   * mapped.
   */
  mapped(): Int32Array | undefined
  store(index: number, value: number): void
  close(): void
}

/** A fixed range of memory that shows one part of a file after another. Read-only for its holder. */
export interface Region {
  readonly capacity: number
  /** `capacity` bytes, of which only the first `length` of the last point() may be touched. Read it again after each point(). */
  readonly buffer: ArrayBuffer
  /**
   * True: the memory is that of the file. Stored changes of all processes show at once, and point() costs microseconds.
   * False: the memory is a copy. point() reads all its bytes.
   */
  readonly live: boolean
  /** Shows the file's bytes [offset, offset + length) at the buffer's start. If live, offset is a multiple of granularity. */
  point(offset: number, length: number): void
  advise(at: number, length: number, advice: Advice): void
  /** Maps the pages of a range now, and reads them if needed, so that touching them causes no page fault. Blocks. */
  populate(at: number, length: number): void
  populateAsync(at: number, length: number): Promise<void>
  /** The unit in which pages are counted, bytes. */
  readonly pageBytes: number
  /** How many pages of the range are in memory: in the system's cache, or on Windows in this process. */
  residentPages(at: number, length: number): number
  /** Shows nothing from now on. The pages are released, and the address range is kept. */
  clear(): void
  release(): void
}
