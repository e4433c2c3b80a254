/**
 * What is an object of shared memory on Windows? A named section in the page file, which exists as long as a process has it open.
 *
 *   SE1  the system says which opener is first (ERROR_ALREADY_EXISTS), and frees the name with the last handle, however its process
 *        ended.
 *   SE2  the system only keeps the size in pages. The first opener writes the size in bytes to a page of its own behind the memory, and
 *        later openers wait for it.
 */

import { type ErrorCode, StrideError } from '../../errors.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { roundUp } from '../bounds.ts'
import type { Mappable, SharedObject } from '../mapping-system.ts'
import { FILE_MAP_READ, FILE_MAP_WRITE, PAGE_READWRITE } from './constants.ts'
import { securityFor } from './security.ts'
import { ViewRange } from './view-range.ts'
import type { Win32Calls } from './win32-calls.ts'
import { ERROR_FILE_NOT_FOUND, ERROR_INVALID_HANDLE, win32Error } from './win32-errors.ts'

/** Objects of this logon session, distinguished from those of other programs. */
const PREFIX = 'Local\\stridedb.'
const NO_FILE = -1
/** "STRD" */
const MAGIC = 0x44525453
const PATIENCE_MS = 10_000
const POLL_MS = 1

export class SharedSection implements Mappable {
  readonly path: string
  readonly handle: number

  constructor(path: string, handle: number) {
    this.path = path
    this.handle = handle
  }
}

/** @param size undefined: only an existing object is opened */
export function openSharedSection(
  calls: Win32Calls,
  name: string,
  size: number | undefined,
  mode: number,
  patienceMs = PATIENCE_MS,
): SharedObject {
  const path = `shared memory '${name}'`
  if (size === undefined) return attach(calls, name, path, openExisting(calls, name, path), patienceMs)
  const start = roundUp(size, calls.granularity)
  const total = start + calls.pageBytes
  const security = securityFor(calls, mode)
  const { handle, existed } = calls.createSection(NO_FILE, PAGE_READWRITE, total, PREFIX + name, security)
  if (handle < 0) throw refusal('CreateFileMappingW', -handle, name, path)
  if (existed) return attach(calls, name, path, handle, patienceMs)
  const words = sizePage(calls, handle, path, start)
  try {
    const values = new Int32Array(words.buffer, 0, 3)
    values[1] = size | 0
    values[2] = Math.floor(size / 2 ** 32)
    Atomics.store(values, 0, MAGIC)
  } finally {
    words.release()
  }
  return held(calls, path, handle, true, size)
}

function openExisting(calls: Win32Calls, name: string, path: string): number {
  const handle = calls.openSection(FILE_MAP_READ | FILE_MAP_WRITE, PREFIX + name)
  if (handle < 0) throw refusal('OpenFileMappingW', -handle, name, path)
  return handle
}

/** Reads the size that the first opener wrote. Closes the handle if that fails. */
function attach(
  calls: Win32Calls,
  name: string,
  path: string,
  handle: number,
  patienceMs: number,
): SharedObject {
  try {
    return held(calls, path, handle, false, writtenSize(calls, name, path, handle, patienceMs))
  } catch (error) {
    calls.closeHandle(handle)
    throw error
  }
}

function writtenSize(
  calls: Win32Calls,
  name: string,
  path: string,
  handle: number,
  patienceMs: number,
): number {
  const start = sectionBytes(calls, path, handle) - calls.pageBytes
  const taken = (): StrideError => failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
  if (start <= 0 || start % calls.granularity !== 0) throw taken()
  const words = sizePage(calls, handle, path, start)
  try {
    const values = new Int32Array(words.buffer, 0, 3)
    const deadline = new Deadline(patienceMs)
    while (Atomics.load(values, 0) === 0) {
      if (deadline.isOver) throw failure('ERR_STRIDE_BUSY', name, `is being made for ${patienceMs} ms now`)
      blockFor(POLL_MS)
    }
    const size = ((values[1] as number) >>> 0) + (values[2] as number) * 2 ** 32
    if (values[0] !== MAGIC || roundUp(size, calls.granularity) !== start) throw taken()
    return size
  } finally {
    words.release()
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

function sizePage(calls: Win32Calls, handle: number, path: string, start: number): ViewRange {
  const part = { section: handle, access: FILE_MAP_WRITE, offset: start, length: calls.pageBytes }
  return ViewRange.over(calls, path, part)
}

function held(calls: Win32Calls, path: string, handle: number, created: boolean, size: number): SharedObject {
  let isOpen = true
  return {
    created,
    size,
    memory: new SharedSection(path, handle),
    close() {
      if (isOpen) calls.closeHandle(handle)
      isOpen = false
    },
  }
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
