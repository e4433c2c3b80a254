/**
 * Which opener of shared memory is the first, and which is the last? Locks give the lifetime that Windows gives by handles.
 *
 *   SJ1  each opener of an object holds a shared lock on it. Locks end with their process.
 *   SJ2  an opener that gets the exclusive lock is the only one. At opening it is the first, and replaces what a killed process left; at
 *        closing it is the last, and removes the name.
 *   SJ3  between opening and locking the name may be removed or given to another object. A lock only counts if the name still belongs
 *        to the locked object.
 *   SJ4  openers proceed one at a time. Two openers that decide at the same time would each count the other one, and neither would be
 *        the first.
 * Linux: shm_open. macOS has no locks on such objects, so a file in the temporary folder is used; not yet run there.
 */

import * as fs from 'node:fs'
import { constants } from 'node:os'
import { type ErrorCode, StrideError } from '../../errors.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { roundUp } from '../bounds.ts'
import type { SharedObject, SharedRequest } from '../mapping-system.ts'
import { readTrailer, TRAILER_BYTES, type Trailer, trailerBytes } from '../shared-trailer.ts'
import { errnoError, withCodes } from '../system-errors.ts'
import { PosixFile } from './posix-file.ts'
import { recordLocks } from './record-locks.ts'
import { isStillNamed, LOCK_BYTE, OPENING_BYTE, openedAgain, openObject, removeName } from './shared-names.ts'
import type { SystemCalls } from './system-calls.ts'
import { ownLedger } from './thread-ledger.ts'

const { EINVAL, EISDIR, ELOOP, ENOENT, ENXIO } = constants.errno
/** Errors for a name that another kind of object has. glibc reports EINVAL for a folder; the name itself is valid. */
const NAMES_OF_OTHERS: readonly number[] = [EINVAL, EISDIR, ELOOP, ENXIO]

const POLL_MS = 1
/** The bytes of an object's own locks follow those of openers. */
const FIRST_LOCK_BYTE = OPENING_BYTE + 1

/** Objects to close when the process ends normally. After a kill the next opener cleans up. */
const openHere = new Set<{ close(): void }>()

/** An object of shm_open. Its memory is a file. */
export interface SharedFile extends SharedObject {
  readonly memory: PosixFile
}

export function openSharedObject(calls: SystemCalls, name: string, request: SharedRequest): SharedFile {
  // The first opener holds the exclusive lock while it allocates, which takes as long as zeroing the memory.
  const deadline = new Deadline(request.patienceMs)
  for (;;) {
    const opened = tryOpen(calls, name, request)
    if (opened !== undefined) return held(calls, opened)
    if (deadline.isOver) {
      throw failure('ERR_STRIDE_BUSY', name, `is being made or removed for ${request.patienceMs} ms now`)
    }
    blockFor(POLL_MS)
  }
}

/** The object of an inherited descriptor. It may have lost its name. */
export function sharedObjectOf(calls: SystemCalls, descriptor: number): SharedFile {
  const path = `shared memory of descriptor ${descriptor}`
  const file = new PosixFile(calls, path, openedAgain(descriptor, path), 'readwrite', recordLocks(calls))
  try {
    const trailer = trailerOf(calls, file)
    if (trailer === undefined)
      throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `Descriptor ${descriptor} is no open SharedMemory`, {
        path,
      })
    // An opener that closes at this moment may hold the exclusive lock.
    while (!file.tryLock(LOCK_BYTE, 'shared')) blockFor(POLL_MS)
    return held(calls, { file, created: false, trailer })
  } catch (error) {
    file.close()
    throw error
  }
}

/** @returns false if no object has the name */
export function unlinkSharedObject(calls: SystemCalls, name: string): boolean {
  const fd = openObject(calls, name, false, 0)
  if (fd === -ENOENT) return false
  if (fd < 0) throw refusal(name, fd)
  fs.closeSync(fd)
  removeName(calls, name)
  return true
}

interface Opened {
  readonly file: PosixFile
  readonly created: boolean
  readonly trailer: Trailer
}

/** Undefined if another process is opening or closing the object: try again. */
function tryOpen(calls: SystemCalls, name: string, request: SharedRequest): Opened | undefined {
  const { size, mode } = request
  const fd = openNamed(calls, name, size !== undefined, mode)
  const file = new PosixFile(calls, `shared memory '${name}'`, fd, 'readwrite', recordLocks(calls))
  try {
    if (!file.tryLock(OPENING_BYTE, 'exclusive')) return giveUp(file)
    const isOnly =
      file.tryLock(LOCK_BYTE, 'exclusive') ||
      (file.tryLock(LOCK_BYTE, 'shared') && file.tryLock(LOCK_BYTE, 'exclusive'))
    if (!isOnly && !file.tryLock(LOCK_BYTE, 'shared')) return giveUp(file)
    if (!isStillNamed(calls, name, file.identity())) return giveUp(file)
    if (!isOnly) {
      if (file.size() === 0) return giveUp(file)
      const trailer = trailerOf(calls, file)
      if (trailer === undefined) throw failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
      file.unlock(OPENING_BYTE)
      return { file, created: false, trailer }
    }
    if (size === undefined) {
      // A killed process left it. No process has it open, so it counts as absent.
      removeName(calls, name)
      throw failure('ERR_STRIDE_NOT_FOUND', name, 'does not exist, and no size to create it was given')
    }
    const trailer = makeAnew(calls, name, file, size, request.isInitialized)
    file.unlock(OPENING_BYTE)
    return { file, created: true, trailer }
  } catch (error) {
    file.close()
    throw error
  }
}

function makeAnew(
  calls: SystemCalls,
  name: string,
  file: PosixFile,
  size: number,
  isInitialized: boolean,
): Trailer {
  try {
    const start = roundUp(size, calls.pageBytes)
    file.resize(0)
    // Allocated now, since with full memory a touch would be a SIGBUS.
    file.allocate(0, start + calls.pageBytes)
    const bytes = trailerBytes(name, size, isInitialized)
    file.store(bytes, start)
    file.tryLock(LOCK_BYTE, 'shared')
    return readTrailer(bytes, start, calls.pageBytes) as Trailer
  } catch (error) {
    // An unlinked name may belong to another object by now.
    if (isStillNamed(calls, name, file.identity())) removeName(calls, name)
    throw error
  }
}

function trailerOf(calls: SystemCalls, file: PosixFile): Trailer | undefined {
  const start = file.size() - calls.pageBytes
  if (start <= 0) return undefined
  const bytes = new Uint8Array(TRAILER_BYTES)
  return file.read(bytes, start) < TRAILER_BYTES ? undefined : readTrailer(bytes, start, calls.pageBytes)
}

function held(calls: SystemCalls, { file, created, trailer }: Opened): SharedFile {
  const { name, size, id } = trailer
  const entry = ownLedger(calls)?.addShared()
  const object: SharedFile = {
    name,
    created,
    size,
    id,
    memory: file,
    trailerOffset: roundUp(size, calls.pageBytes),
    get descriptor() {
      return file.fd
    },
    tryLock: lock => file.tryLock(FIRST_LOCK_BYTE + lock, 'exclusive'),
    unlock: lock => file.unlock(FIRST_LOCK_BYTE + lock),
    close() {
      if (!openHere.delete(object)) return
      ownLedger(calls)?.remove(entry)
      if (openHere.size === 0) process.off('exit', closeAll)
      // The shared lock is released before the exclusive one is tried. Of two that close at once, the later one succeeds.
      file.unlock(LOCK_BYTE)
      if (file.tryLock(LOCK_BYTE, 'exclusive') && isStillNamed(calls, name, file.identity()))
        removeName(calls, name)
      file.close()
    },
  }
  if (openHere.size === 0) process.on('exit', closeAll)
  openHere.add(object)
  return object
}

function closeAll(): void {
  for (const object of [...openHere]) object.close()
}

function giveUp(file: PosixFile): undefined {
  file.close()
}

function openNamed(calls: SystemCalls, name: string, create: boolean, mode: number): number {
  const fd = openObject(calls, name, create, mode)
  if (fd < 0) throw refusal(name, fd)
  // Deno does not accept descriptors that it did not open.
  if (withCodes(name, () => fs.fstatSync(fd)).isFile()) return fd
  fs.closeSync(fd)
  throw failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
}

/** @param result a negative errno */
function refusal(name: string, result: number): StrideError {
  if (result === -ENOENT)
    return failure('ERR_STRIDE_NOT_FOUND', name, 'does not exist, and no size to create it was given')
  if (NAMES_OF_OTHERS.includes(-result))
    return failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
  return errnoError('shm_open', -result, name)
}

function failure(code: ErrorCode, name: string, what: string): StrideError {
  return new StrideError(code, `Shared memory '${name}' ${what}`)
}
