/**
 * Which options do the calls of an index take? Rows of a declaration and of a range.
 */

import { flag, indexKey, keyPrefix, oneOf, textOrTexts, whole } from '../../../options/option-kinds.ts'
import { type OptionsOf, OptionTable, type SettledOptions } from '../../../options/option-table.ts'
import { shown } from '../../../options/shown-value.ts'

/** 'hash' finds keys; 'ordered' finds keys and ranges of them. */
export type IndexKind = 'hash' | 'ordered'

const NAME_LENGTH_MAX = 200

/** @throws TypeError */
export function checkIndexName(name: unknown): void {
  if (typeof name === 'string' && name !== '' && name.length <= NAME_LENGTH_MAX) return
  throw new TypeError(`An index has a name of 1 to ${NAME_LENGTH_MAX} characters: ${shown(name)}`)
}

/** An index as it is declared. */
export const INDEX_DECLARATION = new OptionTable('IndexDeclaration', {
  /** A field by its dotted path, or several: then keys are arrays of their values. */
  on: textOrTexts.required(),
  /** 'hash' finds keys; 'ordered' finds keys and ranges of them. */
  kind: oneOf<IndexKind>('hash', 'ordered').or('hash'),
  /**
   * Whether two live records with the same key are refused, at each call that changes one. As in SQL, many records may have a key
   * with a null in it, or inside an object or array in it.
   */
  unique: flag.or(false),
})

/** Which keys, and in which order. */
export const KEY_RANGE = new OptionTable('Range', {
  /** From this key on; null is a key, and a part of a key stands for all that begin with it (docs/keys.md). */
  gte: indexKey.asCondition('from the first key'),
  /** Behind this key. */
  gt: indexKey.asCondition('from the first key'),
  /** Up to this key, itself included. */
  lte: indexKey.asCondition('to the last key'),
  /** Up to this key, itself not included. */
  lt: indexKey.asCondition('to the last key'),
  /** Keys that begin with this text, or with these values; of the last one, a text, the beginning is enough. */
  prefix: keyPrefix.asCondition('any key'),
  /** From the last to the first. */
  reverse: flag.or(false),
})

/** Which entries of an ordered index, in which order, and how many of them. */
export const WALKED_RANGE = new OptionTable('RangeOptions', {
  ...KEY_RANGE.rows,
  /** Entries passed over at the beginning. */
  offset: whole({ unit: 'entries' }).or(0),
  /** Entries given at most. */
  limit: whole({ unit: 'entries', orInfinity: true }).or(Number.POSITIVE_INFINITY),
})

/** An index as it is declared, of whatever schema. */
export type IndexOptions = Omit<OptionsOf<typeof INDEX_DECLARATION>, 'on'> & {
  readonly on: string | readonly string[]
}
/** A range as a walk keeps it: a copy, with its defaults. */
export type WalkedRange = SettledOptions<typeof WALKED_RANGE>
/** Which keys of an index, and in which order. */
export type Range<Key = unknown> = OptionsOf<typeof KEY_RANGE, Key>
/** Which entries of an ordered index, in which order, and how many of them. */
export type RangeOptions<Key = unknown> = OptionsOf<typeof WALKED_RANGE, Key>
