/**
 * The store: the reading face of RecordSet with writing, committing and closing.
 *
 * Which file it stands on, from opening to closing: store-life.ts. Encoding and staging: writer.ts. Order of bytes and syncs:
 * committer.ts. Indexes: store-indexes.ts. Whole-file work: compact.ts, backup.ts, migrate.ts, verify.ts.
 */

import { StrideError } from '../errors.ts'
import type { Platform } from '../mmap/platform.ts'
import { NO_OPTIONS, type NoOptions, refuseOptions } from '../options/option-table.ts'
import { checkPath, shown } from '../options/shown-value.ts'
import type { Synchronous } from '../runtime/synchronous.ts'
import type { AnySchema, Input } from '../schema/index.ts'
import type { Durability } from './commit/commit-waiters.ts'
import type { Committer } from './commit/committer.ts'
import { PROGRESS, type ProgressOptions } from './file/progress-options.ts'
import type { PublishedState } from './file/publication.ts'
import type {
  IndexDeclaration,
  IndexOn,
  NoIndexes,
  OnlyKnownOptions,
  OtherName,
} from './indexes/index-types.ts'
import { defineIndex, definitionsText, type IndexDefinition } from './indexes/keys/index-definition.ts'
import type { StoreIndex } from './indexes/lookup/store-index.ts'
import type { CompactedStore } from './indexes/upkeep/renumber.ts'
import { backupStore } from './maintain/backup.ts'
import { compactStore } from './maintain/compact.ts'
import { FileWork } from './maintain/exclusive-work.ts'
import { type Verifiable, type VerifyResult, verifyOpenStore } from './maintain/verify.ts'
import { COMMIT, type CommitOptions, type StoreSettings } from './opening/options.ts'
import { CHANGES_AT_ONCE, openStoreFile, type StoreFile } from './opening/store-file.ts'
import { StoreIndexes } from './opening/store-indexes.ts'
import { type LifeOwner, StoreLife } from './opening/store-life.ts'
import { sourceOf, type WritingParts } from './opening/store-parts.ts'
import { readerClassOf } from './read/codecs.ts'
import { currentSource, holdBy } from './read/point-reader.ts'
import { RecordSet } from './read/record-set.ts'
import type { Recovery } from './recovery/recovery.ts'
import { readStats, type StoreStats } from './stats.ts'
import { nestedTransaction, runCallback, Transaction } from './transaction.ts'

export class Store<S extends AnySchema = AnySchema, out I = NoIndexes> extends RecordSet<S> {
  readonly #options: StoreSettings
  readonly #life: StoreLife<S>
  readonly #indexes: StoreIndexes<S>
  readonly #fileWork: FileWork
  #transaction: Transaction<S, I> | undefined
  /** closeAsync waits for what goes on, and nothing new begins. */
  #isClosing = false
  /** Settles once no checkpoint that was asked for goes on. */
  #checkpoints: Promise<unknown> = Promise.resolve()
  /** Counts what may have changed under a walk. */
  #version = 0

  private constructor(file: StoreFile, schema: S | undefined, options: StoreSettings, changesAtOnce: number) {
    super(sourceOf<S>(file, options))
    this.#options = options
    this.#fileWork = new FileWork(file.path)
    this.#indexes = new StoreIndexes<S>({
      records: this,
      options,
      file: () => this.#life.file,
      source: () => currentSource(this),
      reader: () => this.#life.reader,
      committer: () => this.#life.writing?.committer,
      prepare: () => this.prepare(),
      version: () => this.#version,
      consistently: read => this.consistently(read),
      together: read => this.together(read),
    })
    const owner: LifeOwner<S> = {
      source: () => currentSource(this),
      attach: source => this.attach(source),
      changed: () => this.changed(),
      isClosed: () => this.isClosed,
      end: () => this.endReading(),
    }
    this.#life = new StoreLife({ file, schema, options, changesAtOnce, indexes: this.#indexes, owner })
    if (currentSource(this).follower !== undefined) holdBy(this, this.#life)
    this.#life.start()
  }

  /** @internal What openStore calls. */
  static open<S extends AnySchema, I = NoIndexes>(
    path: string,
    schema: S | undefined,
    options: StoreSettings,
    platform?: Platform,
    changesAtOnce = CHANGES_AT_ONCE,
  ): Store<S, I> {
    const held = platform === undefined ? undefined : { platform }
    // Recovery is left to the store: its indexes need the journal, too.
    const file = openStoreFile(path, schema, options, held, -1)
    // Beside another writer reads are checked (PO3 of point-reader.ts), which is not generated.
    const Reader = options.readOnly ? Store : readerClassOf(Store, file.codec)
    return new Reader(file, schema, options, changesAtOnce) as Store<S, I>
  }

  /** Live records, staged changes included. */
  override get count(): number {
    this.prepare()
    const { staging } = currentSource(this).locator
    const deleted = this.#life.writing?.committer.deletedCount ?? this.#life.reader?.state.deletedCount ?? 0
    return staging.size - deleted - staging.deletedDelta
  }
  /** How the bytes are reached. */
  get backend(): 'mapped' | 'file' | 'memory' {
    const { name } = this.#life.file.platform
    if (name === 'simulated') return 'memory'
    return name === 'file' ? 'file' : 'mapped'
  }
  /** Why the file is not mapped, where that was decided at opening. */
  get backendReason(): string | undefined {
    return this.#life.file.backendReason
  }
  get readOnly(): boolean {
    return this.#options.readOnly
  }
  /** The number of the last commit that was acknowledged, 0 before the first. */
  get commitNumber(): number {
    this.prepare()
    return this.#life.writing?.committer.commitNumber ?? this.#life.reader?.state.commitNumber ?? 0
  }
  /** The number of the last commit that survives the loss of power; behind commitNumber with durability 'process'. */
  get durableCommitNumber(): number {
    this.prepare()
    const { writing, file, reader } = this.#life
    return (
      writing?.committer.durableCommitNumber ?? file.replay?.durableCommit ?? reader?.state.commitNumber ?? 0
    )
  }
  /** What opening had to do after a crash: commits replayed, bytes of unfinished ones dropped. */
  get recovery(): Recovery {
    const { recovery } = this.#life
    const { built } = this.#indexes
    return built.length === 0 ? recovery : { ...recovery, indexesBuilt: built }
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
    return this.#indexes.named(name)
  }
  /** The indexes that the store has. */
  get indexes(): readonly IndexDefinition[] {
    this.prepare()
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
    const { committer } = this.#writable()
    this.#refuseStaged('create an index')
    await this.#fileWork.run('createIndex', false, () =>
      this.#indexes.create(definition, () => committer.flush(), progress),
    )
    return this.#indexes.named(name)
  }
  /** Forgets an index. @throws RangeError where there is none of this name; {StrideError} ERR_STRIDE_NO_SPACE, _IO */
  async dropIndex(name: string, none?: NoOptions): Promise<void> {
    refuseOptions(none, 'dropIndex')
    this.#writable()
    this.#indexes.assertExists(name)
    await this.#fileWork.run('dropIndex', false, async () => this.#indexes.drop(name))
  }

  /**
   * Stages a new record.
   * @returns its number: one more than the highest, or with `reuseNumbers` that of a deleted record
   * @throws {StrideError} ERR_STRIDE_RECORD, _NO_SPACE, _LIMIT, _READ_ONLY, _CLOSED, _POISONED, _TRANSACTION
   */
  append(record: Input<S>): number {
    return this.#writable().writer.append(record)
  }
  /** Stages records at the end, all or none; numbers of deleted records are not reused. */
  appendMany(
    records: Iterable<Input<S>>,
    none?: NoOptions,
  ): { readonly first: number; readonly count: number } {
    refuseOptions(none, 'appendMany')
    return this.#writable().writer.appendMany(records)
  }
  /** Stages new values for the named fields. @throws {StrideError} ERR_STRIDE_NO_RECORD, ERR_STRIDE_RECORD */
  update(n: number, change: Partial<Input<S>>): void {
    this.#writable().writer.update(n, change)
  }
  /** Stages a record in place of a live one. @throws {StrideError} ERR_STRIDE_NO_RECORD, ERR_STRIDE_RECORD */
  put(n: number, record: Input<S>): void {
    this.#writable().writer.put(n, record)
  }
  /** Stages a deletion. @returns whether there was a live record */
  delete(n: number): boolean {
    return this.#writable().writer.delete(n)
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
    const durability = this.#durabilityOf(options, 'commit')
    const { committer } = this.#writable()
    return committer.commit(durability)
  }
  /** The same, blocking. */
  commitSync(options?: CommitOptions): number {
    const durability = this.#durabilityOf(options, 'commitSync')
    const { committer } = this.#writable()
    return committer.commitSync(durability)
  }
  /** Drops everything staged that was not given to a commit. */
  rollback(): void {
    this.#writable()
    this.#dropStaged()
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
    const durability = this.#durabilityOf(options, 'transaction')
    if (this.#transaction !== undefined) {
      this.#transaction.hadNested = true
      throw nestedTransaction()
    }
    const { writer, committer } = this.#writable()
    if (!currentSource(this).locator.staging.isEmpty) {
      throw new StrideError(
        'ERR_STRIDE_TRANSACTION',
        'Changes are staged: commit or roll back, then begin a transaction',
      )
    }
    const transaction = new Transaction<S, I>(this, writer)
    this.#transaction = transaction
    let result: T
    try {
      result = runCallback(transaction, callback)
    } catch (error) {
      this.#dropStaged()
      throw error
    } finally {
      this.#transaction = undefined
    }
    await this.#commitWhole(committer, durability)
    return result
  }

  /** A transaction that is refused before anything is written leaves nothing staged either. */
  #commitWhole(committer: Committer, durability: Durability): Promise<number> {
    try {
      this.assertOpen()
      return committer.commit(durability)
    } catch (error) {
      this.#dropStaged()
      throw error
    }
  }

  #dropStaged(): void {
    if (this.isClosed) return
    currentSource(this).locator.staging.rollback()
    this.#life.writing?.writer.forgetHints()
    this.changed()
  }

  /** Resolves once every earlier commit is durable. */
  async flush(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'flush')
    this.assertOpen()
    this.#life.file.replay?.secure()
    await this.#life.writing?.committer.flush()
  }
  /** Brings everything committed into the file itself, durably, and sets the journal free. Makes indexes anew that were found damaged. */
  async checkpoint(none?: NoOptions): Promise<void> {
    NO_OPTIONS.read(none, 'checkpoint')
    this.assertOpen()
    this.#fileWork.assertWritable()
    this.#life.finishReplay()
    if (this.#life.writing === undefined) return
    const done = this.#life.writing.committer.checkpoint()
    this.#checkpoints = Promise.allSettled([this.#checkpoints, done])
    await done
    while (this.#fileWork.done !== undefined && this.#indexes.needMending) {
      await this.#fileWork.done
      this.assertOpen()
    }
    if (this.#indexes.needMending) await this.#fileWork.run('checkpoint', false, () => this.#indexes.mend())
  }

  /** Looks at everything that can be checked and lists what is wrong, with offsets. Changes nothing. */
  async verify(none?: NoOptions): Promise<VerifyResult> {
    NO_OPTIONS.read(none, 'verify')
    const begin = (): Verifiable => {
      this.assertOpen()
      this.#life.finishReplay()
      this.prepare()
      return {
        file: this.#life.file,
        locator: () => currentSource(this).locator,
        state: () => this.#life.publishedState,
        consistently: read => this.consistently(read),
        isWriter: this.#life.writing !== undefined,
        indexes: () => this.#indexes.now(),
      }
    }
    return verifyOpenStore(begin, () => this.#life.file)
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
    const { committer, publisher } = this.#writable()
    this.#refuseStaged('compact')
    return this.#fileWork.run('compact', true, async () => {
      await committer.flush()
      // A checkpoint works with the journal that ends here.
      await this.#checkpoints
      this.assertOpen()
      committer.endJournal()
      const { locator } = currentSource(this)
      const state = this.#life.publishedState
      const assertOpen = (): void => this.assertOpen()
      const renumber = (compacted: CompactedStore) => this.#indexes.renumber(compacted, progress)
      const { definitions } = committer
      const store = {
        file: this.#life.file,
        locator,
        committer,
        publisher,
        state,
        definitions,
        assertOpen,
        renumber,
      }
      const { moved, indexes } = await compactStore(store, progress)
      this.#indexes.renumbered(moved)
      try {
        this.#life.closeFile()
        indexes?.takeOver()
        this.#life.reopen()
      } catch (error) {
        throw notReopened(error, this.path)
      }
      this.#indexes.forgetBuilt()
      return moved
    })
  }

  /**
   * Copies the committed records into a new store file, which then holds the state of one commit: the last that was
   * made when the copying ended. Commits go on meanwhile.
   * @throws {StrideError} ERR_STRIDE_EXISTS when the target exists; what `signal` aborts with leaves nothing
   */
  async backup(path: string, options?: ProgressOptions): Promise<void> {
    checkPath(path, 'backup')
    const progress = PROGRESS.read(options, 'backup')
    this.prepare()
    this.#life.finishReplay()
    await this.#fileWork.run('backup', false, async () => {
      // What was acknowledged before the call is in the copy, even where it is not in the file yet.
      await this.#life.writing?.committer.flush()
      const source = {
        file: () => this.#life.file,
        isReader: currentSource(this).follower !== undefined,
        locator: () => currentSource(this).locator,
        state: () => this.#currentState(),
        consistently: <T>(read: () => T) => this.consistently(read),
        definitions: () => definitionsText(this.indexes),
        target: this.#life.file.platform.resolve(path),
      }
      await backupStore(source, progress)
    })
  }

  /** Windows, memory, faults, syncs: what reading and writing cost so far. */
  stats(): StoreStats {
    this.assertOpen()
    const committer = this.#life.writing?.committer
    return readStats({
      backend: this.backend,
      pool: currentSource(this).pool,
      staging: currentSource(this).locator.staging,
      fileBytes: this.#life.file.file.size(),
      capacity: this.#life.writing?.space.capacity ?? this.#life.file.root.capacity,
      syncs: committer?.syncs ?? 0,
      commits: committer?.commits ?? 0,
      checkpoints: committer?.checkpoints ?? 0,
      commitWaits: committer?.waits ?? 0,
      journalBytes: committer?.journalBytes ?? 0,
    })
  }

  /** Finishes commits in flight, drops what is only staged, and lets go of file, windows and lock. Twice is fine. */
  close(): void {
    if (this.isClosed) return
    this.#refuseInCallback('close')
    try {
      if (this.#life.file.replay?.isPoisoned !== true) this.#life.finishReplay()
    } finally {
      this.#closeAll()
    }
  }

  #closeAll(): void {
    this.endReading()
    try {
      this.#life.closeFile()
    } finally {
      this.#life.file.lock.release()
    }
  }
  /** The same; waits for commits in flight without blocking the event loop. */
  async closeAsync(): Promise<void> {
    if (this.isClosed) return
    this.#refuseInCallback('closeAsync')
    this.#isClosing = true
    await this.#fileWork.done
    await this.#life.writing?.committer.drain()
    await this.#checkpoints
    this.close()
  }
  [Symbol.dispose](): void {
    this.close()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync()
  }

  protected override changed(): void {
    this.#version++
    super.changed()
  }

  protected override prepare(): void {
    super.prepare()
    this.#life.followNews()
  }

  /** Closing in the middle of a write would pull the store away under it. */
  #refuseInCallback(call: string): void {
    if (this.#transaction !== undefined) {
      throw new StrideError('ERR_STRIDE_TRANSACTION', `${call} was called inside a transaction`)
    }
    this.#life.writing?.writer.assertIdle(call)
  }

  #refuseStaged(what: string): void {
    if (currentSource(this).locator.staging.isEmpty) return
    throw new StrideError('ERR_STRIDE_TRANSACTION', `Changes are staged: commit or roll back, then ${what}`)
  }

  #durabilityOf(options: CommitOptions | undefined, call: string): Durability {
    return COMMIT.read(options, call).durability ?? this.#options.durability
  }

  /** What is in the file, and whether a reader has more over it. */
  #currentState(): PublishedState & { readonly isOverlaid: boolean } {
    this.prepare()
    const { publishedState, reader } = this.#life
    return { ...publishedState, isOverlaid: reader?.overlay !== undefined }
  }

  #writable(): WritingParts {
    this.assertOpen()
    this.#life.finishReplay()
    if (this.#life.writing === undefined) {
      throw new StrideError('ERR_STRIDE_READ_ONLY', `${this.path} is open for reading only`, {
        path: this.path,
      })
    }
    if (this.#isClosing) {
      throw new StrideError('ERR_STRIDE_CLOSED', `${this.path} is being closed`, { path: this.path })
    }
    if (this.#transaction !== undefined) {
      throw new StrideError('ERR_STRIDE_TRANSACTION', 'Inside a transaction changes go through its `tx`')
    }
    this.#life.writing.writer.assertIdle('A change, commit or rollback')
    this.#life.writing.committer.assertSound()
    this.#fileWork.assertWritable()
    return this.#life.writing
  }
}

/** The compacted file has the name, and nothing can be read any more. */
function notReopened(error: unknown, path: string): unknown {
  if (!(error instanceof StrideError)) return error
  const message = `${path} was compacted, but could not be opened again, so that it is closed now: ${error.message}`
  return new StrideError(error.code, message, { path, cause: error })
}
