/**
 * May a file that is open for reading become another one under its name? On overlayfs (containers) the first opening for writing
 * copies a file of a lower layer to the upper one: what was mapped before goes on showing the lower file, reads by position and the
 * file's identity follow to the upper one, and nothing tells the reader.
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
