/**
 * The indexes of a store that this process writes: opened with it, created and dropped later, and rewritten by compact.
 *
 *   D10  the store's root says which indexes there are, durably before a call that created or dropped one returns: an index is
 *        named there after its pages are durable, and is no longer named before they are given up.
 * How they are found by name: named-indexes.ts. What they are made of: indexes/.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { Committer } from '../commit/committer.ts'
import type { ProgressOptions } from '../file/progress-options.ts'
import type { QuietSteps } from '../file/steps.ts'
import { runInTurns, type Steps } from '../file/steps.ts'
import { type AppliedState, packDefinitions } from '../format/root.ts'
import { definitionsText, type IndexDefinition } from '../indexes/keys/index-definition.ts'
import { type IndexCheckpointCalls, isFullDisk } from '../indexes/upkeep/index-checkpointer.ts'
import { IndexRelay } from '../indexes/upkeep/index-relay.ts'
import { type IndexSet, unknownIndex } from '../indexes/upkeep/index-set.ts'
import { freeNextIndexName } from '../indexes/upkeep/next-index-file.ts'
import { type CompactedStore, type NextIndexes, renumberIndexes } from '../indexes/upkeep/renumber.ts'
import type { RebuiltIndex } from '../recovery/recovery.ts'
import type { SessionIndexes, SessionSettings } from './session.ts'
import type { StoreFile } from './store-file.ts'
import { indexWindows, newStoreIndexes, openStoreIndexes } from './writing-parts.ts'

/** The session that they belong to. */
interface IndexedSession {
  readonly file: StoreFile
  readonly applied: AppliedState
}

export class WriterIndexes<S extends AnySchema> implements SessionIndexes {
  /** What the writer tells of staged records, and the checkpointer of checkpoints. */
  readonly relay = new IndexRelay()
  /** None before recovery is through. */
  committer: Committer | undefined
  readonly reason = 'the index file does not have it'
  readonly #session: IndexedSession
  readonly #settings: SessionSettings<S>
  #built: readonly RebuiltIndex[] = []
  /** What opening found that the root defines or the opener declares, without pages. */
  #missing: readonly IndexDefinition[] = []

  constructor(session: IndexedSession, settings: SessionSettings<S>) {
    this.#session = session
    this.#settings = settings
  }

  get current(): IndexSet | undefined {
    return this.relay.current
  }
  now(): IndexSet | undefined {
    return this.relay.current
  }
  get definitions(): readonly IndexDefinition[] {
    return this.relay.current?.definitions ?? []
  }
  /** Those that opening had to build from the records, and why. */
  get built(): readonly RebuiltIndex[] {
    return this.#built
  }
  /** The rebuilding was asked for, and is no recovery. */
  forgetBuilt(): void {
    this.#built = []
  }

  /** Opens them, in steps. @returns whether `complete` has something to do, for which the file has to be written */
  *open(): QuietSteps<boolean> {
    const { reading, options, declared } = this.#settings
    const { file } = this.#session
    const wanted = [...declared.values()]
    const { source } = reading
    const opened = yield* openStoreIndexes(file, source, options, wanted, this.#applied, this.#checkpointCalls)
    this.relay.current = opened?.set
    this.#built = opened?.rebuilt ?? []
    this.#missing = opened?.missing ?? []
    const definitions = definitionsText([...(opened?.set.definitions ?? []), ...this.#missing])
    packDefinitions(definitions)
    return opened !== undefined && (this.#missing.length > 0 || definitions !== file.root.definitions)
  }

  /** Builds what `open` found missing, and names it in the root; in steps. */
  *complete(): QuietSteps<void> {
    const { current: set } = this.relay
    if (set === undefined) return
    const { size } = this.#session.applied
    for (const definition of this.#missing) {
      for (const _ of set.build(set.begin(definition), size)) yield
    }
    // Also an index that was found in the file may have been left there unsynced, by a process that ended before it named it.
    set.checkpointer.publish()
    this.#missing = []
    this.#nameInRoot(set.definitions)
  }

  /** Makes durable what the indexes hold, before a journal that they were brought up to date from goes. */
  publish(): void {
    this.relay.current?.checkpointer.publish()
  }

  /** Whether a page was found damaged, or the disk was full. */
  get needMending(): boolean {
    return this.relay.current?.checkpointer.needsMending === true
  }
  /** Rebuilds damaged indexes, and writes what a full disk kept from being written. */
  async mend(): Promise<void> {
    await this.relay.current?.checkpointer.checkpoint()
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
    const { reading, options: storeOptions, epoch } = this.#settings
    const { file } = this.#session
    const committer = this.committer as Committer
    packDefinitions(definitionsText([...this.definitions, definition]))
    this.relay.current ??= newStoreIndexes(
      file,
      reading.source,
      storeOptions,
      this.#applied,
      this.#checkpointCalls,
    )
    const { current: set } = this.relay
    const index = set.begin(definition)
    let steps: Steps<void> | undefined
    try {
      await settled()
      reading.prepare()
      steps = set.build(index, committer.applied.size)
      await runInTurns(this.#whileOpen(steps), options)
    } finally {
      // Aborted, it is told so; whether it had begun or not.
      steps?.return()
      set.giveUp(index)
    }
    committer.assertSound()
    epoch.value++
    try {
      set.checkpointer.publish()
      set.checkpointer.assertWhole()
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
    const { current: set } = this.relay
    const { platform, path } = this.#session.file
    const { identity: owner, moved, commitNumber, size, lineage } = compacted
    freeNextIndexName(platform, path, owner)
    if (set === undefined || set.all.length === 0) return undefined
    if (!(await set.checkpointer.settle())) {
      // Indexes that had to be built again once the new file has the name would meet the same full disk.
      if (isFullDisk(set.checkpointer.failure)) throw set.checkpointer.failure
      return undefined
    }
    const windows = indexWindows(this.#settings.options)
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
   * Once the root no longer names it, it is gone; a full disk may leave its pages until the next checkpoint.
   * @throws ERR_STRIDE_IO; RangeError where there is none of this name
   */
  drop(name: string): void {
    const { current: set } = this.relay
    if (set === undefined) throw unknownIndex(name, [])
    set.get(name)
    this.#nameInRoot(set.definitions.filter(definition => definition.name !== name))
    set.drop(name)
    this.#settings.declared.delete(name)
    this.#settings.epoch.value++
    set.checkpointer.publish()
  }

  /** Makes durable which indexes the store has. @throws whatever poisons */
  #nameInRoot(definitions: readonly IndexDefinition[]): void {
    const committer = this.committer as Committer
    const text = definitionsText(definitions)
    if (text !== committer.definitions) committer.storeDefinitionsSync(text)
  }

  close(): void {
    this.relay.current?.close()
    this.relay.current = undefined
    this.#settings.epoch.value++
  }

  /** Ends work that goes on when the store is closed. */
  *#whileOpen<T>(steps: Steps<T>): Steps<T> {
    for (;;) {
      this.#settings.reading.prepare()
      const step = steps.next()
      if (step.done === true) return step.value
      yield step.value
    }
  }

  readonly #applied = (): AppliedState => this.#session.applied

  readonly #checkpointCalls: IndexCheckpointCalls = {
    published: () => this.committer?.republish(),
    failed: error => this.committer?.fail(error),
  }
}
