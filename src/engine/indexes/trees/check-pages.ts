/**
 * Checks that a page of an index is whole and agrees with the directory. Damage is reported with its offset, not thrown.
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { INDEX_PAGE_BYTES, INDEX_PAGE_MAGIC, PAGE_FIELD_AT } from '../../format/index-format.ts'
import { compareWords, EntryBuffer } from '../keys/entry-words.ts'
import { checksumOfLeaf } from '../pages/leaf-format.ts'
import type { IndexTree } from './index-tree.ts'

/** Called with the damage of the page at `offset`. */
export type PageNote = (offset: number, what: string) => void

/** Checks page i of a tree. @returns its entries; undefined if it is damaged */
export function checkPage(
  tree: IndexTree,
  i: number,
  pool: WindowPool,
  note: PageNote,
): EntryBuffer | undefined {
  const entries = new EntryBuffer(tree.format.entryWords, tree.format.capacity)
  const offset = tree.directory.placeOf(i) * INDEX_PAGE_BYTES
  const wrong = readPage(tree, i, pool, offset, entries)
  if (wrong === undefined) return entries
  note(offset, `page ${i} of index '${tree.definition.name}' ${wrong}`)
  return undefined
}

/** Reads page i into `entries`. @returns its damage, if there is any */
function readPage(
  { directory, format, indexNumber }: IndexTree,
  i: number,
  pool: WindowPool,
  offset: number,
  entries: EntryBuffer,
): string | undefined {
  const window = pool.acquire(offset, INDEX_PAGE_BYTES)
  const view = window.view as DataView
  const at = offset - window.start
  const checksum = checksumOfLeaf(window.bytes, at)
  if (checksum === undefined) return 'fails its checksum'
  if (checksum !== directory.arrays.checksums[i]) return 'is not the page that the catalog names'
  const head = (name: keyof typeof PAGE_FIELD_AT): number => view.getUint32(at + PAGE_FIELD_AT[name], true)
  if (head('magic') !== INDEX_PAGE_MAGIC || head('indexNumber') !== indexNumber)
    return 'belongs to something else'
  const count = directory.countOf(i)
  if (head('count') !== count || (head('packed') === 1) !== directory.isPacked(i)) {
    return 'does not have the count that the catalog names'
  }
  format.readEntries(view, at, count, directory.isPacked(i), entries)
  if (entries.count !== count) return `has ${entries.count} entries, not ${count}`
  const { data, words } = entries
  for (let e = 0; e < count; e++) {
    const isRising = e === 0 || compareWords(data, (e - 1) * words, data, e * words, words) < 0
    const isInside = !directory.isBefore(data, e * words, i) && directory.isBefore(data, e * words, i + 1)
    if (!isRising || !isInside) return `has entry ${e} out of order`
  }
  return undefined
}
