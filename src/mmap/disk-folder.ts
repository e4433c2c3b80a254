/**
 * Names of files on disk: does it exist, what is it called now, is the folder durable?
 *
 *   DF1  only ENOENT means that a file is absent; any other failure to look is an error.
 *   DF2  a file that is created never replaces one: its name is given by a call that fails where the name is taken.
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

/** What a call answers that this system, or this file system, does not offer. */
const NOT_OFFERED: readonly (string | undefined)[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']
/** FAT knows no links. */
const NO_LINKS: readonly (string | undefined)[] = [...NOT_OFFERED, 'EPERM', 'EMLINK']
/** As many links as Linux follows. */
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
 * The one absolute name of a file, links followed. The file itself, or its folder, may be missing; a name that cannot be
 * followed stays as it is, and opening says why.
 */
export function resolve(path: string): string {
  let full = absolute(path)
  for (let links = 0; links < LINKS_MAX; links++) {
    try {
      return fs.realpathSync.native(full)
    } catch {
      // A link to a file that is not there yet names where that will be.
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
 * Gives a file a name that nobody has (DF2): by a rename that replaces nothing, else by a second link to it, and where the file
 * system has neither, by taking the name with an empty file first.
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

/** The name is free at once. On Windows it would stay while the file is open anywhere: it is moved aside first. */
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

/** A name beside that nobody has. */
export function asideOf(path: string): string {
  return `${path}-removed-${randomBytes(6).toString('hex')}`
}

/** Windows answers this where a file is open elsewhere, and also where access is not permitted. */
function isInUse(error: unknown): boolean {
  if (process.platform !== 'win32' || !(error instanceof StrideError)) return false
  return error.code === 'ERR_STRIDE_PERMISSION' || error.code === 'ERR_STRIDE_BUSY'
}

/** @param cause the system's answer */
export function inUse(what: 'replaced' | 'removed', path: string, cause: unknown): StrideError {
  const message = `${path} cannot be ${what} while another opener, or another process, has it open`
  const errno = cause instanceof StrideError && cause.errno !== undefined ? { errno: cause.errno } : {}
  return new StrideError('ERR_STRIDE_BUSY', message, { path, ...errno, cause })
}

/** What a folder's fsync answers where the file system offers none: names are then as durable as it makes them by itself. */
const NO_FOLDER_SYNC: readonly number[] = ['EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EBADF'].map(
  name => constants.errno[name as 'EINVAL'],
)

/**
 * Makes creations, renames and removals in the folder of `path` durable, where the file system offers that and this process may
 * open the folder. @throws ERR_STRIDE_IO
 */
export function syncFolder(path: string): void {
  // node:fs opens folders for reading only there, and Windows flushes nothing then; NTFS logs names by itself.
  if (process.platform === 'win32') return
  const folder = dirname(path)
  let fd: number
  try {
    fd = fs.openSync(folder, 'r')
  } catch (error) {
    // It may be written to and not listed.
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
