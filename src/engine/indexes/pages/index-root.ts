/**
 * The roots of an index file: the commit that the indexes describe, and the place of the catalog.
 */

import type { PlatformFile } from '../../../mmap/platform.ts'
import { INDEX_PAGE_BYTES, INDEX_ROOT, INDEX_ROOT_MAGIC } from '../../format/index-format.ts'

export interface IndexRoot {
  readonly rootNumber: number
  /** The commit whose state the indexes describe. */
  readonly commitNumber: number
  /** Record numbers in use as of that commit. */
  readonly size: number
  /** Count of the file's pages. */
  readonly pages: number
  /** Page of the list of the catalog's pages. */
  readonly catalogList: number
  readonly catalogBytes: number
  readonly catalogCrc: number
  readonly indexCount: number
  /** The lineage of the commit, as in the store's root (root.ts). */
  readonly lineage: string
}

/** The commit whose state the pages and the pending entries describe. */
export type IndexedCommit = Pick<IndexRoot, 'commitNumber' | 'size' | 'lineage'>

/** File offset of the page of a root with this number. */
export function indexRootOffset(rootNumber: number): number {
  return (1 + (rootNumber % 2)) * INDEX_PAGE_BYTES
}

/** Stores a root. The caller syncs before and after. */
export function writeIndexRoot(file: PlatformFile, root: IndexRoot): void {
  file.store(
    INDEX_ROOT.encode({
      ...root,
      magic: Buffer.from(INDEX_ROOT_MAGIC),
      lineage: Buffer.from(root.lineage, 'hex'),
    }),
    indexRootOffset(root.rootNumber),
  )
}

/** Both roots; undefined for a root that is not whole. */
export function readIndexRoots(file: PlatformFile): readonly (IndexRoot | undefined)[] {
  return [0, 1].map(number => {
    const bytes = new Uint8Array(INDEX_ROOT.size)
    if (file.read(bytes, indexRootOffset(number)) < INDEX_ROOT.size || !INDEX_ROOT.isIntact(bytes))
      return undefined
    const { magic, lineage, ...root } = INDEX_ROOT.decode(bytes)
    const isOurs = Buffer.from(magic).toString('latin1') === INDEX_ROOT_MAGIC && root.rootNumber % 2 === number
    return isOurs ? { ...root, lineage: Buffer.from(lineage).toString('hex') } : undefined
  })
}

/** The whole root with the higher number. */
export function newestIndexRoot(file: PlatformFile): IndexRoot | undefined {
  const [even, odd] = readIndexRoots(file)
  if (even === undefined || odd === undefined) return even ?? odd
  return even.rootNumber > odd.rootNumber ? even : odd
}
