/**
 * Names of files on disk: does it exist, what is it called now, is the folder durable?
 */

import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { resolve as absolute, basename, dirname, join } from 'node:path'
import { StrideError } from '../errors.ts'
import { syncDescriptor } from './descriptor-sync.ts'
import { withCodes } from './system-errors.ts'

export function exists(path: string): boolean {
  return fs.existsSync(path)
}

/** The one absolute name of a file, links followed. The file itself, or its folder, may be missing. */
export function resolve(path: string): string {
  const full = absolute(path)
  try {
    return fs.realpathSync.native(full)
  } catch {
    // A link to a file that is not there yet names where that will be.
    const target = linkTarget(full)
    if (target !== undefined) return resolve(absolute(dirname(full), target))
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

/** The name is free at once. On Windows it would stay while somebody has the file open: it is moved aside first. */
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

/** What Windows answers where somebody has a file open, as well as where it is not permitted. */
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

/** Makes creations, renames and removals in the folder of `path` durable. */
export function syncFolder(path: string): void {
  // node:fs opens folders for reading only there, and Windows flushes nothing then; NTFS logs names by itself.
  if (process.platform === 'win32') return
  const folder = dirname(path)
  withCodes(folder, () => {
    const fd = fs.openSync(folder, 'r')
    try {
      syncDescriptor(fd, folder, 'fsync')
    } finally {
      fs.closeSync(fd)
    }
  })
}
