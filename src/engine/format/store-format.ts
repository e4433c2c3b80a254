/**
 * The structures of a store's data file as tables, with their places.
 *
 *   page 0        identity   written once, at creation
 *   page 1, 2     roots      two alternating copies of the mutable root with the index definitions; the newer intact one is valid
 *   page 3        shared     words that the open processes exchange; without meaning at rest
 *   page 4 …      layout     the canonical layout, JSON text, written once
 *   dataOffset …  records    recordSize bytes each, nothing between them
 *   behind them   deletion bitmap  only once something was deleted, at an offset in the root
 *                 checksums  only if asked for at creation, at an offset in the root
 *
 * docs/format.md is rendered from these tables. How a table reads and writes: struct.ts.
 */

import { defineStruct } from './struct.ts'

/** Version 1 had no index definitions and no lineage in its roots. */
export const FORMAT_VERSION = 2
export const PAGE_BYTES = 4096
export const MAGIC = 'StrideDB'
/** A canonical layout longer than this is refused. */
export const LAYOUT_BYTES_MAX = 16 * 1024 * 1024

export const IDENTITY_OFFSET = 0
export const ROOT_OFFSETS = [PAGE_BYTES, 2 * PAGE_BYTES] as const
export const SHARED_OFFSET = 3 * PAGE_BYTES
export const LAYOUT_OFFSET = 4 * PAGE_BYTES

/** Which store this is, and how its records are laid out. Never rewritten. */
export const IDENTITY = defineStruct('identity', PAGE_BYTES, [
  { name: 'magic', type: 'bytes', offset: 0, size: 8, meaning: 'the ASCII text StrideDB' },
  { name: 'formatVersion', type: 'u32', offset: 8, meaning: 'version of the format when the file was created' },
  {
    name: 'recordSize',
    type: 'u32',
    offset: 12,
    meaning: 'bytes of a record, and of the stride between records',
  },
  { name: 'dataOffset', type: 'u64', offset: 16, meaning: 'file offset of record 0, a multiple of 4096' },
  { name: 'layoutBytes', type: 'u32', offset: 24, meaning: 'bytes of the canonical layout behind page 3' },
  { name: 'layoutCrc', type: 'u32', offset: 28, meaning: 'CRC-32 of the canonical layout' },
  { name: 'fingerprint', type: 'bytes', offset: 32, size: 32, meaning: 'SHA-256 of the canonical layout' },
  {
    name: 'storeId',
    type: 'bytes',
    offset: 64,
    size: 16,
    meaning: 'random, shared by the files beside the store',
  },
  {
    name: 'generation',
    type: 'u64',
    offset: 80,
    meaning: 'count of rewrites of the file by compact or migrate',
  },
  { name: 'createdMs', type: 'f64', offset: 88, meaning: 'creation time, milliseconds since 1970' },
  {
    name: 'marksDeleted',
    type: 'u32',
    offset: 96,
    meaning:
      '1: the checksum entry of a deleted record is the ASCII text GONE; 0, in older files: that entry has no meaning',
  },
])

/**
 * The part that changes with commits. Two copies are written in turn, so that one is always whole. Behind each, on the same page, are
 * the definitions of the indexes: JSON text in raw deflate (RFC 1951).
 */
export const ROOT = defineStruct('root', 512, [
  {
    name: 'magic',
    type: 'bytes',
    offset: 0,
    size: 8,
    meaning: 'the ASCII text STRIROT2; STRIROOT in version 1, which has zeros from offset 92 on',
  },
  { name: 'commitNumber', type: 'u64', offset: 8, meaning: 'the commit whose state this root describes' },
  {
    name: 'rootNumber',
    type: 'u64',
    offset: 16,
    meaning: 'counts root writes; the higher intact one is valid',
  },
  { name: 'size', type: 'u64', offset: 24, meaning: 'record numbers in use: the highest plus 1' },
  { name: 'deletedCount', type: 'u64', offset: 32, meaning: 'how many of them are deleted' },
  { name: 'capacity', type: 'u64', offset: 40, meaning: 'records that the allocated array has room for' },
  { name: 'liveBitsOffset', type: 'u64', offset: 48, meaning: 'file offset of the deletion bitmap; 0: none' },
  { name: 'liveBitsBytes', type: 'u64', offset: 56, meaning: 'bytes of the deletion bitmap' },
  {
    name: 'journalSalt',
    type: 'bytes',
    offset: 64,
    size: 8,
    meaning: 'salt of the journal with the commits after this one, or of the last journal that was ended',
  },
  {
    name: 'journalSegment',
    type: 'u32',
    offset: 72,
    meaning: 'number of the segment with the next commit; 0: no journal',
  },
  { name: 'journalOffset', type: 'u64', offset: 76, meaning: 'offset of that segment in the journal' },
  {
    name: 'checksumsOffset',
    type: 'u64',
    offset: 84,
    meaning: 'file offset of the checksums, one u32 for each record; 0: none',
  },
  {
    name: 'formatVersion',
    type: 'u32',
    offset: 92,
    meaning: 'format version of this root; an old file gets the present version with its first write',
  },
  {
    name: 'lineage',
    type: 'bytes',
    offset: 96,
    size: 8,
    meaning:
      'the history of the commit: the salt of the journal in which it was made, or random after compact, migrate and backup',
  },
  { name: 'definitionsBytes', type: 'u32', offset: 104, meaning: 'bytes of the index definitions' },
  { name: 'definitionsCrc', type: 'u32', offset: 108, meaning: 'CRC-32 of the index definitions' },
])
/** A library of version 1 treats a root with the new magic as damaged, and refuses the file. */
export const ROOT_MAGIC = 'STRIROT2'
export const ROOT_MAGIC_1 = 'STRIROOT'
/** Position of the index definitions on a root's page, and their largest size. */
export const DEFINITIONS_AT = 512
export const DEFINITIONS_BYTES_MAX = PAGE_BYTES - DEFINITIONS_AT

/**
 * 32-bit words of page 3, by index. Each writer sets them when it opens the store, and they are valid while it holds its lock. Counts
 * take two words, the lower half first.
 */
export const SHARED_WORDS = {
  /** Odd while the writer changes committed bytes. A reader that sees it change reads again. */
  sequence: 0,
  /** Counts writers that opened the store. A change tells readers that the old writer is gone. */
  writerGeneration: 1,
  /** Above 0 once another file has this one's name: 1 after compact, 2 if records kept their numbers. Openers then reopen. */
  superseded: 2,
  /** The last commit that is stored in the data file. */
  commitNumber: 4,
  size: 6,
  deletedCount: 8,
  capacity: 10,
  liveBitsOffset: 12,
  liveBitsBytes: 14,
  checksumsOffset: 16,
  /** Mixes both halves of commitNumber, to show that it was stored whole. */
  commitCheck: 18,
  /** Changes up to this commit may be partly in the file. Stored before the first of them. Zeros in older files. */
  begunCommit: 20,
  /** Likewise for begunCommit. */
  begunCheck: 22,
} as const
export const SHARED_WORD_COUNT = 32

/** Bytes of the header in front of record 0. */
export function dataOffsetFor(layoutBytes: number): number {
  return LAYOUT_OFFSET + Math.ceil(layoutBytes / PAGE_BYTES) * PAGE_BYTES
}
