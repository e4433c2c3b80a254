/**
 * Commits in order: frames into the journal, a sync, and only then changes into the file.
 *
 * What a commit takes is sealed at the call. Frames that wait are one group and share a sync; those that come during it share the next.
 *   D3  a change is put into the file only after the sync that covers its frame.
 *   D4  records beyond the committed end are in the file already; where no frame holds them they are synced first.
 *   D5  a failed store or sync poisons: every pending and later commit fails, nothing is retried, and reads show the
 *       last acknowledged commit.
 * What a commit is: seal.ts. What is written together: commit-queue.ts. How far commits have come: commit-progress.ts. Who takes
 * them on in the background: commit-rounds.ts. Where frames go: journal/journal.ts. When the journal is emptied: checkpointer.ts.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { Applier } from '../data-file/apply.ts'
import { DirtyRanges } from '../data-file/dirty-ranges.ts'
import { RootWriter } from '../data-file/root-writer.ts'
import type { Space, SpaceState } from '../data-file/space.ts'
import { packDefinitions } from '../format/definitions-bytes.ts'
import type { AppliedState, Root } from '../format/root.ts'
import { FrameChanges } from '../journal/frame-changes.ts'
import type { KeySpans } from '../journal/frame-encode.ts'
import type { Journal } from '../journal/journal.ts'
import type { Publisher } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import { type Protocol, runBlocking } from '../steps/protocol.ts'
import { Admission } from './admission.ts'
import { Checkpointer, type Companion } from './checkpointer.ts'
import { CommitProgress, type CommitStats, revertStaging } from './commit-progress.ts'
import { type CommitGroup, CommitQueue, loadOf, memoryOf } from './commit-queue.ts'
import { CommitRounds, type RoundOwner } from './commit-rounds.ts'
import type { Durability } from './commit-waiters.ts'
import { DataSyncs } from './data-syncs.ts'
import { JournalLife } from './journal-life.ts'
import { JournalRoom } from './journal-room.ts'
import { Poisoning } from './poisoning.ts'
import { Sealer } from './seal.ts'
import { StatePublication } from './state-publication.ts'
import { TailStore } from './tail-store.ts'

export interface CommitterParts {
  readonly file: PlatformFile
  readonly locator: Locator
  readonly publisher: Publisher
  readonly root: Root
  readonly journalBytes: number
  /** Creates the journal, at the first commit. */
  readonly createJournal: () => Journal
  /** Called whenever committed bytes or counts changed. */
  readonly changed: () => void
  /** Called once a store or a sync failed: what is published may be half there, and nothing more follows. */
  readonly failed: () => void
  /** What is brought up to date beside the file, if there is something. */
  readonly companion?: Companion | undefined
  /** The bytes of each key that indexes have now. */
  readonly keySpans: () => KeySpans
}

/** Bytes of memory that may wait for a sync behind commits that did not wait for it. */
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
  /** Commits whose frames wait to be written. */
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
    const { root, file, locator, publisher, companion, createJournal: create } = parts
    const dirty = new DirtyRanges()
    const roots = new RootWriter(file, root)
    const spaceState = (): SpaceState => this.#spaceState
    const syncData = (): void => this.#syncData()
    this.#roots = roots
    this.#tailStore = new TailStore(file, locator, dirty)
    this.#applier = new Applier(locator, dirty)
    this.#queue = new CommitQueue(parts.journalBytes)
    this.#progress = new CommitProgress(root)
    this.#rounds = new CommitRounds(this)
    this.#poisoning = new Poisoning(file.path, error => this.#fail(error))
    this.#journals = new JournalLife({ roots, create, spaceState, syncData, companion })
    const wait = (): Promise<void> => this.#dataSyncs.syncAsync(this.#progress.applied.commitNumber)
    const isIdle = (): boolean => this.#queue.isEmpty
    const dataSync = { block: syncData, wait }
    this.#checkpointer = new Checkpointer({ file, roots, dirty, spaceState, dataSync, isIdle, companion })
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
    this.#dataSyncs = new DataSyncs(file, dirty, () => this.#spaceState.capacity, root.commitNumber)
  }

  /** The room that a commit may have to make; set once, since both need each other. */
  attachSpace(space: Space): void {
    this.#admission.space = space
  }

  /** The number of the last commit that was acknowledged. */
  get commitNumber(): number {
    return this.#progress.acknowledgedTo
  }
  /** The number of the last commit that survives the loss of power. */
  get durableCommitNumber(): number {
    return this.#progress.applied.commitNumber
  }
  /** The number of the last commit that was sealed: what is staged next comes after it. */
  get sealedCommitNumber(): number {
    return this.#progress.sealed.commitNumber
  }
  /** Deleted records, by the commits sealed so far. */
  get deletedCount(): number {
    return this.#progress.sealed.deletedCount
  }
  /** What is committed and in the file. */
  get applied(): AppliedState {
    return this.#progress.applied
  }
  /** What committing cost since opening. */
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

  /** Stores the staged tail behind the committed end; a failure other than a full disk poisons. */
  storeTail(): void {
    this.#poisoning.guardSpace(() => this.#tailStore.store(true))
  }

  /** Seals what is staged, and resolves once it is as durable as asked. */
  commit(durability: Durability): Promise<number> {
    this.assertSound()
    this.#admission.admit()
    return this.#when(this.#progress.sealed.commitNumber, durability)
  }

  /** The same, blocking. */
  commitSync(durability: Durability): number {
    this.assertSound()
    const progress = this.#progress
    const isEmpty = !this.#admission.admit()
    const isDone = isEmpty && progress.isDone(progress.sealed.commitNumber, durability)
    if (!isDone) this.#poisoning.guard(() => this.#advanceSync(durability))
    progress.acknowledgeSealed()
    this.#parts.companion?.committed()
    if (this.hasWork) this.#rounds.start()
    return progress.acknowledgedTo
  }

  /** Resolves once everything sealed so far is durable; what is only staged is not touched. */
  flush(): Promise<number> {
    this.assertSound()
    return this.#when(this.#progress.sealed.commitNumber, 'full')
  }

  /** Brings everything committed into the file itself, durably; the journal is empty then. */
  async checkpoint(): Promise<void> {
    const target = this.#progress.sealed.commitNumber
    await this.flush()
    await this.#room.checkpoint(target)
  }

  /** The file behind this store is another one now, and that failed half-way: nothing more is written. */
  fail(error: unknown): void {
    this.#poisoning.poison(error)
  }

  /** Stores a root with the present room and waits for it; everything in the file is synced before. */
  publishRoomSync(): void {
    this.assertSound()
    this.#poisoning.guard(() => this.#publication.storeRoom())
  }

  /** The definitions of the store's indexes, as JSON. */
  get definitions(): string {
    return this.#roots.root.definitions
  }

  /** Makes other definitions durable, in both roots. @throws ERR_STRIDE_LIMIT, with nothing changed; whatever poisons */
  storeDefinitionsSync(definitions: string): void {
    this.assertSound()
    packDefinitions(definitions)
    this.#poisoning.guard(() => this.#publication.storeDefinitions(definitions))
    this.republish()
  }

  /** Tells readers to look again: something beside the file is new. */
  republish(): void {
    if (this.isUsable) this.#publication.publishAgain()
  }

  /** Resolves once no commit is in flight. */
  async drain(): Promise<void> {
    await this.#rounds.settle()
    await this.#checkpointer.running?.catch(() => undefined)
  }

  /** Finishes the commits in flight, and leaves a file that needs no journal. Twice is fine. */
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

  /** Finishes the commits in flight and ends the journal: the file alone holds everything. The next commit begins another. */
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
   * Writes the sealed commits, group by group: room, data sync, frames. What was written is then synced and put into the file: after
   * each group, or where the journal has no room, or by the caller.
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

  /** All of it, blocking: until everything sealed is written, and for 'full' synced and in the file. */
  #advanceSync(durability: Durability): void {
    runBlocking(this.#advance(false))
    if (durability === 'full' || this.#unsyncedBytes > UNSYNCED_BYTES_MAX) runBlocking(this.#syncWritten())
  }

  /** The sync of what was written; only then do its changes go into the file (D3). */
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

  /** Commits up to this one are synced: their changes go into the file. */
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
    // Only now, so that a failure before finds them as commits that may be in the file in part.
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

  /** What room there is, as the next root would say. */
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

  /** Reads show the last acknowledged commit from now on, and whoever waits is told. */
  #fail(error: unknown): void {
    this.#checkpointer.stop()
    this.#progress.acknowledge()
    try {
      this.#revert()
    } finally {
      this.#rounds.rejectAll(error)
      this.#progress.rejectAll(error)
      this.#parts.failed()
    }
  }

  #revert(): void {
    const { locator, changed } = this.#parts
    revertStaging(locator.staging, this.#progress.revert())
    this.#queue.clear()
    changed()
  }
}
