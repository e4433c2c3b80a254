/**
 * Does a path still name the file that is open? Another process may have renamed, removed or replaced it.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'

/** Errors of opening a path that show that the open file no longer has this name. */
const GONE: readonly string[] = ['ERR_STRIDE_NOT_FOUND', 'ERR_STRIDE_IS_DIRECTORY', 'ERR_STRIDE_NOT_MAPPABLE']

/**
 * Whether the path still names the file that this descriptor has open.
 * @throws ERR_STRIDE_PERMISSION, _IO if that cannot be found out
 */
export function isCurrent(platform: Platform, path: string, file: PlatformFile): boolean {
  return names(platform, path, file.identity())
}

/** Whether the path names the file of this identity. */
export function names(platform: Platform, path: string, identity: string): boolean {
  let again: PlatformFile
  try {
    again = platform.open(path, { access: 'read', create: 'never' })
  } catch (error) {
    if (error instanceof StrideError && GONE.includes(error.code)) return false
    throw error
  }
  try {
    return again.identity() === identity
  } finally {
    again.close()
  }
}

/**
 * Whether a file beside a store exists. One whose name is longer than the file system allows was never made.
 * @throws ERR_STRIDE_PERMISSION, _IO
 */
export function isBeside(platform: Platform, path: string): boolean {
  try {
    return platform.exists(path)
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_LIMIT') return false
    throw error
  }
}

/** @throws ERR_STRIDE_REPLACED */
export function assertCurrent(platform: Platform, path: string, file: PlatformFile): void {
  if (isCurrent(platform, path, file)) return
  throw new StrideError('ERR_STRIDE_REPLACED', `${path} is another file now than the one that is open`, {
    path,
  })
}
