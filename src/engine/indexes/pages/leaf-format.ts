/**
 * The common format of all pages of entries: a head, entries in ascending order, and a checksum.
 *
 * The two kinds of page: hash-leaf.ts, ordered-leaf.ts. The list of an index's pages: directory.ts.
 */

import { crc32 } from 'node:zlib'
import { INDEX_PAGE_MAGIC, PAGE_CRC_AT, PAGE_FIELD_AT } from '../../format/index-format.ts'
import type { EntryBuffer } from '../keys/entry-words.ts'

/** A page that is being written, in memory. */
export interface PageBytes {
  readonly bytes: Buffer
  readonly view: DataView
}

/** The range of a page's entries: from its own fence to the next page's. */
export interface PageRange {
  /** First words of both fences; `high` is 2^32 behind the last page. */
  readonly low: number
  readonly high: number
}

/** A page, as a directory describes it. */
export interface PlacedPage extends PageRange {
  readonly count: number
  readonly isPacked: boolean
}

export interface LeafFormat {
  /** Words of an entry: the key's words, and the record number. */
  readonly entryWords: number
  /** Most entries of a page. */
  readonly capacity: number
  /** The preferred count of entries of a new page, which leaves room for some more. */
  readonly target: number
  /** Writes the entries from `from` on into a page whose head is written. @returns whether they are packed */
  writeEntries(entries: EntryBuffer, from: number, count: number, range: PageRange, page: PageBytes): boolean
  /** Appends the entries of the page at `at` to `out`: at most `count`, and no more than a page can contain. Safe for any bytes. */
  readEntries(view: DataView, at: number, count: number, isPacked: boolean, out: EntryBuffer): void
  /** Searches the page at `at` for an entry of its range. Reads only a few entries of the page. */
  hasEntry(view: DataView, at: number, page: PlacedPage, entry: Uint32Array): boolean
}

/** Writes a whole page. @returns its checksum and whether its entries are packed */
export function writeLeaf(
  format: LeafFormat,
  indexNumber: number,
  entries: EntryBuffer,
  from: number,
  count: number,
  range: PageRange,
  page: PageBytes,
): { readonly checksum: number; readonly isPacked: boolean } {
  const { bytes, view } = page
  bytes.fill(0)
  const isPacked = format.writeEntries(entries, from, count, range, page)
  view.setUint32(PAGE_FIELD_AT.magic, INDEX_PAGE_MAGIC, true)
  view.setUint32(PAGE_FIELD_AT.indexNumber, indexNumber, true)
  view.setUint32(PAGE_FIELD_AT.count, count, true)
  view.setUint32(PAGE_FIELD_AT.packed, isPacked ? 1 : 0, true)
  const checksum = crc32(bytes.subarray(0, PAGE_CRC_AT))
  view.setUint32(PAGE_CRC_AT, checksum, true)
  return { checksum, isPacked }
}

/** The checksum in a page, if it is that of the page's bytes; otherwise undefined. */
export function checksumOfLeaf(bytes: Buffer, at: number): number | undefined {
  const checksum = crc32(bytes.subarray(at, at + PAGE_CRC_AT))
  return bytes.readUInt32LE(at + PAGE_CRC_AT) === checksum ? checksum : undefined
}
