/**
 * How are the indexes of a store opened, created, dropped and rewritten by the process that writes it?
 *
 *   D10  the store's root says which indexes there are, durably before a call that created or dropped one returns. An index is named
 *        there after its pages and the name of its file are durable, and its name is removed before its pages are freed.
 * Finding them by name: named-indexes.ts. Their parts: indexes/.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { Committer } from '../commit/committer.ts'
import { packDefinitions } from '../format/definitions-bytes.ts'
import type { AppliedState } from '../format/root.ts'
import { definitionsText, type IndexDefinition } from '../indexes/keys/index-definition.ts'
import { type IndexCheckpointCalls, isFullDisk } from '../indexes/lifecycle/index-checkpointer.ts'
import { IndexRelay } from '../indexes/lifecycle/index-relay.ts'
import { type IndexSet, unknownIndex } from '../indexes/lifecycle/index-set.ts'
import { freeNextIndexName } from '../indexes/lifecycle/next-index-file.ts'
import { type CompactedStore, type NextIndexes, renumberIndexes } from '../indexes/lifecycle/renumber.ts'
import type { RebuiltIndex } from '../recovery/recovery.ts'
import type { ProgressOptions } from '../steps/progress-options.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { runInTurns, type Steps } from '../steps/steps.ts'
import { syncNamesAgain } from '../whole-files/sync-names-again.ts'
import type { SessionIndexes, SessionSettings } from './session.ts'
import type { StoreFile } from './store-file.ts'
import { indexWindows, newStoreIndexes, openStoreIndexes } from './writing-parts.ts'

/** The session, as far as indexes need it. */
interface IndexedSession {
  readonly file: StoreFile
  readonly applied: AppliedState
}

export class WriterIndexes<S extends AnySchema> implements SessionIndexes {
  /** Passes on staged records from the writer, and checkpoints from the checkpointer. */
  readonly relay = new IndexRelay()
  /** Undefined before recovery is finished. */
  committer: Committer | undefined
  readonly reason = 'the index file does not have it'
  readonly #session: IndexedSession
  readonly #settings: SessionSettings<S>
  #built: readonly RebuiltIndex[] = []
  /** Indexes that the root defines or the opener declares, but that have no pages. */
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
  /** Indexes that opening had to build from the records, and why. */
  get built(): readonly RebuiltIndex[] {
    return this.#built
  }
  /** Forgets the built indexes, since compact caused the building, not a crash. */
  forgetBuilt(): void {
    this.#built = []
  }

  /** Opens the indexes in steps. @returns whether `complete` has work that writes to the file */
  *open(): QuietSteps<boolean> {
    const { reading, options, declared, pace } = this.#settings
    const { file } = this.#session
    const wanted = [...declared.values()]
    const { source } = reading
    const calls = this.#checkpointCalls
    const opened = yield* openStoreIndexes(file, source, options, wanted, this.#applied, calls, pace)
    this.relay.current = opened?.set
    this.#built = opened?.rebuilt ?? []
    this.#missing = opened?.missing ?? []
    const definitions = definitionsText([...(opened?.set.definitions ?? []), ...this.#missing])
    packDefinitions(definitions)
    return opened !== undefined && (this.#missing.length > 0 || definitions !== file.root.definitions)
  }

  /** Begins to fold in the background. A turn leaves that to checkpoints, since other writers do not know unpublished pages. */
  beginFolding(): void {
    if (this.#settings.isTurn) this.relay.current?.background.stop()
    else this.relay.current?.background.begin()
  }

  /** Builds the indexes that `open` found missing, in steps, and names them in the root. */
  *complete(): QuietSteps<void> {
    const { current: set } = this.relay
    if (set === undefined) return
    const { size } = this.#session.applied
    for (const definition of this.#missing) {
      for (const _ of set.build(set.begin(definition), size)) yield
    }
    // The pages of an index that was found in the file, and the file's name, may be unsynced: left by a process that ended too early.
    set.checkpointer.publish()
    const { platform, path, identity } = this.#session.file
    syncNamesAgain(platform, path, identity.storeId)
    this.#missing = []
    this.#nameInRoot(set.definitions)
  }

  /** Makes the indexes durable, before the journal ends that they were updated from. */
  publish(): void {
    this.relay.current?.checkpointer.publish()
  }

  /** Whether a page is damaged, or could not be written on a full disk. */
  get needMending(): boolean {
    return this.relay.current?.checkpointer.needsMending === true
  }
  /** Rebuilds damaged indexes, and writes what could not be written on a full disk. */
  async mend(): Promise<void> {
    await this.relay.current?.checkpointer.checkpoint()
  }

  /**
   * Builds an index in turns. It receives the keys of all changes from the call on. @throws as Store.createIndex
   * @param settled resolves once all commits before the call are in the file
   */
  async create(
    definition: IndexDefinition,
    settled: () => Promise<unknown>,
    options: ProgressOptions,
  ): Promise<void> {
    const { reading, options: storeOptions, epoch, pace } = this.#settings
    const { file } = this.#session
    const committer = this.committer as Committer
    packDefinitions(definitionsText([...this.definitions, definition]))
    this.relay.current ??= newStoreIndexes(
      file,
      reading.source,
      storeOptions,
      this.#applied,
      this.#checkpointCalls,
      pace,
    )
    const { current: set } = this.relay
    if (this.#settings.isTurn) set.background.stop()
    const index = set.begin(definition)
    let steps: Steps<void> | undefined
    try {
      await settled()
      reading.prepare()
      steps = set.build(index, committer.applied.size)
      await runInTurns(this.#whileOpen(steps), options)
    } catch (error) {
      if (set.file.failure !== undefined) committer.fail(set.file.failure)
      throw error
    } finally {
      // The steps must end if the work is aborted, even if they had not begun.
      steps?.return()
      set.giveUp(index)
    }
    epoch.value++
    try {
      // A fold in the background may have failed meanwhile.
      committer.assertSound()
      set.checkpointer.publish()
      set.checkpointer.assertWhole()
      this.#nameInRoot(set.definitions)
    } catch (error) {
      set.drop(definition.name)
      throw error
    }
  }

  /**
   * Writes the indexes of the file with which compact will replace this one. Nothing is staged.
   * @returns undefined if opening that file has to build them
   */
  async renumber(compacted: CompactedStore, { signal }: ProgressOptions): Promise<NextIndexes | undefined> {
    const { current: set } = this.relay
    const { platform, path } = this.#session.file
    const { identity: owner, moved, commitNumber, size, lineage } = compacted
    freeNextIndexName(platform, path, owner)
    if (set === undefined || set.all.length === 0) return undefined
    if (!(await set.checkpointer.settle())) {
      // Building the indexes after the rename would find the same full disk.
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
      // The steps must end if the signal or closing ends the work.
      steps.return(undefined as never)
    }
  }

  /**
   * Drops an index by removing it from the root. On a full disk its pages may stay until the next checkpoint.
   * @throws ERR_STRIDE_IO; RangeError if there is none of this name
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

  /** Makes the definitions of the store's indexes durable. @throws errors that poison the store */
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

  /** Runs steps that end when the store is closed. */
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
    isWriting: () => this.committer?.isUsable === true,
  }
}
