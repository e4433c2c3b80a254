/**
 * Which record has a key in a unique index? For `upsert` and for `delete` of an index.
 */

import type { KeyIndex } from './key-index.ts'

/** The result of `upsert`. */
export interface Upserted {
  /** The number of the record. */
  readonly number: number
  /** Whether the record is new; otherwise it replaced the one with the same key. */
  readonly inserted: boolean
}

/** No record has this number. */
const NOBODY = -1

/**
 * A function that finds the live record with the same key as the record bytes at 0; negative if there is none. A key that contains a null
 * is never found.
 * @throws TypeError if the index is not unique
 */
export function recordWithKey(index: KeyIndex, call: string): (view: DataView) => number {
  assertUnique(index, call)
  return view => index.rival(NOBODY, view, 0)
}

/** @throws TypeError if the index is not unique */
export function assertUnique({ tree: { definition } }: KeyIndex, call: string): void {
  if (definition.unique) return
  throw new TypeError(
    `${call} needs a unique index, and '${definition.name}' is not: declare it with unique: true`,
  )
}
