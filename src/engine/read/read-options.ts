/**
 * Which options do scans and bulk reads take? One row an option.
 */

import { fieldValue, whole } from '../../options/option-kinds.ts'
import { type OptionsOf, OptionTable } from '../../options/option-table.ts'

/** Rows of `NumberRange`. */
export const NUMBER_RANGE = new OptionTable('NumberRange', {
  /** The first record number of the range. */
  from: whole().asCondition('0'),
  /** One more than the last record number of the range. */
  to: whole().asCondition('the end'),
})

/** Rows of `GatherOptions`. */
export const GATHER = new OptionTable('GatherOptions', {
  /** The element for a record that does not exist: a value that the field could hold, or NaN for a float or a date. */
  missing: fieldValue.orElse('an absent record throws ERR_STRIDE_NO_RECORD'),
})

/** Record numbers from `from` (0 by default) up to `to` (the end by default), `to` not included. */
export type NumberRange = OptionsOf<typeof NUMBER_RANGE>
/** What `gather` does about absent records. */
export type GatherOptions = OptionsOf<typeof GATHER>
