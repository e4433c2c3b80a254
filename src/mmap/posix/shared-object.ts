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
import type { SharedObject } from '../mapping-system.ts'
import { errnoError, withCodes } from '../system-errors.ts'
import { PosixFile } from './posix-file.ts'
import { recordLocks } from './record-locks.ts'
import { isStillNamed, LOCK_BYTE, OPENING_BYTE, openObject, removeName } from './shared-names.ts'
import type { SystemCalls } from './system-calls.ts'
import { ownLedger } from './thread-ledger.ts'

const { EINVAL, EISDIR, ELOOP, ENOENT, ENXIO } = constants.errno
/** Errors for a name that another kind of object has. glibc reports EINVAL for a folder; the name itself is valid. */
const NAMES_OF_OTHERS: readonly number[] = [EINVAL, EISDIR, ELOOP, ENXIO]

/** The first opener holds the exclusive lock while it allocates, which takes as long as zeroing the memory. */
const PATIENCE_MS = 10_000
const POLL_MS = 1

/** Objects to close when the process ends normally. After a kill the next opener cleans up. */
const openHere = new Set<{ close(): void }>()

/** An object of shm_open. Its memory is a file. */
export interface SharedFile extends SharedObject {
  readonly memory: PosixFile
}

/** @param size undefined: only an existing object is opened */
export function openSharedObject(
  calls: SystemCalls,
  name: string,
  size: number | undefined,
  mode: number,
  patienceMs = PATIENCE_MS,
): SharedFile {
  const deadline = new Deadline(patienceMs)
  for (;;) {
    const opened = tryOpen(calls, name, size, mode)
    if (opened !== undefined) return held(calls, name, opened)
    if (deadline.isOver) {
      throw failure('ERR_STRIDE_BUSY', name, `is being made or removed for ${patienceMs} ms now`)
    }
    blockFor(POLL_MS)
  }
}

interface Opened {
  readonly file: PosixFile
  readonly created: boolean
}

/** Undefined if another process is opening or closing the object: try again. */
function tryOpen(calls: SystemCalls, name: string, size: number | undefined, mode: number): Opened | undefined {
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
      file.unlock(OPENING_BYTE)
      return { file, created: false }
    }
    if (size === undefined) {
      // A killed process left it. No process has it open, so it counts as absent.
      removeName(calls, name)
      throw failure('ERR_STRIDE_NOT_FOUND', name, 'does not exist, and no size to create it was given')
    }
    makeAnew(calls, name, file, size)
    file.unlock(OPENING_BYTE)
    return { file, created: true }
  } catch (error) {
    file.close()
    throw error
  }
}

function makeAnew(calls: SystemCalls, name: string, file: PosixFile, size: number): void {
  try {
    file.resize(0)
    // Allocated now, since with full memory a touch would be a SIGBUS.
    file.allocate(0, size)
    file.tryLock(LOCK_BYTE, 'shared')
  } catch (error) {
    removeName(calls, name)
    throw error
  }
}

function held(calls: SystemCalls, name: string, { file, created }: Opened): SharedFile {
  const entry = ownLedger(calls)?.addShared()
  const object: SharedFile = {
    created,
    size: file.size(),
    memory: file,
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
  if (fd === -ENOENT)
    throw failure('ERR_STRIDE_NOT_FOUND', name, 'does not exist, and no size to create it was given')
  if (NAMES_OF_OTHERS.includes(-fd))
    throw failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
  if (fd < 0) throw errnoError('shm_open', -fd, name)
  // Deno does not accept descriptors that it did not open.
  if (withCodes(name, () => fs.fstatSync(fd)).isFile()) return fd
  fs.closeSync(fd)
  throw failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
}

function failure(code: ErrorCode, name: string, what: string): StrideError {
  return new StrideError(code, `Shared memory '${name}' ${what}`)
}
