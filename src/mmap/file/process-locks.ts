/**
 * Locks where koffi does not load: they exclude handles of this process only.
 *
 * node:fs knows no locks, and words in a file would stay held when their process is killed (S5). Who relies on
 * this is told so in the reason that choosePlatform gives.
 */

import { identityOf, type LockTable } from '../disk-file.ts'

interface Holders {
  exclusive: number | undefined
  readonly shared: Set<number>
}

/** By identity of the file and byte. */
const held = new Map<string, Holders>()

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
