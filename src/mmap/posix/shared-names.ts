/**
 * Names of shared memory: opened, removed, and left behind by who was killed.
 *
 * Linux: shm_open. macOS knows no locks on such objects: a file in the folder for temporary ones serves, not yet run there.
 * Who is first and who is last at one: shared-object.ts.
 */

import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identityOf } from '../disk-file.ts'
import { recordLocks } from './record-locks.ts'
import type { SystemCalls } from './system-calls.ts'

/** Objects of other programs are not mistaken for ours. */
const PREFIX = 'stridedb.'
/** Where Linux shows the objects of shm_open. */
const SHM_FOLDER = '/dev/shm'
/** Held together by all who have the object open, alone by who is the only one. */
export const LOCK_BYTE = 0
/** Held alone while an opener finds out whether it is first. */
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

/** The same file by a descriptor of node:fs: Node closes those of a worker thread that ends, whatever its end. */
function knownToNode(calls: SystemCalls, fd: number): number {
  let known: number
  try {
    known = fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  } catch {
    // No /proc, or something else than a file: it is looked at by the first descriptor.
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

/** Whether the name still leads to the object. */
export function isStillNamed(calls: SystemCalls, name: string, identity: string): boolean {
  const fd = openObject(calls, name, false, 0)
  if (fd < 0) return false
  try {
    return identityOf(fd, name) === identity
  } finally {
    fs.closeSync(fd)
  }
}

/** Removes the names of objects that nobody has open any more: who had them was killed, or terminated. */
export function removeAbandonedObjects(calls: SystemCalls): void {
  for (const file of fs.readdirSync(SHM_FOLDER)) {
    if (file.startsWith(PREFIX)) removeIfAbandoned(calls, file.slice(PREFIX.length))
  }
}

/** Holds a lock only where nobody has the object open, so that nobody's closing meets it. */
function removeIfAbandoned(calls: SystemCalls, name: string): void {
  const fd = openObject(calls, name, false, 0)
  // Another user's, or gone meanwhile.
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
