/**
 * What the pages of an index do not say yet: entries to look at again.
 *
 * An entry here says: whether the record with this number has this key is not to be read from the pages. It is put here
 * for the old key and the new one of each record that is appended, changed or deleted, when that is staged; a rollback needs
 * no undoing, since an entry claims nothing. Who finds one asks the record.
 *   DL1  for each record that is not as the pages have it, its entry in the pages and its present one are here.
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
