/**
 * May every page of a mapped range be touched? A hole in the file has no block yet. If a touch needs a block and the disk is full, the
 * process dies with SIGBUS.
 *
 *   HO1  a range that may be stored to has blocks for all its pages before a user gets it.
 *   HO2  on tmpfs, where reading a hole also takes a block, a read-only range has them, too.
 * On other file systems reading a hole shows zeros and takes no block. A full disk is an error of these calls (S6).
 */

import * as fs from 'node:fs'
import { constants } from 'node:os'
import { errnoError } from '../system-errors.ts'
import { reserveBlocks } from './allocation.ts'
import type { SystemCalls } from './system-calls.ts'

const { EFAULT, EINVAL, ENOSPC } = constants.errno
/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994

export interface MappableFile {
  readonly fd: number
  readonly path: string
  size(): number
}

/** Whether reading a hole takes a block on this file's file system. */
export function readsTakeBlocks(path: string): boolean {
  if (process.platform !== 'linux') return false
  try {
    return fs.statfsSync(path).type === TMPFS_MAGIC
  } catch {
    return false
  }
}

/** Whether the file has fewer blocks than bytes, or that is not known. */
export function hasHoles(file: MappableFile): boolean {
  const { size, blocks, blksize } = fs.fstatSync(file.fd)
  return blocks * 512 + blksize <= size
}

/** Allocates blocks for every hole in [offset, offset + length) of the file (HO1). @throws ERR_STRIDE_NO_SPACE */
export function fillHoles(calls: SystemCalls, file: MappableFile, offset: number, length: number): void {
  for (const hole of holesIn(calls, file, offset, length))
    reserveBlocks(calls, file, hole.start, hole.end - hole.start)
}

/**
 * Touches every hole of the part that is mapped at `address`, by a call that returns an error instead of raising a signal (HO2).
 * @throws ERR_STRIDE_NO_SPACE
 */
export function touchHoles(
  calls: SystemCalls,
  file: MappableFile,
  address: number,
  offset: number,
  length: number,
): void {
  const { abi, pageBytes } = calls
  for (const { start, end } of holesIn(calls, file, offset, length)) {
    const first = Math.floor((start - offset) / pageBytes) * pageBytes
    const bytes = Math.ceil((end - offset) / pageBytes) * pageBytes - first
    const result =
      abi.MADV_POPULATE_READ === undefined
        ? -EINVAL
        : calls.madvise(address + first, bytes, abi.MADV_POPULATE_READ)
    if (result === -EINVAL && reserveBlocks(calls, file, start, end - start)) continue
    if (result === -EFAULT && file.size() >= end) throw errnoError('madvise', ENOSPC, file.path, start)
    if (result < 0) throw errnoError('madvise', -result, file.path, start)
  }
}

/** Holes before the end of the file, in order. */
function* holesIn(
  calls: SystemCalls,
  file: MappableFile,
  offset: number,
  length: number,
): Iterable<{ readonly start: number; readonly end: number }> {
  const end = Math.min(offset + length, file.size())
  let at = offset
  while (at < end) {
    const start = calls.seekHole(file.fd, at)
    // There is no hole, or the system does not tell.
    if (start < 0 || start >= end) return
    const data = calls.seekData(file.fd, start)
    const stop = data < 0 ? end : Math.min(data, end)
    yield { start, end: stop }
    at = stop
  }
}
