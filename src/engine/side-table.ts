/**
 * A table behind the record array, one entry a record: live bits, checksums.
 *
 * Tables lie behind the capacity, at offsets in the root, and move behind the new one when the store grows (space.ts).
 */
export interface SideTable {
  /** Whether there is such a table in this file. */
  readonly exists: boolean
  /** File offset, 0 where there is none. */
  readonly offset: number
  /** Says where the table lies from now on; 0: nowhere. */
  place(offset: number): void
  /** Bytes of a table for that many records, at least a page. */
  bytesFor(capacity: number): number
}
