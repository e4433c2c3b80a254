/**
 * Names of files on disk: does it exist, what is it called now, is the folder durable?
 */

import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { withCodes } from './system-errors.ts'

export function exists(path: string): boolean {
  return fs.existsSync(path)
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
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  })
}
