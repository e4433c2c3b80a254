/**
 * What is asked? The options of a query, read once, and bound to the values of its parameters.
 */

import { nearestName } from '../../options/option-names.ts'
import { isPlainObject, shown } from '../../options/shown-value.ts'
import type { Asked } from '../../query/condition.ts'
import { type Operand, readOperands } from '../../query/operand.ts'
import { type OrderKey, readOrderBy } from '../../query/ordering.ts'
import { type Project, projection } from '../../query/projection.ts'
import { queriedFields } from '../../query/queried-field.ts'
import { queryError } from '../../query/query-error.ts'
import { QUERY, readQueryOptions } from '../../query/query-options.ts'
import { readWhere } from '../../query/read-where.ts'
import type { Codec } from '../../schema/index.ts'

/** A query whose operands are known. */
export interface BoundQuestion {
  readonly codec: Codec
  readonly asked: Asked
  readonly operands: readonly Operand[]
  /** The operands as they were given, by slot. */
  readonly values: readonly unknown[]
  readonly orderBy: readonly OrderKey[]
  readonly limit: number
  readonly offset: number
  readonly project: Project
}

/** A query before its parameters are known. */
export class Question {
  readonly #codec: Codec
  readonly #asked: Asked
  readonly #parts: Pick<BoundQuestion, 'orderBy' | 'limit' | 'offset' | 'project'>
  /** The names of its parameters. */
  readonly params: readonly string[]

  /** @throws ERR_STRIDE_QUERY, TypeError, RangeError */
  constructor(codec: Codec, options: unknown, call: string) {
    const { where, select, orderBy, limit, offset } = readQueryOptions(QUERY, options, call)
    const fields = queriedFields(codec.layout)
    this.#codec = codec
    this.#asked = readWhere(where, fields, call === 'prepare')
    this.#parts = {
      orderBy: readOrderBy(orderBy, fields),
      limit,
      offset,
      project: projection(
        codec,
        select?.map(path => fields.find(path)),
      ),
    }
    this.params = this.#asked.slots.flatMap(({ param }) => (param === undefined ? [] : [param]))
  }

  /** @throws ERR_STRIDE_QUERY for an unknown, missing or wrong parameter */
  bind(params?: unknown): BoundQuestion {
    const given = this.#paramsFrom(params)
    const { slots } = this.#asked
    const operands = readOperands(slots, given)
    const values = slots.map(slot => (slot.param === undefined ? slot.given : given[slot.param]))
    const codec = this.#codec
    return { codec, asked: this.#asked, operands, values, ...this.#parts }
  }

  #paramsFrom(params: unknown): Readonly<Record<string, unknown>> {
    if (params === undefined && this.params.length === 0) return {}
    if (!isPlainObject(params)) {
      throw queryError(`run takes the parameters as an object, { ${this.params.join(', ')} }: ${shown(params)}`)
    }
    const given: Record<string, unknown> = Object.create(null)
    for (const name of Object.getOwnPropertyNames(params)) {
      if (!this.params.includes(name)) {
        const near = nearestName(name, this.params)
        const hint =
          near === undefined ? `it takes ${this.params.join(', ') || 'none'}` : `did you mean '${near}'?`
        throw queryError(`the query has no parameter '${name}': ${hint}`)
      }
      given[name] = params[name]
    }
    for (const name of this.params) {
      if (given[name] === undefined) throw queryError(`the parameter '${name}' is missing`)
    }
    return given
  }
}
