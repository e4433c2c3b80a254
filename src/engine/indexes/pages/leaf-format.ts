/**
 * What do all pages of entries have in common? A head, entries in ascending order, and a checksum.
 *
 * Two kinds of page stand behind it: hash-leaf.ts and ordered-leaf.ts. Which pages there are: directory.ts.
 */

import { crc32 } from 'node:zlib'
import { INDEX_PAGE_MAGIC, PAGE_CRC_AT, PAGE_FIELD_AT } from '../../format/index-format.ts'
import type { EntryBuffer } from '../keys/words.ts'

/** A page in memory that is being made. */
export interface PageBytes {
  readonly bytes: Buffer
  readonly view: DataView
}

/** The range of entries that a page may hold: from its own fence to the next page's. */
export interface PageRange {
  /** First words of both fences; `high` is 2^32 behind the last page. */
  readonly low: number
  readonly high: number
}

/** What a directory says of a page. */
export interface PlacedPage extends PageRange {
  readonly count: number
  readonly isPacked: boolean
}

export interface LeafFormat {
  /** Words of an entry: the key's, and one of the record number. */
  readonly entryWords: number
  /** Most entries of a page. */
  readonly capacity: number
  /** How many entries pages are given where there is a choice, so that some more find room. */
  readonly target: number
  /** Writes the entries from `from` on into a page whose head is there. @returns whether they are packed */
  writeEntries(entries: EntryBuffer, from: number, count: number, range: PageRange, page: PageBytes): boolean
  /** Appends `count` entries of the page at `at` to `out`, or as many as can be there: any bytes are read safely. */
  readEntries(view: DataView, at: number, count: number, isPacked: boolean, out: EntryBuffer): void
  /** Whether the page at `at` has an entry of its range: a search that reads a few entries of the page. */
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

/** The checksum that a page's bytes have, if the one that stands in it is right; undefined where it is not. */
export function checksumOfLeaf(bytes: Buffer, at: number): number | undefined {
  const checksum = crc32(bytes.subarray(at, at + PAGE_CRC_AT))
  return bytes.readUInt32LE(at + PAGE_CRC_AT) === checksum ? checksum : undefined
}
