/**
 * How are names of files on disk looked up, created, removed and made durable?
 *
 *   DF1  only ENOENT means that a file is absent. Any other failure is an error.
 *   DF2  a created file never replaces another: it gets its name by a call that fails if the name is taken.
 */

import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { constants } from 'node:os'
import { resolve as absolute, basename, dirname, join } from 'node:path'
import { getSystemErrorName } from 'node:util'
import { StrideError } from '../errors.ts'
import { syncDescriptor } from './descriptor-sync.ts'
import type { SystemCalls } from './posix/system-calls.ts'
import { errnoError, nodeError, withCodes } from './system-errors.ts'

/** Errors of a call that this system, or this file system, does not offer. */
const NOT_OFFERED: readonly (string | undefined)[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']
/** Errors where a file system has no links, such as FAT. */
const NO_LINKS: readonly (string | undefined)[] = [...NOT_OFFERED, 'EPERM', 'EMLINK']
/** How many links Linux follows. */
const LINKS_MAX = 40

/**
 * Whether the path names a file, links followed (DF1).
 * @throws ERR_STRIDE_PERMISSION, _LIMIT (name too long), _NOT_FOUND (a part is no folder), _IO
 */
export function exists(path: string): boolean {
  try {
    fs.statSync(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw nodeError(error, path)
  }
}

/**
 * The absolute path of a file, links followed. The file or its folder may be missing. A path that cannot be resolved is returned
 * unchanged, and opening it reports why.
 */
export function resolve(path: string): string {
  let full = absolute(path)
  for (let links = 0; links < LINKS_MAX; links++) {
    try {
      return fs.realpathSync.native(full)
    } catch {
      // The target of a dangling link is where the file will be created.
      const target = linkTarget(full)
      if (target === undefined) break
      full = absolute(dirname(full), target)
    }
  }
  try {
    return join(fs.realpathSync.native(dirname(full)), basename(full))
  } catch {
    return full
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return fs.readlinkSync(path)
  } catch {
    return undefined
  }
}

export function rename(from: string, to: string): void {
  try {
    withCodes(from, () => fs.renameSync(from, to))
  } catch (error) {
    throw isInUse(error) && fs.existsSync(from) && fs.existsSync(to) ? inUse('replaced', to, error) : error
  }
}

/**
 * Renames a file to a name that is free (DF2): by a rename that replaces nothing, otherwise by a second link, and if the file system
 * has neither, by taking the name with an empty file first.
 * @throws ERR_STRIDE_EXISTS, and what renaming throws; nothing changed
 */
export function renameNew(from: string, to: string, calls?: SystemCalls): void {
  if (calls !== undefined) {
    const result = calls.renameNew(from, to)
    if (result === 0) return
    if (!NOT_OFFERED.includes(nameOf(result))) throw errnoError('renameat2', -result, to)
  }
  try {
    fs.linkSync(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!NO_LINKS.includes(code)) throw nodeError(error, to)
    renameOverClaim(from, to)
    return
  }
  withCodes(from, () => fs.unlinkSync(from))
}

function renameOverClaim(from: string, to: string): void {
  withCodes(to, () => fs.closeSync(fs.openSync(to, 'wx')))
  try {
    rename(from, to)
  } catch (error) {
    if (fs.statSync(to, { throwIfNoEntry: false })?.size === 0) fs.unlinkSync(to)
    throw error
  }
}

function nameOf(result: number): string {
  return getSystemErrorName(result)
}

/** Frees the name of a file at once. On Windows the file is moved aside first, since it keeps its name while it is open anywhere. */
export function remove(path: string): void {
  if (process.platform !== 'win32') {
    withCodes(path, () => fs.unlinkSync(path))
    return
  }
  const aside = asideOf(path)
  withCodes(path, () => fs.renameSync(path, aside))
  try {
    withCodes(path, () => fs.unlinkSync(aside))
  } catch (error) {
    fs.renameSync(aside, path)
    throw isInUse(error) ? inUse('removed', path, error) : error
  }
}

/** An unused name in the same folder. */
export function asideOf(path: string): string {
  return `${path}-removed-${randomBytes(6).toString('hex')}`
}

/** Whether the file may be open elsewhere. Windows reports the same if access is not permitted. */
function isInUse(error: unknown): boolean {
  if (process.platform !== 'win32' || !(error instanceof StrideError)) return false
  return error.code === 'ERR_STRIDE_PERMISSION' || error.code === 'ERR_STRIDE_BUSY'
}

/** @param cause the error of the system */
export function inUse(what: 'replaced' | 'removed', path: string, cause: unknown): StrideError {
  const message = `${path} cannot be ${what} while another opener, or another process, has it open`
  const errno = cause instanceof StrideError && cause.errno !== undefined ? { errno: cause.errno } : {}
  return new StrideError('ERR_STRIDE_BUSY', message, { path, ...errno, cause })
}

/** Errors of fsync of a folder where the file system does not offer it. Names are then as durable as the file system makes them. */
const NO_FOLDER_SYNC: readonly number[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF'].map(
  name => constants.errno[name as 'EINVAL'],
)

/**
 * Makes creations, renames and removals in the folder of `path` durable, if the file system offers that and this process may open the
 * folder. @throws ERR_STRIDE_IO
 */
export function syncFolder(path: string): void {
  // On Windows node:fs opens folders only for reading, and such a handle cannot be flushed. NTFS logs names by itself.
  if (process.platform === 'win32') return
  const folder = dirname(path)
  let fd: number
  try {
    fd = fs.openSync(folder, 'r')
  } catch (error) {
    // The process may write to the folder without being allowed to list it.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return
    throw nodeError(error, folder)
  }
  try {
    syncDescriptor(fd, folder, 'fsync')
  } catch (error) {
    if (!(error instanceof StrideError) || !NO_FOLDER_SYNC.includes(error.errno ?? 0)) throw error
  } finally {
    fs.closeSync(fd)
  }
}
