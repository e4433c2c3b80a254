/**
 * Which options do the declaration of an index and its ranges take? One row an option.
 */

import { flag, indexKey, keyPrefix, oneOf, textOrTexts, whole } from '../../../options/option-kinds.ts'
import { type OptionsOf, OptionTable, type SettledOptions } from '../../../options/option-table.ts'
import { shown } from '../../../options/shown-value.ts'

/** 'hash' finds single keys. 'ordered' finds single keys and ranges. */
export type IndexKind = 'hash' | 'ordered'

const NAME_LENGTH_MAX = 200

/** @throws TypeError */
export function checkIndexName(name: unknown): void {
  if (typeof name === 'string' && name !== '' && name.length <= NAME_LENGTH_MAX) return
  throw new TypeError(`An index has a name of 1 to ${NAME_LENGTH_MAX} characters: ${shown(name)}`)
}

/** Rows of `IndexDeclaration`. */
export const INDEX_DECLARATION = new OptionTable('IndexDeclaration', {
  /** A field by its dotted path, or several fields. A key of several fields is an array of their values. */
  on: textOrTexts.required(),
  /** 'hash' finds single keys. 'ordered' finds single keys and ranges. */
  kind: oneOf<IndexKind>('hash', 'ordered').or('hash'),
  /**
   * Whether a change is refused that would give two live records the same key. As in SQL, a key that contains a null, also inside
   * an object or array, may occur many times.
   */
  unique: flag.or(false),
})

/** Rows of `Range`. */
export const KEY_RANGE = new OptionTable('Range', {
  /** Keys from this one on. null is a key. The first values of a key stand for all keys that begin with them (docs/keys.md). */
  gte: indexKey.asCondition('from the first key'),
  /** Keys greater than this one. */
  gt: indexKey.asCondition('from the first key'),
  /** Keys up to this one, included. */
  lte: indexKey.asCondition('to the last key'),
  /** Keys less than this one. */
  lt: indexKey.asCondition('to the last key'),
  /** Keys that begin with this text or with these values. If the last value is a text, its beginning is enough. */
  prefix: keyPrefix.asCondition('any key'),
  /** Whether the order is from the last key to the first. */
  reverse: flag.or(false),
})

/** Rows of `RangeOptions`. */
export const WALKED_RANGE = new OptionTable('RangeOptions', {
  ...KEY_RANGE.rows,
  /** How many entries are skipped at the beginning. */
  offset: whole({ unit: 'entries' }).or(0),
  /** The largest number of entries given. */
  limit: whole({ unit: 'entries', orInfinity: true }).or(Number.POSITIVE_INFINITY),
})

/** An index as it is declared, for any schema. */
export type IndexOptions = Omit<OptionsOf<typeof INDEX_DECLARATION>, 'on'> & {
  readonly on: string | readonly string[]
}
/** A range as a walk keeps it: a copy, with its defaults. */
export type WalkedRange = SettledOptions<typeof WALKED_RANGE>
/** Which keys of an index, and in which order. */
export type Range<Key = unknown> = OptionsOf<typeof KEY_RANGE, Key>
/** Which entries of an ordered index, in which order, and how many of them. */
export type RangeOptions<Key = unknown> = OptionsOf<typeof WALKED_RANGE, Key>
