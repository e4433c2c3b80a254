/**
 * What is the checksum of a record? The CRC-32 (zlib's) of its bytes, in a table behind the array.
 *
 * A store has checksums if it was created with `checksums: true`. They are stored with the record: at once for an appended one, with the
 * change for a committed one. Both are therefore synced, replayed and dropped together.
 *   CK1  the entry of a live record is the CRC-32 of its bytes in the file, and never DELETED_ENTRY.
 *   CK2  the entry of a deleted record is DELETED_ENTRY, so that a flipped deletion bit contradicts the table. Files from before this rule
 *        have `marksDeleted` false in their identity; there the entry has no meaning.
 * Entries at and beyond the committed size have no meaning. Comparing: checked-records.ts.
 */

import { crc32 } from 'node:zlib'
import type { WindowPool } from '../../mmap/window-pool/window.ts'
import { CHECKSUM_BYTES, checksumTableBytes } from '../format/side-table-sizes.ts'
import { SideTable } from './side-table.ts'

/** The entry of a deleted record: the ASCII text GONE. */
export const DELETED_ENTRY = 0x454e4f47

export class Checksums extends SideTable {
  /** Whether entries of deleted records are DELETED_ENTRY (CK2). */
  readonly marksDeleted: boolean

  constructor(pool: WindowPool, marksDeleted: boolean) {
    super(pool)
    this.marksDeleted = marksDeleted
  }

  override bytesFor(capacity: number): number {
    return checksumTableBytes(capacity)
  }

  /** File offset of the entry of record n. */
  offsetOf(n: number): number {
    return this.offset + n * CHECKSUM_BYTES
  }

  /** The entry of record n. @param ahead how many records a walk will read */
  stored(n: number, ahead = 1): number {
    const at = n * CHECKSUM_BYTES
    if (ahead > 1) {
      return this.copied(at, CHECKSUM_BYTES, at + ahead * CHECKSUM_BYTES).readUInt32LE(at - this.copiedFrom)
    }
    const window = this.windowAt(at, CHECKSUM_BYTES)
    return (window.view as DataView).getUint32(this.offsetOf(n) - window.start, true)
  }

  /** Whether the entry of record n says that it is deleted. */
  isMarked(n: number, ahead?: number): boolean {
    return this.marksDeleted && this.stored(n, ahead) === DELETED_ENTRY
  }

  /** The entry that a live record with these bytes has in this table. */
  entryOf(record: Uint8Array): number {
    return this.marksDeleted ? liveEntryOf(record) : crc32(record)
  }

  /** The entry of live record n for a copy of the file that follows CK1 and CK2. Damage stays visible there. */
  entryToCopy(n: number, ahead?: number): number {
    const entry = this.stored(n, ahead)
    return this.marksDeleted ? entry : toLiveEntry(entry)
  }

  /** The entries of neighbouring live records, as the table holds them. */
  entriesOf(records: Uint8Array, recordSize: number): Buffer {
    const count = records.length / recordSize
    const bytes = Buffer.alloc(count * CHECKSUM_BYTES)
    for (let i = 0; i < count; i++) {
      const entry = this.entryOf(records.subarray(i * recordSize, (i + 1) * recordSize))
      bytes.writeUInt32LE(entry, i * CHECKSUM_BYTES)
    }
    return bytes
  }
}

/** The entry of a live record with these bytes (CK1). */
export function liveEntryOf(record: Uint8Array): number {
  return toLiveEntry(crc32(record))
}

/** The entry for a CRC-32 of a live record (CK1). */
export function toLiveEntry(crc: number): number {
  return crc === DELETED_ENTRY ? DELETED_ENTRY ^ 1 : crc
}
