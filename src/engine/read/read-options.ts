/**
 * Which options do scans and bulk reads take? A row an option.
 */

import { fieldValue, whole } from '../../options/option-kinds.ts'
import { type OptionsOf, OptionTable } from '../../options/option-table.ts'

/** Record numbers from one up to, and without, another. */
export const NUMBER_RANGE = new OptionTable('NumberRange', {
  /** The first record number. */
  from: whole().asCondition('0'),
  /** The record number behind the last. */
  to: whole().asCondition('the end'),
})

export const GATHER = new OptionTable('GatherOptions', {
  /** What stands for a record that is not there: a value that the field could hold; of a float or date NaN, too. */
  missing: fieldValue.orElse('an absent record throws ERR_STRIDE_NO_RECORD'),
})

/** Record numbers from `from` (0 when left out) up to, and without, `to` (the end when left out). */
export type NumberRange = OptionsOf<typeof NUMBER_RANGE>
/** What `gather` does about absent records. */
export type GatherOptions = OptionsOf<typeof GATHER>
