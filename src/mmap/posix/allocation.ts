/**
 * How are blocks allocated for a range of a file, so that a full disk is an error here and not a SIGBUS at a touch (S6)?
 *
 * By posix_fallocate, by F_PREALLOCATE on macOS, or by writing zeros if the file system has neither. On a copy-on-write file system a
 * reserved block does not protect an overwrite; stores use pwrite there as everywhere (PF1).
 */

import { constants, endianness } from 'node:os'
import { errnoError } from '../system-errors.ts'
import type { SystemCalls } from './system-calls.ts'

const { EINVAL, EOPNOTSUPP, ENOSYS, ENOTSUP } = constants.errno
const UNSUPPORTED: readonly number[] = [EINVAL, EOPNOTSUPP, ENOSYS, ENOTSUP]
const F_ALLOCATEALL = 4
const F_PEOFPOSMODE = 3

/** Reserves blocks; false if the file system cannot, and zeros must be written. @throws ERR_STRIDE_NO_SPACE, _IO */
export function reserveBlocks(
  calls: SystemCalls,
  file: { readonly fd: number; readonly path: string; size(): number },
  offset: number,
  length: number,
): boolean {
  const { F_PREALLOCATE } = calls.abi
  if (F_PREALLOCATE !== undefined) {
    const missing = offset + length - file.size()
    // F_PREALLOCATE counts from the end of the file. The caller sets the size.
    if (missing > 0) {
      const result = calls.fcntl(file.fd, F_PREALLOCATE, fstore(missing))
      if (result < 0 && !UNSUPPORTED.includes(-result)) throw errnoError('fcntl', -result, file.path, offset)
    }
    return false
  }
  const result = calls.posixFallocate(file.fd, offset, length)
  if (result === 0) return true
  if (UNSUPPORTED.includes(-result)) return false
  throw errnoError('posix_fallocate', -result, file.path, offset)
}

/** struct fstore of macOS: u32 flags, i32 position mode, i64 offset, i64 length, i64 bytes allocated. */
function fstore(length: number): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  const littleEndian = endianness() === 'LE'
  view.setUint32(0, F_ALLOCATEALL, littleEndian)
  view.setInt32(4, F_PEOFPOSMODE, littleEndian)
  view.setBigInt64(16, BigInt(length), littleEndian)
  return bytes
}
