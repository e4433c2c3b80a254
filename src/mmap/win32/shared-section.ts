/**
 * What is an object of shared memory on Windows? A named section in the page file, which exists as long as a process has it open.
 *
 *   SE1  the system says which opener is first (ERROR_ALREADY_EXISTS), and frees the name with the last handle, however its process
 *        ended.
 *   SE2  the system only keeps the size in pages. The first opener writes a page behind the memory (shared-trailer.ts), and later openers
 *        wait for it.
 *   SE3  all locks of an object are one named mutex. A mutex belongs to a thread; the system frees it when the thread ends.
 */

import { type ErrorCode, StrideError } from '../../errors.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { roundUp } from '../bounds.ts'
import type { Mappable, SharedObject, SharedRequest } from '../mapping-system.ts'
import { MAGIC_WORD, readTrailer, type Trailer, trailerBytes } from '../shared-trailer.ts'
import { FILE_MAP_READ, FILE_MAP_WRITE, PAGE_READWRITE } from './constants.ts'
import { securityFor } from './security.ts'
import { ViewRange } from './view-range.ts'
import type { Win32Calls } from './win32-calls.ts'
import { ERROR_FILE_NOT_FOUND, ERROR_INVALID_HANDLE, win32Error } from './win32-errors.ts'

/** Objects of this logon session, distinguished from those of other programs. */
const PREFIX = 'Local\\stridedb.'
/** Sections and mutexes share one namespace, and no name of shared memory has a backslash or begins with a dash. */
const LOCK_PREFIX = 'Local\\stridedb-lock.'
const NO_FILE = -1
const POLL_MS = 1

export class SharedSection implements Mappable {
  readonly path: string
  readonly handle: number

  constructor(path: string, handle: number) {
    this.path = path
    this.handle = handle
  }
}

export function openSharedSection(calls: Win32Calls, name: string, request: SharedRequest): SharedObject {
  const path = `shared memory '${name}'`
  const { size, mode, isInitialized } = request
  if (size === undefined) return attach(calls, name, path, openExisting(calls, name, path), request)
  const start = roundUp(size, calls.granularity)
  const total = start + calls.pageBytes
  const security = securityFor(calls, mode)
  const { handle, existed } = calls.createSection(NO_FILE, PAGE_READWRITE, total, PREFIX + name, security)
  if (handle < 0) throw refusal('CreateFileMappingW', -handle, name, path)
  if (existed) return attach(calls, name, path, handle, request)
  const page = trailerPage(calls, handle, path, start)
  try {
    const bytes = trailerBytes(name, size, isInitialized)
    const words = new Int32Array(bytes.buffer, 0, MAGIC_WORD + 1)
    const magic = words[MAGIC_WORD] as number
    words[MAGIC_WORD] = 0
    new Uint8Array(page.buffer).set(bytes)
    Atomics.store(new Int32Array(page.buffer, 0, MAGIC_WORD + 1), MAGIC_WORD, magic)
    return held(
      calls,
      path,
      handle,
      true,
      readTrailer(new Uint8Array(page.buffer), start, calls.granularity) as Trailer,
      mode,
    )
  } finally {
    page.release()
  }
}

/**
 * Windows frees a name with the last holder, and no call frees it before.
 * @returns false if no object has the name @throws ERR_STRIDE_BUSY
 */
export function refuseUnlink(calls: Win32Calls, name: string): false {
  const handle = calls.openSection(FILE_MAP_READ, PREFIX + name)
  if (handle === -ERROR_FILE_NOT_FOUND) return false
  if (handle >= 0) calls.closeHandle(handle)
  throw failure('ERR_STRIDE_BUSY', name, 'is open, and Windows frees its name when the last process closes it')
}

function openExisting(calls: Win32Calls, name: string, path: string): number {
  const handle = calls.openSection(FILE_MAP_READ | FILE_MAP_WRITE, PREFIX + name)
  if (handle < 0) throw refusal('OpenFileMappingW', -handle, name, path)
  return handle
}

/** Reads the page that the first opener wrote. Closes the handle if that fails. */
function attach(
  calls: Win32Calls,
  name: string,
  path: string,
  handle: number,
  request: SharedRequest,
): SharedObject {
  try {
    return held(
      calls,
      path,
      handle,
      false,
      writtenTrailer(calls, name, path, handle, request.patienceMs),
      request.mode,
    )
  } catch (error) {
    calls.closeHandle(handle)
    throw error
  }
}

function writtenTrailer(
  calls: Win32Calls,
  name: string,
  path: string,
  handle: number,
  patienceMs: number,
): Trailer {
  const start = sectionBytes(calls, path, handle) - calls.pageBytes
  const taken = (): StrideError => failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
  if (start <= 0 || start % calls.granularity !== 0) throw taken()
  const page = trailerPage(calls, handle, path, start)
  try {
    const words = new Int32Array(page.buffer, 0, MAGIC_WORD + 1)
    const deadline = new Deadline(patienceMs)
    while (Atomics.load(words, MAGIC_WORD) === 0) {
      if (deadline.isOver) throw failure('ERR_STRIDE_BUSY', name, `is being made for ${patienceMs} ms now`)
      blockFor(POLL_MS)
    }
    const trailer = readTrailer(new Uint8Array(page.buffer), start, calls.granularity)
    if (trailer === undefined) throw taken()
    return trailer
  } finally {
    page.release()
  }
}

/** The size of a section in bytes, whole pages. */
function sectionBytes(calls: Win32Calls, path: string, handle: number): number {
  const address = calls.mapView(handle, FILE_MAP_READ, 0, 0, 0)
  if (address < 0) throw win32Error('MapViewOfFileEx', -address, path)
  try {
    return calls.regionBytes(address)
  } finally {
    calls.unmapView(address)
  }
}

function trailerPage(calls: Win32Calls, handle: number, path: string, start: number): ViewRange {
  const part = { section: handle, access: FILE_MAP_WRITE, offset: start, length: calls.pageBytes }
  return ViewRange.over(calls, path, part)
}

function held(
  calls: Win32Calls,
  path: string,
  handle: number,
  created: boolean,
  { name, size, id }: Trailer,
  mode: number,
): SharedObject {
  let isOpen = true
  let mutex = 0
  return {
    name,
    created,
    size,
    id,
    memory: new SharedSection(path, handle),
    trailerOffset: roundUp(size, calls.granularity),
    descriptor: undefined,
    tryLock() {
      if (mutex === 0) mutex = lockOf(calls, name, path, mode)
      const result = calls.tryMutex(mutex)
      if (result < 0) throw win32Error('WaitForSingleObject', -result, path)
      return result === 1
    },
    unlock() {
      const result = calls.releaseMutex(mutex)
      if (result < 0) throw win32Error('ReleaseMutex', -result, path)
    },
    close() {
      if (isOpen) calls.closeHandle(handle)
      if (isOpen && mutex !== 0) calls.closeHandle(mutex)
      isOpen = false
    },
  }
}

function lockOf(calls: Win32Calls, name: string, path: string, mode: number): number {
  const handle = calls.createMutex(LOCK_PREFIX + name, securityFor(calls, mode))
  if (handle < 0) throw win32Error('CreateMutexW', -handle, path)
  return handle
}

function refusal(call: string, win32Code: number, name: string, path: string): StrideError {
  if (win32Code === ERROR_FILE_NOT_FOUND)
    return failure('ERR_STRIDE_NOT_FOUND', name, 'does not exist, and no size to create it was given')
  if (win32Code === ERROR_INVALID_HANDLE)
    return failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
  return win32Error(call, win32Code, path)
}

function failure(code: ErrorCode, name: string, what: string): StrideError {
  return new StrideError(code, `Shared memory '${name}' ${what}`)
}
