/**
 * Does an index file belong to a store, and to the history of the store's file?
 *
 *   IB1  a file is used only if it has the store's id and generation, and its lineage leads to the store's root. Copies of one store that
 *        were both changed have commits with the same numbers and different lineages (root.ts).
 *   IB2  a file that is no index file of this store, by magic and store id, is never replaced or removed.
 *   IB3  if the store's root defines indexes, a damaged file with the name is a remnant of its index file, and is rebuilt. A remnant has a
 *        header that fails its checksum and a root of the store's history, or is cut short within its header, or contains only zeros, as
 *        after an interrupted copy or a repair of the file system.
 */

import { StrideError } from '../../../errors.ts'
import type { Platform, PlatformFile } from '../../../mmap/platform.ts'
import type { Identity } from '../../format/identity.ts'
import { INDEX_HEADER, INDEX_MAGIC } from '../../format/index-format.ts'
import { NO_LINEAGE, type Root } from '../../format/root.ts'
import { FORMAT_VERSION } from '../../format/store-format.ts'
import { type IndexedCommit, newestIndexRoot } from './index-root.ts'

const READ_BYTES = 64 * 1024
const STORE_ID_AT = INDEX_HEADER.fields.find(({ name }) => name === 'storeId')?.offset as number

export type IndexOwner = Pick<Identity, 'storeId' | 'generation'>

/** The seed of the key hashes in the header of this store's index file; otherwise why it is not this store's. */
export function checkIndexHeader(file: PlatformFile, owner: IndexOwner): Uint8Array | string {
  const bytes = headerBytes(file)
  const { formatVersion, generation, seed } = INDEX_HEADER.decode(bytes)
  const stranger = whyStranger(bytes, owner.storeId)
  if (stranger !== undefined) return stranger
  if (formatVersion > FORMAT_VERSION) return `it has format version ${formatVersion}`
  if (!INDEX_HEADER.isIntact(bytes)) return 'its header fails its checksum'
  if (generation !== owner.generation)
    return `it is of generation ${generation}, the store of ${owner.generation}`
  return seed
}

/** The generation in an index file's header. */
export function generationOf(file: PlatformFile): number {
  return INDEX_HEADER.decode(headerBytes(file)).generation
}

/** The store's root, and the last committed commit number, with the journal's. */
export interface StoreHistory {
  readonly root: Root
  readonly committed: number
}

/**
 * @param history given if the store's root defines indexes (IB3)
 * @throws ERR_STRIDE_EXISTS if the name is taken by a file that is no index file of this store
 */
export function assertReplaceable(
  platform: Platform,
  path: string,
  storeId: string,
  history?: StoreHistory,
): void {
  if (!platform.exists(path)) return
  const why = whyNotOurs(platform, path, storeId, history)
  if (why === undefined) return
  const message = `${path} is where the store keeps its indexes, and ${why}: move or remove that file`
  throw new StrideError('ERR_STRIDE_EXISTS', message, { path })
}

/** Whether the path names an index file of this store. */
export function isIndexOf(platform: Platform, path: string, storeId: string): boolean {
  try {
    return platform.exists(path) && whyNotOurs(platform, path, storeId) === undefined
  } catch (error) {
    if (error instanceof StrideError) return false
    throw error
  }
}

/**
 * Why an index file of this store and generation does not describe the store's records, or cannot be brought up to date from the journal;
 * undefined if it can. `root`: the store's root in its file; `committed`: the last commit, with the journal's.
 */
export function whyOtherHistory(
  { commitNumber, lineage }: IndexedCommit,
  root: Pick<Root, 'commitNumber' | 'lineage' | 'journalSalt' | 'formatVersion'>,
  committed: number,
): string | undefined {
  if (commitNumber < root.commitNumber)
    return `it is of commit ${commitNumber}, the store's root of ${root.commitNumber}`
  if (commitNumber > committed) return `it is of commit ${commitNumber}, the store of ${committed}`
  // Commits after the root's are in the journal that the root names.
  const expected = commitNumber === root.commitNumber ? root.lineage : root.journalSalt
  const isOld = root.formatVersion === 1 && lineage === NO_LINEAGE
  return lineage === expected || isOld ? undefined : `it is of another history of commit ${commitNumber}`
}

function whyNotOurs(
  platform: Platform,
  path: string,
  storeId: string,
  history?: StoreHistory,
): string | undefined {
  const file = platform.open(path, { access: 'read', create: 'never' })
  try {
    const why = whyStranger(headerBytes(file), storeId)
    return why === undefined || history === undefined || !isRemnant(file, storeId, history) ? why : undefined
  } finally {
    file.close()
  }
}

/** Whether a file is a remnant of the store's index file (IB3). */
function isRemnant(file: PlatformFile, storeId: string, { root, committed }: StoreHistory): boolean {
  if (INDEX_HEADER.isIntact(headerBytes(file))) return false
  const found = newestIndexRoot(file)
  if (found !== undefined) return whyOtherHistory(found, root, committed) === undefined
  return isCutShort(file, storeId) || isBlank(file)
}

/** Whether a file is a beginning of the store's index file that ends before the end of its store id. */
function isCutShort(file: PlatformFile, storeId: string): boolean {
  const bytes = Buffer.alloc(STORE_ID_AT + storeId.length / 2)
  const count = file.read(bytes, 0)
  if (count === bytes.length) return false
  const name = bytes.toString('latin1', 0, Math.min(count, INDEX_MAGIC.length))
  const id = bytes.toString('hex', Math.min(count, STORE_ID_AT), count)
  return INDEX_MAGIC.startsWith(name) && storeId.startsWith(id)
}

function isBlank(file: PlatformFile): boolean {
  const bytes = Buffer.alloc(READ_BYTES)
  const zeros = Buffer.alloc(READ_BYTES)
  for (let at = 0; ; at += READ_BYTES) {
    const count = file.read(bytes, at)
    if (bytes.compare(zeros, 0, count, 0, count) !== 0) return false
    if (count < READ_BYTES) return true
  }
}

function whyStranger(header: Uint8Array, storeId: string): string | undefined {
  const found = INDEX_HEADER.decode(header)
  if (Buffer.from(found.magic).toString('latin1') !== INDEX_MAGIC) return 'it is no index file'
  return Buffer.from(found.storeId).toString('hex') === storeId ? undefined : 'it belongs to another store'
}

/** The header's bytes, padded with zeros if the file is shorter. */
function headerBytes(file: PlatformFile): Uint8Array {
  const bytes = new Uint8Array(INDEX_HEADER.size)
  file.read(bytes, 0)
  return bytes
}
