/**
 * Which calls of Linux or macOS does the backend without mapping use?
 */

import { openDescriptor } from '../disk-file.ts'
import { remove, rename, renameNew, syncFolder } from '../disk-folder.ts'
import type { FileHelp } from '../node-fs/file-platform.ts'
import { reserveBlocks } from './allocation.ts'
import { recordLocks } from './record-locks.ts'
import type { SystemCalls } from './system-calls.ts'

export function posixFileHelp(calls: SystemCalls): FileHelp {
  return {
    locks: recordLocks(calls),
    open: openDescriptor,
    reserveBlocks: (file, offset, length) => reserveBlocks(calls, file, offset, length),
    readAhead({ fd }, offset, length) {
      const { POSIX_FADV_WILLNEED } = calls.abi
      if (POSIX_FADV_WILLNEED !== undefined) calls.posixFadvise(fd, offset, length, POSIX_FADV_WILLNEED)
    },
    rename,
    renameNew: (from, to) => renameNew(from, to, calls),
    remove,
    syncFolder,
  }
}
