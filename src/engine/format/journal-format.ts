/**
 * The structures of a journal, `x.stride-journal`, as tables. The file exists while a store is open for writing, and after a crash.
 *
 *   block 0       header    written once, when the journal is created
 *   block 1 …     slot 0    slotBytes; a segment of frames, from the slot's start
 *   behind it     slot 1    slotBytes
 *   behind it     slot 2    grown for a transaction that is larger than slotBytes
 *
 * Segments are numbered and take free slots in turn. The frames of one sync (a group) start on a new block. Within a group each frame
 * starts at a multiple of 8 behind the one before, and zeros fill the last block. The content of a frame: frame-read.ts. Which frames are
 * valid: journal-scan.ts. docs/format.md is rendered from these tables.
 */

import { defineStruct } from './struct.ts'

export const JOURNAL_MAGIC = 'STRIJRNL'
/** Since version 3 changes may be patches. Versions 1 and 2 were equal to the store's format version. */
export const JOURNAL_VERSION = 3
/** Frames of one sync start at a multiple of this, so that no sector of a synced frame is written again. */
export const BLOCK_BYTES = 4096
export const SALT_BYTES = 8

/** The store that a journal belongs to. */
export const JOURNAL_HEADER = defineStruct('journal header', 512, [
  { name: 'magic', type: 'bytes', offset: 0, size: 8, meaning: 'the ASCII text STRIJRNL' },
  { name: 'formatVersion', type: 'u32', offset: 8, meaning: 'version of the journal format' },
  { name: 'recordSize', type: 'u32', offset: 12, meaning: 'bytes of a record' },
  { name: 'storeId', type: 'bytes', offset: 16, size: 16, meaning: "the store's" },
  { name: 'generation', type: 'u64', offset: 32, meaning: "the store's" },
  {
    name: 'salt',
    type: 'bytes',
    offset: 40,
    size: SALT_BYTES,
    meaning: 'random; the root and each frame repeat it',
  },
  { name: 'slotBytes', type: 'u64', offset: 48, meaning: 'bytes of slots 0 and 1, a multiple of 4096' },
])

/** In front of each commit. The payload follows; its checksum is here. */
export const FRAME_HEADER = defineStruct('frame header', 88, [
  { name: 'magic', type: 'u32', offset: 0, meaning: '0x4d524653, the ASCII text SFRM' },
  {
    name: 'segment',
    type: 'u32',
    offset: 4,
    meaning: 'number of the segment, one more than that of the segment before',
  },
  { name: 'salt', type: 'bytes', offset: 8, size: SALT_BYTES, meaning: "the journal's" },
  { name: 'commitNumber', type: 'u64', offset: 16, meaning: 'one more than that of the frame before' },
  {
    name: 'syncedCommit',
    type: 'u64',
    offset: 24,
    meaning: 'the highest commit that was known to be synced when the frame was written',
  },
  { name: 'size', type: 'u64', offset: 32, meaning: 'record numbers in use after this commit' },
  { name: 'deletedCount', type: 'u64', offset: 40, meaning: 'how many of them are deleted' },
  {
    name: 'appendStart',
    type: 'u64',
    offset: 48,
    meaning:
      'appended records from this number on have their images in the payload; earlier ones were synced in place',
  },
  { name: 'changeCount', type: 'u64', offset: 56, meaning: 'count of changes in the payload' },
  { name: 'payloadBytes', type: 'u64', offset: 64, meaning: 'bytes of the payload, behind this header' },
  { name: 'payloadCrc', type: 'u32', offset: 72, meaning: 'CRC-32 of the payload' },
  {
    name: 'inPlaceCrc',
    type: 'u32',
    offset: 76,
    meaning:
      'CRC-32 of the appended records before appendStart as they were synced in place; records with changes in the payload count as zeros',
  },
  {
    name: 'hasInPlaceCrc',
    type: 'u32',
    offset: 80,
    meaning:
      '1: there are such records, and inPlaceCrc is valid; 0: there are none, or an earlier version wrote the frame',
  },
])
export const FRAME_MAGIC = 0x4d524653
/** Within a group frames start at multiples of this. */
export const FRAME_ALIGNMENT = 8

type FrameFieldName = (typeof FRAME_HEADER.fields)[number]['name']
/** Byte positions of the frame header's fields. */
export const FRAME_FIELD_AT = Object.fromEntries(
  FRAME_HEADER.fields.map(field => [field.name, field.offset]),
) as Readonly<Record<FrameFieldName, number>>

/** A change begins with 8 bytes: the record number in the lower 56 bits, its kind in the highest byte. */
export const CHANGE_HEAD_BYTES = 8
/** The head of the part of the replaced image that differs: u32 first byte, u32 count. That many replaced bytes follow. */
export const SPAN_HEAD_BYTES = 8

/** A patch begins with the count of its ranges, u32, and the checksum entry of the new image, u32. */
export const PATCH_HEAD_BYTES = 8
/** A range begins with its first byte in the record, u32, and its length in bytes, u32. */
export const RANGE_HEAD_BYTES = 8

/** The kinds of a change, with the content behind its first 8 bytes, as in docs/format.md. */
export const CHANGE_KINDS = {
  /** the new image, then the part of the replaced image that differs; written if a patch would be no shorter */
  update: 1,
  /** the new image; the number was deleted before, or is new with this commit */
  insert: 2,
  /** the replaced image */
  delete: 3,
  /** nothing; the number is new with this commit, and deleted */
  skip: 4,
  /** the head of a patch, then for each range its head, its new bytes, and the bytes that they replace */
  patch: 5,
} as const

/** The file offset of a slot: 0, 1 or 2. */
export function slotOffset(slot: number, slotBytes: number): number {
  return BLOCK_BYTES + slot * slotBytes
}
export function roundToBlock(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES
}
