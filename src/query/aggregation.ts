/**
 * How are the records of many blocks added up? By one generated loop, or where that is forbidden one by one.
 */

import type { Codec } from '../schema/index.ts'
import { type Accumulator, accumulator } from './accumulators.ts'
import { type AggregateLoop, type AggregateQuestion, aggregateSource, keyWidth } from './compiled-aggregate.ts'
import { compiled } from './compiled-cache.ts'
import { shapeOf } from './condition.ts'
import { Groups } from './groups.ts'
import type { Operand } from './operand.ts'
import { type Meets, plainCondition } from './plain-condition.ts'
import type { RecordBlock } from './record-block.ts'

/** A result: the values of the group's fields and the aggregates, by name. */
export type ResultRow = Record<string, unknown>

export class Aggregation {
  readonly #codec: Codec
  readonly #question: AggregateQuestion
  readonly #operands: readonly Operand[]
  readonly #accumulators: readonly Accumulator[]
  readonly #groups: Groups
  readonly #loop: AggregateLoop | undefined
  #meets: Meets | undefined

  constructor(codec: Codec, question: AggregateQuestion, operands: readonly Operand[], maxGroups: number) {
    const { asked, groupBy, aggregates } = question
    this.#codec = codec
    this.#question = question
    this.#operands = operands
    this.#accumulators = aggregates.map(aggregate => accumulator(codec, aggregate))
    this.#groups = new Groups(codec, groupBy, this.#accumulators, keyWidth(groupBy), maxGroups)
    const paths = groupBy.map(({ path }) => path)
    const what = aggregates.map(({ kind, field, share }) => [kind, field?.path, share])
    const shape = `aggregate ${shapeOf(asked.condition)} ${JSON.stringify([paths, what])}`
    this.#loop = compiled<AggregateLoop>(codec, shape, context =>
      aggregateSource(context, question, this.#accumulators, codec.layout.recordSize),
    )
  }

  add({ view, bytes, at, count }: RecordBlock): void {
    const accumulators = this.#accumulators
    if (this.#loop !== undefined) {
      this.#loop(view, bytes, at, count, this.#operands, this.#groups, accumulators)
      return
    }
    this.#meets ??= plainCondition(this.#codec, this.#question.asked.condition, this.#operands)
    const { recordSize } = this.#codec.layout
    for (let i = 0, place = at; i < count; i++, place += recordSize) {
      if (!this.#meets(view, bytes, place)) continue
      const g = this.#groups.of(view, bytes, place)
      for (const each of accumulators) each.add(g, view, bytes, place)
    }
  }

  /** The results, in the order in which groups were met. */
  rows(): ResultRow[] {
    const { groupBy, aggregates } = this.#question
    return this.#groups.joined().map(({ values, number }) => {
      const row: ResultRow = {}
      for (const [i, { path }] of groupBy.entries()) define(row, path, values[i])
      for (const [i, { name }] of aggregates.entries()) {
        define(row, name, (this.#accumulators[i] as Accumulator).result(number))
      }
      return row
    })
  }
}

/** Also for a name like __proto__. */
function define(row: ResultRow, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(row, name, { value, enumerable: true, writable: true, configurable: true })
  } else row[name] = value
}
