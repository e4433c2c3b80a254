/**
 * Is every page of an index whole, and where the directory says? What is wrong is told with its offset; nothing is thrown.
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { INDEX_PAGE_BYTES, INDEX_PAGE_MAGIC, PAGE_FIELD_AT } from '../../format/index-format.ts'
import type { IndexTree } from './index-tree.ts'
import { checksumOfLeaf } from '../pages/leaf-format.ts'
import { compareWords, EntryBuffer } from '../keys/words.ts'

/** Told what is wrong with the page at `offset`. */
export type PageNote = (offset: number, what: string) => void

const PAGES_A_YIELD = 256

/** Looks at every page of a tree, and shows its entries to `see`. Yields now and then. */
export function* checkPages(
  tree: IndexTree,
  pool: WindowPool,
  note: PageNote,
  see: (entries: EntryBuffer) => void,
): Generator<void> {
  const entries = new EntryBuffer(tree.format.entryWords, tree.format.capacity)
  for (let i = 0; i < tree.directory.pageCount; i++) {
    const offset = tree.directory.placeOf(i) * INDEX_PAGE_BYTES
    entries.clear()
    const wrong = checkPage(tree, i, pool, offset, entries)
    if (wrong === undefined) see(entries)
    else note(offset, `page ${i} of index '${tree.definition.name}' ${wrong}`)
    if (i % PAGES_A_YIELD === PAGES_A_YIELD - 1) yield
  }
}

/** What is wrong with page i, if something is; its entries are in `entries` otherwise. */
function checkPage(
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
