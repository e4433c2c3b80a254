/**
 * Which StrideError does a failure of Win32 become? With code, path, function, and the Win32 code and its name (PF3).
 */

import { type ErrorCode, StrideError } from '../../errors.ts'
import { missingFolder } from '../missing-folder.ts'
import { codeFor } from '../system-errors.ts'

interface KnownError {
  readonly name: string
  readonly code: ErrorCode
  readonly words?: string
}

const known = (name: string, code: ErrorCode, words?: string): KnownError =>
  words === undefined ? { name, code } : { name, code, words }

/** Codes of winerror.h. Every other one is ERR_STRIDE_IO. */
const ERRORS: ReadonlyMap<number, KnownError> = new Map([
  [1, known('ERROR_INVALID_FUNCTION', 'ERR_STRIDE_IO')],
  [2, known('ERROR_FILE_NOT_FOUND', 'ERR_STRIDE_NOT_FOUND', 'there is no such file')],
  [3, known('ERROR_PATH_NOT_FOUND', 'ERR_STRIDE_NOT_FOUND', 'a part of the path does not exist')],
  [4, known('ERROR_TOO_MANY_OPEN_FILES', 'ERR_STRIDE_LIMIT', 'this process has too many files open')],
  [5, known('ERROR_ACCESS_DENIED', 'ERR_STRIDE_PERMISSION', 'permission denied')],
  [6, known('ERROR_INVALID_HANDLE', 'ERR_STRIDE_IO')],
  [8, known('ERROR_NOT_ENOUGH_MEMORY', 'ERR_STRIDE_NO_SPACE', 'no memory left')],
  [14, known('ERROR_OUTOFMEMORY', 'ERR_STRIDE_NO_SPACE', 'no memory left')],
  [19, known('ERROR_WRITE_PROTECT', 'ERR_STRIDE_PERMISSION', 'the medium is write-protected')],
  [31, known('ERROR_GEN_FAILURE', 'ERR_STRIDE_IO')],
  [32, known('ERROR_SHARING_VIOLATION', 'ERR_STRIDE_BUSY', 'another opener does not share it')],
  [33, known('ERROR_LOCK_VIOLATION', 'ERR_STRIDE_BUSY', 'another opener has it locked')],
  [39, known('ERROR_HANDLE_DISK_FULL', 'ERR_STRIDE_NO_SPACE', 'no space left on the device')],
  [50, known('ERROR_NOT_SUPPORTED', 'ERR_STRIDE_IO')],
  [80, known('ERROR_FILE_EXISTS', 'ERR_STRIDE_EXISTS', 'the file exists')],
  [87, known('ERROR_INVALID_PARAMETER', 'ERR_STRIDE_IO')],
  [112, known('ERROR_DISK_FULL', 'ERR_STRIDE_NO_SPACE', 'no space left on the device')],
  [120, known('ERROR_CALL_NOT_IMPLEMENTED', 'ERR_STRIDE_IO')],
  [123, known('ERROR_INVALID_NAME', 'ERR_STRIDE_NOT_FOUND', 'no file can have this name')],
  [145, known('ERROR_DIR_NOT_EMPTY', 'ERR_STRIDE_IO')],
  [183, known('ERROR_ALREADY_EXISTS', 'ERR_STRIDE_EXISTS', 'it exists')],
  [206, known('ERROR_FILENAME_EXCED_RANGE', 'ERR_STRIDE_LIMIT', 'the name is too long')],
  [223, known('ERROR_FILE_TOO_LARGE', 'ERR_STRIDE_LIMIT', 'the file system has no files that large')],
  [303, known('ERROR_DELETE_PENDING', 'ERR_STRIDE_BUSY', 'it is being removed')],
  [487, known('ERROR_INVALID_ADDRESS', 'ERR_STRIDE_NO_SPACE', 'the addresses are taken')],
  [1006, known('ERROR_FILE_INVALID', 'ERR_STRIDE_EMPTY_FILE', 'the file is empty')],
  [1132, known('ERROR_MAPPED_ALIGNMENT', 'ERR_STRIDE_IO')],
  [1224, known('ERROR_USER_MAPPED_FILE', 'ERR_STRIDE_BUSY', 'another opener maps it')],
  [1295, known('ERROR_DISK_QUOTA_EXCEEDED', 'ERR_STRIDE_NO_SPACE', 'the quota is used up')],
  [1450, known('ERROR_NO_SYSTEM_RESOURCES', 'ERR_STRIDE_NO_SPACE', 'the system has no resources left')],
  [1453, known('ERROR_WORKING_SET_QUOTA', 'ERR_STRIDE_LIMIT', 'the system locks no more for this process')],
  [1455, known('ERROR_COMMITMENT_LIMIT', 'ERR_STRIDE_NO_SPACE', 'memory and page file are used up')],
  [1816, known('ERROR_NOT_ENOUGH_QUOTA', 'ERR_STRIDE_LIMIT', 'the quota of this process is used up')],
])

export const ERROR_FILE_NOT_FOUND = 2
const ERROR_PATH_NOT_FOUND = 3
export const ERROR_ACCESS_DENIED = 5
export const ERROR_INVALID_HANDLE = 6
export const ERROR_LOCK_VIOLATION = 33
export const ERROR_NOT_LOCKED = 158
export const ERROR_ALREADY_EXISTS = 183
export const ERROR_INVALID_ADDRESS = 487
export const ERROR_IO_PENDING = 997
export const ERROR_WORKING_SET_QUOTA = 1453

/** Errors of a call that this system, or this file system, does not have. */
const UNSUPPORTED: readonly number[] = [1, 50, 87, 120]

export function isUnsupported(win32Code: number): boolean {
  return UNSUPPORTED.includes(win32Code)
}

/** The error for a code of GetLastError, which `errno` contains. */
export function win32Error(call: string, win32Code: number, path: string, offset?: number): StrideError {
  const error = ERRORS.get(win32Code) ?? known(`Win32 error ${win32Code}`, 'ERR_STRIDE_IO')
  const { name, code } = error
  const isAbsent = win32Code === ERROR_FILE_NOT_FOUND || win32Code === ERROR_PATH_NOT_FOUND
  const words = (isAbsent ? missingFolder(path) : undefined) ?? error.words
  const numbered = ERRORS.has(win32Code) ? `${name} (${win32Code})` : name
  const place = offset === undefined ? '' : `, offset ${offset}`
  const message = `${call} failed with ${numbered}${words === undefined ? '' : `, ${words}`}: ${path}${place}`
  return new StrideError(codeFor(call, code), message, {
    path,
    syscall: call,
    errno: win32Code,
    ...(offset === undefined ? {} : { offset }),
  })
}
