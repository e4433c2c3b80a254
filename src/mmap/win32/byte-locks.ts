/**
 * How are single bytes of a file locked on Windows? By LockFileEx.
 *
 * Locks belong to the handle, and end with it and with its process (S1, S5). Windows keeps others from reading and writing a locked
 * byte, so locked bytes lie behind any possible end of a file. A lock cannot be converted. To make an exclusive lock shared, a shared
 * one is taken first and the exclusive one released. To make a shared lock exclusive, it is released first; if another process takes
 * the byte in that moment, the lock is lost, which is reported.
 */

import { StrideError } from '../../errors.ts'
import type { LockTable } from '../disk-file.ts'
import type { LockKind } from '../platform.ts'
import type { Win32Calls } from './win32-calls.ts'
import { ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, ERROR_NOT_LOCKED, win32Error } from './win32-errors.ts'

const FIRST_LOCK = 2n ** 62n

/** Held locks by descriptor and byte, since Windows does not tell what a handle holds. */
type Held = Map<number, Map<number, LockKind>>

export function byteLocks(calls: Win32Calls): LockTable {
  const held: Held = new Map()

  const lock = (fd: number, path: string, byte: number, kind: LockKind): boolean => {
    const result = calls.lockByte(calls.handleOf(fd), FIRST_LOCK + BigInt(byte), kind === 'exclusive')
    if (result === 0) return true
    if (result === -ERROR_LOCK_VIOLATION || result === -ERROR_IO_PENDING) return false
    throw win32Error('LockFileEx', -result, path)
  }
  const unlock = (fd: number, path: string, byte: number): void => {
    const result = calls.unlockByte(calls.handleOf(fd), FIRST_LOCK + BigInt(byte))
    if (result < 0 && result !== -ERROR_NOT_LOCKED) throw win32Error('UnlockFileEx', -result, path)
  }
  const becomeExclusive = (fd: number, path: string, byte: number): boolean => {
    unlock(fd, path, byte)
    if (lock(fd, path, byte, 'exclusive')) return true
    if (lock(fd, path, byte, 'shared')) return false
    held.get(fd)?.delete(byte)
    throw new StrideError(
      'ERR_STRIDE_BUSY',
      `Another opener took the lock on byte ${byte} meanwhile: ${path}`,
      {
        path,
      },
    )
  }

  return {
    tryLock(fd, path, byte, kind) {
      const now = held.get(fd)?.get(byte)
      if (now === kind) return true
      const isTaken = now === 'shared' ? becomeExclusive(fd, path, byte) : lock(fd, path, byte, kind)
      if (!isTaken) return false
      // If both kinds are held, the first unlock releases the exclusive one.
      if (now === 'exclusive') unlock(fd, path, byte)
      const bytes = held.get(fd) ?? new Map<number, LockKind>()
      held.set(fd, bytes.set(byte, kind))
      return true
    },
    isLocked(fd, path, byte) {
      if (held.get(fd)?.has(byte) === true) return false
      if (!lock(fd, path, byte, 'shared')) return true
      unlock(fd, path, byte)
      return false
    },
    unlock(fd, path, byte) {
      if (held.get(fd)?.delete(byte) === true) unlock(fd, path, byte)
    },
    unlockAll(fd, path) {
      for (const byte of held.get(fd)?.keys() ?? []) unlock(fd, path, byte)
      held.delete(fd)
    },
  }
}
