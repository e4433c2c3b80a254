/**
 * Makes file names durable that an earlier process created, even if its sync of the folder failed.
 *
 *   NA1  after a failed sync the system takes a folder for clean, and later syncs do not write it. A file is therefore created and removed
 *        in it first, just as recovery stores bytes again before it syncs them.
 * Names that this process creates: whole-file.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform } from '../../mmap/platform.ts'
import { createBeside } from './temporary-files.ts'

/** Makes the names in the folder of `path` durable. @throws ERR_STRIDE_IO */
export function syncNamesAgain(platform: Platform, path: string, storeId: string): void {
  try {
    const { file } = createBeside(platform, path, undefined, storeId)
    file.close()
    platform.remove(file.path)
  } catch (error) {
    // On a full disk only the sync is left. A file that cannot be removed is a leftover, which the next writer removes.
    if (!(error instanceof StrideError)) throw error
  }
  platform.syncFolder(path)
}
