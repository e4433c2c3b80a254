/**
 * Pending entries: keys and record numbers for which the pages of an index are not up to date.
 *
 * A pending entry says that only the record decides whether it has this key: lookups then read the record. When a record is appended,
 * changed or deleted, its old key and its new one become pending at staging. A rollback has nothing to undo, since a pending entry states
 * nothing about the record.
 *   DL1  if a record differs from the pages, its entry in the pages and its present entry are pending.
 *   DL2  an entry that is pending needlessly costs one read of a record, and nothing else.
 * Deltas in heap memory: hash-delta.ts, ordered-delta.ts. Merging them into the pages: fold.ts.
 */

import type { EntryBuffer } from '../keys/entry-words.ts'

/** The entries of a delta in ascending order, each once. Valid while nothing is added to the delta. */
export interface EntryStream {
  readonly isDone: boolean
  /** The memory of the current entry, whose words begin at `at`. */
  readonly data: Uint32Array
  readonly at: number
  next(): void
}

export interface Delta {
  /** Count of entries, including duplicates. */
  readonly count: number
  /** Adds the entry whose words begin at `at`. */
  add(entry: Uint32Array, at: number): void
  /** Whether it contains the entry whose words begin at `at`. */
  has(entry: Uint32Array, at: number): boolean
  stream(): EntryStream
  /** Appends all entries with record numbers below `size` to `out`, in any order. */
  collectBelow(size: number, out: EntryBuffer): void
}
