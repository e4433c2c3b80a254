/**
 * Is a file beside a store a leftover of a process that died while it wrote the store, its journal or its indexes?
 *
 *   LO1  a leftover begins like a file of ours, or with zeros, or is empty. Files are written from their start on, and after a loss of
 *        power the start may read as zeros.
 *   LO2  a whole file with the id of another store in its intact header is no leftover. A data file counts as whole once it has a
 *        commit: a file left by creating a store has an id of its own, but no content.
 * The names of leftovers, and their locks: temporary-files.ts.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { INDEX_HEADER, INDEX_MAGIC } from '../format/index-format.ts'
import { JOURNAL_HEADER, JOURNAL_MAGIC } from '../format/journal-format.ts'
import { readRootPages } from '../format/root.ts'
import { IDENTITY, MAGIC } from '../format/store-format.ts'

const MAGICS: readonly string[] = [MAGIC, INDEX_MAGIC, JOURNAL_MAGIC, '\0'.repeat(MAGIC.length)]

/** @param storeId the id of the store; undefined if there is none yet */
export function isLeftover(file: PlatformFile, storeId: string | undefined): boolean {
  const page = Buffer.alloc(IDENTITY.size)
  const count = file.read(page, 0)
  const start = page.toString('latin1', 0, Math.min(count, MAGIC.length))
  if (!MAGICS.some(magic => magic.startsWith(start))) return false
  const owner = ownerOf(file, start, page)
  return owner === undefined || owner === storeId
}

/** The id of the store whose whole file this is; undefined for a part of one. */
function ownerOf(file: PlatformFile, magic: string, page: Buffer): string | undefined {
  if (magic === MAGIC) {
    return IDENTITY.isIntact(page) && holdsCommit(file) ? hex(IDENTITY.decode(page).storeId) : undefined
  }
  if (magic === INDEX_MAGIC) {
    const header = page.subarray(0, INDEX_HEADER.size)
    return INDEX_HEADER.isIntact(header) ? hex(INDEX_HEADER.decode(header).storeId) : undefined
  }
  const header = page.subarray(0, JOURNAL_HEADER.size)
  const isWhole = magic === JOURNAL_MAGIC && JOURNAL_HEADER.isIntact(header)
  return isWhole ? hex(JOURNAL_HEADER.decode(header).storeId) : undefined
}

function holdsCommit(file: PlatformFile): boolean {
  try {
    return readRootPages(file).some(({ root }) => root !== undefined && root.commitNumber > 0)
  } catch (error) {
    // A file of a newer format counts as whole. One that ends before its roots does not.
    if (error instanceof StrideError) return error.code === 'ERR_STRIDE_FORMAT_NEWER'
    throw error
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
