/**
 * What the callback of `store.transaction` works with: the store's reading names, and writing names that end
 * with the callback.
 */

import { StrideError } from '../errors.ts'
import { type NoOptions, refuseOptions } from '../options/option-table.ts'
import { unfinished } from '../runtime/synchronous.ts'
import type { AnySchema, FieldName, FieldValue, GatherResult, Input, Output } from '../schema/index.ts'
import type { StoreWriter } from './commit/store-writer.ts'
import type { IndexOn, NoIndexes, OtherName } from './indexes/index-types.ts'
import type { StoreIndex } from './indexes/lookup/store-index.ts'
import { recordWithKey, type Upserted } from './indexes/lookup/unique-key.ts'
import { type IndexedOpenedStore, NamedIndexes } from './opening/named-indexes.ts'
import type { GatherOptions, NumberRange } from './read/read-options.ts'
import type { RecordSet, Row } from './read/record-set.ts'
import type { Walk } from './read/walk.ts'

/**
 * What the callback of `store.transaction` reads and changes. Reads show what it staged. Its writing calls throw {StrideError}
 * ERR_STRIDE_TRANSACTION once the callback has returned.
 */
export class Transaction<S extends AnySchema, out I = NoIndexes> implements Iterable<Output<S>> {
  readonly #records: RecordSet<S>
  readonly #indexes: NamedIndexes<S>
  readonly #writer: StoreWriter
  #isOver = false
  /** @internal Whether the callback tried to begin another one. */
  hadNested = false

  /** @internal */
  constructor(records: RecordSet<S>, opened: IndexedOpenedStore<S>, writer: StoreWriter) {
    this.#records = records
    this.#indexes = new NamedIndexes(opened, records, find => this.#writing().deleteFound(find))
    this.#writer = writer
  }

  /** @internal The callback returned: whoever kept the transaction can write no more. */
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
  /** As `store.scan`. The walk may go on after the callback. */
  scan(range?: NumberRange): Walk<Row<S>> {
    return this.#records.scan(range)
  }
  /** As `store.row`. The row may be kept after the callback. */
  row(n: number): Row<S> {
    return this.#records.row(n)
  }
  /** An index, which finds what the transaction staged. @throws as `store.index` */
  index<Name extends keyof I & string>(name: Name): IndexOn<S, I[Name]>
  index<Name extends string>(name: OtherName<I, Name>): StoreIndex<S>
  index(name: string): unknown {
    return this.#indexes.get(name)
  }
  /** As iterating over the store. */
  [Symbol.iterator](): IterableIterator<Output<S>> {
    return this.#records[Symbol.iterator]()
  }

  /** Stages a new record. @returns its number @throws as `store.append` */
  append(record: Input<S>): number {
    return this.#writing().append(record)
  }
  /** Stages records at the end, all or none. @throws as `store.appendMany` */
  appendMany(
    records: Iterable<Input<S>>,
    none?: NoOptions,
  ): { readonly first: number; readonly count: number } {
    refuseOptions(none, 'appendMany')
    return this.#writing().appendMany(records)
  }
  /** Stages new values for the named fields. @throws as `store.update` */
  update(n: number, change: Partial<Input<S>>): void {
    this.#writing().update(n, change)
  }
  /** Stages a record in place of a live one. @throws as `store.put` */
  put(n: number, record: Input<S>): void {
    this.#writing().put(n, record)
  }
  /** Stages a deletion. @returns whether there was a live record @throws as `store.delete` */
  delete(n: number): boolean {
    return this.#writing().delete(n)
  }
  /** Stages a record in place of the one with the same key in a unique index, or a new one: see `Store.upsert`. */
  upsert(index: keyof I & string, record: Input<S>): Upserted
  upsert<Name extends string>(index: OtherName<I, Name>, record: Input<S>): Upserted
  upsert(name: string, record: Input<S>): Upserted {
    return this.#writing().upsert(record, recordWithKey(this.#indexes.find(name), 'upsert'))
  }

  #writing(): StoreWriter {
    if (this.#isOver) {
      // Of a closed store that is what matters.
      this.#records.has(0)
      throw new StrideError('ERR_STRIDE_TRANSACTION', 'The transaction is over: its callback returned')
    }
    return this.#writer
  }
}

/**
 * Runs the callback, and refuses one that goes on after it returned.
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

/** What a transaction inside another one is told. */
export function nestedTransaction(): StrideError {
  const message =
    'Transactions do not nest: store.transaction was called inside the callback of another one. Make all changes through the `tx` of the outer one'
  return new StrideError('ERR_STRIDE_TRANSACTION', message)
}

function notSynchronous(kind: 'a promise' | 'a generator'): StrideError {
  // The body of a generator has not run yet: an empty commit would be taken for its changes.
  const what =
    kind === 'a promise'
      ? 'its callback returned a promise'
      : 'its callback is a generator, whose body did not run'
  const message = `A transaction is synchronous, and ${what}: do what has to be awaited before it begins. Nothing was changed`
  return new StrideError('ERR_STRIDE_TRANSACTION', message)
}
