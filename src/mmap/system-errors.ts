/**
 * Which StrideError does a failure of the operating system become? With code, path, syscall and errno (PF3).
 */

import { getSystemErrorName } from 'node:util'
import { type ErrorCode, StrideError } from '../errors.ts'
import { isError } from '../runtime/realms.ts'
import { missingFolder } from './missing-folder.ts'

/** Codes of errno names. Every other one is ERR_STRIDE_IO. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ERR_STRIDE_NOT_FOUND',
  ENOTDIR: 'ERR_STRIDE_NOT_FOUND',
  EEXIST: 'ERR_STRIDE_EXISTS',
  EISDIR: 'ERR_STRIDE_IS_DIRECTORY',
  EACCES: 'ERR_STRIDE_PERMISSION',
  EPERM: 'ERR_STRIDE_PERMISSION',
  EBUSY: 'ERR_STRIDE_BUSY',
  EROFS: 'ERR_STRIDE_PERMISSION',
  ENOSPC: 'ERR_STRIDE_NO_SPACE',
  EDQUOT: 'ERR_STRIDE_NO_SPACE',
  ENOMEM: 'ERR_STRIDE_NO_SPACE',
  // A limit on file sizes (RLIMIT_FSIZE, FAT) is reached by growing, like a full disk.
  EFBIG: 'ERR_STRIDE_NO_SPACE',
  ENAMETOOLONG: 'ERR_STRIDE_LIMIT',
  EMFILE: 'ERR_STRIDE_LIMIT',
  ENFILE: 'ERR_STRIDE_LIMIT',
  ENODEV: 'ERR_STRIDE_NOT_MAPPABLE',
}

/** Calls that make bytes durable. */
const SYNCS: readonly (string | undefined)[] = [
  'fsync',
  'fdatasync',
  'msync',
  'FlushFileBuffers',
  'FlushViewOfFile',
]

/**
 * The code for a failed call. A sync is never ERR_STRIDE_NO_SPACE: if a store finds a full disk, nothing has changed; but if a sync
 * fails, bytes are lost, and the next sync does not report it (D5).
 */
export function codeFor(syscall: string | undefined, code: ErrorCode | undefined): ErrorCode {
  const saysNoRoom = code === 'ERR_STRIDE_NO_SPACE' || code === 'ERR_STRIDE_LIMIT'
  return code === undefined || (saysNoRoom && SYNCS.includes(syscall)) ? 'ERR_STRIDE_IO' : code
}

/** errno names in plain words. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no directory',
  EEXIST: 'the file exists',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EBUSY: 'it is in use',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the quota is used up',
  EFBIG: 'files may not become so large here',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is longer than the file system allows',
  ENOMEM: 'no memory or address space left',
  EMFILE: 'this process has too many files open',
  ENFILE: 'the system has too many files open',
}

function withWords(name: string, path: string): string {
  const isAbsent = name === 'ENOENT' || name === 'ENOTDIR'
  const words = (isAbsent ? missingFolder(path) : undefined) ?? WORDS[name]
  return words === undefined ? name : `${name}, ${words}`
}

/** The error for the positive errno of a system call. */
export function errnoError(syscall: string, errno: number, path: string, offset?: number): StrideError {
  const name = errnoName(errno)
  const message = `${syscall} failed with ${withWords(name, path)}: ${path}${offset === undefined ? '' : `, offset ${offset}`}`
  return new StrideError(codeFor(syscall, CODES[name]), message, {
    path,
    syscall,
    errno,
    ...(offset === undefined ? {} : { offset }),
  })
}

/** The StrideError for an error of node:fs. Any other error is returned unchanged. */
export function nodeError(error: unknown, path: string): unknown {
  if (!isError(error) || error instanceof StrideError) return error
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  if (code === 'ERR_ACCESS_DENIED') {
    const message = `Node's permission model forbids it (${error.message}): ${path}`
    return new StrideError('ERR_STRIDE_PERMISSION', message, { path, cause: error })
  }
  if (typeof errno !== 'number' || code === undefined) return error
  // The stack is that of the error created here.
  error.stack = `${error.name}: ${error.message}`
  const facts = { path, errno: Math.abs(errno), cause: error, ...(syscall === undefined ? {} : { syscall }) }
  return new StrideError(
    codeFor(syscall, CODES[code]),
    `${syscall ?? 'a call'} failed with ${withWords(code, path)}: ${path}`,
    facts,
  )
}

/** Runs calls of node:fs, and throws their errors as StrideError. */
export function withCodes<T>(path: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw nodeError(error, path)
  }
}

export function closedError(path: string): StrideError {
  return new StrideError('ERR_STRIDE_CLOSED', `${path} is closed`, { path })
}

export function readOnlyError(path: string): StrideError {
  return new StrideError('ERR_STRIDE_READ_ONLY', `${path} is open for reading only`, { path })
}

export function truncatedError(path: string, needed: number, size: number): StrideError {
  const message = `${path} is shorter than what was mapped of it: ${size} bytes, ${needed} needed`
  return new StrideError('ERR_STRIDE_TRUNCATED', message, { path, offset: size })
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno)
  } catch {
    return `errno ${errno}`
  }
}
