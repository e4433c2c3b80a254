/**
 * What can a transaction of `store.begin()` do? Many of them can be open at once.
 *
 *   CT1  it sees the commit at which it began, and its own changes. It sees neither later commits nor staged changes of the store or
 *        of another transaction.
 *   CT2  its commit is refused if a record that it read or wrote was changed since it began (MG1 of commit-transaction.ts).
 *   CT3  a transaction that is neither committed nor rolled back costs memory until it is collected, and nothing else.
 * The transaction of one synchronous callback: transaction.ts.
 */

import { StrideError } from '../../errors.ts'
import { type NoOptions, refuseOptions } from '../../options/option-table.ts'
import type { AnySchema, Input } from '../../schema/index.ts'
import type { Durability } from '../commit/commit-waiters.ts'
import type { IndexOn, NoIndexes, OtherName } from '../indexes/index-types.ts'
import { StoreIndex } from '../indexes/lookup/store-index.ts'
import { recordWithKey, type Upserted } from '../indexes/lookup/unique-key.ts'
import type { CommitOptions } from '../opening/options.ts'
import type { WriterSession } from '../opening/writer-session.ts'
import type { WritingParts } from '../opening/writing-parts.ts'
import { QueryableRecords } from '../query/queryable-records.ts'
import type { Reading } from '../read/reading.ts'
import { type ViewKind, ViewReading } from '../read/view-reading.ts'
import { CommitView } from '../staging/commit-view.ts'
import { Locator } from '../staging/locator.ts'
import { type MergeTarget, merge } from './commit-transaction.ts'
import { ConcurrentWriter } from './concurrent-writer.ts'
import { IndexOfView } from './index-of-view.ts'
import { ReadNumbers } from './read-numbers.ts'
import { TrackingLocator } from './tracking-locator.ts'
import { ViewIndexes } from './view-indexes.ts'

/** The parts of the store that a transaction needs. */
export interface TransactionStore<S extends AnySchema> {
  readonly reading: Reading<S>
  readonly session: WriterSession<S>
  readonly epoch: { readonly value: number }
  readonly stagedBytesMax: number
  durabilityOf(options: CommitOptions | undefined, call: string): Durability
  /** The writing parts. @throws ERR_STRIDE_READ_ONLY, _CLOSED, _TRANSACTION, _POISONED, _BUSY */
  writable(): WritingParts
  dropStaged(): void
}

/** Resources that are released once the transaction has ended or was collected. */
interface Held {
  readonly view: CommitView
  readonly parts: WritingParts
  readonly locator: Locator
  readonly reserved: number[]
}

const TRANSACTION: ViewKind = {
  canBeHot: false,
  over: (path, how) =>
    new StrideError('ERR_STRIDE_TRANSACTION', `The transaction over ${path} is over: ${how}`, { path }),
  ended(path, commitNumber, why) {
    const message = `The transaction over ${path} that began at commit ${commitNumber} sees nothing any more: ${why}. Begin another one`
    return new StrideError('ERR_STRIDE_CONFLICT', message, { path })
  },
}

const dropped = new FinalizationRegistry<Held>(release)

function release({ view, parts, locator, reserved }: Held): void {
  locator.staging.versions.release(view)
  if (reserved.length === 0) return
  for (const n of reserved.splice(0)) parts.reservations.give(n)
  parts.writer.forgetHints()
}

/**
 * A transaction of `store.begin()`. Its reads see one commit and its own changes. Once it has ended, calls throw {StrideError}
 * ERR_STRIDE_TRANSACTION. They throw _CONFLICT after a conflict with a commit, and once keeping its view takes too much memory.
 */
export class ConcurrentTransaction<
  S extends AnySchema = AnySchema,
  out I = NoIndexes,
> extends QueryableRecords<S> {
  readonly #store: TransactionStore<S>
  readonly #reading: ViewReading<S>
  readonly #view: CommitView
  readonly #reads: ReadNumbers
  readonly #writer: ConcurrentWriter
  readonly #indexes: ViewIndexes
  readonly #held: Held
  readonly #named = new Map<string, StoreIndex<S>>()
  /** Live records at the commit that it sees. */
  readonly #baseCount: number

  /** @internal */
  static begin<S extends AnySchema, I>(store: TransactionStore<S>): ConcurrentTransaction<S, I> {
    const parts = store.writable()
    const { source } = store.reading
    const { locator } = source
    const { staging, addressing, pool, deletionBits, checksums } = locator
    const { sealedCommitNumber } = parts.committer
    const view = new CommitView(staging, staging.versions, sealedCommitNumber, store.stagedBytesMax)
    const policy = locator.checksumPolicy === 'never' ? 'never' : 'each'
    const untracked = new Locator(addressing, pool, view, deletionBits, checksums, policy)
    const reads = new ReadNumbers()
    const tracking = new TrackingLocator(untracked, reads)
    const reading = new ViewReading(store.reading, { ...source, locator: tracking }, TRANSACTION)
    return new ConcurrentTransaction<S, I>(store, reading, parts, view, reads, untracked)
  }

  private constructor(
    store: TransactionStore<S>,
    reading: ViewReading<S>,
    parts: WritingParts,
    view: CommitView,
    reads: ReadNumbers,
    locator: Locator<CommitView>,
  ) {
    super(reading, records => {
      const transaction = records as ConcurrentTransaction<S, I>
      const usable = {
        get definitions() {
          return transaction.#indexes.definitions
        },
        get: (name: string) => transaction.index(name as never) as StoreIndex<S>,
      }
      return { indexes: usable, frozen: () => undefined }
    })
    const { source } = store.reading
    const { staging } = source.locator
    const { writer: storeWriter, reservations, committer } = parts
    this.#store = store
    this.#reading = reading
    this.#view = view
    this.#reads = reads
    this.#baseCount = view.baseSize - committer.deletedCount
    const indexes = new ViewIndexes(() => store.session.indexes.current, locator, source.path)
    this.#indexes = indexes
    this.#writer = new ConcurrentWriter({
      codec: source.codec,
      locator,
      path: source.path,
      changed: reading.changed,
      indexes,
      reservations,
      storeWriter,
      storeSize: () => staging.size,
    })
    this.#held = { view, parts, locator: source.locator, reserved: this.#writer.reserved }
    staging.versions.open(view)
    dropped.register(reading, this.#held, this.#held)
  }

  /** Live records, its own changes included. @throws {StrideError} ERR_STRIDE_TRANSACTION, _CONFLICT, _CLOSED */
  override get count(): number {
    this.#reading.prepare()
    return this.#baseCount + this.#view.liveDelta
  }
  /** The number of the commit that it sees. */
  get commitNumber(): number {
    return this.#view.commitNumber
  }

  /**
   * The index with this name. It finds the records that the transaction sees, and is valid until the transaction ends.
   * @throws RangeError if the store has no such index; {StrideError} ERR_STRIDE_TRANSACTION, _CONFLICT, _CLOSED
   */
  index<Name extends keyof I & string>(name: Name): IndexOn<S, I[Name]>
  index<Name extends string>(name: OtherName<I, Name>): StoreIndex<S>
  index(name: string): unknown {
    this.#reading.assertOpen()
    this.#indexes.get(name)
    let index = this.#named.get(name)
    if (index === undefined) {
      index = new StoreIndex<S>(
        name,
        new IndexOfView(this, this.#reading, this.#store, {
          find: () => this.#indexes.get(name),
          delete: find => this.#write(writer => writer.deleteFound(find)),
          found: n => {
            if (n >= 0) this.#reads.add(n)
          },
        }),
      )
      this.#named.set(name, index)
    }
    return index
  }

  /**
   * Stages a new record.
   * @returns its number, reserved for this transaction. If the transaction never commits and later numbers are in use, the number
   *   becomes that of a deleted record
   * @throws {StrideError} ERR_STRIDE_TRANSACTION, _CONFLICT; otherwise as `append` of the store
   */
  append(record: Input<S>): number {
    return this.#write(writer => writer.append(record))
  }
  /** Stages records at the end, all or none. @returns the first number, and how many @throws as `append`, with `batchIndex` */
  appendMany(
    records: Iterable<Input<S>>,
    none?: NoOptions,
  ): { readonly first: number; readonly count: number } {
    refuseOptions(none, 'appendMany')
    return this.#write(writer => writer.appendMany(records))
  }
  /** Stages new values for the named fields of record n. @throws {StrideError} ERR_STRIDE_NO_RECORD; otherwise as `append` */
  update(n: number, change: Partial<Input<S>>): void {
    this.#write(writer => writer.update(n, change))
  }
  /** Stages a record in place of the live record n. @throws {StrideError} ERR_STRIDE_NO_RECORD; otherwise as `append` */
  put(n: number, record: Input<S>): void {
    this.#write(writer => writer.put(n, record))
  }
  /** Stages the deletion of record n. @returns whether there was a live record @throws as `append` */
  delete(n: number): boolean {
    const wasThere = this.#write(writer => writer.delete(n))
    if (!wasThere) this.#reads.add(n)
    return wasThere
  }
  /**
   * Stages a record in place of the one with the same key in a unique index, or a new one.
   * @returns its number, and whether it is new
   * @throws TypeError if the index is not unique; RangeError if there is none of this name; {StrideError} as `append`
   */
  upsert(index: keyof I & string, record: Input<S>): Upserted
  upsert<Name extends string>(index: OtherName<I, Name>, record: Input<S>): Upserted
  upsert(name: string, record: Input<S>): Upserted {
    return this.#write(writer => writer.upsert(record, recordWithKey(this.#indexes.get(name), 'upsert')))
  }

  /**
   * Makes all its changes durable as the next commit of the store, and ends the transaction. If a commit has changed a record that it
   * read or wrote, it can never commit: begin another one. If it is refused for another reason, it is unchanged.
   * @returns the number of the commit; without changes that of the commit that it sees
   * @throws {StrideError} ERR_STRIDE_CONFLICT (a record that it read or wrote was changed by a commit, or is staged in the store),
   *   _DUPLICATE_KEY, _NO_SPACE, _LIMIT, _TRANSACTION (it has ended, a callback of the store is running, or the store has staged a bulk
   *   load), _BUSY (compact), _CLOSED; _IO, which poisons the store; _POISONED
   */
  async commit(options?: CommitOptions): Promise<number> {
    const durability = this.#store.durabilityOf(options, 'commit')
    return this.#commit(committer => committer.commit(durability))
  }
  /** Like `commit()`, but blocks until the sync has finished. @returns the commit number @throws as `commit` */
  commitSync(options?: CommitOptions): number {
    const durability = this.#store.durabilityOf(options, 'commitSync')
    return this.#commit<number>(committer => committer.commitSync(durability))
  }

  /** Drops its changes and ends it. Idempotent, also after a commit. @throws {StrideError} ERR_STRIDE_TRANSACTION in its own callback */
  rollback(): void {
    this.#writer.assertIdle('rollback')
    if (!this.#reading.isClosed) this.#end('it was rolled back')
  }
  /** `rollback()`, for `using`. */
  [Symbol.dispose](): void {
    this.rollback()
  }

  #commit<T>(commit: (committer: WritingParts['committer']) => T): T | number {
    this.#reading.assertOpen()
    const parts = this.#store.writable()
    this.#writer.assertIdle('commit')
    let done: T | number = this.#view.commitNumber
    if (this.#view.own.size > 0) {
      const target: MergeTarget = {
        path: this.path,
        parts,
        locator: this.#store.reading.source.locator,
        indexes: this.#store.session.indexes.current,
        dropStaged: () => this.#store.dropStaged(),
      }
      try {
        done = merge(target, this.#view, this.#reads, () => commit(parts.committer))
      } catch (error) {
        if (this.#view.ended !== undefined) release(this.#held)
        throw error
      }
    }
    this.#end('it was committed')
    return done
  }

  #end(how: string): void {
    dropped.unregister(this.#held)
    release(this.#held)
    this.#reading.finish(how)
  }

  #write<T>(write: (writer: ConcurrentWriter) => T): T {
    this.#reading.assertOpen()
    this.#store.writable()
    const result = write(this.#writer)
    // A getter or an iterable may have closed the store.
    this.#reading.assertOpen()
    return result
  }
}
