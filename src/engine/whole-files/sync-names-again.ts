/**
 * Names that a process before this one gave: durable, even where its sync of the folder failed.
 *
 *   NA1  after a failed sync a folder counts as clean, and later syncs do not write it. Another name in it is changed first, as
 *        recovery stores bytes again before it syncs them.
 * Names that this process gives: whole-file.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform } from '../../mmap/platform.ts'
import { createBeside } from './temporary-files.ts'

/** Makes the names beside `path` durable, whoever gave them. @throws ERR_STRIDE_IO */
export function syncNamesAgain(platform: Platform, path: string, storeId: string): void {
  try {
    const { file } = createBeside(platform, path, undefined, storeId)
    file.close()
    platform.remove(file.path)
  } catch (error) {
    // On a full disk the sync alone has to do. A file that cannot be removed is a leftover for the next writer.
    if (!(error instanceof StrideError)) throw error
  }
  platform.syncFolder(path)
}
