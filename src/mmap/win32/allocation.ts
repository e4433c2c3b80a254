/**
 * How are blocks allocated for a range of a file on Windows, so that a full disk is an error here and not a failed page later (S6)?
 *
 * NTFS allocates all clusters of a file when its end is set, unless the file is sparse or compressed. They are requested first
 * (FileAllocationInfo), which leaves the size unchanged if there are none.
 */

import * as fs from 'node:fs'
import { withCodes } from '../system-errors.ts'
import { FileAllocationInfo, FileEndOfFileInfo } from './constants.ts'
import type { Win32Calls } from './win32-calls.ts'
import { isUnsupported, win32Error } from './win32-errors.ts'

/** Reserves blocks; false if the file system cannot, and zeros must be written. @throws ERR_STRIDE_NO_SPACE, _IO */
export function reserveBlocks(
  calls: Win32Calls,
  file: { readonly fd: number; readonly path: string; size(): number },
  offset: number,
  length: number,
): boolean {
  const end = offset + length
  // Inside the file there may be holes, which only writing fills.
  if (end <= file.size()) return hasAllBlocks(file)
  const result = setEnd(calls, file.fd, FileAllocationInfo, end)
  if (result < 0) {
    if (isUnsupported(-result)) return false
    throw win32Error('SetFileInformationByHandle', -result, file.path, end)
  }
  const sized = setEnd(calls, file.fd, FileEndOfFileInfo, end)
  if (sized < 0) throw win32Error('SetFileInformationByHandle', -sized, file.path, end)
  return true
}

/** @returns 0, or the code as a negative number */
export function setEnd(calls: Win32Calls, fd: number, kind: number, end: number): number {
  const bytes = new Uint8Array(BigInt64Array.of(BigInt(end)).buffer)
  return calls.setFileInformation(calls.handleOf(fd), kind, bytes)
}

function hasAllBlocks({ fd, path }: { readonly fd: number; readonly path: string }): boolean {
  const { blocks, size } = withCodes(path, () => fs.fstatSync(fd))
  return blocks * 512 >= size
}
