/**
 * Which error is thrown if a store's folder is missing? It names the store and the folder, not the file beside it that could not be
 * created.
 */

import { resolve } from 'node:path'
import { StrideError } from '../../errors.ts'
import { missingFolder } from '../../mmap/missing-folder.ts'

/** The error that replaces the system's; undefined if the folder exists. */
export function folderIsMissing(
  error: unknown,
  given: string,
  done: 'opened' | 'written',
): StrideError | undefined {
  if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_NOT_FOUND') return undefined
  // The simulated platform has no folders.
  if (error.errno === undefined) return undefined
  const obstacle = missingFolder(error.path ?? given)
  if (obstacle === undefined) return undefined
  const path = resolve(given)
  const { errno } = error
  return new StrideError('ERR_STRIDE_NOT_FOUND', `${path} cannot be ${done}: ${obstacle}`, {
    path,
    errno,
    cause: error.cause ?? error,
  })
}
