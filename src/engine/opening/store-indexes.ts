/**
 * The indexes of one store: opened with it, created and dropped later, and found by their names.
 *
 *   D10  the store's root says which indexes there are, durably before a call that created or dropped one returns: an index is
 *        named there after its pages are durable, and is no longer named before they are given up.
 * A writer has them as long as it is open, and keeps them through compact under the records' new numbers; a reader looks for them
 * whenever it heard of its store's writer. What one index answers: store-index.ts. What they are made of: indexes/.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { Committer } from '../commit/committer.ts'
import type { ProgressOptions } from '../file/progress-options.ts'
import { runAtOnce, runInTurns, type Steps } from '../file/steps.ts'
import type { AppliedState } from '../format/root.ts'
import { packDefinitions } from '../format/root.ts'
import { definitionsText, type IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { KeyIndex } from '../indexes/lookup/key-index.ts'
import { StoreIndex } from '../indexes/lookup/store-index.ts'
import { isFullDisk, type KeeperCalls } from '../indexes/upkeep/index-checkpointer.ts'
import { type IndexSet, unknownIndex } from '../indexes/upkeep/index-set.ts'
import { LateIndexes } from '../indexes/upkeep/late-indexes.ts'
import { freeNextIndexName } from '../indexes/upkeep/next-index-file.ts'
import { ReaderIndexes } from '../indexes/upkeep/reader-indexes.ts'
import type { CompactedStore } from '../indexes/upkeep/renumber.ts'
import { type NextIndexes, renumberIndexes } from '../indexes/upkeep/renumber.ts'
import type { RecordSet, Source } from '../read/record-set.ts'
import type { ReaderState } from '../recovery/reader-state.ts'
import type { RebuiltIndex } from '../recovery/recovery.ts'
import { indexDefinitions, type StoreSettings } from './options.ts'
import type { StoreFile } from './store-file.ts'
import { indexWindows, newStoreIndexes, openStoreIndexes, readableIndexes } from './store-parts.ts'

/** The store that they belong to, as it is at the moment of asking. */
export interface IndexOwner<S extends AnySchema> {
  readonly records: RecordSet<S>
  readonly options: StoreSettings
  readonly file: () => StoreFile
  readonly source: () => Source<S>
  /** What a reader follows. */
  readonly reader: () => ReaderState | undefined
  readonly committer: () => Committer | undefined
  /** Makes a reader as new as other processes' commits. @throws ERR_STRIDE_CLOSED */
  readonly prepare: () => void
  /** Counts what may have changed under a walk. */
  readonly version: () => number
  readonly consistently: <T>(read: () => T) => T
  readonly together: <T>(read: () => T) => T
}

export class StoreIndexes<S extends AnySchema> {
  readonly #store: IndexOwner<S>
  /** What the writer tells of staged records, and the checkpointer of checkpoints. */
  readonly kept = new LateIndexes()
  #built: readonly RebuiltIndex[] = []
  /** What opening found that the root defines or the opener declares, without pages. */
  #missing: readonly IndexDefinition[] = []
  /** What the opener asked for: copies, so that compact opens with the same. */
  readonly #declared: readonly IndexDefinition[]
  /** The state for which a reader looked for indexes last, and what it found. */
  #seen: ReaderState | undefined
  readonly #followed = new ReaderIndexes()
  /** Moves on whenever another set of indexes is there, or another index in it. */
  readonly #epoch = { value: 0 }
  /** Declared at opening and dropped since: not built again where the file is opened anew. */
  readonly #dropped = new Set<string>()
  readonly #named = new Map<string, StoreIndex<S>>()

  constructor(store: IndexOwner<S>) {
    this.#store = store
    this.#declared = indexDefinitions(store.options)
  }

  /** Those that opening had to build from the records, and why. */
  get built(): readonly RebuiltIndex[] {
    return this.#built
  }
  /** That indexes were built anew was asked for, and is no recovery. */
  forgetBuilt(): void {
    this.#built = []
  }

  /**
   * Opens them for writing. `applied`: what is committed and in the file, at the moment of asking.
   * @returns whether `complete` has something to do, for which the file has to be written
   */
  open(applied: () => AppliedState): boolean {
    const { file, source, options } = this.#store
    const declared = this.#declared.filter(({ name }) => !this.#dropped.has(name))
    const opened = openStoreIndexes(file(), source(), options, declared, applied, this.#keeperCalls)
    this.kept.current = opened?.set
    this.#built = opened?.rebuilt ?? []
    this.#missing = opened?.missing ?? []
    const definitions = definitionsText([...(opened?.set.definitions ?? []), ...this.#missing])
    packDefinitions(definitions)
    return opened !== undefined && (this.#missing.length > 0 || definitions !== file().root.definitions)
  }

  /** Builds what `open` found missing, of `size` records, and names it in the root. */
  complete(size: number): void {
    const { current: set } = this.kept
    if (set === undefined) return
    for (const definition of this.#missing) runAtOnce(set.build(set.begin(definition), size), {})
    if (this.#missing.length > 0) set.keeper.publish()
    this.#missing = []
    this.#nameInRoot(set.definitions)
  }

  /** Makes durable what the indexes hold, before a journal that they were brought up to date from goes. */
  publish(): void {
    this.kept.current?.keeper.publish()
  }

  /** Whether a page was found damaged, or the disk was full. */
  get needMending(): boolean {
    return this.kept.current?.keeper.needsMending === true
  }
  /** Makes anew what was found damaged, and writes what found no room. */
  async mend(): Promise<void> {
    await this.kept.current?.keeper.checkpoint()
  }

  get definitions(): readonly IndexDefinition[] {
    const set = this.now()
    return this.#isReader ? this.#followed.definitions : (set?.definitions ?? [])
  }

  /** @throws RangeError where there is no such index */
  named(name: string): StoreIndex<S> {
    this.#store.prepare()
    if (this.now()?.has(name) !== true) this.assertExists(name)
    let index = this.#named.get(name)
    if (index === undefined) {
      const { records, version, consistently, together, source } = this.#store
      index = new StoreIndex<S>(name, {
        records,
        path: records.path,
        isFollowing: source().follower !== undefined,
        find: () => this.#find(name),
        epoch: this.#epoch,
        // Both only grow while the epoch is the same: their sum comes once.
        version: () => version() + (this.kept.current?.changes ?? 0),
        numbering: () => source().numbering,
        consistently,
        together,
      })
      this.#named.set(name, index)
    }
    return index
  }

  /** They as they are now; a reader looks for them whenever its store's writer was heard of. */
  now(): IndexSet | undefined {
    const { file, source, options, reader: readerNow } = this.#store
    const reader = readerNow()
    const { follower } = source()
    if (follower === undefined || reader === undefined || this.#seen === reader) {
      return this.kept.current
    }
    const readable = readableIndexes(file(), source(), options)
    this.#followed.refresh(readable, follower.appliedCommit(), reader.state, reader.held)
    if (this.#followed.set !== this.kept.current) this.#epoch.value++
    this.kept.current = this.#followed.set
    this.#seen = reader
    return this.kept.current
  }

  /**
   * Builds an index in turns, told of every change from the call on. `settled` resolves once everything that was committed
   * before the call is in the file. @throws see Store.createIndex
   */
  async create(
    definition: IndexDefinition,
    settled: () => Promise<unknown>,
    options: ProgressOptions,
  ): Promise<void> {
    const { file, source, options: storeOptions, committer: committerNow } = this.#store
    const committer = committerNow() as Committer
    const applied = (): AppliedState => (committerNow() as Committer).applied
    packDefinitions(definitionsText([...this.definitions, definition]))
    this.kept.current ??= newStoreIndexes(file(), source(), storeOptions, applied, this.#keeperCalls)
    const { current: set } = this.kept
    const index = set.begin(definition)
    let steps: Steps<void> | undefined
    try {
      await settled()
      this.#store.prepare()
      steps = set.build(index, committer.applied.size)
      await runInTurns(this.#whileOpen(steps), options)
    } finally {
      // Aborted, it is told so; whether it had begun or not.
      steps?.return()
      set.giveUp(index)
    }
    committer.assertSound()
    this.#epoch.value++
    this.#dropped.delete(definition.name)
    try {
      set.keeper.publish()
      set.keeper.assertWhole()
      this.#nameInRoot(set.definitions)
    } catch (error) {
      set.drop(definition.name)
      throw error
    }
  }

  /**
   * Writes the indexes for the file that compact is about to put in the place of this one. Nothing is staged.
   * @returns undefined where opening that file has to build them
   */
  async renumber(compacted: CompactedStore, { signal }: ProgressOptions): Promise<NextIndexes | undefined> {
    const { current: set } = this.kept
    const { file, options: storeOptions } = this.#store
    const { platform, path } = file()
    const { identity: owner, moved, commitNumber, size, lineage } = compacted
    freeNextIndexName(platform, path, owner)
    if (set === undefined || set.all.length === 0) return undefined
    if (!(await set.keeper.settle())) {
      // Indexes that had to be built again once the new file has the name would meet the same full disk.
      if (isFullDisk(set.keeper.failure)) throw set.keeper.failure
      return undefined
    }
    const windows = indexWindows(storeOptions)
    const steps = renumberIndexes(set, {
      platform,
      path,
      owner,
      windows,
      moved,
      commit: { commitNumber, size, lineage },
    })
    try {
      return await runInTurns(this.#whileOpen(steps), signal === undefined ? {} : { signal })
    } catch (error) {
      if (error instanceof StrideError && error.code === 'ERR_STRIDE_CORRUPT') return undefined
      throw error
    } finally {
      // Ended by the signal or by closing, it is told so.
      steps.return(undefined as never)
    }
  }

  /**
   * Compact is about to put another file in the place of this one.
   * @param moved the new number of each record, below 0 where there is none; undefined where another process compacted
   */
  renumbered(moved: Float64Array | undefined): void {
    this.#store.source().numbering.end(moved)
  }

  /** @throws RangeError where there is no such index */
  assertExists(name: string): void {
    this.#store.prepare()
    const { definitions } = this
    if (definitions.some(definition => definition.name === name)) return
    throw unknownIndex(
      name,
      definitions.map(definition => definition.name),
    )
  }

  /** Once the root no longer names it, it is gone; a full disk may leave its pages until the next checkpoint. @throws ERR_STRIDE_IO */
  drop(name: string): void {
    const { current: set } = this.kept
    if (set === undefined) throw unknownIndex(name, [])
    set.get(name)
    this.#nameInRoot(set.definitions.filter(definition => definition.name !== name))
    set.drop(name)
    this.#dropped.add(name)
    this.#epoch.value++
    set.keeper.publish()
  }

  /** Makes durable which indexes the store has. @throws whatever poisons */
  #nameInRoot(definitions: readonly IndexDefinition[]): void {
    const committer = this.#store.committer() as Committer
    const text = definitionsText(definitions)
    if (text !== committer.definitions) committer.storeDefinitionsSync(text)
  }

  /** Lets go of them; the store may open others. */
  close(): void {
    if (this.#followed.set === undefined) this.kept.current?.close()
    this.#followed.forget()
    this.kept.current = undefined
    this.#epoch.value++
    this.#seen = undefined
  }

  /** Ends work that goes on when the store is closed. */
  *#whileOpen<T>(steps: Steps<T>): Steps<T> {
    for (;;) {
      this.#store.prepare()
      const step = steps.next()
      if (step.done === true) return step.value
      yield step.value
    }
  }

  #find(name: string): KeyIndex {
    this.#store.prepare()
    const set = this.now()
    if (set?.has(name) === true) return set.get(name)
    this.assertExists(name)
    const { path } = this.#store.records
    const why = set === undefined ? this.#followed.reason : 'the index file does not have it'
    const message = `The index '${name}' of ${path} has to be built: ${why}`
    throw new StrideError('ERR_STRIDE_INDEX_NOT_BUILT', message, { path })
  }

  get #isReader(): boolean {
    return this.#store.source().follower !== undefined
  }

  readonly #keeperCalls: KeeperCalls = {
    published: () => this.#store.committer()?.republish(),
    failed: error => this.#store.committer()?.fail(error),
  }
}
