/**
 * Which locks are there if koffi does not load? Locks that exclude other handles of this thread only.
 *
 * node:fs has no locks, and words in a file would stay held after their process is killed (S5). With these locks a store is only written
 * if its opener promises that there is no other writer (S0, engine/sharing/locks.ts).
 *   PL1  all copies of this library in one thread share the locks, also in other realms (node:vm, test runners). The table is a property
 *        of a module of Node, which exists once in each thread. Threads share no objects, and so no table.
 */

import workerThreads from 'node:worker_threads'
import { identityOf, type LockTable } from '../disk-file.ts'

interface Holders {
  exclusive: number | undefined
  readonly shared: Set<number>
}

/** The number in the name changes when the shape of the table does. */
const TABLE = Symbol.for('stridedb.process-locks.1')

/** Held locks, by the file's identity and the byte (PL1). */
const held = sharedTable()

function sharedTable(): Map<string, Holders> {
  const anchor = workerThreads as { [TABLE]?: Map<string, Holders> }
  if (anchor[TABLE] === undefined) Object.defineProperty(anchor, TABLE, { value: new Map<string, Holders>() })
  return anchor[TABLE] as Map<string, Holders>
}

export const processLocks: LockTable = {
  tryLock(fd, path, byte, kind) {
    const key = `${identityOf(fd, path)}:${byte}`
    const holders = held.get(key) ?? { exclusive: undefined, shared: new Set<number>() }
    const others = [...holders.shared].some(other => other !== fd)
    if (holders.exclusive !== undefined && holders.exclusive !== fd) return false
    if (kind === 'exclusive' && others) return false
    holders.exclusive = kind === 'exclusive' ? fd : undefined
    if (kind === 'shared') holders.shared.add(fd)
    else holders.shared.delete(fd)
    held.set(key, holders)
    return true
  },
  isLocked(fd, path, byte) {
    const exclusive = held.get(`${identityOf(fd, path)}:${byte}`)?.exclusive
    return exclusive !== undefined && exclusive !== fd
  },
  unlock(fd, path, byte) {
    letGo(fd, `${identityOf(fd, path)}:${byte}`)
  },
  unlockAll(fd, path) {
    const prefix = `${identityOf(fd, path)}:`
    for (const key of [...held.keys()]) if (key.startsWith(prefix)) letGo(fd, key)
  },
}

function letGo(fd: number, key: string): void {
  const holders = held.get(key)
  if (holders === undefined) return
  if (holders.exclusive === fd) holders.exclusive = undefined
  holders.shared.delete(fd)
  if (holders.exclusive === undefined && holders.shared.size === 0) held.delete(key)
}
