/**
 * How are the C functions of a POSIX system called? Bound once, with plain numbers as arguments.
 *
 *   SC1  each returns 0, an address, or the errno as a negative number. errno is read at once; an asynchronous call reads it inside its
 *        callback, the only place where it is right.
 *   SC2  callers check lengths. EINTR is retried here if calling again is harmless.
 * The numbers that they take: abi.ts.
 */

import { constants } from 'node:os'
import { isError } from '../../runtime/realms.ts'
import { unwatched } from '../detach.ts'
import { type ForeignFunction, type ForeignLibrary, type Koffi, loadKoffi } from '../koffi.ts'
import { type Abi, abiOfThisSystem } from './abi.ts'

const { EINTR, EIO } = constants.errno
/** unistd.h, the same on all systems */
const SEEK_END = 2
/** linux/memfd.h */
const MFD_CLOEXEC = 1

export interface SystemCalls {
  readonly abi: Abi
  readonly pageBytes: number
  /** An ArrayBuffer over mapped memory, without a copy. */
  view(address: number, length: number): ArrayBuffer
  /** @returns the address, or -errno */
  mmap(address: number, length: number, protection: number, flags: number, fd: number, offset: number): number
  munmap(address: number, length: number): number
  msync(address: number, length: number, flags: number): number
  msyncAsync(address: number, length: number, flags: number): Promise<number>
  madvise(address: number, length: number, advice: number): number
  madviseAsync(address: number, length: number, advice: number): Promise<number>
  /** Sets the lowest bit of each byte of `pages` if that page is in memory. */
  mincore(address: number, length: number, pages: Uint8Array): number
  mlock(address: number, length: number): number
  munlock(address: number, length: number): number
  /** fcntl with a pointer to a struct. */
  fcntl(fd: number, command: number, argument: Uint8Array): number
  /** The size of the file in bytes, or -errno. Moves the descriptor's position, which is not used. */
  fileEnd(fd: number): number
  /** Where the next hole begins at or after an offset, or -errno (ENXIO: there is none before the end). */
  seekHole(fd: number, offset: number): number
  seekData(fd: number, offset: number): number
  /** Renames a file to a free name; -EEXIST if it is taken. Linux only. */
  renameNew(from: string, to: string): number
  /** This call and the next also empty the drive's cache on macOS, as libuv does. */
  fsync(fd: number): number
  fdatasync(fd: number): number
  fdatasyncAsync(fd: number): Promise<number>
  posixFallocate(fd: number, offset: number, length: number): number
  posixFadvise(fd: number, offset: number, length: number, advice: number): number
  /** Starts writeback of a range and waits for it. Linux only; it does not make the bytes durable. */
  syncFileRangeAsync(fd: number, offset: number, length: number, flags: number): Promise<number>
  /** @returns a descriptor, or -errno */
  shmOpen(name: string, flags: number, mode: number): number
  shmUnlink(name: string): number
  /** A file in memory without a path, with this name in /proc/self/maps. Linux only. @returns a descriptor, or -errno */
  memfdCreate(name: string): number
  ftruncate(fd: number, size: number): number
  /** Closes a descriptor that node:fs did not open. Node warns if its own close is used for one in a worker thread. */
  close(fd: number): number
}

export type SystemCallsResult =
  | { readonly calls: SystemCalls; readonly reason?: undefined }
  | { readonly calls?: undefined; readonly reason: string }

let shared: SystemCallsResult | undefined

/** The system's calls, bound once in a process, or why there are none. */
export function systemCalls(): SystemCallsResult {
  shared ??= bindThisSystem()
  return shared
}

function bindThisSystem(): SystemCallsResult {
  const abi = abiOfThisSystem()
  if (typeof abi === 'string') return { reason: abi }
  const { koffi, reason } = loadKoffi()
  if (koffi === undefined) return { reason }
  try {
    return { calls: bindSystemCalls(koffi, koffi.load(null), abi) }
  } catch (error) {
    return {
      reason: `the C library cannot be bound: ${isError(error) ? error.message : String(error)}`,
    }
  }
}

/** Binds the functions of a library. Tests pass one whose calls fail. */
export function bindSystemCalls(koffi: Koffi, library: ForeignLibrary, abi: Abi): SystemCalls {
  const bind = (name: string, ...parameters: string[]): ForeignFunction => library.func(name, 'int', parameters)
  const optional = (name: string, ...parameters: string[]): ForeignFunction | undefined => {
    try {
      return bind(name, ...parameters)
    } catch {
      return undefined
    }
  }
  const address = ['uintptr_t', 'size_t']
  const mmap = library.func('mmap', 'uintptr_t', [...address, 'int', 'int', 'int', 'int64_t'])
  const munmap = bind('munmap', ...address)
  const msync = bind('msync', ...address, 'int')
  const madvise = bind('madvise', ...address, 'int')
  const mincore = bind('mincore', ...address, 'void *')
  const mlock = bind('mlock', ...address)
  const munlock = bind('munlock', ...address)
  const sysconf = library.func('sysconf', 'long', ['int'])
  // Variadic in C. It must be declared so, since arm64 macOS passes such arguments on the stack.
  const fcntl = bind('fcntl', 'int', 'int', '...')
  const lseek = library.func('lseek', 'int64_t', ['int', 'int64_t', 'int'])
  const renameat2 = optional('renameat2', 'int', 'str', 'int', 'str', 'uint32_t')
  const fsync = bind('fsync', 'int')
  const fdatasync = optional('fdatasync', 'int') ?? fsync
  const fallocate = optional('posix_fallocate', 'int', 'int64_t', 'int64_t')
  const fadvise = optional('posix_fadvise', 'int', 'int64_t', 'int64_t', 'int')
  const syncFileRange = optional('sync_file_range', 'int', 'int64_t', 'int64_t', 'uint32_t')
  const shmOpen = optional('shm_open', 'str', 'int', abi.system === 'macos' ? '...' : 'uint32_t')
  const shmUnlink = optional('shm_unlink', 'str')
  const memfdCreate = optional('memfd_create', 'str', 'uint32_t')
  const ftruncate = bind('ftruncate', 'int', 'int64_t')
  const close = bind('close', 'int')

  const answer = (result: unknown): number => (result === -1 ? -koffi.errno() : (result as number))
  const answerLater = (call: ForeignFunction, ...args: readonly unknown[]): Promise<number> =>
    new Promise(resolve => {
      call.async(...args, (error: unknown, result: unknown) => resolve(error ? -EIO : answer(result)))
    })
  const again = (call: () => number): number => {
    let result = call()
    while (result === -EINTR) result = call()
    return result
  }
  // False if the system or the file system does not have the command. The plain call is then used.
  const { F_FULLFSYNC } = abi
  const emptyCache = (fd: number): boolean => F_FULLFSYNC !== undefined && fcntl(fd, F_FULLFSYNC) === 0
  const emptyCacheAsync = async (fd: number): Promise<boolean> =>
    F_FULLFSYNC !== undefined && (await answerLater(fcntl, fd, F_FULLFSYNC)) === 0
  const unsupported = (): number => -constants.errno.EOPNOTSUPP
  const seek = (fd: number, offset: number, whence: number | undefined): number =>
    whence === undefined ? unsupported() : Number(answer(lseek(fd, offset, whence)))

  return {
    abi,
    pageBytes: Number(sysconf(abi.SC_PAGESIZE)),
    view: (at, length) => unwatched(koffi.view(BigInt(at), length)),
    mmap: (at, length, protection, flags, fd, offset) => {
      const result = mmap(at, length, protection, flags, fd, offset)
      // MAP_FAILED is all ones, which koffi returns as a bigint: 18446744073709551615n.
      return typeof result === 'number' ? result : -koffi.errno()
    },
    munmap: (at, length) => answer(munmap(at, length)),
    msync: (at, length, flags) => answer(msync(at, length, flags)),
    msyncAsync: (at, length, flags) => answerLater(msync, at, length, flags),
    madvise: (at, length, advice) => again(() => answer(madvise(at, length, advice))),
    madviseAsync: async (at, length, advice) => {
      let result = -EINTR
      while (result === -EINTR) result = await answerLater(madvise, at, length, advice)
      return result
    },
    mincore: (at, length, pages) => answer(mincore(at, length, pages)),
    mlock: (at, length) => answer(mlock(at, length)),
    munlock: (at, length) => answer(munlock(at, length)),
    fcntl: (fd, command, argument) => again(() => answer(fcntl(fd, command, 'void *', argument))),
    fileEnd: fd => Number(answer(lseek(fd, 0, SEEK_END))),
    seekHole: (fd, offset) => seek(fd, offset, abi.SEEK_HOLE),
    seekData: (fd, offset) => seek(fd, offset, abi.SEEK_DATA),
    renameNew: (from, to) => {
      const { AT_FDCWD, RENAME_NOREPLACE } = abi
      if (renameat2 === undefined || RENAME_NOREPLACE === undefined) return unsupported()
      return answer(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
    },
    fsync: fd => (emptyCache(fd) ? 0 : answer(fsync(fd))),
    fdatasync: fd => (emptyCache(fd) ? 0 : answer(fdatasync(fd))),
    fdatasyncAsync: async fd => ((await emptyCacheAsync(fd)) ? 0 : await answerLater(fdatasync, fd)),
    // posix_fallocate and posix_fadvise return the errno itself and do not set errno.
    posixFallocate:
      fallocate === undefined
        ? unsupported
        : (fd, offset, length) => again(() => -(fallocate(fd, offset, length) as number)),
    posixFadvise:
      fadvise === undefined
        ? unsupported
        : (fd, offset, length, advice) => -(fadvise(fd, offset, length, advice) as number),
    syncFileRangeAsync: async (fd, offset, length, flags) =>
      syncFileRange === undefined ? unsupported() : answerLater(syncFileRange, fd, offset, length, flags),
    shmOpen: (name, flags, mode) => {
      if (shmOpen === undefined) return unsupported()
      return answer(
        abi.system === 'macos' ? shmOpen(name, flags, 'uint32_t', mode) : shmOpen(name, flags, mode),
      )
    },
    shmUnlink: name => (shmUnlink === undefined ? unsupported() : answer(shmUnlink(name))),
    memfdCreate: name => (memfdCreate === undefined ? unsupported() : answer(memfdCreate(name, MFD_CLOEXEC))),
    ftruncate: (fd, size) => answer(ftruncate(fd, size)),
    close: fd => answer(close(fd)),
  }
}
