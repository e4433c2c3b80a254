/**
 * How does platform.ts work on Linux and macOS? Files are mapped through koffi; everything else is node:fs.
 */

import { StrideError } from '../../errors.ts'
import { openDescriptor } from '../disk-file.ts'
import { exists, remove, rename, renameNew, resolve, syncFolder } from '../disk-folder.ts'
import { networkFileSystem } from '../network-path.ts'
import type { Platform } from '../platform.ts'
import { AddressRange } from './address-range.ts'
import { PosixFile } from './posix-file.ts'
import { recordLocks } from './record-locks.ts'
import type { SystemCalls } from './system-calls.ts'

/** @param calls of the system, or of a test, bound by bindSystemCalls */
export function createPosixPlatform(calls: SystemCalls): Platform {
  const locks = recordLocks(calls)
  return {
    name: 'posix',
    granularity: calls.pageBytes,
    open: (path, options) => new PosixFile(calls, path, openDescriptor(path, options), options.access, locks),
    exists,
    resolve,
    rename,
    renameNew: (from, to) => renameNew(from, to, calls),
    remove,
    syncFolder,
    obstacle: file => (file instanceof PosixFile ? file.obstacle() : undefined),
    isNetworkPath: path => networkFileSystem(path) !== undefined,
  }
}

/** Why nothing can be mapped although the calls are bound. Electron forbids buffers over foreign memory. */
export function mappingObstacle(calls: SystemCalls): string | undefined {
  // Seen with 1.4.5: a compiled method reads at the address of a detached buffer, and the process dies.
  if (process.versions['bun'] !== undefined) return 'Bun is not trusted with memory that is unmapped'
  try {
    const range = AddressRange.reserve(calls, 'a page of zeros', 1)
    range.hide(0, range.bytes, true)
    new Uint8Array(range.buffer)[0] = 1
    const isShown = new Uint8Array(calls.view(range.address, range.bytes))[0] === 1
    range.release()
    return isShown ? undefined : 'This runtime gives copies of mapped memory instead of buffers over it'
  } catch (error) {
    return error instanceof StrideError ? error.message : String(error)
  }
}
