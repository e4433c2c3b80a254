/**
 * What can the callback of `store.transaction` do? It reads like the store, and writes until it returns.
 *
 * Transactions of `store.begin()`: transactions/concurrent-transaction.ts.
 */

import { StrideError } from '../errors.ts'
import { type NoOptions, refuseOptions } from '../options/option-table.ts'
import type {
  AggregateOptions,
  AggregateResult,
  Aggregates,
  QueryField,
  QueryOptions,
  Selected,
} from '../query/query-types.ts'
import { unfinished } from '../runtime/synchronous.ts'
import type { AnySchema, FieldName, FieldValue, GatherResult, Input, Output } from '../schema/index.ts'
import type { StoreWriter } from './commit/store-writer.ts'
import type { IndexOn, NoIndexes, OtherName } from './indexes/index-types.ts'
import type { StoreIndex } from './indexes/lookup/store-index.ts'
import { recordWithKey, type Upserted } from './indexes/lookup/unique-key.ts'
import { type IndexedOpenedStore, NamedIndexes } from './opening/named-indexes.ts'
import type { Query } from './query/query.ts'
import type { QueryableRecords } from './query/queryable-records.ts'
import type { GatherOptions, NumberRange } from './read/read-options.ts'
import type { Row } from './read/record-set.ts'
import type { Walk } from './read/walk.ts'

/**
 * The argument of the callback of `store.transaction`. Reads see its own changes. Its writing calls throw {StrideError}
 * ERR_STRIDE_TRANSACTION once the callback has returned.
 */
export class Transaction<S extends AnySchema, out I = NoIndexes> implements Iterable<Output<S>> {
  readonly #records: QueryableRecords<S>
  readonly #indexes: NamedIndexes<S>
  readonly #writer: StoreWriter
  #isOver = false
  /** @internal Whether the callback tried to begin another one. */
  hadNested = false

  /** @internal */
  constructor(records: QueryableRecords<S>, opened: IndexedOpenedStore<S>, writer: StoreWriter) {
    this.#records = records
    this.#indexes = new NamedIndexes(opened, records, find => this.#writing().deleteFound(find))
    this.#writer = writer
  }

  /** @internal The callback returned, so the transaction can write no more. */
  end(): void {
    this.#isOver = true
  }

  /** As `store.size`. */
  get size(): number {
    return this.#records.size
  }
  /** As `store.count`. */
  get count(): number {
    return this.#records.count
  }
  /** As `store.get`. */
  get(n: number): Output<S> | undefined {
    return this.#records.get(n)
  }
  /** As `store.has`. */
  has(n: number): boolean {
    return this.#records.has(n)
  }
  /** As `store.getMany`. */
  getMany(numbers: Iterable<number> | ArrayLike<number>, none?: NoOptions): (Output<S> | undefined)[] {
    return this.#records.getMany(numbers, none)
  }
  /** As `store.field`. */
  field<Name extends FieldName<S>>(n: number, name: Name): FieldValue<S, Name> {
    return this.#records.field(n, name)
  }
  /** As `store.gather`. */
  gather<Name extends FieldName<S>>(
    name: Name,
    numbers?: Iterable<number> | ArrayLike<number>,
    options?: GatherOptions,
  ): GatherResult<S, Name> {
    return this.#records.gather(name, numbers, options)
  }
  /** As `store.scan`. The walk may be used after the callback. */
  scan(range?: NumberRange): Walk<Row<S>> {
    return this.#records.scan(range)
  }
  /** As `store.row`. The row may be used after the callback. */
  row(n: number): Row<S> {
    return this.#records.row(n)
  }
  /** As `store.index`. It finds changes of the transaction, too. */
  index<Name extends keyof I & string>(name: Name): IndexOn<S, I[Name]>
  index<Name extends string>(name: OtherName<I, Name>): StoreIndex<S>
  index(name: string): unknown {
    return this.#indexes.get(name)
  }
  /** As `store.query`. It finds changes of the transaction, too. */
  query<const F extends QueryField<S> = never>(options?: QueryOptions<S, F>): Query<Selected<S, F>, Row<S>> {
    return this.#records.query(options)
  }
  /** As `store.aggregate`. */
  aggregate<const A extends Aggregates<S>, const G extends QueryField<S> = never>(
    options: AggregateOptions<S, G, A>,
  ): AggregateResult<S, G, A> {
    return this.#records.aggregate(options)
  }
  /** As iterating over the store. */
  [Symbol.iterator](): IterableIterator<Output<S>> {
    return this.#records[Symbol.iterator]()
  }

  /** Stages a new record. @returns its number @throws as `store.append` */
  append(record: Input<S>): number {
    return this.#writing().append(record)
  }
  /** Stages records at the end, all or none. @returns the first number, and how many @throws as `store.appendMany` */
  appendMany(
    records: Iterable<Input<S>>,
    none?: NoOptions,
  ): { readonly first: number; readonly count: number } {
    refuseOptions(none, 'appendMany')
    return this.#writing().appendMany(records)
  }
  /** Stages new values for the named fields of record n. @throws as `store.update` */
  update(n: number, change: Partial<Input<S>>): void {
    this.#writing().update(n, change)
  }
  /** Stages a record in place of the live record n. @throws as `store.put` */
  put(n: number, record: Input<S>): void {
    this.#writing().put(n, record)
  }
  /** Stages the deletion of record n. @returns whether there was a live record @throws as `store.delete` */
  delete(n: number): boolean {
    return this.#writing().delete(n)
  }
  /** Stages a record in place of the one with the same key in a unique index, or a new one. @throws as `store.upsert` */
  upsert(index: keyof I & string, record: Input<S>): Upserted
  upsert<Name extends string>(index: OtherName<I, Name>, record: Input<S>): Upserted
  upsert(name: string, record: Input<S>): Upserted {
    return this.#writing().upsert(record, recordWithKey(this.#indexes.find(name), 'upsert'))
  }

  #writing(): StoreWriter {
    if (this.#isOver) {
      // If the store is closed, that is the error to report.
      this.#records.has(0)
      throw new StrideError('ERR_STRIDE_TRANSACTION', 'The transaction is over: its callback returned')
    }
    return this.#writer
  }
}

/**
 * Runs the callback. Refuses one that returns before its work is done.
 * @throws what the callback throws; ERR_STRIDE_TRANSACTION for a promise or a generator
 */
export function runCallback<S extends AnySchema, I, T>(
  transaction: Transaction<S, I>,
  callback: (tx: Transaction<S, I>) => T,
): T {
  try {
    const result = callback(transaction)
    const kind = unfinished(result)
    if (kind === undefined) return result
    throw kind === 'a promise' && transaction.hadNested ? nestedTransaction() : notSynchronous(kind)
  } finally {
    transaction.end()
  }
}

/** The error of a transaction inside another one. */
export function nestedTransaction(): StrideError {
  const message =
    'Transactions do not nest: store.transaction was called inside the callback of another one. Make all changes through the `tx` of the outer one'
  return new StrideError('ERR_STRIDE_TRANSACTION', message)
}

function notSynchronous(kind: 'a promise' | 'a generator'): StrideError {
  // The body of a generator has not run yet, so committing would look like success without any change.
  const what =
    kind === 'a promise'
      ? 'its callback returned a promise'
      : 'its callback is a generator, whose body did not run'
  const message = `A transaction is synchronous, and ${what}: do what has to be awaited before it begins. Nothing was changed`
  return new StrideError('ERR_STRIDE_TRANSACTION', message)
}
