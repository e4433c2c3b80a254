/**
 * How are names of shared memory opened and removed, also those that a killed process left?
 *
 * Linux: shm_open. macOS has no locks on such objects, so a file in the temporary folder is used; not yet run there. Which opener
 * creates an object, and which removes it: shared-object.ts.
 */

import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identityOf } from '../disk-file.ts'
import { withCodes } from '../system-errors.ts'
import { recordLocks } from './record-locks.ts'
import type { SystemCalls } from './system-calls.ts'

/** Distinguishes our objects from those of other programs. */
const PREFIX = 'stridedb.'
/** Where Linux shows the objects of shm_open. */
const SHM_FOLDER = '/dev/shm'
/** All openers of an object hold its shared lock; a single opener can take the exclusive one. */
export const LOCK_BYTE = 0
/** Held exclusively while an opener finds out whether it is the first. */
export const OPENING_BYTE = 1

/** @returns a descriptor, or -errno */
export function openObject(calls: SystemCalls, name: string, create: boolean, mode: number): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  const flags = O_RDWR | (create ? O_CREAT : 0)
  if (calls.abi.system === 'linux') {
    const fd = calls.shmOpen(`/${PREFIX}${name}`, flags | calls.abi.O_CLOEXEC, mode)
    return fd < 0 ? fd : knownToNode(calls, fd)
  }
  try {
    return fs.openSync(objectPath(name), flags | O_NOFOLLOW | O_NONBLOCK, mode)
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    if (typeof errno === 'number') return -Math.abs(errno)
    throw error
  }
}

/** Another descriptor of the file of a descriptor that this process inherited. @throws ERR_STRIDE_IO, _NOT_FOUND (no such descriptor) */
export function openedAgain(fd: number, path: string): number {
  const folder = process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd'
  const { O_RDWR, O_NONBLOCK } = fs.constants
  return withCodes(path, () => fs.openSync(`${folder}/${fd}`, O_RDWR | O_NONBLOCK))
}

/** Opens the same file through node:fs, since Node closes its own descriptors when a worker thread ends in any way. */
function knownToNode(calls: SystemCalls, fd: number): number {
  let known: number
  try {
    known = fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  } catch {
    // There is no /proc, or this is no regular file. The first descriptor is used.
    return fd
  }
  calls.close(fd)
  return known
}

export function removeName(calls: SystemCalls, name: string): void {
  if (calls.abi.system === 'linux') calls.shmUnlink(`/${PREFIX}${name}`)
  else fs.rmSync(objectPath(name), { force: true })
}

function objectPath(name: string): string {
  return join(tmpdir(), `${PREFIX}shared.${name}`)
}

/** Whether the name still belongs to the object. */
export function isStillNamed(calls: SystemCalls, name: string, identity: string): boolean {
  const fd = openObject(calls, name, false, 0)
  if (fd < 0) return false
  try {
    return identityOf(fd, name) === identity
  } finally {
    fs.closeSync(fd)
  }
}

/** Removes the names of objects whose openers were all killed or terminated. */
export function removeAbandonedObjects(calls: SystemCalls): void {
  for (const file of fs.readdirSync(SHM_FOLDER)) {
    if (file.startsWith(PREFIX)) removeIfAbandoned(calls, file.slice(PREFIX.length))
  }
}

/** Removes a name if no process has the object open. Only then it takes a lock, so no closing opener meets it. */
function removeIfAbandoned(calls: SystemCalls, name: string): void {
  const fd = openObject(calls, name, false, 0)
  // It belongs to another user, or is gone meanwhile.
  if (fd < 0) return
  const locks = recordLocks(calls)
  try {
    const isOnly =
      locks.tryLock(fd, name, OPENING_BYTE, 'exclusive') && locks.tryLock(fd, name, LOCK_BYTE, 'exclusive')
    if (isOnly && isStillNamed(calls, name, identityOf(fd, name))) removeName(calls, name)
  } finally {
    fs.closeSync(fd)
  }
}
