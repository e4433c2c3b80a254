/**
 * Pending entries: keys and record numbers for which the pages of an index are not up to date.
 *
 * A pending entry says that the pages do not tell whether the record with this number has this key; the record does. When a
 * record is appended, changed or deleted, its old key and its new one are added here at staging. A rollback has nothing to undo,
 * since an entry claims nothing.
 *   DL1  of each record that differs from the pages, the entry in the pages and the present one are here.
 *   DL2  an entry that is here needlessly costs a look at a record, and nothing else.
 * In heap memory: hash-delta.ts, ordered-delta.ts. When the pages take them over: fold.ts.
 */

import type { EntryBuffer } from '../keys/words.ts'

/** Entries in rising order, each once. Stays right only while nothing is added. */
export interface EntryStream {
  readonly isDone: boolean
  /** The current entry: its words begin at `at`. */
  readonly data: Uint32Array
  readonly at: number
  next(): void
}

export interface Delta {
  /** Entries, those counted that are here twice. */
  readonly count: number
  /** Adds the entry whose words begin at `at`. */
  add(entry: Uint32Array, at: number): void
  /** Whether the entry whose words begin at `at` is here. */
  has(entry: Uint32Array, at: number): boolean
  stream(): EntryStream
  /** Appends all entries with record numbers below `size` to `out`, in any order. */
  collectBelow(size: number, out: EntryBuffer): void
}
