/**
 * How does the index file of a compacted store (renumber.ts) replace the old one?
 *
 *   NI1  it is durable, name included, before the store's file is replaced. From then on the index file is of the generation before,
 *       and this one counts: a crash between the two renames loses no index.
 *   NI2  whatever may replace the store's file frees its name first, durably: nothing that an abandoned compact left is ever
 *       taken for the indexes of a later file, and none that took over stands under this name only. A foreign file that
 *       has the name stays there: it is never taken for an index file of this store.
 *   NI3  it takes the old one's name only once the name of the store's file is durable, also after a process that died between the two
 *       renames, or whose sync of the folder failed: a loss of power would take back the first rename and not the second.
 */

import { StrideError } from '../../../errors.ts'
import type { Platform } from '../../../mmap/platform.ts'
import { indexPathOf, nextIndexPathOf } from '../../format/file-names.ts'
import { syncNamesAgain } from '../../whole-files/sync-names-again.ts'
import { assertReplaceable, type IndexOwner, isIndexOf } from '../pages/index-belonging.ts'
import { type IndexAccess, IndexFile } from './index-file.ts'

/** Why an index file of the store and its generation does not count, where it does not. */
export type Judgement = (file: IndexFile) => string | undefined

/**
 * The index file of a store, under whichever of the two names.
 * @returns why there is none of use @throws ERR_STRIDE_PERMISSION, _IS_DIRECTORY, _IO
 */
export function openEitherIndexFile(
  path: string,
  owner: IndexOwner,
  access: IndexAccess,
  judge: Judgement,
): IndexFile | string {
  const names = [indexPathOf(path), nextIndexPathOf(path), indexPathOf(path)]
  let why: string | undefined
  // Another process may give the next one its name between the first look and the second.
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
 * For a writer that opens the store: gives what a crash left the name that it was made for, or removes it.
 * @throws ERR_STRIDE_IO where the folder cannot be synced
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
 * Gives it the name of the old one, which is closed. Where another file has that name it stays as it is, and counts; where the name
 * cannot be given it is removed, and opening rebuilds the indexes.
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

/** Removes it if that can be: where it stays, nothing is wrong until the store's file is replaced. */
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

/** Makes sure that no index file of this store has the name, nor gets it back by a loss of power. @throws ERR_STRIDE_IO, _PERMISSION */
export function freeNextIndexName(
  platform: Platform,
  path: string,
  { storeId }: Pick<IndexOwner, 'storeId'>,
): void {
  const next = nextIndexPathOf(path)
  if (isIndexOf(platform, next, storeId)) platform.remove(next)
  platform.syncFolder(next)
}
