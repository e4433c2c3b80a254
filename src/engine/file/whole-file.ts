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

/** A file that is to be written whole. */
export interface WholeFile {
  readonly platform: Platform
  readonly path: string
  /** Whose permissions the file gets. The file that has the name now, opened, where that is replaced. */
  readonly access: FileAccess
  /** Of the store that is written; undefined for a new one. */
  readonly storeId: string | undefined
  /**
   * 'create': nobody has the name (ERR_STRIDE_EXISTS otherwise). 'create or nothing': so, and where the name cannot be made
   * durable it is taken back, for a name that no other process may have opened. 'replace': a file may have the name.
   */
  readonly naming: 'create' | 'create or nothing' | 'replace'
  /** Called when the file is durable and gets its name next. What it throws leaves everything as it was. */
  readonly replacing?: () => void
}

/**
 * Writes a file beside its name and gives it the name once it is durable, blocking.
 * @throws ERR_STRIDE_EXISTS, _NO_SPACE, _PERMISSION, _IO; what `write` throws
 */
export function writeWhole(whole: WholeFile, write: (file: PlatformFile) => void): void {
  const beside = createBeside(whole.platform, whole.path, whole.access, whole.storeId)
  try {
    write(beside.file)
    beside.file.sync()
    giveName(whole, beside)
  } catch (error) {
    discard(whole.platform, beside)
    throw error
  }
}

/** Like `writeWhole`, turn by turn. Where `write` answers false, nothing is left. @returns whether the file has its name */
export async function writeWholeAsync(
  whole: WholeFile,
  write: (file: PlatformFile) => Promise<boolean>,
): Promise<boolean> {
  const beside = createBeside(whole.platform, whole.path, whole.access, whole.storeId)
  try {
    if (!(await write(beside.file))) {
      discard(whole.platform, beside)
      return false
    }
    await beside.file.syncAsync()
    giveName(whole, beside)
    return true
  } catch (error) {
    discard(whole.platform, beside)
    throw error
  }
}

/** The file is durable: closes it and gives it its name. */
function giveName({ platform, path, access, naming, replacing }: WholeFile, { file }: Beside): void {
  file.close()
  replacing?.()
  if (naming === 'replace') {
    const isReplaced = typeof access === 'object' && access.path === path
    platform.rename(file.path, path, isReplaced ? access : undefined)
  } else {
    platform.renameNew(file.path, path)
  }
  try {
    platform.syncFolder(path)
  } catch (error) {
    if (naming === 'create or nothing') removeIfThere(platform, path)
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
