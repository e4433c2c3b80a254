/**
 * Which options do records in shared memory take? One row an option: types, checks and docs/options.md come from here.
 */

import { callback, permissionBits, whole } from '../../options/option-kinds.ts'
import { type CallWithOptions, type OptionsOf, OptionTable } from '../../options/option-table.ts'
import type { AnySchema, Input } from '../../schema/index.ts'

/** Rows of `SharedRecordOptions`. */
export const SHARED_RECORD = new OptionTable('SharedRecordOptions', {
  /**
   * Returns what a new object holds: for an array it is called with each record number. Of all openers one runs it to its end; the others
   * wait. If that one throws or dies, the next one runs its own. It is synchronous.
   */
  initialize: callback<(number: number) => unknown>('number').orElse('all bytes are zero'),
  /** Permission bits of a created object. */
  mode: permissionBits.or(0o600),
  /**
   * How long opening waits for the opener that initialises the object, and a change for another process that changes the same record.
   * Then it is ERR_STRIDE_BUSY.
   */
  lockTimeoutMs: whole({ unit: 'milliseconds', orInfinity: true }).or(10_000),
})

/** How records in shared memory are opened, and created. */
export type SharedRecordOptions<S extends AnySchema = AnySchema> = Omit<
  OptionsOf<typeof SHARED_RECORD>,
  'initialize'
> & {
  /** Returns what a new object holds; for an array it is called with each record number. One of all openers runs it. */
  readonly initialize?: MakesRecord<S> | undefined
}

/** A conditional type, so that the compiler knows the schema before it looks at the function: `'info'` then is no mere string. */
type MakesRecord<S> = S extends AnySchema ? (number: number) => Input<S> : never

/** Calls that take them, as docs/options.md lists them. */
export const SHARED_RECORD_CALLS: readonly CallWithOptions[] = [
  { call: 'sharedRecord(name, schema, options)', table: SHARED_RECORD },
  { call: 'sharedRecordAsync(name, schema, options)', table: SHARED_RECORD },
  { call: 'sharedArray(name, schema, count, options)', table: SHARED_RECORD },
  { call: 'sharedArrayAsync(name, schema, count, options)', table: SHARED_RECORD },
]
