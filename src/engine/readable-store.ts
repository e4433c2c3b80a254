/**
 * The calls of an opened store that change nothing: its state, its indexes, snapshots, verifying and sharing.
 *
 * Reading records: read/record-set.ts. Changing them: store.ts.
 */

import { backendOf } from '../mmap/choose-platform.ts'
import { NO_OPTIONS, type NoOptions, refuseOptions } from '../options/option-table.ts'
import type { AnySchema } from '../schema/index.ts'
import type { IndexOn, OtherName } from './indexes/index-types.ts'
import type { IndexDefinition } from './indexes/keys/index-definition.ts'
import type { StoreIndex } from './indexes/lookup/store-index.ts'
import { type VerifyResult, verifyOpenStore } from './maintenance/verify.ts'
import { NamedIndexes } from './opening/named-indexes.ts'
import type { OpenedStore } from './opening/opened-store.ts'
import {
  CHANGED,
  type ChangedOptions,
  SNAPSHOT,
  type SnapshotOptions,
  TAIL,
  type TailOptions,
  WATCH,
  type WatchOptions,
} from './opening/options.ts'
import { type SharedStore, shareStore } from './opening/shared-store.ts'
import { type Answering, QueryableRecords } from './query/queryable-records.ts'
import type { Recovery } from './recovery/recovery.ts'
import { waitForCommit } from './sharing/commit-wait.ts'
import { ReaderSnapshot } from './snapshots/reader-snapshot.ts'
import { Snapshot } from './snapshots/snapshot.ts'
import { WriterSnapshot } from './snapshots/writer-snapshot.ts'
import { readKept, readStats, type StoreStats } from './stats.ts'
import { type TailBatch, tail } from './tail/tail.ts'
import { type WatchedCommit, watchCommits } from './tail/watch.ts'

/** The indexes of a store by name. Only for the engine. */
export let indexesOf: <S extends AnySchema, I>(store: ReadableStore<S, I>) => NamedIndexes<S>

/** The calls of a store that change nothing. */
export abstract class ReadableStore<S extends AnySchema, out I> extends QueryableRecords<S> {
  readonly #opened: OpenedStore<S>
  readonly #indexes: NamedIndexes<S>

  /** @internal @param remove the function for `delete` of an index */
  protected constructor(opened: OpenedStore<S>, remove: (find: () => number) => boolean) {
    super(opened.reading, records => (records as ReadableStore<S, I>).#answering())
    this.#opened = opened
    this.#indexes = new NamedIndexes(opened, this, remove)
  }

  static {
    indexesOf = store => store.#indexes
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
  /** Why `backend: 'auto'` did not map the file; undefined if it did, or if another backend was asked for. */
  get backendReason(): string | undefined {
    return this.#opened.session.file.backendReason
  }
  /** Whether changes are refused with ERR_STRIDE_READ_ONLY. */
  get readOnly(): boolean {
    const { readOnly, lock } = this.#opened.options
    return readOnly && lock !== 'transaction'
  }
  /** The number of the last acknowledged commit, 0 before the first. @throws {StrideError} ERR_STRIDE_CLOSED */
  get commitNumber(): number {
    return this.#prepared().session.commitNumber
  }
  /** The number of the last commit that survives the loss of power. @throws {StrideError} ERR_STRIDE_CLOSED */
  get durableCommitNumber(): number {
    return this.#prepared().session.durableCommitNumber
  }
  /** What opening had to do after a crash: commits replayed, bytes of unfinished commits dropped, indexes built. */
  get recovery(): Recovery {
    return this.#opened.session.recovery
  }

  /**
   * The index with this name. It is valid as long as the store is open and has the index.
   * If indexes were declared at opening, only their names compile, and variables of type string. If none were declared, any name does.
   * `createIndex` returns the index that it made.
   * @throws RangeError if the store has no such index; {StrideError} ERR_STRIDE_CLOSED, beside another writer _INDEX_NOT_BUILT
   */
  index<Name extends keyof I & string>(name: Name): IndexOn<S, I[Name]>
  index<Name extends string>(name: OtherName<I, Name>): StoreIndex<S>
  index(name: string): unknown {
    return this.#indexes.get(name)
  }
  /** The definitions of the store's indexes. @throws {StrideError} ERR_STRIDE_CLOSED */
  get indexes(): readonly IndexDefinition[] {
    return this.#indexes.definitions
  }

  /**
   * Moves to the newest commit that can be seen, as every read does by itself.
   * @returns its number @throws {StrideError} ERR_STRIDE_CLOSED, and once another process replaced the file what `openStore` throws
   */
  refresh(none?: NoOptions): number {
    refuseOptions(none, 'refresh')
    return this.commitNumber
  }

  /**
   * Waits until a later commit can be seen, of this process or another. Where the system tells of it, nothing is polled. Keeps the process
   * alive meanwhile.
   * @returns the number of that commit, or of a later one
   * @throws {StrideError} ERR_STRIDE_CLOSED, also if the store is closed meanwhile; the reason of `signal`
   */
  async changed(options?: ChangedOptions): Promise<number> {
    const { after, signal, pollMs } = CHANGED.read(options, 'changed')
    const { session, listeners } = this.#prepared()
    const { platform, path, file } = session.file
    const look = (): number => this.commitNumber
    return waitForCommit({ platform, path, file, pollMs, signal, listeners, look }, after ?? look())
  }

  /**
   * Follows what is appended, by this process or another: each committed record once, in order, in batches. Deleted records are left out;
   * records that were updated meanwhile are given as they are now. It waits for further commits until the loop is left, the signal is
   * aborted or the store is closed, and keeps the process alive meanwhile. Numbers that `reuseNumbers` gives again are not followed.
   * @throws {StrideError} at a step ERR_STRIDE_CLOSED, _REPLACED if the file was rewritten more than once between two steps; the reason
   *   of `signal`; otherwise as `get`
   */
  tail(options?: TailOptions): AsyncGenerator<TailBatch<S>, void, undefined> {
    const settings = TAIL.read(options, 'tail')
    return tail<S>(this, this.#prepared(), settings)
  }

  /**
   * Gives each commit after this call, of this process or another: the records that it appended and the numbers of those that it changed.
   * They are read from the journal. If a commit is not there any more, or the file was replaced as by `compact`, one entry with
   * `missed: true` stands for what is not known: read the store again. It waits for further commits until the loop is left, the signal is
   * aborted or the store is closed, and keeps the process alive meanwhile.
   * @throws {StrideError} at a step ERR_STRIDE_CLOSED, otherwise as `refresh`; the reason of `signal`
   */
  watch(options?: WatchOptions): AsyncGenerator<WatchedCommit, void, undefined> {
    const settings = WATCH.read(options, 'watch')
    return watchCommits(this.#prepared(), settings)
  }

  /**
   * The store as of the last commit, for reading, while commits continue. Staged changes are not in it. Close it: until then the versions
   * that commits replace are kept for it, in the memory of the writing process, or for other processes in the journal.
   * @param options `keep: true`: it lasts until it is closed. It waits for the syncs of earlier commits, blocking
   * @throws {StrideError} ERR_STRIDE_CLOSED, _POISONED; while another process writes, whatever `openStore` throws; with `keep` also
   *   _BUSY (the file is replaced at this moment, or 64 snapshots are kept), _NO_LOCK, _PERMISSION (the lock file cannot be written), _IO
   */
  snapshot(options?: SnapshotOptions): Snapshot<S, I> {
    const { keep } = SNAPSHOT.read(options, 'snapshot')
    const { reading, writer } = this.#prepared()
    if (writer === undefined || keep) {
      writer?.writing().committer.flushSync('full')
      const source = new ReaderSnapshot(this.#opened, keep)
      const snapshot = Snapshot.over<S, I>(source)
      source.begin()
      return snapshot
    }
    const source = new WriterSnapshot<S>({ reading, session: writer, epoch: this.#opened.epoch })
    const snapshot = Snapshot.over<S, I>(source)
    source.endWith(snapshot)
    return snapshot
  }

  /**
   * Checks the file, its records and its indexes in turns of the event loop, and lists the damage with offsets. Changes nothing.
   * @throws {StrideError} ERR_STRIDE_CLOSED, _BUSY (the file is replaced again and again)
   */
  async verify(none?: NoOptions): Promise<VerifyResult> {
    NO_OPTIONS.read(none, 'verify')
    return verifyOpenStore(this.#opened)
  }

  /**
   * A handle with which a worker thread or another process opens the same store: `openShared(handle)`. It is a plain object for
   * `postMessage`, and stays usable when this store is closed.
   * @throws TypeError for a store in memory
   */
  share(none?: NoOptions): SharedStore<S, I> {
    refuseOptions(none, 'share')
    return shareStore(this.path, this.#opened.options, this.backend === 'memory')
  }

  /** Counters of windows, memory, page faults, syncs and commits, as a copy. @throws {StrideError} ERR_STRIDE_CLOSED */
  stats(): StoreStats {
    const { reading, session, writer } = this.#opened
    reading.assertOpen()
    const { committer, space } = writer?.parts ?? {}
    const { pool, locator } = reading.source
    return readStats({
      kept: readKept(session.file.platform, session.file.path),
      backend: this.backend,
      pool,
      staging: locator.staging,
      fileBytes: session.file.file.size(),
      capacity: space?.capacity ?? session.file.root.capacity,
      committing: committer?.stats,
      pendingIndexEntries: session.indexes.current?.waiting ?? 0,
    })
  }

  #answering(): Answering<S> {
    const indexes = this.#indexes
    const usable = {
      get definitions() {
        return indexes.usable
      },
      get: (name: string) => indexes.get(name),
    }
    return { indexes: usable, frozen: () => this.snapshot() as Snapshot<S> }
  }

  /** The store, up to date with other processes' commits. @throws ERR_STRIDE_CLOSED, and whatever opening throws */
  #prepared(): OpenedStore<S> {
    this.#opened.reading.prepare()
    return this.#opened
  }
}
