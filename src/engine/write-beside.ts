/**
 * Writing a whole file beside its name: it appears under the name whole and durable, or not at all (O1).
 */

import { randomBytes } from 'node:crypto'
import { StrideError } from '../errors.ts'
import type { Platform, PlatformFile } from '../mmap/platform.ts'

/** Whose permissions the new file gets: bits, or another file's owner and bits; 0o600 unless told. */
export type FileAccess = number | PlatformFile | undefined

/** Writes a file beside `path` and renames it there once it is durable. Failing leaves nothing behind. */
export function writeWhole(
  platform: Platform,
  path: string,
  access: FileAccess,
  write: (file: PlatformFile) => void,
): void {
  const beside = openBeside(platform, path, access)
  try {
    write(beside)
    beside.sync()
    beside.close()
    const isReplaced = typeof access === 'object' && access.path === path
    platform.rename(beside.path, path, isReplaced ? access : undefined)
    platform.syncFolder(path)
  } catch (error) {
    discard(platform, beside)
    throw error
  }
}

/** Writes a file under a new name, turn by turn; `write` says at its end whether it is worth keeping. @returns what it said */
export async function writeNew(
  platform: Platform,
  path: string,
  write: (file: PlatformFile) => Promise<boolean>,
): Promise<boolean> {
  const beside = openBeside(platform, path, undefined)
  try {
    if (!(await write(beside))) {
      discard(platform, beside)
      return false
    }
    await beside.syncAsync()
    beside.close()
    if (platform.exists(path))
      throw new StrideError('ERR_STRIDE_EXISTS', `${path} appeared meanwhile`, { path })
    platform.rename(beside.path, path)
    syncName(platform, path)
    return true
  } catch (error) {
    discard(platform, beside)
    throw error
  }
}

/**
 * Writes a file in the place of an open one, turn by turn.
 * @param replacing called when the new file is durable and takes the name next; what it throws keeps the old file
 */
export async function replaceWhole(
  platform: Platform,
  old: PlatformFile,
  write: (file: PlatformFile) => Promise<void>,
  replacing: () => void,
): Promise<void> {
  const { path } = old
  const beside = openBeside(platform, path, old)
  try {
    await write(beside)
    await beside.syncAsync()
    beside.close()
    replacing()
    platform.rename(beside.path, path, old)
    platform.syncFolder(path)
  } catch (error) {
    discard(platform, beside)
    throw error
  }
}

/** Makes a name that is new durable, or takes it back. */
function syncName(platform: Platform, path: string): void {
  try {
    platform.syncFolder(path)
  } catch (error) {
    try {
      platform.remove(path)
    } catch {
      // The error that says why is the first one.
    }
    throw error
  }
}

function openBeside(platform: Platform, path: string, access: FileAccess): PlatformFile {
  const name = `${path}-new-${randomBytes(6).toString('hex')}`
  const mode = typeof access === 'number' ? { mode: access } : {}
  const beside = platform.open(name, { access: 'readwrite', create: 'always', ...mode })
  try {
    if (typeof access === 'object') beside.takeAccessOf(access)
  } catch (error) {
    discard(platform, beside)
    throw error
  }
  return beside
}

function discard(platform: Platform, beside: PlatformFile): void {
  beside.close()
  if (platform.exists(beside.path)) platform.remove(beside.path)
}
