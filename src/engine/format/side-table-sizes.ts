/**
 * How large are the tables behind the record array? Each is at least a page.
 *
 * Their content: data-file/deletion-bits.ts, data-file/checksums.ts. Their places: root.ts.
 */

import { PAGE_BYTES } from './store-format.ts'

/** Bytes of one record's checksum. */
export const CHECKSUM_BYTES = 4

/** Bytes of the deletion bitmap for so many records. */
export function deletionBitmapBytes(capacity: number): number {
  return Math.max(PAGE_BYTES, Math.ceil(capacity / 8))
}

/** Bytes of the checksum table for so many records. */
export function checksumTableBytes(capacity: number): number {
  return Math.max(PAGE_BYTES, capacity * CHECKSUM_BYTES)
}
