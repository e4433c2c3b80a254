/**
 * What do the bytes of `x.stride-consumers` mean? The positions of named consumers of a store's tail.
 *
 * The file has CONSUMERS places of two copies each. Of the intact copies the one with the higher sequence counts. A place without an
 * intact copy is free. Reading and moving positions: tail/consumer-file.ts.
 */

import { defineStruct } from './struct.ts'

export const CONSUMERS = 64
export const CONSUMER_NAME_BYTES_MAX = 64
/** Locked for a moment by who moves a position, and by compact and migrateStore until the new file has the name. */
export const POSITIONS_BYTE = 64

export const CONSUMER = defineStruct('consumer', 512, [
  { name: 'sequence', type: 'u64', offset: 0, meaning: 'one more than that of the other copy' },
  { name: 'storeId', type: 'bytes', offset: 8, size: 16, meaning: "the store's" },
  { name: 'generation', type: 'u64', offset: 24, meaning: 'of the data file in which `position` counts' },
  { name: 'position', type: 'u64', offset: 32, meaning: 'the record number that comes next' },
  { name: 'hasNext', type: 'u32', offset: 40, meaning: '1 if the next generation was written' },
  { name: 'nextPosition', type: 'u64', offset: 44, meaning: 'the same position in the next generation' },
  { name: 'nameBytes', type: 'u32', offset: 52, meaning: 'length of the name' },
  { name: 'name', type: 'bytes', offset: 56, size: CONSUMER_NAME_BYTES_MAX, meaning: 'ASCII, then zeros' },
])
