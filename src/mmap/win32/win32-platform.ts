/**
 * How does platform.ts work on Windows? Files are opened, mapped and locked through kernel32, read and written through node:fs.
 */

import { StrideError } from '../../errors.ts'
import { DiskFile } from '../disk-file.ts'
import { exists, resolve } from '../disk-folder.ts'
import { networkFileSystem } from '../network-path.ts'
import type { FileHelp } from '../node-fs/file-platform.ts'
import type { Platform, PlatformFile } from '../platform.ts'
import { reserveBlocks } from './allocation.ts'
import { byteLocks } from './byte-locks.ts'
import { openFile, removeFile, renameFile, renameNewFile, syncFolderOf } from './file-names.ts'
import { ViewRange } from './view-range.ts'
import type { Win32Calls } from './win32-calls.ts'
import { Win32File } from './win32-file.ts'

/** @param calls of the system, or of a test */
export function createWin32Platform(calls: Win32Calls): Platform {
  const locks = byteLocks(calls)
  return {
    name: 'win32',
    granularity: calls.granularity,
    open: (path, options) => new Win32File(calls, path, openFile(calls, path, options), options.access, locks),
    exists,
    resolve,
    rename: (from, to, own) => renameOver(calls, from, to, own),
    renameNew: (from, to) => renameNewFile(calls, from, to),
    remove: path => removeFile(calls, path),
    syncFolder: path => syncFolderOf(calls, path),
    obstacle: () => undefined,
    isNetworkPath: path => networkFileSystem(path) !== undefined,
  }
}

/** Closes the caller's own opener if needed: Windows replaces no mapped file, and some file systems no open file. */
function renameOver(calls: Win32Calls, from: string, to: string, own: PlatformFile | undefined): void {
  const replace = (): void => renameFile(calls, from, to)
  if (own instanceof DiskFile) own.giveWay(replace, () => openFile(calls, to, { access: own.access }))
  else replace()
}

/** Why nothing can be mapped although the calls are bound. Electron forbids buffers over foreign memory. */
export function mappingObstacle(calls: Win32Calls): string | undefined {
  try {
    ViewRange.reserve(calls, 'a page of zeros', 1).release()
    return undefined
  } catch (error) {
    return error instanceof StrideError ? error.message : String(error)
  }
}

/** Calls of Windows for the backend without mapping. */
export function win32FileHelp(calls: Win32Calls): FileHelp {
  return {
    locks: byteLocks(calls),
    open: (path, options) => openFile(calls, path, options),
    reserveBlocks: (file, offset, length) => reserveBlocks(calls, file, offset, length),
    readAhead() {},
    rename: (from, to, own) => renameOver(calls, from, to, own),
    renameNew: (from, to) => renameNewFile(calls, from, to),
    remove: path => removeFile(calls, path),
    syncFolder: path => syncFolderOf(calls, path),
  }
}
