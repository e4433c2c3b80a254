/**
 * What can a program do with a store? Reading (readable-store.ts), and here writing, committing, maintaining and closing.
 *
 * The objects of an opened store: opening/opened-store.ts. Encoding and staging: commit/writer.ts. Order of bytes and syncs:
 * commit/committer.ts. Whole-file work: maintenance/.
 */

import { NO_OPTIONS, type NoOptions, refuseOptions } from '../options/option-table.ts'
import { checkPath, shown } from '../options/shown-value.ts'
import type { Where } from '../query/query-types.ts'
import type { Synchronous } from '../runtime/synchronous.ts'
import type { AnySchema, Input } from '../schema/index.ts'
import { type BulkWriter, writeInBulk } from './bulk-writing.ts'
import type {
  IndexDeclaration,
  IndexOn,
  NoIndexes,
  OnlyKnownOptions,
  OtherName,
} from './indexes/index-types.ts'
import { defineIndex } from './indexes/keys/index-definition.ts'
import type { StoreIndex } from './indexes/lookup/store-index.ts'
import { recordWithKey, type Upserted } from './indexes/lookup/unique-key.ts'
import { backupStore } from './maintenance/backup.ts'
import { compactStore } from './maintenance/compact.ts'
import { ExclusiveWork } from './maintenance/exclusive-work.ts'
import type { NamedIndexes } from './opening/named-indexes.ts'
import { type GivenParts, OpenedStore } from './opening/opened-store.ts'
import type { CommitOptions, StoreSettings } from './opening/options.ts'
import { type ChangeWhereOptions, changeWhere } from './query/change-where.ts'
import { readerClassOf } from './read/codecs.ts'
import { indexesOf, ReadableStore } from './readable-store.ts'
import type { TurnWriter, WriterTurns } from './sharing/writer-turns.ts'
import { PROGRESS, type ProgressOptions } from './steps/progress-options.ts'
import type { QuietSteps } from './steps/steps.ts'
import { nestedTransaction, runCallback, Transaction } from './transaction.ts'
import { ConcurrentTransaction } from './transactions/concurrent-transaction.ts'
import { WritePermission } from './write-permission.ts'

/** Runs work that brings many encoded records into a store (bulk-writing.ts). Only for imports. */
export let writeStoreInBulk: <S extends AnySchema, I, T>(
  store: Store<S, I>,
  work: (writer: BulkWriter) => Promise<T>,
) => Promise<T>

/** The turns of a store that is open for writing. Programs cannot reach them. */
export let turnWriterOf: <S extends AnySchema>(store: Store<S>) => TurnWriter<Store<S>>

/** Fixed-size records in one file, opened by `openStore`. Changes are staged in memory until `commit` makes them durable. */
export class Store<S extends AnySchema = AnySchema, out I = NoIndexes> extends ReadableStore<S, I> {
  readonly #opened: OpenedStore<S>
  readonly #indexes: NamedIndexes<S>
  readonly #exclusiveWork: ExclusiveWork
  readonly #permission: WritePermission<S>
  #transaction: Transaction<S, I> | undefined
  /** Defined with `lock: 'transaction'`: the store is open for reading, and each change waits for its turn. */
  #turns: WriterTurns<Store<S>> | undefined
  /** Settles once no requested checkpoint is running. */
  #checkpoints: Promise<unknown> = Promise.resolve()

  static {
    writeStoreInBulk = (store, work) => store.#writeInBulk(work)
    turnWriterOf = store => ({
      store,
      handOver: () => store.#handOver(),
      takeTurn: isLast => store.#opened.writer?.takeTurn(isLast) ?? 'stale',
      hadLastTurn: () => store.#opened.writer?.hadLastTurn ?? false,
      release: () => store.#opened.release(),
      close: () => store.close(),
    })
  }

  private constructor(opened: OpenedStore<S>) {
    super(opened, find => this.#permission.writable().writer.deleteFound(find))
    this.#opened = opened
    this.#indexes = indexesOf<S, I>(this)
    this.#exclusiveWork = new ExclusiveWork(opened.path)
    this.#permission = new WritePermission(opened, this.#exclusiveWork)
  }

  /** @internal Opens a store. A step ends while a journal is read or indexes are built. */
  static *opening<S extends AnySchema, I = NoIndexes>(
    path: string,
    schema: S | undefined,
    options: StoreSettings,
    given?: GivenParts,
    turnsOf?: (opened: OpenedStore<S>) => WriterTurns<Store<S>>,
  ): QuietSteps<Store<S, I>> {
    const opened = yield* OpenedStore.open(path, schema, options, given)
    const { codec, follower } = opened.reading.source
    const Reader = readerClassOf(Store, codec, follower !== undefined)
    const store = new Reader(opened) as Store<S, I>
    yield* opened.start()
    try {
      store.#turns = turnsOf?.(opened)
    } catch (error) {
      opened.close()
      throw error
    }
    return store
  }

  /**
   * Builds an index from the records, which the store keeps from now on. Reading and writing go on meanwhile.
   * @returns the index, as `index(name)` gives it; if it throws, there is no such index
   * @throws {StrideError} ERR_STRIDE_DUPLICATE_KEY if two records have the same key in a unique index, _EXISTS if there is an index of
   *   this name, _TRANSACTION while changes are staged, _BUSY during compact, _READ_ONLY, _CLOSED, _POISONED, _NO_SPACE, _IO
   * @throws TypeError, RangeError for an invalid declaration; the reason of `signal`
   */
  async createIndex<const D extends IndexDeclaration<S>>(
    name: string,
    declaration: D & OnlyKnownOptions<D>,
    options?: ProgressOptions,
  ): Promise<IndexOn<S, D>>
  async createIndex(name: string, declaration: unknown, options?: ProgressOptions): Promise<StoreIndex<S>> {
    const definition = defineIndex(name, declaration)
    const progress = PROGRESS.read(options, 'createIndex')
    if (this.#turns !== undefined) {
      await this.#turns.run(writer => writer.createIndex(name, declaration as IndexDeclaration<S>, options))
      return this.#indexes.get(name)
    }
    const { committer } = this.#permission.writable()
    this.#permission.refuseStaged('create an index')
    const { indexes } = this.#permission.session
    await this.#exclusiveWork.run('createIndex', false, () =>
      indexes.create(definition, () => committer.flush(), progress),
    )
    return this.#indexes.get(name)
  }
  /** Removes an index from the store. @throws RangeError if there is none of this name; {StrideError} as `createIndex` */
  async dropIndex(name: string, none?: NoOptions): Promise<void> {
    refuseOptions(none, 'dropIndex')
    if (this.#turns !== undefined) return this.#turns.run(writer => writer.dropIndex(name))
    this.#permission.writable()
    this.#indexes.assertExists(name)
    await this.#exclusiveWork.run('dropIndex', false, async () => this.#permission.session.indexes.drop(name))
  }

  /**
   * Stages a new record. Reads through the store see it at once; `commit` makes it durable. If it throws, nothing is staged.
   * @returns its number: one more than the highest, or with `reuseNumbers` that of a deleted record
   * @throws {StrideError} ERR_STRIDE_RECORD (the record does not fit the schema), _DUPLICATE_KEY, _NO_SPACE, _LIMIT (more is staged than
   *   `stagedBytesMax`), _TRANSACTION (a callback of this store is running), _BUSY (compact), _READ_ONLY, _CLOSED, _POISONED
   */
  append(record: Input<S>): number {
    return this.#permission.writable().writer.append(record)
  }
  /**
   * Stages records at the end, all or none. Numbers of deleted records are not reused.
   * @returns the number of the first record, and how many there are @throws as `append`, with `batchIndex`
   */
  appendMany(
    records: Iterable<Input<S>>,
    none?: NoOptions,
  ): { readonly first: number; readonly count: number } {
    refuseOptions(none, 'appendMany')
    return this.#permission.writable().writer.appendMany(records)
  }
  /** Stages new values for the named fields of record n. @throws {StrideError} ERR_STRIDE_NO_RECORD; otherwise as `append` */
  update(n: number, change: Partial<Input<S>>): void {
    this.#permission.writable().writer.update(n, change)
  }
  /** Stages a record in place of the live record n. @throws {StrideError} ERR_STRIDE_NO_RECORD; otherwise as `append` */
  put(n: number, record: Input<S>): void {
    this.#permission.writable().writer.put(n, record)
  }
  /** Stages the deletion of record n. @returns whether there was a live record @throws as `append` */
  delete(n: number): boolean {
    return this.#permission.writable().writer.delete(n)
  }

  /**
   * Stages a record in place of the one with the same key in a unique index, or a new record if there is none. A key that contains a
   * null is never found.
   * @returns its number, and whether it is new
   * @throws TypeError if the index is not unique; RangeError if there is none of this name; {StrideError} as `append`
   */
  upsert(index: keyof I & string, record: Input<S>): Upserted
  upsert<Name extends string>(index: OtherName<I, Name>, record: Input<S>): Upserted
  upsert(name: string, record: Input<S>): Upserted {
    const { writer } = this.#permission.writable()
    return writer.upsert(record, recordWithKey(this.#indexes.find(name), 'upsert'))
  }
  /**
   * Stages the deletion of every record. Their numbers are used again only with `reuseNumbers`, or after `compact`.
   * @returns how many records there were
   * @throws {StrideError} as `append`
   */
  clear(none?: NoOptions): number {
    refuseOptions(none, 'clear')
    return this.#permission.writable().writer.clear()
  }

  /**
   * Begins a transaction; any number may be open. It sees the last commit before this call and its own changes, but not what the store
   * has staged. `close` and `compact` end it, and so does garbage collection.
   * @throws {StrideError} ERR_STRIDE_READ_ONLY, _TRANSACTION (a callback of this store is running), _BUSY (compact), _POISONED, _CLOSED
   */
  begin(none?: NoOptions): ConcurrentTransaction<S, I> {
    refuseOptions(none, 'begin')
    return ConcurrentTransaction.begin<S, I>(this.#permission)
  }

  /**
   * Makes all changes staged before this call durable, or none of them (docs/durability.md, D1 and D2). Commits in flight share syncs.
   * @param options `durability`, by default the store's: 'full' resolves once the commit survives the loss of power, 'process' once it
   *   survives a killed process
   * @returns the number of the commit; that of the last commit if nothing was staged
   * @throws {StrideError} ERR_STRIDE_NO_SPACE, _LIMIT, _REPLACED, and the changes stay staged; _IO, which poisons the store; _POISONED,
   *   _TRANSACTION (a callback of this store is running), _BUSY (compact), _READ_ONLY, _CLOSED
   */
  async commit(options?: CommitOptions): Promise<number> {
    const durability = this.#permission.durabilityOf(options, 'commit')
    const { committer } = this.#permission.writable()
    return committer.commit(durability)
  }
  /** Like `commit()`, but blocks until the sync has finished. @returns the commit number @throws as `commit` */
  commitSync(options?: CommitOptions): number {
    const durability = this.#permission.durabilityOf(options, 'commitSync')
    const { committer } = this.#permission.writable()
    return committer.commitSync(durability)
  }
  /**
   * Changes the named fields of all records that meet the condition, in one transaction.
   * @param where an empty condition is refused unless `all` is true
   * @returns how many records there were, once the commit is durable
   * @throws {StrideError} ERR_STRIDE_QUERY; otherwise as `transaction` and `update`. Nothing is changed then
   */
  async updateWhere(where: Where<S>, change: Partial<Input<S>>, options?: ChangeWhereOptions): Promise<number> {
    return changeWhere(this, 'updateWhere', where, options, (tx, n) => tx.update(n, change))
  }
  /** Deletes all records that meet the condition, in one transaction. @returns how many @throws as `updateWhere` */
  async deleteWhere(where: Where<S>, options?: ChangeWhereOptions): Promise<number> {
    return changeWhere(this, 'deleteWhere', where, options, (tx, n) => void tx.delete(n))
  }

  /** Drops all staged changes that were not given to a commit. @throws {StrideError} as `begin` */
  rollback(): void {
    this.#permission.writable()
    this.#permission.dropStaged()
  }

  /**
   * Runs a synchronous callback and commits the changes that it staged. If the callback throws, its changes are dropped.
   * @returns the result of the callback, once the commit is durable
   * @throws what the callback throws; {StrideError} ERR_STRIDE_TRANSACTION if it is nested, if changes are staged outside it, or if the
   *   callback returns a promise or a generator; otherwise as `commit`
   */
  async transaction<T>(
    callback: ((tx: Transaction<S, I>) => T) & Synchronous<T>,
    options?: CommitOptions,
  ): Promise<T> {
    if (typeof callback !== 'function') {
      throw new TypeError(`transaction takes a function: ${shown(callback)}`)
    }
    const durability = this.#permission.durabilityOf(options, 'transaction')
    if (this.#turns !== undefined) {
      if (this.#permission.isInTransaction) throw nestedTransaction()
      const watched = (tx: unknown): T =>
        this.#permission.inTransaction(() => callback(tx as Transaction<S, I>))
      return this.#turns.run(writer =>
        writer.transaction(watched as typeof watched & Synchronous<T>, { durability }),
      )
    }
    if (this.#transaction !== undefined) {
      this.#transaction.hadNested = true
      throw nestedTransaction()
    }
    const { writer, committer } = this.#permission.writable()
    this.#permission.refuseStaged('begin a transaction')
    const transaction = new Transaction<S, I>(this, this.#opened, writer)
    this.#transaction = transaction
    this.#permission.isInTransaction = true
    let result: T
    let committed: Promise<number>
    try {
      result = runCallback(transaction, callback)
      this.#opened.reading.assertOpen()
      committed = committer.commit(durability)
    } catch (error) {
      // A commit that is refused before anything is written must not leave changes staged.
      this.#permission.dropStaged()
      throw error
    } finally {
      this.#transaction = undefined
      this.#permission.isInTransaction = false
    }
    await committed
    return result
  }

  async #writeInBulk<T>(work: (writer: BulkWriter) => Promise<T>): Promise<T> {
    this.#opened.reading.assertOpen()
    if (this.#turns !== undefined) return this.#turns.run(writer => writer.#writeInBulk(work))
    const { durability } = this.#opened.options
    const parts = { permission: this.#permission, indexes: this.#indexes, exclusiveWork: this.#exclusiveWork }
    return writeInBulk({ ...parts, durability }, work)
  }

  async #handOver(): Promise<boolean> {
    await this.#exclusiveWork.done
    await this.#checkpoints
    if (this.#opened.reading.isClosed) return false
    return (await this.#opened.writer?.handOver()) ?? false
  }

  /** Resolves once every earlier commit survives the loss of power. @throws {StrideError} ERR_STRIDE_CLOSED, _IO, _POISONED */
  async flush(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'flush')
    this.#opened.reading.assertOpen()
    this.#opened.session.file.replay?.secure()
    await this.#opened.writer?.parts?.committer.flush()
  }
  /**
   * Stores all committed changes in the data file, durably, which frees the journal. Rebuilds damaged indexes. Does nothing in a store
   * that is open for reading only.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _BUSY (compact), _NO_SPACE, _IO, _POISONED
   */
  async checkpoint(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'checkpoint')
    const { reading, writer } = this.#opened
    reading.assertOpen()
    if (this.#turns !== undefined) return this.#turns.run(each => each.checkpoint())
    this.#exclusiveWork.assertWritable()
    if (writer === undefined) return
    const done = writer.writing().committer.checkpoint()
    this.#checkpoints = Promise.allSettled([this.#checkpoints, done])
    await done
    await this.#exclusiveWork.mend(() => {
      reading.assertOpen()
      return this.#permission.session.indexes
    })
  }

  /**
   * Writes the file without its deleted records beside the old one, then renames it. Records get new numbers. Reading goes on
   * meanwhile; changes are refused with ERR_STRIDE_BUSY. If it throws, the store is as before.
   * @returns for each old record number the new one, or -1 for a deleted record
   * @throws {StrideError} ERR_STRIDE_TRANSACTION while changes are staged, _BUSY (other whole-file work, or the file is mapped elsewhere
   *   on Windows), _CORRUPT, _REPLACED, _READ_ONLY, _CLOSED, _POISONED, _NO_SPACE, _IO; the reason of `signal`
   */
  async compact(options?: ProgressOptions): Promise<Float64Array> {
    const progress = PROGRESS.read(options, 'compact')
    if (this.#turns !== undefined) return this.#turns.run(writer => writer.compact(options))
    this.#permission.writable()
    this.#permission.refuseStaged('compact')
    return this.#exclusiveWork.run('compact', true, () =>
      compactStore(this.#opened, this.#checkpoints, progress),
    )
  }

  /**
   * Copies the committed records into a new store file, in the state of the last commit before the copying ended. Commits go on
   * meanwhile. If it throws, there is no new file.
   * @throws {StrideError} ERR_STRIDE_EXISTS, _BUSY, _CORRUPT, _CLOSED, _POISONED, _NO_SPACE, _IO; TypeError; the reason of `signal`
   */
  async backup(path: string, options?: ProgressOptions): Promise<void> {
    checkPath(path, 'backup')
    const progress = PROGRESS.read(options, 'backup')
    this.#opened.reading.prepare()
    this.#opened.writer?.writing()
    await this.#exclusiveWork.run('backup', false, () => backupStore(this.#opened, path, progress))
  }

  /**
   * Finishes commits in flight, drops staged changes, checkpoints, and releases the lock. Blocks. Idempotent.
   * @throws {StrideError} ERR_STRIDE_TRANSACTION (a callback of this store is running); _IO, _NO_SPACE, and the store is still closed
   */
  close(): void {
    if (this.#opened.reading.isClosed) return
    this.#permission.refuseInCallback('close')
    try {
      this.#turns?.close()
    } finally {
      this.#opened.close()
    }
  }
  /** Like `close()`, but first waits for commits and whole-file work without blocking; changes are refused. @throws as `close` */
  async closeAsync(): Promise<void> {
    if (this.#opened.reading.isClosed) return
    this.#permission.refuseInCallback('closeAsync')
    this.#permission.isClosing = true
    await this.#turns?.drain()
    await this.#exclusiveWork.done
    await this.#opened.writer?.parts?.committer.drain()
    await this.#checkpoints
    this.close()
  }
  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
  /** `closeAsync()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync()
  }
}
