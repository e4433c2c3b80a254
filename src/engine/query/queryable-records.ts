/**
 * The questions that stores, snapshots, flat files and transactions answer: queries, aggregates, histograms.
 *
 * One query: query.ts. What conditions mean: the folder src/query.
 */

import { type NoOptions, refuseOptions } from '../../options/option-table.ts'
import type {
  AggregateOptions,
  AggregateResult,
  Aggregates,
  Histogram,
  HistogramOptions,
  MeasuredField,
  Param,
  QueryField,
  QueryOptions,
  Selected,
} from '../../query/query-types.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { Reading } from '../read/reading.ts'
import { RecordSet, type Row } from '../read/record-set.ts'
import type { RecordLayers } from '../staging/record-layers.ts'
import { aggregate, histogram } from './aggregate.ts'
import type { UsableIndexes } from './index-access.ts'
import { PreparedQuery } from './prepared-query.ts'
import { type QueriedRecords, Query } from './query.ts'
import { Question } from './question.ts'

/** How a kind of records answers questions: its indexes, and a view of one commit. */
export interface Answering<S extends AnySchema> {
  readonly indexes: UsableIndexes | undefined
  /** A view of one commit; undefined if the records are one themselves. */
  frozen(): (QueryableRecords<S> & { close(): void }) | undefined
}

/** The calls that ask questions, which stores, snapshots, flat files and concurrent transactions share. */
export abstract class QueryableRecords<S extends AnySchema> extends RecordSet<S> {
  readonly #reading: Reading<S, RecordLayers>
  readonly #answering: (records: QueryableRecords<S>) => Answering<S>
  #queried: QueriedRecords<S> | undefined

  /** @internal @param answering called at the first question, with this object */
  protected constructor(
    reading: Reading<S, RecordLayers>,
    answering: (records: QueryableRecords<S>) => Answering<S>,
  ) {
    super(reading)
    this.#reading = reading
    this.#answering = answering
  }

  /**
   * Asks for records. Nothing runs until results are asked for: iterate over the query, or call `toArray`, `first`, `count`, `numbers`,
   * `rows`, `column`, `batches` or `explain`. Indexes are used where they make it faster.
   * @throws {StrideError} ERR_STRIDE_QUERY for an unknown field or operator or a wrong value, _CLOSED; TypeError, RangeError for options
   */
  query<const F extends QueryField<S> = never>(options?: QueryOptions<S, F>): Query<Selected<S, F>, Row<S>> {
    this.#reading.assertOpen()
    const question = new Question(this.#reading.source.codec, options, 'query')
    return new Query<Selected<S, F>, Row<S>>(this.#asked() as never, question.bind())
  }

  /**
   * A query with parameters, which is read once and run often. A value in `where` may be `param('name')`.
   * @throws as `query`
   */
  prepare<const F extends QueryField<S> = never>(
    options: QueryOptions<S, F, Param>,
    none?: NoOptions,
  ): PreparedQuery<Selected<S, F>, Row<S>> {
    refuseOptions(none, 'prepare')
    this.#reading.assertOpen()
    return new PreparedQuery(
      this.#asked() as never,
      new Question(this.#reading.source.codec, options, 'prepare'),
    )
  }

  /**
   * Counts, sums, extremes and other aggregates of records, all of one commit. With `groupBy` an array with one object for each group,
   * otherwise one object.
   * @throws {StrideError} ERR_STRIDE_QUERY, _LIMIT (more than `maxGroups` groups); otherwise as `query` and its calls
   */
  aggregate<const A extends Aggregates<S>, const G extends QueryField<S> = never>(
    options: AggregateOptions<S, G, A>,
  ): AggregateResult<S, G, A> {
    this.#reading.assertOpen()
    return aggregate(this.#asked(), options) as AggregateResult<S, G, A>
  }

  /** How many values of a field lie between which edges. Bins are equally wide. @throws as `aggregate` */
  histogram(field: MeasuredField<S>, options?: HistogramOptions<S>): Histogram {
    this.#reading.assertOpen()
    return histogram(this.#asked(), field, options)
  }

  #asked(): QueriedRecords<S> {
    this.#queried ??= this.#made()
    return this.#queried
  }

  #made(): QueriedRecords<S> {
    const answering = this.#answering(this)
    const base = { records: this, reading: this.#reading, indexes: answering.indexes }
    const frozen = (): QueriedRecords<S> & { close(): void } => {
      const view = answering.frozen()
      if (view === undefined) return { ...base, frozen, close: () => undefined }
      return { ...view.#asked(), close: () => view.close() }
    }
    return { ...base, frozen }
  }
}
