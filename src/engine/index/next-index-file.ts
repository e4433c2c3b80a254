/**
 * The index file that compact writes for the store's next file (renumber.ts), until it has the name of the old one.
 *
 *   W1  it is durable, name included, before the store's file is replaced. From then on the index file is of the generation before,
 *       and this one counts: a crash between the two renames loses no index.
 *   W2  whatever may replace the store's file frees its name first, durably: nothing that an abandoned compact left is ever
 *       taken for the indexes of a later file, and none that took over stands under this name only.
 */

import { StrideError } from '../../errors.ts'
import type { Platform } from '../../mmap/platform.ts'
import { type IndexAccess, IndexFile, type IndexOwner, indexPathOf } from './index-file.ts'

/** @param path the store's */
export function nextIndexPathOf(path: string): string {
  return `${indexPathOf(path)}-next`
}

/** The index file of a store, under whichever of the two names. @returns why there is none of use @throws ERR_STRIDE_PERMISSION, _IO */
export function openEitherIndexFile(path: string, owner: IndexOwner, access: IndexAccess): IndexFile | string {
  const found = IndexFile.open(indexPathOf(path), owner, access)
  if (found instanceof IndexFile || !access.platform.exists(nextIndexPathOf(path))) return found
  const next = IndexFile.open(nextIndexPathOf(path), owner, access)
  return next instanceof IndexFile ? next : found
}

/** For a writer that opens the store: gives what a crash left the name that it was made for, or removes it. */
export function settleNextIndexFile(path: string, owner: IndexOwner, access: IndexAccess): void {
  if (!access.platform.exists(nextIndexPathOf(path))) return
  const found = openEitherIndexFile(path, owner, access)
  if (found instanceof IndexFile) found.close()
  if (found instanceof IndexFile && found.path === nextIndexPathOf(path)) takeOver(access.platform, path)
  else discardNextIndexFile(access.platform, path)
}

/** Gives it the name of the old one, which is closed. Where that cannot be, it is removed, and opening builds the indexes anew. */
export function takeOver(platform: Platform, path: string): void {
  try {
    platform.rename(nextIndexPathOf(path), indexPathOf(path))
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
    discardNextIndexFile(platform, path)
  }
}

/** Removes it if that can be: where it stays, nothing is wrong until the store's file is replaced. */
export function discardNextIndexFile(platform: Platform, path: string): void {
  try {
    freeNextIndexName(platform, path)
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
  }
}

/** Makes sure that nothing has the name, nor gets it back by a loss of power. @throws ERR_STRIDE_IO, _PERMISSION */
export function freeNextIndexName(platform: Platform, path: string): void {
  const next = nextIndexPathOf(path)
  if (platform.exists(next)) platform.remove(next)
  platform.syncFolder(next)
}
