/**
 * What is said where a store's folder is missing? The store's own name and the folder, not the name of a file beside it that could not
 * be made there.
 */

import { resolve } from 'node:path'
import { StrideError } from '../../errors.ts'
import { missingFolder } from '../../mmap/missing-folder.ts'

/** The error in the place of one that a system answered; undefined where the folder is there. */
export function folderIsMissing(
  error: unknown,
  given: string,
  done: 'opened' | 'written',
): StrideError | undefined {
  if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_NOT_FOUND') return undefined
  // Of a system without folders, in memory, that is not asked.
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
