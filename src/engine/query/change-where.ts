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
import type { Query } from './query.ts'

/** The options of `updateWhere` and `deleteWhere`. */
export type ChangeWhereOptions = OptionsOf<typeof CHANGE_WHERE>

/** The transaction of such a call. */
interface Finding<S extends AnySchema> {
  query(options: { readonly where: Where<S> }): Pick<Query<unknown>, 'asksForAll' | 'numbers'>
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
  if (!isPlainObject(where)) throw queryError(`${call} takes an object of conditions: ${shown(where)}`)
  return store.transaction(tx => {
    const query = tx.query({ where })
    if (query.asksForAll && !all) {
      throw queryError(`${call} with an empty condition would change all records: say so with { all: true }`)
    }
    const numbers = query.numbers()
    for (let i = 0; i < numbers.length; i++) change(tx, numbers[i] as number)
    return numbers.length
  })
}
