/**
 * How are files opened, replaced and removed by name on Windows?
 *
 * Handles share everything, so a file may be renamed and removed while it is open. From Windows 10 1709 on NTFS does both at once
 * (POSIX semantics). Elsewhere a name stays until the last handle is closed: a file is moved aside before it is removed, and replacing
 * an open one is ERR_STRIDE_BUSY, with nothing changed.
 */

import * as fs from 'node:fs'
import { dirname, toNamespacedPath } from 'node:path'
import { StrideError } from '../../errors.ts'
import { assertSyncable } from '../descriptor-sync.ts'
import { asideOf, inUse } from '../disk-folder.ts'
import type { OpenFileOptions } from '../platform.ts'
import {
  CREATE_NEW,
  DELETE,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_TEMPORARY,
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_POSIX_SEMANTICS,
  FILE_FLAG_BACKUP_SEMANTICS,
  FILE_FLAG_DELETE_ON_CLOSE,
  FILE_FLAG_OPEN_REPARSE_POINT,
  FILE_RENAME_POSIX_SEMANTICS,
  FILE_RENAME_REPLACE_IF_EXISTS,
  FILE_TYPE_DISK,
  FileDispositionInfoEx,
  FileRenameInfoEx,
  GENERIC_READ,
  GENERIC_WRITE,
  MOVEFILE_REPLACE_EXISTING,
  MOVEFILE_WRITE_THROUGH,
  OPEN_ALWAYS,
  OPEN_EXISTING,
  SYNCHRONIZE,
} from './constants.ts'
import type { Win32Calls } from './win32-calls.ts'
import { ERROR_ACCESS_DENIED, isUnsupported, win32Error } from './win32-errors.ts'

/** Errors of NTFS for a file that is open or mapped elsewhere. It also reports them if access is not permitted. */
const IN_USE: readonly number[] = [ERROR_ACCESS_DENIED, 32, 303, 1224]

/** Opens a regular file. @throws ERR_STRIDE_NOT_FOUND, _EXISTS, _IS_DIRECTORY, _PERMISSION, _NOT_MAPPABLE, _IO */
export function openFile(calls: Win32Calls, path: string, options: OpenFileOptions): number {
  const { access, create = 'never' } = options
  if (access === 'readwrite') assertSyncable(path)
  const disposition = { never: OPEN_EXISTING, missing: OPEN_ALWAYS, always: CREATE_NEW }[create]
  const rights = access === 'read' ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE
  return descriptorOf(calls, path, calls.createFile(path, rights >>> 0, disposition, FILE_ATTRIBUTE_NORMAL))
}

/** Creates a file that is deleted with its last handle, however the process ends. */
export function openTemporaryFile(calls: Win32Calls, path: string): number {
  const rights = (GENERIC_READ | GENERIC_WRITE | DELETE) >>> 0
  const flags = FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE
  return descriptorOf(calls, path, calls.createFile(path, rights, CREATE_NEW, flags))
}

function descriptorOf(calls: Win32Calls, path: string, handle: number): number {
  if (handle < 0) {
    if (handle === -ERROR_ACCESS_DENIED && isFolder(path))
      throw new StrideError('ERR_STRIDE_IS_DIRECTORY', `${path} is a directory`, { path })
    throw win32Error('CreateFileW', -handle, path)
  }
  if (calls.fileType(handle) !== FILE_TYPE_DISK) {
    calls.closeHandle(handle)
    throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `${path} is no regular file`, { path })
  }
  const fd = calls.fdOf(handle)
  if (fd >= 0) return fd
  calls.closeHandle(handle)
  throw new StrideError('ERR_STRIDE_LIMIT', `No file descriptor is left for ${path}`, { path })
}

/** Replaces `to`. @throws ERR_STRIDE_NOT_FOUND, _BUSY if the target is open, _PERMISSION, _IO; nothing changed */
export function renameFile(calls: Win32Calls, from: string, to: string): void {
  const result = withNamedFile(calls, from, handle =>
    calls.setFileInformation(handle, FileRenameInfoEx, renameInformation(to)),
  )
  if (result === 0) return
  const flags = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH
  const moved = isUnsupported(-result) ? calls.moveFile(from, to, flags) : result
  if (moved === 0) return
  if (IN_USE.includes(-moved) && fs.existsSync(from) && fs.existsSync(to))
    throw inUse('replaced', to, win32Error('MoveFileExW', -moved, to))
  throw win32Error('MoveFileExW', -moved, from)
}

/** Renames a file to a free name. @throws ERR_STRIDE_EXISTS, _NOT_FOUND, _PERMISSION, _IO; nothing changed */
export function renameNewFile(calls: Win32Calls, from: string, to: string): void {
  const moved = calls.moveFile(from, to, MOVEFILE_WRITE_THROUGH)
  if (moved !== 0) throw win32Error('MoveFileExW', -moved, to)
}

/** Frees the name at once. @throws ERR_STRIDE_NOT_FOUND, _BUSY if the file is mapped, _PERMISSION, _IO */
export function removeFile(calls: Win32Calls, path: string): void {
  const flags = FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS
  const information = new Uint8Array(Uint32Array.of(flags).buffer)
  const result = withNamedFile(calls, path, handle =>
    calls.setFileInformation(handle, FileDispositionInfoEx, information),
  )
  if (result === 0) return
  const removed = isUnsupported(-result) ? removeAside(calls, path) : result
  if (removed === 0) return
  if (IN_USE.includes(-removed) && fs.existsSync(path))
    throw inUse('removed', path, win32Error('DeleteFileW', -removed, path))
  throw win32Error('DeleteFileW', -removed, path)
}

/** Flushes the folder's data. A file system without that keeps its names by itself. */
export function syncFolderOf(calls: Win32Calls, path: string): void {
  const folder = dirname(path)
  const rights = (GENERIC_READ | GENERIC_WRITE) >>> 0
  const handle = calls.createFile(folder, rights, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS)
  if (handle === -ERROR_ACCESS_DENIED && isFolder(folder)) return
  if (handle < 0) throw win32Error('CreateFileW', -handle, folder)
  const result = calls.flushFile(handle)
  calls.closeHandle(handle)
  if (result < 0 && result !== -ERROR_ACCESS_DENIED && !isUnsupported(-result))
    throw win32Error('FlushFileBuffers', -result, folder)
}

/** Renames the file before removing it, since its name must be free although the file may be open. */
function removeAside(calls: Win32Calls, path: string): number {
  const aside = asideOf(path)
  const moved = calls.moveFile(path, aside, 0)
  if (moved < 0) return moved
  const removed = calls.deleteFile(aside)
  if (removed < 0) calls.moveFile(aside, path, 0)
  return removed
}

function withNamedFile(calls: Win32Calls, path: string, use: (handle: number) => number): number {
  const flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS
  const handle = calls.createFile(path, DELETE | SYNCHRONIZE, OPEN_EXISTING, flags)
  if (handle < 0) return handle
  try {
    return use(handle)
  } finally {
    calls.closeHandle(handle)
  }
}

/** FILE_RENAME_INFO: flags at 0, root folder at 8, bytes of the name at 16, the name in UTF-16 at 20. */
function renameInformation(to: string): Uint8Array {
  const name = Buffer.from(toNamespacedPath(to), 'utf16le')
  const bytes = Buffer.alloc(20 + name.length + 2)
  bytes.writeUInt32LE(FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_POSIX_SEMANTICS, 0)
  bytes.writeUInt32LE(name.length, 16)
  name.copy(bytes, 20)
  return bytes
}

function isFolder(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
