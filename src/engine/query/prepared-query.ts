/**
 * What can a program do with a prepared query? Run it again and again with other values of its parameters.
 */

import { type NoOptions, refuseOptions } from '../../options/option-table.ts'
import { shown } from '../../options/shown-value.ts'
import type { Param, ParamsOf } from '../../query/query-types.ts'
import type { AnySchema } from '../../schema/index.ts'
import { type QueriedRecords, Query } from './query.ts'
import type { Question } from './question.ts'

/** A query from `store.prepare(…)`. It stays valid as long as its store. */
export class PreparedQuery<out T, out R = unknown> {
  readonly #of: QueriedRecords<AnySchema>
  readonly #question: Question

  /** @internal */
  constructor(of: QueriedRecords<AnySchema>, question: Question) {
    this.#of = of
    this.#question = question
  }

  /**
   * All results for these values of the parameters.
   * @throws {StrideError} ERR_STRIDE_QUERY for a parameter that is unknown, missing or of a wrong type; otherwise as `Query.toArray`
   */
  run(params?: ParamsOf<string>, none?: NoOptions): T[] {
    refuseOptions(none, 'run')
    return this.#bound(params).toArray()
  }
  /** The query for these values of the parameters, for `first`, `count`, `numbers` and the others. @throws as `run` */
  with(params?: ParamsOf<string>): Query<T, R> {
    return this.#bound(params)
  }

  #bound(params: unknown): Query<T, R> {
    return new Query<T, R>(this.#of, this.#question.bind(params))
  }
}

/** A value of a prepared query that is given when it runs. @throws TypeError if the name is no text */
export function param<const Name extends string>(name: Name): Param<Name> {
  if (typeof name !== 'string' || name === '') throw new TypeError(`param takes a name: ${shown(name)}`)
  return Object.freeze({ '~param': name })
}
