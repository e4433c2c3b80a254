/**
 * The seam: everything that is asked of an operating system, and nothing else.
 *
 * Four implementations stand behind it: posix (Linux, macOS) and win32 map through koffi, file reads and
 * writes by position through node:fs, simulated keeps files in memory and sees every store, sync and size
 * change. Nothing above this interface asks which of them it runs on.
 *   PF1  bytes reach a file through PlatformFile.store alone.
 *   PF2  sizes, offsets and lengths are safe integers, checked before the system sees them.
 *   PF3  every failure is a StrideError with code, path, syscall and errno.
 * Sliding windows over a file: create-window-pool.ts. What users map by hand: file-mapping.ts.
 */

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
  /** A created file gets the owner and the permission bits of this one, as far as the process may give them; instead of `mode`. */
  readonly like?: PlatformFile
}

export interface Platform {
  readonly name: 'posix' | 'win32' | 'file' | 'simulated'
  /** Offsets of mappings are multiples of this many bytes. */
  readonly granularity: number
  /** Why locks exclude handles of this process only; undefined where they are the kernel's and exclude everybody (S0). */
  readonly lockObstacle?: string
  /** @throws ERR_STRIDE_NOT_FOUND, _EXISTS, _IS_DIRECTORY, _PERMISSION, _IO */
  open(path: string, options: OpenFileOptions): PlatformFile
  /**
   * False only where there is certainly no such file.
   * @throws ERR_STRIDE_PERMISSION, _LIMIT (name too long), _NOT_FOUND (a part of the path is no folder), _IO
   */
  exists(path: string): boolean
  /** The one absolute name of a file, links followed: it stays right when the working directory changes. */
  resolve(path: string): string
  /**
   * Replaces `to`. `own`: the caller's own opener of `to`, which gives way where the system replaces no open file; nothing
   * but close() may be asked of it afterwards.
   * @throws ERR_STRIDE_BUSY, nothing changed, where the file is open elsewhere and the system does not allow that
   */
  rename(from: string, to: string, own?: PlatformFile): void
  /** Gives a file a name that nobody has. @throws ERR_STRIDE_EXISTS, nothing changed */
  renameNew(from: string, to: string): void
  /** The name is free afterwards; who has the file open keeps it. @throws ERR_STRIDE_BUSY where the system cannot do that */
  remove(path: string): void
  /** Makes creations, renames and removals in the folder of `path` durable, where the file system offers that. */
  syncFolder(path: string): void
  /** Why this open file is better read by position than mapped; undefined where nothing speaks against mapping it. */
  obstacle(file: PlatformFile): string | undefined
  /** True where a mapping may not be trusted (NFS, SMB, FUSE and their like). */
  isNetworkPath(path: string): boolean
}

/** One open file. Every method throws ERR_STRIDE_CLOSED after close(). */
export interface PlatformFile {
  readonly path: string
  readonly access: Access
  /** Bytes now, asked of the system each time. */
  size(): number
  /** Which file this descriptor is, for telling whether a path now names another one ("device:inode"). */
  identity(): string
  /** Takes the permission bits of another file, and its owner where this process may give files away. */
  takeAccessOf(other: PlatformFile): void
  /** Sets the size; new bytes read as zero and may have no blocks (sparse). */
  resize(size: number): void
  /** Makes the file reach offset + length with blocks allocated for that range. @throws ERR_STRIDE_NO_SPACE, file as it was */
  allocate(offset: number, length: number): void
  /** Reads up to target.byteLength bytes; fewer only at the end of the file. @returns bytes read */
  read(target: Uint8Array, offset: number): number
  /** Stores all the bytes. Visible to every mapping and reader of the file at once; durable after sync(). */
  store(bytes: Uint8Array, offset: number): void
  /** Makes data and size durable on the device. Blocks. Never retried: a failure poisons what relied on it. */
  sync(): void
  /** The same off the event loop; at most two of our waits run at once in the thread pool (S7). */
  syncAsync(): Promise<void>
  /** Asks the system to bring stored bytes of a range to the disk now, and waits for that. Promises nothing: sync does. */
  writeBack(offset: number, length: number): Promise<void>
  /** Takes the lock on one byte of the file if it is free. Held by this descriptor, dies with the process. */
  tryLock(byte: number, kind: LockKind): boolean
  unlock(byte: number): void
  /**
   * Whether another descriptor holds the exclusive lock on one byte. Where the system has no such question (Windows) a shared
   * lock is taken for a moment.
   */
  isLocked(byte: number): boolean
  /** 32-bit words shared with every process that opens the same page; aligned to 4 bytes. */
  sharedWords(offset: number, count: number): SharedWords
  /** An address range kept for sliding over the file, `capacity` bytes, nothing mapped yet. */
  reserve(capacity: number): Region
  /** Asks the system to read a range into its cache soon; returns at once. */
  readAhead(offset: number, length: number): void
  close(): void
}

/** Words that several processes read and write with sequential consistency where memory is mapped. */
export interface SharedWords {
  load(index: number): number
  store(index: number, value: number): void
  close(): void
}

/** A kept range of memory that shows one part of a file after another. Read-only for its holder. */
export interface Region {
  readonly capacity: number
  /** capacity bytes; only the first `length` of the last point() may be touched. Ask again after each point(). */
  readonly buffer: ArrayBuffer
  /**
   * True: the memory is the file's, changes by store() and by others show at once, pointing costs microseconds.
   * False: the memory is a copy, read at point(), and pointing costs a read of all its bytes.
   */
  readonly live: boolean
  /** Shows the file's bytes [offset, offset + length) at the buffer's start; offset a multiple of granularity where live. */
  point(offset: number, length: number): void
  advise(at: number, length: number, advice: Advice): void
  /** Maps the pages of a range now, reading them if need be, so that touching them faults no more. Blocks. */
  populate(at: number, length: number): void
  populateAsync(at: number, length: number): Promise<void>
  /** The unit in which pages are counted, bytes. */
  readonly pageBytes: number
  /** How many pages of the range are in memory: in the system's cache, or, where it does not tell that (Windows), in this process. */
  residentPages(at: number, length: number): number
  /** Shows nothing any more; pages are given back, the range is kept. */
  clear(): void
  release(): void
}
