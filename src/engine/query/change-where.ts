/**
 * Which calls may change the records that meet a condition? A condition that asks for nothing means all records, and is refused unless
 * the caller says so: a lost condition has deleted whole tables elsewhere.
 */

import type { OptionsOf } from '../../options/option-table.ts'
import { isPlainObject, shown } from '../../options/shown-value.ts'
import { queryError } from '../../query/query-error.ts'
import { CHANGE_WHERE, readQueryOptions } from '../../query/query-options.ts'
import type { Where } from '../../query/query-types.ts'
import type { AnySchema } from '../../schema/index.ts'

/** The options of `updateWhere` and `deleteWhere`. */
export type ChangeWhereOptions = OptionsOf<typeof CHANGE_WHERE>

/** The transaction of such a call. */
interface Finding<S extends AnySchema> {
  query(options: { readonly where: Where<S> }): { numbers(): Float64Array }
}

/** Changes each record that meets the condition, in one transaction. @returns how many there were @throws ERR_STRIDE_QUERY */
export async function changeWhere<S extends AnySchema, Tx extends Finding<S>>(
  store: { transaction(callback: (tx: Tx) => number): Promise<number> },
  call: string,
  where: Where<S>,
  options: ChangeWhereOptions | undefined,
  change: (tx: Tx, n: number) => void,
): Promise<number> {
  const { all } = readQueryOptions(CHANGE_WHERE, options, call)
  refuseEmptyWhere(where, all, call)
  return store.transaction(tx => {
    const numbers = tx.query({ where }).numbers()
    for (let i = 0; i < numbers.length; i++) change(tx, numbers[i] as number)
    return numbers.length
  })
}

/** @throws ERR_STRIDE_QUERY */
function refuseEmptyWhere(where: unknown, all: boolean, call: string): void {
  if (!isPlainObject(where)) throw queryError(`${call} takes an object of conditions: ${shown(where)}`)
  if (!all && asksForAll(where)) {
    throw queryError(`${call} with an empty condition would change all records: say so with { all: true }`)
  }
}

/** Whether the condition is empty, also inside AND. */
function asksForAll(where: object): boolean {
  return Object.entries(where).every(([key, value]) => {
    if (key !== 'AND') return false
    return (Array.isArray(value) ? value : [value]).every(each => isPlainObject(each) && asksForAll(each))
  })
}
