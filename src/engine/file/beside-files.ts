/**
 * Files that are written beside a name before they get it: what they are called, and which of them a dead process left.
 *
 *   BF1  a file beside is locked from its creation to its end by whoever writes it. The lock dies with its process.
 *   BF2  a leftover is removed only where its name is one of ours, nobody holds its lock, and it is a file of ours or a part of one
 *        (leftovers.ts), whole ones by the store id. Anything else keeps its name, and the next name is taken.
 * The names are few and fixed, so that leftovers are found without listing a folder, and odd, so that nobody chooses them.
 * What is written into them, and how they get their names: whole-file.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { folderIsMissing } from './absent-folder.ts'
import { isCurrent, names } from './current-file.ts'
import { isLeftover } from './leftovers.ts'

const ENDINGS = ['-new-q8z3kf', '-new-w5t0xn', '-new-j2m7vd'] as const
/** Far behind the end of any file, and another byte than a store's writer locks. */
const LOCK_BYTE = 2 ** 52 + 1
/** What may be appended to the name of a store, the longest last part. */
const LONGEST_ENDING = `-index-next${ENDINGS[0]}`

/** Whose permissions the new file gets: bits, or another file's owner and bits; 0o600 unless told. */
export type FileAccess = number | PlatformFile | undefined

export interface Beside {
  readonly file: PlatformFile
  readonly identity: string
}

/**
 * Creates a file beside `path`, locked, and removes what was left there.
 * @param storeId of the store that is written; undefined for a new one
 * @throws ERR_STRIDE_EXISTS where all names are taken, _NO_SPACE, _PERMISSION, _IO
 */
export function createBeside(platform: Platform, path: string, access: FileAccess, storeId?: string): Beside {
  // Where locks hold within this process only, nobody knows whether another one is writing there.
  if (platform.lockObstacle === undefined) removeLeftovers(platform, path, storeId)
  for (const ending of ENDINGS) {
    const beside = claim(platform, `${path}${ending}`, access)
    if (beside !== undefined) return beside
  }
  const message = `All names for a file beside ${path} are taken (${path}${ENDINGS[0]} and others)`
  throw new StrideError('ERR_STRIDE_EXISTS', message, { path })
}

/** Removes what a process that died left beside the name of a store, for its one writer. Nothing that this cannot remove is an error. */
export function removeLeftovers(platform: Platform, path: string, storeId?: string): void {
  for (const ending of ENDINGS) removeLeftover(platform, `${path}${ending}`, storeId)
}

/**
 * @throws ERR_STRIDE_NOT_FOUND where a part of the path is no folder, _LIMIT where a file beside the store would have a longer
 *   name than the file system allows
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

/** Undefined where the name is taken, or another process was quicker to take it. */
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
    // Before the lock was held, another process may have taken the file for a leftover.
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

/** For a name that this process gave. An error that says why came first. */
export function removeIfThere(platform: Platform, name: string): void {
  try {
    platform.remove(name)
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
  }
}
