/**
 * The order of a commit: its frame is written to the journal, the journal is synced, and only then its changes are applied to the file.
 *
 * The staged changes are sealed at the call. Frames that are waiting form a group and share a sync (group commit).
 *   D3  a change is stored in the file only after the sync that covers its frame.
 *   D4  records beyond the committed end are in the file already; if no frame contains them, they are synced before the frame is written.
 *   D5  a failed store or sync poisons: every pending and later commit fails, nothing is retried, and reads show the last acknowledged
 *       commit.
 * Sealing: seal.ts. Groups: commit-queue.ts. Stages: commit-progress.ts. Background: commit-rounds.ts. Frames: journal/journal.ts.
 */

import { StrideError } from '../../errors.ts'
import { Applier } from '../data-file/apply.ts'
import { DirtyRanges } from '../data-file/dirty-ranges.ts'
import type { RootWriter } from '../data-file/root-writer.ts'
import type { Space, SpaceState } from '../data-file/space.ts'
import { packDefinitions } from '../format/definitions-bytes.ts'
import type { AppliedState, Root } from '../format/root.ts'
import { FrameChanges } from '../journal/frame-changes.ts'
import type { Journal } from '../journal/journal.ts'
import { type Protocol, runBlocking } from '../steps/protocol.ts'
import { Admission } from './admission.ts'
import { Checkpointer } from './checkpointer.ts'
import { CommitProgress, type CommitStats, revertStaging } from './commit-progress.ts'
import { type CommitGroup, CommitQueue, loadOf, memoryOf } from './commit-queue.ts'
import { CommitRounds, type RoundOwner } from './commit-rounds.ts'
import type { Durability } from './commit-waiters.ts'
import type { CommitterParts } from './committer-parts.ts'
import { DataSyncs } from './data-syncs.ts'
import { JournalLife } from './journal-life.ts'
import { JournalRoom } from './journal-room.ts'
import { Poisoning } from './poisoning.ts'
import { Sealer } from './seal.ts'
import { StatePublication } from './state-publication.ts'
import { TailStore } from './tail-store.ts'

/** Memory limit of the unsynced commits of `commitSync` with durability 'process'. Beyond it the next one syncs. */
const UNSYNCED_BYTES_MAX = 4 * 1024 * 1024

export class Committer implements RoundOwner {
  readonly #parts: CommitterParts
  readonly #roots: RootWriter
  readonly #tailStore: TailStore
  readonly #admission: Admission
  readonly #applier: Applier
  readonly #checkpointer: Checkpointer
  readonly #dataSyncs: DataSyncs
  readonly #journals: JournalLife
  /** Commits whose frames are not written yet. */
  readonly #queue: CommitQueue
  readonly #progress: CommitProgress
  readonly #poisoning: Poisoning
  readonly #rounds: CommitRounds
  readonly #room: JournalRoom
  readonly #publication: StatePublication
  #unsyncedBytes = 0
  #closed = false

  constructor(parts: CommitterParts) {
    this.#parts = parts
    const { root, roots, file, locator, publisher, companion, journal, createJournal: create } = parts
    const dirty = new DirtyRanges()
    const spaceState = (): SpaceState => this.#spaceState
    const syncData = (): void => this.#syncData()
    this.#roots = roots
    this.#tailStore = new TailStore(file, locator, dirty)
    this.#applier = new Applier(locator, dirty)
    this.#queue = new CommitQueue(parts.journalBytes)
    this.#progress = new CommitProgress(root)
    this.#rounds = new CommitRounds(this)
    this.#poisoning = new Poisoning(file.path, error => this.#fail(error))
    this.#journals = new JournalLife({ roots, create, spaceState, syncData, companion, journal })
    const wait = (): Promise<void> => this.#dataSyncs.syncAsync(this.#progress.applied.commitNumber)
    const checkpoints = { file, roots, dirty, spaceState, dataSync: { block: syncData, wait }, companion }
    this.#checkpointer = new Checkpointer({ ...checkpoints, isIdle: () => this.#queue.isEmpty })
    const shared = {
      roots,
      owner: this,
      queue: this.#queue,
      progress: this.#progress,
      rounds: this.#rounds,
      poisoning: this.#poisoning,
      journals: this.#journals,
    }
    this.#publication = new StatePublication({ ...shared, publisher, spaceState, syncData })
    const { staging, pool } = locator
    const sealer = new Sealer(locator, this.#tailStore, parts.keySpans)
    this.#admission = new Admission({ ...shared, staging, sealer, checkSize: () => pool.checkSizeOnce() })
    this.#room = new JournalRoom({ ...shared, checkpointer: this.#checkpointer })
    this.#dataSyncs = new DataSyncs(file, dirty, () => this.#spaceState.capacity, root)
  }

  /** Sets the Space, after construction since each needs the other. */
  attachSpace(space: Space): void {
    this.#admission.space = space
  }

  /** The number of the last acknowledged commit. */
  get commitNumber(): number {
    return this.#progress.acknowledgedTo
  }
  /** The number of the last commit that survives the loss of power. */
  get durableCommitNumber(): number {
    return this.#progress.applied.commitNumber
  }
  /** The number of the last sealed commit. */
  get sealedCommitNumber(): number {
    return this.#progress.sealed.commitNumber
  }
  /** Deleted records after the last sealed commit. */
  get deletedCount(): number {
    return this.#progress.sealed.deletedCount
  }
  /** The committed state that is in the file. */
  get applied(): AppliedState {
    return this.#progress.applied
  }
  /** Counters since opening. */
  get stats(): CommitStats {
    return {
      syncs: this.#dataSyncs.count + this.#journals.syncs,
      commits: this.#admission.count,
      checkpoints: this.#checkpointer.count,
      commitWaits: this.#room.waits,
      journalBytes: this.#journals.bytes,
    }
  }

  /** @throws ERR_STRIDE_POISONED once a store or a sync failed */
  assertSound(): void {
    this.#poisoning.assert()
  }

  /** Stores the staged tail behind the committed end. A failure other than a full disk poisons. */
  storeTail(): void {
    this.#poisoning.guardSpace(() => this.#tailStore.store(true))
  }

  /** Seals the staged changes, and resolves once they have the requested durability. */
  commit(durability: Durability): Promise<number> {
    this.assertSound()
    this.#admission.admit()
    return this.#when(this.#progress.sealed.commitNumber, durability)
  }

  /** Like `commit`, but blocks until it is done. */
  commitSync(durability: Durability): number {
    this.assertSound()
    this.#admission.admit()
    return this.flushSync(durability)
  }

  /** Blocks until all sealed commits have that durability. */
  flushSync(durability: Durability): number {
    this.assertSound()
    const progress = this.#progress
    const isDone = progress.isDone(progress.sealed.commitNumber, durability)
    if (!isDone) this.#poisoning.guard(() => this.#advanceSync(durability))
    progress.acknowledgeSealed()
    this.#parts.companion?.committed()
    if (this.hasWork) this.#rounds.start()
    return progress.acknowledgedTo
  }

  /** Resolves once all sealed commits are durable. Staged changes stay staged. */
  flush(): Promise<number> {
    this.assertSound()
    return this.#when(this.#progress.sealed.commitNumber, 'full')
  }

  /** Makes all sealed commits durable in the file itself, and frees their frames. */
  async checkpoint(): Promise<void> {
    const target = this.#progress.sealed.commitNumber
    await this.flush()
    await this.#room.checkpoint(target)
  }

  /** Poisons, when replacing the store's file has failed half-way. */
  fail(error: unknown): void {
    this.#poisoning.poison(error)
  }

  /** Syncs the file, and stores a root with the present capacity, durably. Blocks. */
  publishRoomSync(): void {
    this.assertSound()
    this.#poisoning.guard(() => this.#publication.storeRoom())
  }

  /** The definitions of the store's indexes, as JSON. */
  get definitions(): string {
    return this.#roots.root.definitions
  }

  /** Makes changed definitions durable, in both roots. @throws ERR_STRIDE_LIMIT, with nothing changed; other errors poison */
  storeDefinitionsSync(definitions: string): void {
    this.assertSound()
    packDefinitions(definitions)
    this.#poisoning.guard(() => this.#publication.storeDefinitions(definitions))
    this.republish()
  }

  /** Changes the shared sequence, so that readers reload: the index file has changed. */
  republish(): void {
    if (this.isUsable) this.#publication.publishAgain()
  }

  /** Resolves once no commit is in flight. */
  async drain(): Promise<void> {
    await this.#rounds.settle()
    await this.#checkpointer.running?.catch(() => undefined)
  }

  /** Finishes the commits in flight, ends the journal and closes the file. Idempotent. */
  close(): void {
    if (this.#closed) return
    try {
      if (!this.#poisoning.isPoisoned) this.#poisoning.guard(() => this.#endJournal())
    } finally {
      this.#closed = true
      this.#checkpointer.stop()
      this.#journals.close()
      this.#parts.file.close()
    }
  }

  /**
   * Finishes the commits in flight at the end of a turn. Journal and file stay open, for the next turn.
   * @returns the root in the file and the journal; undefined after a failure
   */
  async retire(): Promise<{ readonly root: Root; readonly journal: Journal | undefined } | undefined> {
    await this.#rounds.settle()
    this.#closed = true
    this.#checkpointer.stop()
    await this.#checkpointer.running?.catch(() => undefined)
    try {
      // The next writer takes the published capacity for durable.
      if (!this.#poisoning.isPoisoned && !this.#dataSyncs.isRoomSynced) await this.#dataSyncs.syncAsync(0)
    } catch (error) {
      this.#poisoning.poison(error)
    }
    if (this.#poisoning.isPoisoned || this.hasWork) return undefined
    return { root: this.#roots.root, journal: this.#journals.journal }
  }

  /** Finishes the commits in flight and ends the journal: the file alone contains everything. The next commit begins another journal. */
  endJournal(): void {
    this.assertSound()
    this.#poisoning.guard(() => this.#endJournal())
  }

  #endJournal(): void {
    this.#advanceSync('full')
    if (this.#journals.journal === undefined) return
    this.#checkpointer.stop()
    this.#journals.end(this.#progress.applied)
  }

  #when(commitNumber: number, durability: Durability): Promise<number> {
    const progress = this.#progress
    if (progress.isDone(commitNumber, durability) && !progress.hasWaiters) return Promise.resolve(commitNumber)
    const done = progress.wait(commitNumber, durability)
    this.#rounds.start()
    return done
  }

  /** @internal See RoundOwner. */
  get hasWork(): boolean {
    return !this.#queue.isEmpty || !this.#progress.isSettled
  }
  /** @internal */
  get isSettled(): boolean {
    return this.#progress.isSettled
  }
  /** @internal */
  acknowledge(): void {
    this.#progress.acknowledge()
  }
  /** @internal In the background each group is synced before the next one is written. */
  advance(): Protocol {
    return this.#advance(true)
  }

  /**
   * Writes the sealed commits, group by group: makes room in the journal, syncs records stored in place, writes the frames. The written
   * commits are synced and applied after each group if `syncsEach`; otherwise if the journal has no room, or by the caller.
   */
  *#advance(syncsEach: boolean): Protocol {
    for (let group = this.#queue.first; group !== undefined; group = this.#queue.first) {
      const journal = this.#journals.journal as Journal
      const { length } = group.frames
      if (!journal.takes(length)) {
        if (!this.#progress.isSettled) yield* this.#syncWritten()
        else if (!this.#room.rotate(journal, length)) yield this.#room.free(journal)
        continue
      }
      group.isClosed = true
      if (this.#dataSyncs.areNeededBefore(group.commits)) {
        const upTo = group.commits.at(-1)?.commitNumber ?? 0
        yield { block: () => this.#syncData(), wait: () => this.#dataSyncs.syncAsync(upTo) }
        continue
      }
      this.#write(journal, group)
      if (syncsEach) yield* this.#syncWritten()
    }
    if (syncsEach) yield* this.#syncWritten()
  }

  /** Blocks until all sealed commits are written, and for 'full' until they are synced and applied. */
  #advanceSync(durability: Durability): void {
    runBlocking(this.#advance(false))
    if (durability === 'full' || this.#unsyncedBytes > UNSYNCED_BYTES_MAX) runBlocking(this.#syncWritten())
  }

  /** Syncs the written frames, and only then applies their changes (D3). */
  *#syncWritten(): Protocol {
    const { journal } = this.#journals
    if (journal === undefined || this.#progress.isSettled) return
    const upTo = this.#progress.writtenTo
    yield { block: () => journal.sync(), wait: () => journal.syncAsync() }
    this.#apply(upTo)
  }

  #write(journal: Journal, group: CommitGroup): void {
    const starts = group.commits.map(({ at }) => at)
    journal.write(group.frames, starts, group.admitted, this.#progress.applied.commitNumber, loadOf(group))
    this.#unsyncedBytes += memoryOf(group, this.#parts.locator.staging.recordSize)
    this.#queue.shift()
    this.#progress.write(group.commits)
    this.#progress.acknowledge()
  }

  /** Stores the changes of synced commits in the file. */
  #apply(upTo: number): void {
    const ready = this.#progress.waitingUpTo(upTo)
    const last = ready.at(-1)
    if (last === undefined) return
    const { publisher, locator, changed } = this.#parts
    const { staging } = locator
    publisher.begin(last.commitNumber)
    for (const { encoded, group } of ready)
      this.#applier.apply(new FrameChanges(encoded, group, staging.recordSize))
    const { commitNumber, size, deletedCount } = last
    publisher.publish({ ...this.#spaceState, commitNumber, size, deletedCount })
    // Not earlier: after a failure above, these commits must count as partly in the file.
    const lineage = (this.#journals.journal as Journal).salt
    this.#progress.apply(ready.length, { commitNumber, size, deletedCount, lineage })
    for (const { changes } of ready) staging.applied(changes)
    this.#queue.recycle(last.group)
    changed()
    this.#progress.acknowledge()
    if (this.#progress.isSettled) {
      this.#unsyncedBytes = 0
      this.#rounds.settled()
    }
    this.#room.leaveDueSegment()
  }

  #syncData(): void {
    this.#dataSyncs.sync(this.#progress.sealed.commitNumber)
  }

  /** The present capacity and tables' places, for the next root. */
  get #spaceState(): SpaceState {
    return this.#admission.space?.state ?? this.#roots.root
  }

  /** @internal */
  get isUsable(): boolean {
    return !this.#closed && !this.#poisoning.isPoisoned
  }

  /** @internal @throws ERR_STRIDE_POISONED, _CLOSED */
  assertUsable(): void {
    this.assertSound()
    if (this.#closed) {
      const { path } = this.#parts.file
      throw new StrideError('ERR_STRIDE_CLOSED', `${path} is closed`, { path })
    }
  }

  /** Reverts to the last acknowledged commit, and rejects all waiters. */
  #fail(error: unknown): void {
    this.#checkpointer.stop()
    this.#progress.acknowledge()
    const { locator, changed, failed } = this.#parts
    try {
      revertStaging(locator.staging, this.#progress.revert())
      this.#queue.clear()
      changed()
    } finally {
      this.#rounds.rejectAll(error)
      this.#progress.rejectAll(error)
      failed()
    }
  }
}
