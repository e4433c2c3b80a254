/**
 * Writing a whole file beside its name.
 *
 *   OF1  it appears under the name whole and durable, or not at all.
 * What a file beside is called, and what a killed process leaves: beside-files.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { type Beside, createBeside, type FileAccess, removeIfThere } from './beside-files.ts'
import { names } from './current-file.ts'

export type { FileAccess } from './beside-files.ts'

/**
 * Writes a file beside `path` and gives it that name, which nobody has, once it is durable. Failing leaves nothing behind.
 * @throws ERR_STRIDE_EXISTS
 */
export function writeWholeNew(
  platform: Platform,
  path: string,
  access: FileAccess,
  write: (file: PlatformFile) => void,
): void {
  const beside = createBeside(platform, path, access)
  try {
    write(beside.file)
    beside.file.sync()
    beside.file.close()
    platform.renameNew(beside.file.path, path)
    platform.syncFolder(path)
  } catch (error) {
    discard(platform, beside)
    throw error
  }
}

/** The same in the place of a file that may have the name. */
export function writeWhole(
  platform: Platform,
  path: string,
  access: FileAccess,
  write: (file: PlatformFile) => void,
  storeId: string,
): void {
  const beside = createBeside(platform, path, access, storeId)
  try {
    write(beside.file)
    beside.file.sync()
    beside.file.close()
    const isReplaced = typeof access === 'object' && access.path === path
    platform.rename(beside.file.path, path, isReplaced ? access : undefined)
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
  storeId: string,
): Promise<boolean> {
  const beside = createBeside(platform, path, undefined, storeId)
  try {
    if (!(await write(beside.file))) {
      discard(platform, beside)
      return false
    }
    await beside.file.syncAsync()
    beside.file.close()
    platform.renameNew(beside.file.path, path)
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
  storeId: string,
): Promise<void> {
  const { path } = old
  const beside = createBeside(platform, path, old, storeId)
  try {
    await write(beside.file)
    await beside.file.syncAsync()
    beside.file.close()
    replacing()
    platform.rename(beside.file.path, path, old)
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
    removeIfThere(platform, path)
    throw error
  }
}

/** The name goes, if it still is this file's. */
function discard(platform: Platform, { file, identity }: Beside): void {
  file.close()
  try {
    if (names(platform, file.path, identity)) platform.remove(file.path)
  } catch (error) {
    // The error that says why came first.
    if (!(error instanceof StrideError)) throw error
  }
}
