/**
 * The temporary names of files that are being written, and the removal of those that dead processes left.
 *
 *   BF1  the process that writes a temporary file holds a lock on it from its creation to its end. The lock ends with the process.
 *   BF2  a leftover is removed only if it has one of these names, no process holds its lock, and it is a file of ours or a part of one
 *        (leftovers.ts); a whole one must have the store's id. Any other file keeps its name, and the next name is used.
 * The names are few and fixed, so that leftovers are found without listing a folder. They are unusual, so that no user chooses them.
 * Writing these files, and giving them their names: whole-file.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { folderIsMissing } from './absent-folder.ts'
import { isLeftover } from './leftovers.ts'
import { isCurrent, names } from './same-file.ts'

const ENDINGS = ['-new-q8z3kf', '-new-w5t0xn', '-new-j2m7vd'] as const
/** An offset beyond the end of any file, other than the byte that a store's writer locks. */
const LOCK_BYTE = 2 ** 52 + 1
/** The longest ending that is appended to the name of a store. */
const LONGEST_ENDING = `-index-next${ENDINGS[0]}`

/** The permissions of a new file: bits, or a file whose owner and bits it gets; 0o600 by default. */
export type FileAccess = number | PlatformFile | undefined

export interface Beside {
  readonly file: PlatformFile
  readonly identity: string
}

/**
 * Creates a locked temporary file for `path`, and removes leftovers.
 * @param storeId of the store that is written; undefined for a new store
 * @throws ERR_STRIDE_EXISTS if all names are taken, _NO_SPACE, _PERMISSION, _IO
 */
export function createBeside(platform: Platform, path: string, access: FileAccess, storeId?: string): Beside {
  // If locks are only valid in this process, another process may be writing such a file.
  if (platform.lockObstacle === undefined) removeLeftovers(platform, path, storeId)
  for (const ending of ENDINGS) {
    const beside = claim(platform, `${path}${ending}`, access)
    if (beside !== undefined) return beside
  }
  const message = `All names for a file beside ${path} are taken (${path}${ENDINGS[0]} and others)`
  throw new StrideError('ERR_STRIDE_EXISTS', message, { path })
}

/** Removes the leftovers of dead processes, for the writer of a store. A leftover that cannot be removed is no error. */
export function removeLeftovers(platform: Platform, path: string, storeId?: string): void {
  for (const ending of ENDINGS) removeLeftover(platform, `${path}${ending}`, storeId)
}

/**
 * @throws ERR_STRIDE_NOT_FOUND if a part of the path is no folder, _LIMIT if the name of a file beside the store would be longer than
 *   the file system allows
 */
export function checkNameLength(platform: Platform, path: string): void {
  try {
    platform.exists(`${path}${LONGEST_ENDING}`)
  } catch (error) {
    if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_LIMIT') {
      throw folderIsMissing(error, path, 'opened') ?? error
    }
    const message = `The name is too long: files beside it have names up to ${LONGEST_ENDING.length} bytes longer, which this file system does not allow: ${path}`
    throw new StrideError('ERR_STRIDE_LIMIT', message, { path, cause: error })
  }
}

/** Creates and locks a file; undefined if the name is taken, also by another process at the same time. */
function claim(platform: Platform, name: string, access: FileAccess): Beside | undefined {
  const rights =
    typeof access === 'number' ? { mode: access } : typeof access === 'object' ? { like: access } : {}
  let file: PlatformFile
  try {
    file = platform.open(name, { access: 'readwrite', create: 'always', ...rights })
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_EXISTS') return undefined
    throw error
  }
  try {
    // Before it was locked, another process may have removed the file as a leftover.
    const identity = file.identity()
    if (file.tryLock(LOCK_BYTE, 'exclusive') && names(platform, name, identity)) return { file, identity }
    file.close()
    return undefined
  } catch (error) {
    file.close()
    removeIfThere(platform, name)
    throw error
  }
}

function removeLeftover(platform: Platform, name: string, storeId: string | undefined): void {
  try {
    if (!platform.exists(name)) return
    const left = platform.open(name, { access: 'readwrite', create: 'never' })
    try {
      const isFree = left.tryLock(LOCK_BYTE, 'exclusive')
      if (isFree && isLeftover(left, storeId) && isCurrent(platform, name, left)) platform.remove(name)
    } finally {
      left.close()
    }
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
  }
}

/** Removes a file with a name that this process gave. Errors are ignored, since an earlier error is being thrown. */
export function removeIfThere(platform: Platform, name: string): void {
  try {
    platform.remove(name)
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
  }
}
