/**
 * May a file that is open for reading be replaced by a copy under its name? On overlayfs (containers) the first opening for writing
 * copies a file from a lower layer to the upper one. Existing mappings still show the lower file, while reads by position and the
 * file's identity move to the upper one. The reader is not told.
 */

import * as fs from 'node:fs'

/** linux/magic.h */
const OVERLAYFS_MAGIC = 0x794c7630

/** True on overlayfs, unless it is mounted for reading only. */
export function mayBeCopiedUp(path: string): boolean {
  if (process.platform !== 'linux') return false
  try {
    if (fs.statfsSync(path).type !== OVERLAYFS_MAGIC) return false
  } catch {
    return false
  }
  try {
    fs.accessSync(path, fs.constants.W_OK)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EROFS'
  }
}
