/**
 * The structures of an index file, `x.stride-index`, as tables.
 *
 *   page 0     header    written once, when the file is created
 *   page 1, 2  roots     two copies, written in turn; the newer intact one counts
 *   page 3 …   in no order: pages of entries, and those of catalogs
 *
 * A root names one catalog, and the catalog lists every page of every index. Pages that either root reaches are never overwritten. Changed
 * pages are written to free places, synced, and then named by the other root. docs/format.md is rendered from these tables.
 */

import { defineStruct } from './struct.ts'

export const INDEX_MAGIC = 'STRIINDX'
export const INDEX_ROOT_MAGIC = 'STRIIXRT'
export const INDEX_PAGE_BYTES = 4096
export const SEED_BYTES = 16
/** Header and roots. */
export const FIXED_PAGES = 3

/** The store that an index file belongs to. */
export const INDEX_HEADER = defineStruct('index header', 512, [
  { name: 'magic', type: 'bytes', offset: 0, size: 8, meaning: 'the ASCII text STRIINDX' },
  { name: 'formatVersion', type: 'u32', offset: 8, meaning: "version of the format, the store file's" },
  { name: 'storeId', type: 'bytes', offset: 12, size: 16, meaning: "the store's" },
  { name: 'generation', type: 'u64', offset: 28, meaning: "the store's" },
  { name: 'seed', type: 'bytes', offset: 36, size: SEED_BYTES, meaning: 'random; keys are hashed with it' },
])

/** The state of the indexes at one commit. Root r lies on page 1 + r % 2. */
export const INDEX_ROOT = defineStruct('index root', 512, [
  { name: 'magic', type: 'bytes', offset: 0, size: 8, meaning: 'the ASCII text STRIIXRT' },
  { name: 'rootNumber', type: 'u64', offset: 8, meaning: 'counts root writes; the higher intact one is valid' },
  { name: 'commitNumber', type: 'u64', offset: 16, meaning: 'the commit whose state the indexes describe' },
  { name: 'size', type: 'u64', offset: 24, meaning: 'record numbers in use as of that commit' },
  { name: 'pages', type: 'u64', offset: 32, meaning: 'count of pages of the file' },
  {
    name: 'catalogList',
    type: 'u64',
    offset: 40,
    meaning: 'first page of a list: a u32 for each page of the catalog',
  },
  { name: 'catalogBytes', type: 'u64', offset: 48, meaning: 'bytes of the catalog' },
  { name: 'catalogCrc', type: 'u32', offset: 56, meaning: 'CRC-32 of the catalog' },
  { name: 'indexCount', type: 'u32', offset: 60, meaning: 'count of indexes in the catalog' },
  {
    name: 'lineage',
    type: 'bytes',
    offset: 64,
    size: 8,
    meaning: "the lineage of that commit, as in the store's root; zeros in version 1",
  },
])

/**
 * The catalog has one of these for each index, one behind the other. Each is followed by the definition (JSON, zeros up to a multiple
 * of 4), then u32 arrays: for each page its place, checksum, count and fence, then the pending entries.
 */
export const CATALOG_ENTRY = defineStruct('catalog entry', 32, [
  { name: 'indexNumber', type: 'u32', offset: 0, meaning: 'the number in each page of the index' },
  { name: 'definitionBytes', type: 'u32', offset: 4, meaning: 'bytes of the definition' },
  { name: 'entryWords', type: 'u32', offset: 8, meaning: 'u32 words of a fence and of a pending entry' },
  { name: 'pageCount', type: 'u32', offset: 12, meaning: 'count of pages of entries' },
  {
    name: 'pendingCount',
    type: 'u32',
    offset: 16,
    meaning: 'count of pending entries, about which the pages may be wrong',
  },
])

/** A page of entries in ascending order. The highest bit of a page's place in the catalog means `packed`. */
export const INDEX_PAGE = defineStruct('index page', INDEX_PAGE_BYTES, [
  { name: 'magic', type: 'u32', offset: 0, meaning: '0x47505849, the ASCII text IXPG' },
  { name: 'indexNumber', type: 'u32', offset: 4, meaning: 'the index that it belongs to' },
  { name: 'count', type: 'u32', offset: 8, meaning: 'count of entries' },
  {
    name: 'packed',
    type: 'u32',
    offset: 12,
    meaning: '1: entries follow each other; 0: a hash page with free places',
  },
  { name: 'entries', type: 'bytes', offset: 16, size: 4076, meaning: 'the entries; the rest is free' },
])
export const INDEX_PAGE_MAGIC = 0x47505849

type PageFieldName = (typeof INDEX_PAGE.fields)[number]['name']
/** Byte positions in a page. */
export const PAGE_FIELD_AT = Object.fromEntries(
  INDEX_PAGE.fields.map(field => [field.name, field.offset]),
) as Readonly<Record<PageFieldName, number>>
export const PAGE_ENTRIES_BYTES = 4076
export const PAGE_CRC_AT = INDEX_PAGE_BYTES - 4

/** The record number in a place of a hash page without an entry. */
export const NO_NUMBER = 0xffffffff
/** Record numbers of an indexed store are below this. */
export const INDEXED_NUMBERS_MAX = NO_NUMBER
