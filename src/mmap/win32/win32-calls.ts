/**
 * How are the functions of kernel32 called? Bound once, with plain numbers as arguments and results.
 *
 *   WN1  each returns a handle, an address, a size or 0; on failure the code of GetLastError as a negative number. The code is read at
 *        once, and only after a failure.
 *   WN2  `fdOf` makes a file descriptor from a handle. node:fs reads and writes through the descriptor, and closing it closes the
 *        handle.
 * The numbers that they take: constants.ts. The meaning of codes: win32-errors.ts.
 */

import { toNamespacedPath } from 'node:path'
import { isError } from '../../runtime/realms.ts'
import { unwatched } from '../detach.ts'
import { type ForeignFunction, type Koffi, loadKoffi } from '../koffi.ts'
import {
  CURRENT_PROCESS,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  LOCKFILE_EXCLUSIVE_LOCK,
  LOCKFILE_FAIL_IMMEDIATELY,
  MEM_COMMIT,
  MEM_RELEASE,
  MEM_RESERVE,
} from './constants.ts'
import { ERROR_ALREADY_EXISTS } from './win32-errors.ts'

const TWO_TO_32 = 2 ** 32
const INVALID_HANDLE_VALUE = -1
const ERROR_GEN_FAILURE = 31
/** winbase.h: WaitForSingleObject. Other results say that the object was taken. */
const WAIT_TIMEOUT = 258
const WAIT_FAILED = 0xffff_ffff
/** winnt.h: OpenProcessToken, GetTokenInformation */
const TOKEN_QUERY = 8
const TokenUser = 1

export interface CreatedSection {
  /** The handle, or the error code as a negative number. */
  readonly handle: number
  /** Whether an object of that name existed. */
  readonly existed: boolean
}

export interface Win32Calls {
  readonly pageBytes: number
  /** Views begin at multiples of this many bytes, in the file and in memory. */
  readonly granularity: number
  /** An ArrayBuffer over mapped memory, without a copy. */
  view(address: number, length: number): ArrayBuffer
  /** CreateFileW. Others may read, write and remove the file meanwhile. */
  createFile(path: string, access: number, disposition: number, flags: number): number
  closeHandle(handle: number): void
  /** A descriptor for node:fs, which owns the handle from now on; negative if there are no more. */
  fdOf(handle: number): number
  handleOf(fd: number): number
  fileSize(handle: number): number
  fileType(handle: number): number
  setFileInformation(handle: number, kind: number, bytes: Uint8Array): number
  flushFile(handle: number): number
  moveFile(from: string, to: string, flags: number): number
  deleteFile(path: string): number
  /** LockFileEx of one byte, without waiting. */
  lockByte(handle: number, offset: bigint, exclusive: boolean): number
  unlockByte(handle: number, offset: bigint): number
  /** CreateFileMappingW. handle -1: no file. security: address of SECURITY_ATTRIBUTES, 0 for the default ones. */
  createSection(
    handle: number,
    protection: number,
    size: number,
    name?: string,
    security?: number,
  ): CreatedSection
  openSection(access: number, name: string): number
  /** CreateMutexW. The mutex is not taken. */
  createMutex(name: string, security: number): number
  /** Takes a mutex if it is free, or was held by a thread that ended, or is held by this thread. @returns 1 if taken, else 0, or -code */
  tryMutex(handle: number): number
  releaseMutex(handle: number): number
  /** MapViewOfFileEx. address 0: anywhere; length 0: to the end. */
  mapView(section: number, access: number, offset: number, length: number, address: number): number
  unmapView(address: number): number
  flushView(address: number, length: number): number
  flushViewAsync(address: number, length: number): Promise<number>
  /** VirtualAlloc: memory that reads as zero. address 0: anywhere. */
  allocate(address: number, length: number, protection: number, isCommitted: boolean): number
  free(address: number): number
  prefetch(address: number, length: number): number
  prefetchAsync(address: number, length: number): Promise<number>
  /** Reads a byte of each page; 0 if all of them can be read. */
  touch(address: number, length: number): number
  touchAsync(address: number, length: number): Promise<number>
  /** QueryWorkingSetEx: pairs of an address and the state of its page, 8 bytes each. */
  queryWorkingSet(pairs: Uint8Array): number
  lockMemory(address: number, length: number): number
  unlockMemory(address: number, length: number): number
  /** The security identifier of this process's user. */
  userSid(): Uint8Array
  /** VirtualQuery: bytes from the address on with the same state; 0 if that is not known. */
  regionBytes(address: number): number
}

export type Win32CallsResult =
  | { readonly calls: Win32Calls; readonly reason?: undefined }
  | { readonly calls?: undefined; readonly reason: string }

let shared: Win32CallsResult | undefined

/** The system's calls, bound once in a process, or why there are none. */
export function win32Calls(): Win32CallsResult {
  shared ??= bindThisSystem()
  return shared
}

function bindThisSystem(): Win32CallsResult {
  if (process.platform !== 'win32') return { reason: 'this is no Windows' }
  if (process.arch !== 'x64' && process.arch !== 'arm64')
    return { reason: `files are not mapped on ${process.arch}` }
  const { koffi, reason } = loadKoffi()
  if (koffi === undefined) return { reason }
  try {
    return { calls: bindWin32Calls(koffi) }
  } catch (error) {
    return { reason: `kernel32 cannot be bound: ${isError(error) ? error.message : String(error)}` }
  }
}

/** @throws if a function is missing */
export function bindWin32Calls(koffi: Koffi): Win32Calls {
  const kernel32 = koffi.load('kernel32.dll')
  const advapi32 = koffi.load('advapi32.dll')
  // node.exe itself exports libuv, whose table of descriptors node:fs uses.
  const program = koffi.load(null)
  const bind = (name: string, result: string, ...parameters: string[]): ForeignFunction =>
    kernel32.func(name, result, parameters)
  const handle = 'intptr_t'
  const range = ['uintptr_t', 'size_t']
  const lastError = bind('GetLastError', 'uint32_t')
  const setLastError = bind('SetLastError', 'void', 'uint32_t')
  const createFile = bind(
    'CreateFileW',
    handle,
    'str16',
    'uint32_t',
    'uint32_t',
    'void *',
    'uint32_t',
    'uint32_t',
    handle,
  )
  const closeHandle = bind('CloseHandle', 'int', handle)
  const getFileSize = bind('GetFileSizeEx', 'int', handle, 'void *')
  const getFileType = bind('GetFileType', 'uint32_t', handle)
  const setInformation = bind('SetFileInformationByHandle', 'int', handle, 'int', 'void *', 'uint32_t')
  const flushFileBuffers = bind('FlushFileBuffers', 'int', handle)
  const moveFile = bind('MoveFileExW', 'int', 'str16', 'str16', 'uint32_t')
  const deleteFile = bind('DeleteFileW', 'int', 'str16')
  const lockFile = bind('LockFileEx', 'int', handle, 'uint32_t', 'uint32_t', 'uint32_t', 'uint32_t', 'void *')
  const unlockFile = bind('UnlockFileEx', 'int', handle, 'uint32_t', 'uint32_t', 'uint32_t', 'void *')
  const createMapping = bind(
    'CreateFileMappingW',
    handle,
    handle,
    'uintptr_t',
    'uint32_t',
    'uint32_t',
    'uint32_t',
    'str16',
  )
  const createMutex = bind('CreateMutexW', handle, 'uintptr_t', 'int', 'str16')
  const waitForObject = bind('WaitForSingleObject', 'uint32_t', handle, 'uint32_t')
  const releaseMutex = bind('ReleaseMutex', 'int', handle)
  const openMapping = bind('OpenFileMappingW', handle, 'uint32_t', 'int', 'str16')
  const mapView = bind(
    'MapViewOfFileEx',
    'uintptr_t',
    handle,
    'uint32_t',
    'uint32_t',
    'uint32_t',
    'size_t',
    'uintptr_t',
  )
  const unmapView = bind('UnmapViewOfFile', 'int', 'uintptr_t')
  const flushView = bind('FlushViewOfFile', 'int', ...range)
  const virtualAlloc = bind('VirtualAlloc', 'uintptr_t', ...range, 'uint32_t', 'uint32_t')
  const virtualFree = bind('VirtualFree', 'int', ...range, 'uint32_t')
  const virtualLock = bind('VirtualLock', 'int', ...range)
  const virtualUnlock = bind('VirtualUnlock', 'int', ...range)
  const virtualQuery = bind('VirtualQuery', 'size_t', 'uintptr_t', 'void *', 'size_t')
  const prefetch = bind('PrefetchVirtualMemory', 'int', handle, 'size_t', 'void *', 'uint32_t')
  // The only function that reads a byte of each page and returns an error instead of raising an exception.
  const isBadReadPtr = bind('IsBadReadPtr', 'int', ...range)
  const queryWorkingSet = bind('K32QueryWorkingSetEx', 'int', handle, 'void *', 'uint32_t')
  const getSystemInfo = bind('GetSystemInfo', 'void', 'void *')
  const openToken = advapi32.func('OpenProcessToken', 'int', [handle, 'uint32_t', 'void *'])
  const tokenInformation = advapi32.func('GetTokenInformation', 'int', [
    handle,
    'int',
    'void *',
    'uint32_t',
    'void *',
  ])
  const fdOf = program.func('uv_open_osfhandle', 'int', [handle])
  const handleOf = program.func('uv_get_osfhandle', handle, ['int'])

  const failure = (): number => -((lastError() as number) || ERROR_GEN_FAILURE)
  const done = (result: unknown): number => (result === 0 ? failure() : 0)
  const made = (result: unknown): number =>
    result === 0 || result === INVALID_HANDLE_VALUE ? failure() : (result as number)
  const later = (call: ForeignFunction, answer: (result: unknown) => number, ...args: readonly unknown[]) =>
    new Promise<number>(resolve => {
      call.async(...args, (error: unknown, result: unknown) =>
        resolve(error ? -ERROR_GEN_FAILURE : answer(result)),
      )
    })
  const high = (value: number): number => Math.floor(value / TWO_TO_32)
  const low = (value: number): number => value % TWO_TO_32
  const { pageBytes, granularity } = systemInfo(getSystemInfo)

  return {
    pageBytes,
    granularity,
    view: (address, length) => unwatched(koffi.view(BigInt(address), length)),
    createFile: (path, access, disposition, flags) => {
      const share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE
      return made(createFile(toNamespacedPath(path), access, share, null, disposition, flags, 0))
    },
    closeHandle: each => void closeHandle(each),
    fdOf: each => fdOf(each) as number,
    handleOf: fd => handleOf(fd) as number,
    fileSize: each => {
      const size = new BigInt64Array(1)
      return getFileSize(each, size) === 0 ? failure() : Number(size[0])
    },
    fileType: each => getFileType(each) as number,
    setFileInformation: (each, kind, bytes) => done(setInformation(each, kind, bytes, bytes.byteLength)),
    flushFile: each => done(flushFileBuffers(each)),
    moveFile: (from, to, flags) => done(moveFile(toNamespacedPath(from), toNamespacedPath(to), flags)),
    deleteFile: path => done(deleteFile(toNamespacedPath(path))),
    lockByte: (each, offset, exclusive) => {
      const flags = LOCKFILE_FAIL_IMMEDIATELY | (exclusive ? LOCKFILE_EXCLUSIVE_LOCK : 0)
      return done(lockFile(each, flags, 0, 1, 0, overlapped(offset)))
    },
    unlockByte: (each, offset) => done(unlockFile(each, 0, 1, 0, overlapped(offset))),
    createSection: (each, protection, size, name, security = 0) => {
      setLastError(0)
      const result = createMapping(each, security, protection, high(size), low(size), name ?? null)
      const existed = result !== 0 && lastError() === ERROR_ALREADY_EXISTS
      return { handle: made(result), existed }
    },
    openSection: (access, name) => made(openMapping(access, 0, name)),
    createMutex: (name, security) => made(createMutex(security, 0, name)),
    tryMutex: each => {
      const result = waitForObject(each, 0)
      return result === WAIT_FAILED ? failure() : Number(result !== WAIT_TIMEOUT)
    },
    releaseMutex: each => done(releaseMutex(each)),
    mapView: (section, access, offset, length, address) =>
      made(mapView(section, access, high(offset), low(offset), length, address)),
    unmapView: address => done(unmapView(address)),
    flushView: (address, length) => done(flushView(address, length)),
    flushViewAsync: (address, length) => later(flushView, done, address, length),
    allocate: (address, length, protection, isCommitted) =>
      made(virtualAlloc(address, length, MEM_RESERVE | (isCommitted ? MEM_COMMIT : 0), protection)),
    free: address => done(virtualFree(address, 0, MEM_RELEASE)),
    prefetch: (address, length) => done(prefetch(CURRENT_PROCESS, 1, rangeEntry(address, length), 0)),
    prefetchAsync: (address, length) =>
      later(prefetch, done, CURRENT_PROCESS, 1, rangeEntry(address, length), 0),
    touch: (address, length) => isBadReadPtr(address, length) as number,
    touchAsync: (address, length) => later(isBadReadPtr, result => result as number, address, length),
    queryWorkingSet: pairs => done(queryWorkingSet(CURRENT_PROCESS, pairs, pairs.byteLength)),
    lockMemory: (address, length) => done(virtualLock(address, length)),
    unlockMemory: (address, length) => done(virtualUnlock(address, length)),
    userSid: () => {
      const token = new BigInt64Array(1)
      if (openToken(CURRENT_PROCESS, TOKEN_QUERY, token) === 0) return new Uint8Array(0)
      const information = new Uint8Array(256)
      const length = new Uint32Array(1)
      const result = tokenInformation(Number(token[0]), TokenUser, information, information.length, length)
      closeHandle(Number(token[0]))
      // TOKEN_USER: a pointer and flags, 16 bytes, followed by the identifier.
      return result === 0 ? new Uint8Array(0) : information.slice(16, length[0])
    },
    regionBytes: address => {
      // MEMORY_BASIC_INFORMATION, 48 bytes; RegionSize at 24.
      const information = new BigInt64Array(6)
      return virtualQuery(address, information, 48) === 0 ? 0 : Number(information[3])
    },
  }
}

/** SYSTEM_INFO: dwPageSize at 4, dwAllocationGranularity at 40. */
function systemInfo(getSystemInfo: ForeignFunction): { pageBytes: number; granularity: number } {
  const words = new Uint32Array(12)
  getSystemInfo(words)
  return { pageBytes: words[1] as number, granularity: words[10] as number }
}

/** OVERLAPPED, 32 bytes; the offset at 16. */
function overlapped(offset: bigint): BigInt64Array {
  return BigInt64Array.of(0n, 0n, offset, 0n)
}

/** WIN32_MEMORY_RANGE_ENTRY */
function rangeEntry(address: number, length: number): BigInt64Array {
  return BigInt64Array.of(BigInt(address), BigInt(length))
}
