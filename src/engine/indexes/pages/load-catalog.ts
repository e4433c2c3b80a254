/**
 * Loads the catalog that the newest root of an index file names. The file may be damaged, so each number is checked before it is used.
 */

import { crc32 } from 'node:zlib'
import type { PlatformFile } from '../../../mmap/platform.ts'
import { FIXED_PAGES, INDEX_PAGE_BYTES } from '../../format/index-format.ts'
import { type CatalogEntry, decodeCatalog, littleEndianWords } from './index-catalog.ts'
import { type IndexRoot, newestIndexRoot } from './index-root.ts'

/** The newest root and its catalog, checked. */
export interface LoadedCatalog {
  readonly root: IndexRoot
  readonly entries: readonly CatalogEntry[]
  /** The pages of the catalog and of its list. */
  readonly catalogPages: readonly number[]
  /** A byte for each page of the file: 1 for the pages that the root reaches, including those of header and roots. */
  readonly used: Uint8Array
}

/** @returns the catalog, or why the file is damaged */
export function loadCatalog(file: PlatformFile): LoadedCatalog | string {
  const root = newestIndexRoot(file)
  if (root === undefined) return 'both of its roots fail their checksums'
  const { pages, catalogList, catalogBytes, catalogCrc, indexCount } = root
  if (pages < FIXED_PAGES || pages * INDEX_PAGE_BYTES > file.size()) return 'it is cut short'
  const count = Math.ceil(catalogBytes / INDEX_PAGE_BYTES)
  const listPages = Math.ceil((count * 4) / INDEX_PAGE_BYTES)
  if (count > 0 && (catalogList < FIXED_PAGES || catalogList + listPages > pages))
    return 'its root names no catalog'
  const list = Buffer.alloc(count * 4)
  if (file.read(list, catalogList * INDEX_PAGE_BYTES) < list.length)
    return 'its list of the catalog is cut short'
  const places = littleEndianWords(list)
  const catalog = Buffer.allocUnsafeSlow(count * INDEX_PAGE_BYTES)
  for (let from = 0; from < count; ) {
    // Neighbours in the file with one read.
    let to = from
    do {
      const place = places[to++] as number
      if (place < FIXED_PAGES || place >= pages) return 'its catalog is not in the file'
    } while (to < count && places[to] === (places[to - 1] as number) + 1)
    const target = catalog.subarray(from * INDEX_PAGE_BYTES, to * INDEX_PAGE_BYTES)
    if (file.read(target, (places[from] as number) * INDEX_PAGE_BYTES) < target.length)
      return 'its catalog is cut short'
    from = to
  }
  const bytes = catalog.subarray(0, catalogBytes)
  if (crc32(bytes) !== catalogCrc) return 'its catalog fails its checksum'
  const used = new Uint8Array(pages)
  const entries = decodeCatalog(bytes, indexCount, used)
  if (typeof entries === 'string') return entries
  const catalogPages = [...places, ...pageRun(catalogList, listPages)]
  used.fill(1, 0, FIXED_PAGES)
  for (const page of catalogPages) used[page] = 1
  return { root, entries, catalogPages, used }
}

/** The numbers of `count` consecutive pages. */
export function pageRun(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
