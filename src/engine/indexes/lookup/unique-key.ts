/**
 * Finding the one record that a unique index has for a key: what `upsert` and an index's `delete` need.
 */

import type { KeyIndex } from './key-index.ts'

/** What `upsert` did. */
export interface Upserted {
  /** The number of the record. */
  readonly number: number
  /** Whether it is a new one; otherwise it replaced the one that had its key. */
  readonly inserted: boolean
}

/** No record has this number. */
const NOBODY = -1

/**
 * Finds the live record that has the key of the bytes at 0, below 0 where there is none. A key with a null in it is nobody's.
 * @throws TypeError where the index is not unique
 */
export function recordWithKey(index: KeyIndex, call: string): (view: DataView) => number {
  assertUnique(index, call)
  return view => index.rival(NOBODY, view, 0)
}

/** @throws TypeError where the index is not unique */
export function assertUnique({ tree: { definition } }: KeyIndex, call: string): void {
  if (definition.unique) return
  throw new TypeError(
    `${call} needs a unique index, and '${definition.name}' is not: declare it with unique: true`,
  )
}
