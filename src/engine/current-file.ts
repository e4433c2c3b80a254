/**
 * Whether a name still names the file that is open: another process may have renamed, removed or replaced it.
 */

import { StrideError } from '../errors.ts'
import type { Platform, PlatformFile } from '../mmap/platform.ts'

/** Whether the path still names the file that this descriptor has open. */
export function isCurrent(platform: Platform, path: string, file: PlatformFile): boolean {
  if (!platform.exists(path)) return false
  const again = platform.open(path, { access: 'read', create: 'never' })
  try {
    return again.identity() === file.identity()
  } finally {
    again.close()
  }
}

/** @throws ERR_STRIDE_REPLACED */
export function assertCurrent(platform: Platform, path: string, file: PlatformFile): void {
  if (isCurrent(platform, path, file)) return
  throw new StrideError('ERR_STRIDE_REPLACED', `${path} is another file now than the one that is open`, {
    path,
  })
}
