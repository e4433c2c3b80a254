/**
 * How are single bytes of a file locked on Linux and macOS? By open file description locks (fcntl, F_OFD_SETLK).
 *
 * They belong to the description. Two handles of one process therefore exclude each other, closing another descriptor of the file
 * drops no lock, and the kernel frees them when the process dies (S1, S5). Asking for the holder (F_OFD_GETLK) takes no lock, so it
 * keeps no opener out.
 */

import { constants, endianness } from 'node:os'
import type { LockTable } from '../disk-file.ts'
import type { LockKind } from '../platform.ts'
import { errnoError } from '../system-errors.ts'
import type { Abi } from './abi.ts'
import type { SystemCalls } from './system-calls.ts'

const { EACCES, EAGAIN } = constants.errno
const SEEK_SET = 0
const littleEndian = endianness() === 'LE'

export function recordLocks(calls: SystemCalls): LockTable {
  const { abi } = calls
  const set = (fd: number, path: string, type: number, byte: number, length: number): boolean => {
    const result = calls.fcntl(fd, abi.F_OFD_SETLK, flock(abi, type, byte, length))
    if (result >= 0) return true
    if (result === -EAGAIN || result === -EACCES) return false
    throw errnoError('fcntl', -result, path)
  }
  return {
    tryLock: (fd, path, byte, kind) => set(fd, path, typeOf(abi, kind), byte, 1),
    unlock: (fd, path, byte) => void set(fd, path, abi.F_UNLCK, byte, 1),
    // Length 0 means up to the last possible byte.
    unlockAll: (fd, path) => void set(fd, path, abi.F_UNLCK, 0, 0),
    isLocked(fd, path, byte) {
      // The kernel writes the lock that would exclude a shared one over this struct.
      const question = flock(abi, abi.F_RDLCK, byte, 1)
      const result = calls.fcntl(fd, abi.F_OFD_GETLK, question)
      if (result < 0) throw errnoError('fcntl', -result, path)
      return viewOf(question).getInt16(abi.flock.l_type, littleEndian) !== abi.F_UNLCK
    },
  }
}

function typeOf(abi: Abi, kind: LockKind): number {
  return kind === 'shared' ? abi.F_RDLCK : abi.F_WRLCK
}

function flock({ flock }: Abi, type: number, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(flock.bytes)
  const view = viewOf(bytes)
  view.setInt16(flock.l_type, type, littleEndian)
  view.setInt16(flock.l_whence, SEEK_SET, littleEndian)
  view.setBigInt64(flock.l_start, BigInt(start), littleEndian)
  view.setBigInt64(flock.l_len, BigInt(length), littleEndian)
  return bytes
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
