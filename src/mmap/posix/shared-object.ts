/**
 * Who is first, and who is last, at an object of shared memory: the lifetime that Windows gives by handles.
 *
 *   SJ1  who has the object open holds a shared lock on it; the locks die with their process.
 *   SJ2  an opener that gets the lock alone is the only one: at opening it is first, and replaces whatever a killed
 *       process left; at closing it is last, and removes the name.
 *   SJ3  between opening and locking the name may have been removed or given to another object: what was locked
 *       counts only if the name still leads to it.
 *   SJ4  openers come one after the other: two that were both still finding out would each take the other one for
 *       an opener that is through, and neither would be first.
 * Linux: shm_open. macOS knows no locks on those: a file in the folder for temporary ones serves, not yet run there.
 */

import * as fs from 'node:fs'
import { constants } from 'node:os'
import { type ErrorCode, StrideError } from '../../errors.ts'
import { blockFor } from '../../runtime/block.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import type { SharedObject } from '../mapping-system.ts'
import { errnoError, withCodes } from '../system-errors.ts'
import { PosixFile } from './posix-file.ts'
import { recordLocks } from './record-locks.ts'
import { isStillNamed, LOCK_BYTE, OPENING_BYTE, openObject, removeName } from './shared-names.ts'
import type { SystemCalls } from './system-calls.ts'
import { ownLedger } from './thread-ledger.ts'

const { EINVAL, EISDIR, ELOOP, ENOENT, ENXIO } = constants.errno
/** glibc says EINVAL of a folder; the name itself was checked before. */
const NAMES_OF_OTHERS: readonly number[] = [EINVAL, EISDIR, ELOOP, ENXIO]

/** Who is first holds the lock alone while he makes room, which takes as long as zeroing memory. */
const PATIENCE_MS = 10_000
const POLL_MS = 1

/** Open here, to be let go when the process ends by itself; of a killed one the next opener cleans up. */
const openHere = new Set<{ close(): void }>()

/** An object of shm_open: its memory is a file. */
export interface SharedFile extends SharedObject {
  readonly memory: PosixFile
}

/** @param size undefined to open an existing object only */
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

/** Undefined where another process is opening or closing: try again. */
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
      // Left by a process that was killed: nobody has it open, so it does not exist.
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
    // Blocks now, or a full memory would be a SIGBUS at a touch.
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
      // First let go, then try alone: of two that close at once, the later one succeeds.
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
  // Deno does not know descriptors that it did not open.
  if (withCodes(name, () => fs.fstatSync(fd)).isFile()) return fd
  fs.closeSync(fd)
  throw failure('ERR_STRIDE_NAME_TAKEN', name, 'is the name of something else')
}

function failure(code: ErrorCode, name: string, what: string): StrideError {
  return new StrideError(code, `Shared memory '${name}' ${what}`)
}
