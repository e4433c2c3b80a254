/**
 * How is a file written so that it appears whole? Under a temporary name, then renamed.
 *
 *   OF1  it appears under its name whole and durable, or not at all.
 * Temporary names, and leftovers of killed processes: temporary-files.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { names } from './same-file.ts'
import { type Beside, createBeside, type FileAccess, removeIfThere } from './temporary-files.ts'

export type { FileAccess } from './temporary-files.ts'

/** The file to write. */
export interface WholeFile {
  readonly platform: Platform
  readonly path: string
  /** The permissions of the file. If a file is replaced, its opener. */
  readonly access: FileAccess
  /** Of the store that is written; undefined for a new one. */
  readonly storeId: string | undefined
  /**
   * 'create': the name must be free (otherwise ERR_STRIDE_EXISTS). 'create or nothing': likewise, and the file is removed again if the
   * name cannot be made durable; no other process may open it meanwhile. 'replace': a file may have the name.
   */
  readonly naming: 'create' | 'create or nothing' | 'replace'
  /** Called when the file is durable, before it gets its name. If it throws, nothing has changed. */
  readonly replacing?: () => void
}

/**
 * Writes a file and gives it its name once it is durable. Blocks.
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

/** Like `writeWhole`, in turns. If `write` returns false, no file is left. @returns whether the file has its name */
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

/** Closes the file, which is durable, and gives it its name. */
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

/** Removes the file, if the name is still its own. */
function discard(platform: Platform, { file, identity }: Beside): void {
  file.close()
  try {
    if (names(platform, file.path, identity)) platform.remove(file.path)
  } catch (error) {
    // An earlier error is being thrown.
    if (!(error instanceof StrideError)) throw error
  }
}
