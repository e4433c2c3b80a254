/**
 * Locks of the kernel on single bytes of a file: open file description locks (fcntl, F_OFD_SETLK).
 *
 * They belong to the descriptor, so that two handles of one process exclude each other, closing another
 * descriptor of the file drops nothing, and the death of the process frees them (S1, S5).
 */

import { constants, endianness } from 'node:os'
import type { LockTable } from '../disk-file.ts'
import type { LockKind } from '../platform.ts'
import { errnoError } from '../system-errors.ts'
import type { SystemCalls } from './system-calls.ts'

const { EACCES, EAGAIN } = constants.errno
const SEEK_SET = 0
const littleEndian = endianness() === 'LE'

export function recordLocks(calls: SystemCalls): LockTable {
  return {
    tryLock: (fd, path, byte, kind) => setLock(calls, fd, path, byte, 1, kind),
    unlock: (fd, path, byte) => void setLock(calls, fd, path, byte, 1, 'none'),
    // Length 0 reaches to the end of all bytes.
    unlockAll: (fd, path) => void setLock(calls, fd, path, 0, 0, 'none'),
  }
}

function setLock(
  calls: SystemCalls,
  fd: number,
  path: string,
  start: number,
  length: number,
  kind: LockKind | 'none',
): boolean {
  const { abi } = calls
  const { flock } = abi
  const type = { shared: abi.F_RDLCK, exclusive: abi.F_WRLCK, none: abi.F_UNLCK }[kind]
  const bytes = new Uint8Array(flock.bytes)
  const view = new DataView(bytes.buffer)
  view.setInt16(flock.l_type, type, littleEndian)
  view.setInt16(flock.l_whence, SEEK_SET, littleEndian)
  view.setBigInt64(flock.l_start, BigInt(start), littleEndian)
  view.setBigInt64(flock.l_len, BigInt(length), littleEndian)
  const result = calls.fcntl(fd, abi.F_OFD_SETLK, bytes)
  if (result >= 0) return true
  if (result === -EAGAIN || result === -EACCES) return false
  throw errnoError('fcntl', -result, path)
}
