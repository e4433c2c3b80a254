/**
 * Names of files on disk: does it exist, what is it called now, is the folder durable?
 */

import * as fs from 'node:fs'
import { resolve as absolute, basename, dirname, join } from 'node:path'
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
  withCodes(from, () => fs.renameSync(from, to))
}

export function remove(path: string): void {
  withCodes(path, () => fs.unlinkSync(path))
}

/** Makes creations, renames and removals in the folder of `path` durable. */
export function syncFolder(path: string): void {
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
