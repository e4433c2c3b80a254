/**
 * The store: the reading face of RecordSet with writing, committing and closing.
 *
 * What stands behind it, from opening to closing: opening/opened-store.ts. Encoding and staging: commit/writer.ts. Order of bytes
 * and syncs: commit/committer.ts. Whole-file work: maintain/.
 */

import { backendOf } from '../mmap/choose-platform.ts'
import { NO_OPTIONS, type NoOptions, refuseOptions } from '../options/option-table.ts'
import { checkPath, shown } from '../options/shown-value.ts'
import type { Synchronous } from '../runtime/synchronous.ts'
import type { AnySchema, Input } from '../schema/index.ts'
import { ConcurrentTransaction } from './concurrent/concurrent-transaction.ts'
import { PROGRESS, type ProgressOptions } from './file/progress-options.ts'
import type { QuietSteps } from './file/steps.ts'
import type {
  IndexDeclaration,
  IndexOn,
  NoIndexes,
  OnlyKnownOptions,
  OtherName,
} from './indexes/index-types.ts'
import { defineIndex, type IndexDefinition } from './indexes/keys/index-definition.ts'
import type { StoreIndex } from './indexes/lookup/store-index.ts'
import { recordWithKey, type Upserted } from './indexes/lookup/unique-key.ts'
import { backupStore } from './maintain/backup.ts'
import { compactStore } from './maintain/compact.ts'
import { ExclusiveWork } from './maintain/exclusive-work.ts'
import { type VerifyResult, verifyOpenStore } from './maintain/verify.ts'
import { NamedIndexes } from './opening/named-indexes.ts'
import { type GivenParts, OpenedStore } from './opening/opened-store.ts'
import type { CommitOptions, StoreSettings } from './opening/options.ts'
import { readerClassOf } from './read/codecs.ts'
import { RecordSet } from './read/record-set.ts'
import type { Recovery } from './recovery/recovery.ts'
import { readStats, type StoreStats } from './stats.ts'
import { nestedTransaction, runCallback, Transaction } from './transaction.ts'
import { WriteGate } from './write-gate.ts'

/** Fixed-size records in one file, opened by `openStore`. Changes are staged in memory; `commit` makes them durable. */
export class Store<S extends AnySchema = AnySchema, out I = NoIndexes> extends RecordSet<S> {
  readonly #opened: OpenedStore<S>
  readonly #indexes: NamedIndexes<S>
  readonly #exclusiveWork: ExclusiveWork
  readonly #gate: WriteGate<S>
  #transaction: Transaction<S, I> | undefined
  /** Settles once no checkpoint that was asked for goes on. */
  #checkpoints: Promise<unknown> = Promise.resolve()

  private constructor(opened: OpenedStore<S>) {
    super(opened.reading)
    this.#opened = opened
    this.#indexes = new NamedIndexes(opened, this, find => this.#gate.writable().writer.deleteFound(find))
    this.#exclusiveWork = new ExclusiveWork(opened.path)
    this.#gate = new WriteGate(opened, this.#exclusiveWork)
  }

  /** @internal Opens a store in steps, as long as a journal is read or indexes are built. */
  static *opening<S extends AnySchema, I = NoIndexes>(
    path: string,
    schema: S | undefined,
    options: StoreSettings,
    given?: GivenParts,
  ): QuietSteps<Store<S, I>> {
    const opened = yield* OpenedStore.open(path, schema, options, given)
    // Beside another writer reads are checked (PO3 of point-reader.ts), which is not generated.
    const Reader = options.readOnly ? Store : readerClassOf(Store, opened.reading.source.codec)
    const store = new Reader(opened) as Store<S, I>
    yield* opened.start()
    return store
  }

  /** Live records, staged changes included. @throws {StrideError} ERR_STRIDE_CLOSED */
  override get count(): number {
    const { reading, session } = this.#prepared()
    const { staging } = reading.source.locator
    return staging.size - session.deletedCount - staging.deletedDelta
  }
  /** How the bytes are reached. */
  get backend(): 'mapped' | 'file' | 'memory' {
    return backendOf(this.#opened.session.file.platform)
  }
  /** Why the file is not mapped, where that was decided at opening. */
  get backendReason(): string | undefined {
    return this.#opened.session.file.backendReason
  }
  /** Whether changes are refused with ERR_STRIDE_READ_ONLY. */
  get readOnly(): boolean {
    return this.#opened.options.readOnly
  }
  /** The number of the last commit that was acknowledged, 0 before the first. */
  get commitNumber(): number {
    return this.#prepared().session.commitNumber
  }
  /** The number of the last commit that survives the loss of power; behind commitNumber with durability 'process'. */
  get durableCommitNumber(): number {
    return this.#prepared().session.durableCommitNumber
  }
  /** What opening had to do after a crash: commits replayed, bytes of unfinished ones dropped. */
  get recovery(): Recovery {
    return this.#opened.session.recovery
  }

  /**
   * An index, by its name: finds records by key, and the keys of ranges. Good for as long as the store.
   *
   * Where indexes were declared at opening, only their names compile, and a variable of type string. `createIndex` gives the
   * index that it made. Where none were declared any name does.
   * @throws RangeError where the store has no such index; {StrideError} ERR_STRIDE_CLOSED
   */
  index<Name extends keyof I & string>(name: Name): IndexOn<S, I[Name]>
  index<Name extends string>(name: OtherName<I, Name>): StoreIndex<S>
  index(name: string): unknown {
    return this.#indexes.get(name)
  }
  /** The indexes that the store has. */
  get indexes(): readonly IndexDefinition[] {
    return this.#indexes.definitions
  }

  /**
   * Builds an index from the records and keeps it from now on. Reading and writing go on meanwhile.
   * @throws {StrideError} ERR_STRIDE_DUPLICATE_KEY where two records have one key in a unique index, _EXISTS where there is an
   *   index of this name, _TRANSACTION while changes are staged, _NO_SPACE, _IO; TypeError, RangeError for what cannot be
   *   meant; what `signal` aborts with: there is no such index then
   * @returns the index, as `index(name)` gives it
   */
  async createIndex<const D extends IndexDeclaration<S>>(
    name: string,
    declaration: D & OnlyKnownOptions<D>,
    options?: ProgressOptions,
  ): Promise<IndexOn<S, D>>
  async createIndex(name: string, declaration: unknown, options?: ProgressOptions): Promise<StoreIndex<S>> {
    const definition = defineIndex(name, declaration)
    const progress = PROGRESS.read(options, 'createIndex')
    const { committer } = this.#gate.writable()
    this.#gate.refuseStaged('create an index')
    const { indexes } = this.#gate.session
    await this.#exclusiveWork.run('createIndex', false, () =>
      indexes.create(definition, () => committer.flush(), progress),
    )
    return this.#indexes.get(name)
  }
  /** Forgets an index. @throws RangeError where there is none of this name; {StrideError} ERR_STRIDE_NO_SPACE, _IO */
  async dropIndex(name: string, none?: NoOptions): Promise<void> {
    refuseOptions(none, 'dropIndex')
    this.#gate.writable()
    this.#indexes.assertExists(name)
    await this.#exclusiveWork.run('dropIndex', false, async () => this.#gate.session.indexes.drop(name))
  }

  /**
   * Stages a new record.
   * @returns its number: one more than the highest, or with `reuseNumbers` that of a deleted record
   * @throws {StrideError} ERR_STRIDE_RECORD, _DUPLICATE_KEY, _NO_SPACE, _LIMIT, _READ_ONLY, _CLOSED, _POISONED, _TRANSACTION, _BUSY
   */
  append(record: Input<S>): number {
    return this.#gate.writable().writer.append(record)
  }
  /** Stages records at the end, all or none; numbers of deleted records are not reused. @throws as `append` */
  appendMany(
    records: Iterable<Input<S>>,
    none?: NoOptions,
  ): { readonly first: number; readonly count: number } {
    refuseOptions(none, 'appendMany')
    return this.#gate.writable().writer.appendMany(records)
  }
  /** Stages new values for the named fields. @throws {StrideError} ERR_STRIDE_NO_RECORD, _DUPLICATE_KEY; otherwise as `append` */
  update(n: number, change: Partial<Input<S>>): void {
    this.#gate.writable().writer.update(n, change)
  }
  /** Stages a record in place of a live one. @throws {StrideError} ERR_STRIDE_NO_RECORD, _DUPLICATE_KEY; otherwise as `append` */
  put(n: number, record: Input<S>): void {
    this.#gate.writable().writer.put(n, record)
  }
  /** Stages a deletion. @returns whether there was a live record @throws as `append` */
  delete(n: number): boolean {
    return this.#gate.writable().writer.delete(n)
  }

  /**
   * Stages a record in place of the one that has its key in a unique index, or, where none has it, a new one. A key with a null in
   * it is nobody's.
   * @returns its number, and whether it is a new one
   * @throws TypeError where the index is not unique; RangeError where there is none of this name; {StrideError} as `append`
   */
  upsert(index: keyof I & string, record: Input<S>): Upserted
  upsert<Name extends string>(index: OtherName<I, Name>, record: Input<S>): Upserted
  upsert(name: string, record: Input<S>): Upserted {
    const { writer } = this.#gate.writable()
    return writer.upsert(record, recordWithKey(this.#indexes.find(name), 'upsert'))
  }
  /**
   * Stages the deletion of every record. Their numbers are given again only with `reuseNumbers`, or after compact.
   * @returns how many there were
   * @throws {StrideError} as `append`
   */
  clear(none?: NoOptions): number {
    refuseOptions(none, 'clear')
    return this.#gate.writable().writer.clear()
  }

  /**
   * Begins a transaction that goes on while others do, each with changes of its own. It sees the last commit at this call, and
   * what it changes itself; what the store has staged it does not see. Any number at once; one that is dropped without `commit` or
   * `rollback` is ended once it is garbage, and all are by `close` and `compact`.
   * @throws {StrideError} ERR_STRIDE_READ_ONLY, _TRANSACTION inside a callback, _BUSY, _POISONED, _CLOSED
   */
  begin(none?: NoOptions): ConcurrentTransaction<S, I> {
    refuseOptions(none, 'begin')
    return ConcurrentTransaction.begin<S, I>(this.#gate)
  }

  /**
   * Makes what is staged at the call durable, all of it or nothing (docs/durability.md, D1 and D2). Commits in flight
   * share syncs.
   *
   * @param options `durability`: 'full' resolves once it survives the loss of power, 'process' once it survives a
   *   killed process; the store's own unless told
   * @returns the commit number; the present one when nothing was staged
   * @throws {StrideError} ERR_STRIDE_NO_SPACE, _LIMIT and leaves all staged; _IO and poisons; _CLOSED, _READ_ONLY, _POISONED
   */
  async commit(options?: CommitOptions): Promise<number> {
    const durability = this.#gate.durabilityOf(options, 'commit')
    const { committer } = this.#gate.writable()
    return committer.commit(durability)
  }
  /** Like `commit()`, but blocks until the sync has finished. @returns the commit number @throws as `commit` */
  commitSync(options?: CommitOptions): number {
    const durability = this.#gate.durabilityOf(options, 'commitSync')
    const { committer } = this.#gate.writable()
    return committer.commitSync(durability)
  }
  /** Drops everything staged that was not given to a commit. @throws {StrideError} as `append` */
  rollback(): void {
    this.#gate.writable()
    this.#gate.dropStaged()
  }

  /**
   * Runs a synchronous callback and commits what it staged, or, when it throws, nothing.
   * @returns what the callback returned, once the commit is durable
   * @throws what the callback throws; {StrideError} ERR_STRIDE_TRANSACTION when nested, when changes are staged
   *   outside it, or when the callback returns a promise or a generator
   */
  async transaction<T>(
    callback: ((tx: Transaction<S, I>) => T) & Synchronous<T>,
    options?: CommitOptions,
  ): Promise<T> {
    if (typeof callback !== 'function') {
      throw new TypeError(`transaction takes a function: ${shown(callback)}`)
    }
    const durability = this.#gate.durabilityOf(options, 'transaction')
    if (this.#transaction !== undefined) {
      this.#transaction.hadNested = true
      throw nestedTransaction()
    }
    const { writer, committer } = this.#gate.writable()
    this.#gate.refuseStaged('begin a transaction')
    const transaction = new Transaction<S, I>(this, this.#opened, writer)
    this.#transaction = transaction
    this.#gate.isInTransaction = true
    let result: T
    let committed: Promise<number>
    try {
      result = runCallback(transaction, callback)
      this.#opened.reading.assertOpen()
      committed = committer.commit(durability)
    } catch (error) {
      // Refused before anything was written, it leaves nothing staged either.
      this.#gate.dropStaged()
      throw error
    } finally {
      this.#transaction = undefined
      this.#gate.isInTransaction = false
    }
    await committed
    return result
  }

  /** Resolves once every earlier commit is durable. @throws {StrideError} ERR_STRIDE_CLOSED, _IO, _POISONED */
  async flush(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'flush')
    this.#opened.reading.assertOpen()
    this.#opened.session.file.replay?.secure()
    await this.#opened.writer?.parts?.committer.flush()
  }
  /**
   * Brings everything committed into the data file, durably, which frees the journal. Rebuilds damaged indexes.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _BUSY during compact, _NO_SPACE, _IO, _POISONED
   */
  async checkpoint(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'checkpoint')
    const { reading, writer } = this.#opened
    reading.assertOpen()
    this.#exclusiveWork.assertWritable()
    if (writer === undefined) return
    const done = writer.writing().committer.checkpoint()
    this.#checkpoints = Promise.allSettled([this.#checkpoints, done])
    await done
    while (this.#exclusiveWork.done !== undefined && this.#gate.session.indexes.needMending) {
      await this.#exclusiveWork.done
      reading.assertOpen()
    }
    const { indexes } = this.#gate.session
    if (indexes.needMending) await this.#exclusiveWork.run('checkpoint', false, () => indexes.mend())
  }

  /**
   * Checks everything that can be checked, and lists what is damaged with its offset. Changes nothing.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _BUSY, _IO
   */
  async verify(none?: NoOptions): Promise<VerifyResult> {
    NO_OPTIONS.read(none, 'verify')
    return verifyOpenStore(this.#opened)
  }

  /**
   * Rewrites the file without its deleted records, beside the old one, and renames it. Reading goes on meanwhile;
   * changes are refused with ERR_STRIDE_BUSY.
   * @returns for each old record number the new one, or -1 where it was deleted
   * @throws {StrideError} ERR_STRIDE_TRANSACTION while changes are staged, _BUSY, _NO_SPACE, _IO; what `signal` aborts with:
   *   the store is as it was
   */
  async compact(options?: ProgressOptions): Promise<Float64Array> {
    const progress = PROGRESS.read(options, 'compact')
    this.#gate.writable()
    this.#gate.refuseStaged('compact')
    return this.#exclusiveWork.run('compact', true, () =>
      compactStore(this.#opened, this.#checkpoints, progress),
    )
  }

  /**
   * Copies the committed records into a new store file, which then holds the state of one commit: the last that was
   * made when the copying ended. Commits go on meanwhile.
   * @throws {StrideError} ERR_STRIDE_EXISTS when the target exists, _BUSY, _CORRUPT, _NO_SPACE, _IO; what `signal` aborts with. The
   *   target does not exist then
   */
  async backup(path: string, options?: ProgressOptions): Promise<void> {
    checkPath(path, 'backup')
    const progress = PROGRESS.read(options, 'backup')
    this.#opened.reading.prepare()
    this.#opened.writer?.writing()
    await this.#exclusiveWork.run('backup', false, () => backupStore(this.#opened, path, progress))
  }

  /** What reading and writing cost so far: windows, memory, page faults, syncs, commits. @throws {StrideError} ERR_STRIDE_CLOSED */
  stats(): StoreStats {
    const { reading, session, writer } = this.#opened
    reading.assertOpen()
    const { committer, space } = writer?.parts ?? {}
    const { pool, locator } = reading.source
    return readStats({
      backend: this.backend,
      pool,
      staging: locator.staging,
      fileBytes: session.file.file.size(),
      capacity: space?.capacity ?? session.file.root.capacity,
      committing: committer?.stats,
    })
  }

  /**
   * Finishes commits in flight, drops what is only staged, checkpoints, and releases the lock. Twice is fine.
   * @throws {StrideError} ERR_STRIDE_TRANSACTION in a callback; _IO, _NO_SPACE, and the store is closed all the same
   */
  close(): void {
    if (this.#opened.reading.isClosed) return
    this.#gate.refuseInCallback('close')
    this.#opened.close()
  }
  /** Like `close()`, but waits for commits, compact, backup and checkpoint without blocking. Changes are refused meanwhile. */
  async closeAsync(): Promise<void> {
    if (this.#opened.reading.isClosed) return
    this.#gate.refuseInCallback('closeAsync')
    this.#gate.isClosing = true
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

  /** The store, as new as other processes' commits. @throws ERR_STRIDE_CLOSED, and whatever opening throws */
  #prepared(): OpenedStore<S> {
    this.#opened.reading.prepare()
    return this.#opened
  }
}
