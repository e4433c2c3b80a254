/**
 * One checksum a record, CRC-32 (zlib's) of its bytes, in a table behind the array.
 *
 * A store has them if it was created with `checksums: true`. They are stored with the record: at once for one behind the
 * committed end, with the change for a committed one, so that both are synced, replayed and dropped together.
 *   Q1  the checksum of a live record is that of its bytes in the file; entries of others mean nothing.
 */

import { crc32 } from 'node:zlib'
import { PAGE_BYTES } from '../format/store-format.ts'
import { SideTable } from './side-table.ts'

export const CHECKSUM_BYTES = 4

export class Checksums extends SideTable {
  override bytesFor(capacity: number): number {
    return Math.max(PAGE_BYTES, capacity * CHECKSUM_BYTES)
  }

  /** Where the checksum of record n lies, file offset. */
  offsetOf(n: number): number {
    return this.offset + n * CHECKSUM_BYTES
  }

  /** What the table says of record n. */
  stored(n: number): number {
    const window = this.windowAt(n * CHECKSUM_BYTES, CHECKSUM_BYTES)
    return (window.view as DataView).getUint32(this.offsetOf(n) - window.start, true)
  }
}

/** The checksums of records that lie side by side, as the table holds them. */
export function checksumsOf(records: Uint8Array, recordSize: number): Buffer {
  const count = records.length / recordSize
  const bytes = Buffer.alloc(count * CHECKSUM_BYTES)
  for (let i = 0; i < count; i++) {
    bytes.writeUInt32LE(crc32(records.subarray(i * recordSize, (i + 1) * recordSize)), i * CHECKSUM_BYTES)
  }
  return bytes
}
