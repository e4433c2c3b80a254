/**
 * The next index file: written by compact (renumber.ts) under a name of its own, it replaces the old index file after the store's file was
 * replaced.
 *
 *   NI1  the next index file and its name are durable before the store's file is replaced. Then the old index file has the generation
 *        before, and the next one is used even under its own name, so a crash between the two renames loses no index.
 *   NI2  every operation that may replace the store's file first frees the next index file's name, durably. So a file left by an aborted
 *        compact is never taken for the indexes of a later store file, and a file that is in use has its final name by then. A foreign file
 *        with the name is left alone, and never taken for an index file of this store.
 *   NI3  the next index file gets its final name only once the name of the store's file is durable, also after an earlier process died
 *        between the two renames or failed to sync the folder. Otherwise a loss of power could undo the first rename and keep the second.
 */

import { StrideError } from '../../../errors.ts'
import type { Platform } from '../../../mmap/platform.ts'
import { indexPathOf, nextIndexPathOf } from '../../format/file-names.ts'
import { syncNamesAgain } from '../../whole-files/sync-names-again.ts'
import { assertReplaceable, type IndexOwner, isIndexOf } from '../pages/index-file-owner.ts'
import { type IndexAccess, IndexFile } from './index-file.ts'

/** Returns why an index file of the store and its generation cannot be used; undefined if it can. */
export type Judgement = (file: IndexFile) => string | undefined

/**
 * Opens the index file of a store under one of its two names.
 * @returns the file, or why none can be used @throws ERR_STRIDE_PERMISSION, _IS_DIRECTORY, _IO
 */
export function openEitherIndexFile(
  path: string,
  owner: IndexOwner,
  access: IndexAccess,
  judge: Judgement,
): IndexFile | string {
  const names = [indexPathOf(path), nextIndexPathOf(path), indexPathOf(path)]
  let why: string | undefined
  // Between the first two attempts another process may rename the next index file, so the first name is tried again.
  for (const name of names) {
    const found = openIndexFile(name, owner, access, judge)
    if (found instanceof IndexFile) return found
    why ??= found
  }
  return why as string
}

function openIndexFile(
  name: string,
  owner: IndexOwner,
  access: IndexAccess,
  judge: Judgement,
): IndexFile | string {
  const file = IndexFile.open(name, owner, access)
  if (typeof file === 'string') return file
  const why = judge(file)
  if (why === undefined) return file
  file.close()
  return why
}

/**
 * For a writer that opens the store: gives a next index file that a crash left its final name, or removes it.
 * @throws ERR_STRIDE_IO if the folder cannot be synced
 */
export function settleNextIndexFile(
  path: string,
  owner: IndexOwner,
  access: IndexAccess,
  judge: Judgement,
): void {
  const { platform } = access
  if (!isIndexOf(platform, nextIndexPathOf(path), owner.storeId)) return
  const found = openEitherIndexFile(path, owner, access, judge)
  if (found instanceof IndexFile) found.close()
  if (found instanceof IndexFile && found.path === nextIndexPathOf(path)) {
    syncNamesAgain(platform, path, owner.storeId)
    takeOver(platform, path, owner)
  } else {
    discardNextIndexFile(platform, path, owner)
  }
}

/**
 * Gives the next index file the name of the old one, which is closed. If a foreign file has that name, the next index file keeps its own
 * name and is used there. If the rename fails, it is removed, and opening rebuilds the indexes.
 */
export function takeOver(platform: Platform, path: string, { storeId }: Pick<IndexOwner, 'storeId'>): void {
  try {
    assertReplaceable(platform, indexPathOf(path), storeId)
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
    return
  }
  try {
    platform.rename(nextIndexPathOf(path), indexPathOf(path))
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
    discardNextIndexFile(platform, path, { storeId })
  }
}

/** Removes the next index file. If that fails, the file does no harm until the store's file is replaced (NI2). */
export function discardNextIndexFile(
  platform: Platform,
  path: string,
  owner: Pick<IndexOwner, 'storeId'>,
): void {
  try {
    freeNextIndexName(platform, path, owner)
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
  }
}

/** Removes an index file of this store with the next name, durably. @throws ERR_STRIDE_IO, _PERMISSION */
export function freeNextIndexName(
  platform: Platform,
  path: string,
  { storeId }: Pick<IndexOwner, 'storeId'>,
): void {
  const next = nextIndexPathOf(path)
  if (isIndexOf(platform, next, storeId)) platform.remove(next)
  platform.syncFolder(next)
}
