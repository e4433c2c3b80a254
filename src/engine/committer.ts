/**
 * Commits in order: frames into the journal, a sync, and only then changes into the file.
 *
 * What a commit takes is sealed at the call. Frames that wait are written together as one group and share one sync;
 * commits that come during a sync share the next one.
 *   D3  a change is put into the file only after the sync that covers its frame.
 *   D4  records beyond the committed end are in the file already; where no frame holds them they are synced first.
 *   D5  a failed store or sync poisons: every pending and later commit fails, nothing is retried, and reads show the
 *       last acknowledged commit.
 *   C3  commits are acknowledged and put into the file in the order of their numbers.
 * What a commit is: seal.ts. What is written together: commit-queue.ts. Where frames go: journal/journal.ts. When the journal is emptied: checkpointer.ts.
 */

import { StrideError } from '../errors.ts'
import type { PlatformFile } from '../mmap/platform.ts'
import { Applier } from './apply.ts'
import { type AppliedState, Checkpointer } from './checkpointer.ts'
import { type CommitGroup, CommitQueue } from './commit-queue.ts'
import { CommitWaiters, type Durability } from './commit-waiters.ts'
import { DataSyncs } from './data-syncs.ts'
import { DirtyRanges } from './dirty-ranges.ts'
import { replacedBy } from './journal/frame-read.ts'
import type { Journal } from './journal/journal.ts'
import type { Locator } from './locator.ts'
import type { Publisher } from './publication.ts'
import type { Root } from './root.ts'
import { RootKeeper } from './root-keeper.ts'
import { type SealedCommit, Sealer } from './seal.ts'
import type { Space } from './space.ts'
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
}

/** Bytes of frames that may wait for a sync behind commits that did not wait for it. */
const UNSYNCED_BYTES_MAX = 4 * 1024 * 1024

export class Committer {
  readonly #parts: CommitterParts
  readonly #roots: RootKeeper
  readonly #tailStore: TailStore
  readonly #sealer: Sealer
  readonly #applier: Applier
  readonly #checkpointer: Checkpointer
  readonly #dataSyncs: DataSyncs
  /** Commits whose frames wait to be written. */
  readonly #queue: CommitQueue
  readonly #waiters = new CommitWaiters()
  #space: Space | undefined
  #journal: Journal | undefined
  /** Commits whose frames are written, but that are not in the file yet. */
  #written: SealedCommit[] = []
  #round: Promise<void> | undefined

  #sealed: AppliedState
  #applied: AppliedState
  #writtenTo: number
  #acknowledgedTo: number
  #unsyncedBytes = 0
  #failure: unknown
  #closed = false
  #journalSyncsBefore = 0
  commits = 0
  /** How often commits had to wait for a checkpoint. */
  waits = 0

  constructor(parts: CommitterParts) {
    this.#parts = parts
    const { root, file, locator } = parts
    const dirty = new DirtyRanges()
    this.#tailStore = new TailStore(locator, dirty)
    this.#roots = new RootKeeper(file, root)
    this.#sealer = new Sealer(locator, this.#tailStore)
    this.#applier = new Applier(locator, dirty)
    this.#checkpointer = new Checkpointer({
      file,
      roots: this.#roots,
      dirty,
      spaceState: () => this.#space?.state ?? this.#roots.root,
      syncData: () => this.#syncData(),
      syncDataAsync: () => this.#dataSyncs.syncAsync(this.#applied.commitNumber),
      isIdle: () => this.#queue.isEmpty,
    })
    const { commitNumber, size, deletedCount } = root
    this.#queue = new CommitQueue(parts.journalBytes)
    this.#dataSyncs = new DataSyncs(file, () => (this.#space ?? this.#roots.root).capacity, commitNumber)
    this.#sealed = this.#applied = { commitNumber, size, deletedCount }
    this.#writtenTo = this.#acknowledgedTo = commitNumber
  }

  /** The room that a commit may have to make; set once, since both need each other. */
  attachSpace(space: Space): void {
    this.#space = space
  }

  /** The number of the last commit that was acknowledged. */
  get commitNumber(): number {
    return this.#acknowledgedTo
  }
  /** The number of the last commit that survives the loss of power. */
  get durableCommitNumber(): number {
    return this.#applied.commitNumber
  }
  /** Deleted records, by the commits sealed so far. */
  get deletedCount(): number {
    return this.#sealed.deletedCount
  }
  /** What is committed and in the file. */
  get applied(): AppliedState {
    return this.#applied
  }
  /** Syncs asked of the system since opening. */
  get syncs(): number {
    return this.#dataSyncs.count + this.#journalSyncsBefore + (this.#journal?.syncs ?? 0)
  }
  get checkpoints(): number {
    return this.#checkpointer.count
  }
  /** Bytes of frames that a checkpoint would set free. */
  get journalBytes(): number {
    return this.#journal?.bytes ?? 0
  }

  /** @throws ERR_STRIDE_POISONED once a store or a sync failed */
  assertSound(): void {
    if (this.#failure === undefined) return
    const { path } = this.#parts.file
    const message = `An earlier write to ${path} failed; close and reopen it: ${String(this.#failure)}`
    throw new StrideError('ERR_STRIDE_POISONED', message, { path, cause: this.#failure })
  }

  /** Stores the staged tail behind the committed end; a failure other than a full disk poisons. */
  storeTail(): void {
    this.#guardSpace(() => this.#tailStore.store())
  }

  /** Seals what is staged, and resolves once it is as durable as asked. */
  commit(durability: Durability): Promise<number> {
    this.assertSound()
    this.#seal()
    return this.#when(this.#sealed.commitNumber, durability)
  }

  /** The same, blocking. */
  commitSync(durability: Durability): number {
    this.assertSound()
    const isEmpty = !this.#seal()
    if (isEmpty && this.#acknowledgedTo === this.#sealed.commitNumber) return this.#acknowledgedTo
    this.#guard(() => this.#advanceSync(durability))
    this.#acknowledgedTo = this.#sealed.commitNumber
    if (this.#hasWork) this.#startRound()
    return this.#acknowledgedTo
  }

  /** Resolves once everything sealed so far is durable; what is only staged is not touched. */
  flush(): Promise<number> {
    this.assertSound()
    return this.#when(this.#sealed.commitNumber, 'full')
  }

  /** Brings everything committed into the file itself, durably; the journal is empty then. */
  async checkpoint(): Promise<void> {
    await this.flush()
    const journal = this.#journal
    if (journal === undefined || journal.bytes === 0) return
    for (;;) {
      await this.#checkpointer.running
      await this.#settleRounds()
      this.#assertUsable()
      if (this.#checkpointer.running === undefined && !this.#hasWork) break
    }
    this.#guard(() => leave(journal))
    await this.#runCheckpoint(journal, false)
  }

  /** The file behind this store is another one now, and that failed half-way: nothing more is written. */
  fail(error: unknown): void {
    this.#poison(error)
  }

  /** Stores a root with the present room and waits for it; everything in the file is synced before. */
  publishRoomSync(): void {
    this.assertSound()
    this.#guard(() => {
      const room = this.#space?.state ?? this.#roots.root
      this.#syncData()
      this.#roots.store(room)
      this.#syncData()
      this.#parts.publisher.begin()
      this.#publish(this.#applied)
    })
  }

  /** Resolves once no commit is in flight. */
  async drain(): Promise<void> {
    await this.#settleRounds()
    await this.#checkpointer.running?.catch(() => undefined)
  }

  /** Finishes the commits in flight, and leaves a file that needs no journal. Twice is fine. */
  close(): void {
    if (this.#closed) return
    try {
      if (this.#failure === undefined) this.#guard(() => this.#endJournal())
    } finally {
      this.#closed = true
      this.#checkpointer.stop()
      this.#journal?.close()
      this.#parts.file.close()
    }
  }

  /** Finishes the commits in flight and ends the journal: the file alone holds everything. The next commit begins another. */
  endJournal(): void {
    this.assertSound()
    this.#guard(() => this.#endJournal())
  }

  #endJournal(): void {
    this.#advanceSync('full')
    const journal = this.#journal
    if (journal === undefined) return
    this.#checkpointer.stop()
    this.#syncData()
    this.#roots.storeAtRest({ ...this.#applied, ...(this.#space?.state ?? {}) }, () => this.#syncData())
    this.#journalSyncsBefore += journal.syncs
    this.#journal = undefined
    try {
      journal.remove()
    } catch {
      // No root names it any more: the next writer removes it.
    }
  }

  /** @returns whether there was something to seal */
  #seal(): boolean {
    const { staging } = this.#parts.locator
    if (staging.isEmpty) return false
    const bytesMax = this.#sealer.frameBytesMax()
    if (staging.hasDeletions) this.#space?.ensureLiveBits()
    const journal = this.#startJournal()
    journal.admit(bytesMax)
    const group = this.#queue.open(bytesMax)
    const commit = this.#sealInto(group, journal, bytesMax)
    group.commits.push(commit)
    group.admitted.push(bytesMax)
    const { commitNumber, size, deletedCount } = commit
    this.#sealed = { commitNumber, size, deletedCount }
    this.commits++
    return true
  }

  #sealInto(group: CommitGroup, journal: Journal, admitted: number): SealedCommit {
    const { commitNumber, deletedCount } = this.#sealed
    try {
      return this.#guardSpace(() => this.#sealer.seal(commitNumber + 1, deletedCount, group.frames))
    } catch (error) {
      journal.forgo(admitted)
      this.#queue.forgo(group)
      throw error
    }
  }

  #startJournal(): Journal {
    if (this.#journal !== undefined) return this.#journal
    const journal = this.#parts.createJournal()
    this.#journal = journal
    this.#guard(() => {
      // Growth since opening is in no root yet; it is synced with this one.
      this.#syncData()
      this.#roots.store({ ...(this.#space?.state ?? {}), ...journal.place })
      this.#syncData()
    })
    return journal
  }

  #when(commitNumber: number, durability: Durability): Promise<number> {
    if (this.#isDone(commitNumber, durability) && this.#waiters.isEmpty) return Promise.resolve(commitNumber)
    const done = this.#waiters.add(commitNumber, durability)
    this.#startRound()
    return done
  }

  #isDone(commitNumber: number, durability: Durability): boolean {
    return commitNumber <= (durability === 'full' ? this.#applied.commitNumber : this.#writtenTo)
  }

  #startRound(): void {
    this.#round ??= this.#runRounds().finally(() => {
      this.#round = undefined
      if (this.#hasWork && this.#failure === undefined && !this.#closed) this.#startRound()
    })
  }

  get #hasWork(): boolean {
    return !this.#queue.isEmpty || this.#writtenTo > this.#applied.commitNumber
  }

  async #runRounds(): Promise<void> {
    try {
      // Commits of the same event-loop turn share the first round.
      await Promise.resolve()
      this.#acknowledge()
      while (this.#hasWork && !this.#closed && this.#failure === undefined) await this.#advance()
    } catch (error) {
      this.#poison(error)
    }
  }

  /** One step of a round: room, data sync, frames, sync; whatever is next. */
  async #advance(): Promise<void> {
    const journal = this.#journal as Journal
    const group = this.#queue.first
    if (group !== undefined && !journal.fits(group.frames.length) && this.#allSynced) {
      if (this.#rotate(journal, group.frames.length)) return
      this.waits++
      leave(journal)
      await this.#runCheckpoint(journal, false)
      return
    }
    if (group !== undefined && journal.fits(group.frames.length)) {
      group.isClosed = true
      const upTo = group.commits.at(-1)?.commitNumber ?? 0
      if (this.#needsDataSync(group)) {
        await this.#dataSyncs.syncAsync(upTo)
        return
      }
      this.#write(journal, group)
    }
    const upTo = this.#writtenTo
    if (upTo === this.#applied.commitNumber) return
    await journal.syncAsync()
    if (this.#failure === undefined && !this.#closed) this.#apply(upTo)
  }

  /** All steps, blocking: until everything sealed is written, and for 'full' synced and applied. */
  #advanceSync(durability: Durability): void {
    const journal = this.#journal
    if (journal === undefined) return
    for (let group = this.#queue.first; group !== undefined; group = this.#queue.first) {
      if (!journal.fits(group.frames.length)) {
        this.#syncWritten(journal)
        if (this.#rotate(journal, group.frames.length)) continue
        this.waits++
        leave(journal)
        this.#checkpointer.runSync(journal, this.#applied)
        continue
      }
      if (this.#needsDataSync(group)) this.#syncData()
      this.#write(journal, group)
    }
    if (durability === 'full' || this.#unsyncedBytes > UNSYNCED_BYTES_MAX) this.#syncWritten(journal)
  }

  #syncWritten(journal: Journal): void {
    if (this.#allSynced) return
    journal.sync()
    this.#apply(this.#writtenTo)
  }

  get #allSynced(): boolean {
    return this.#writtenTo === this.#applied.commitNumber
  }

  /** Begins the next segment, and a checkpoint of those before. @returns false where no slot is free */
  #rotate(journal: Journal, bytes: number): boolean {
    if (!journal.rotate(bytes)) return false
    void this.#runCheckpoint(journal, true).catch(() => undefined)
    return true
  }

  #runCheckpoint(journal: Journal, paced: boolean): Promise<void> {
    return (this.#checkpointer.running ?? this.#checkpointer.start(journal, this.#applied, paced)).catch(
      error => {
        throw this.#poison(error)
      },
    )
  }

  #needsDataSync(group: CommitGroup): boolean {
    return group.commits.some(commit => this.#dataSyncs.isNeededBefore(commit))
  }

  #write(journal: Journal, group: CommitGroup): void {
    const starts = group.commits.map(({ at }) => at)
    journal.write(group.frames, starts, group.admitted, this.#applied.commitNumber)
    this.#unsyncedBytes += group.frames.length
    this.#queue.shift()
    this.#written.push(...group.commits)
    this.#writtenTo = this.#written.at(-1)?.commitNumber ?? this.#writtenTo
    this.#acknowledge()
  }

  /** Commits up to this one are synced: their changes go into the file. */
  #apply(upTo: number): void {
    if (upTo <= this.#applied.commitNumber) return
    const { publisher, locator, changed } = this.#parts
    const { staging } = locator
    const ready = this.#written.filter(({ commitNumber }) => commitNumber <= upTo)
    publisher.begin()
    for (const { changes } of ready)
      if (changes.numbers.length > 0) this.#applier.apply(staging.placed(changes))
    const { commitNumber, size, deletedCount } = ready.at(-1) as SealedCommit
    this.#publish({ commitNumber, size, deletedCount })
    // Only now, so that a failure before finds them as commits that may be in the file in part.
    this.#applied = { commitNumber, size, deletedCount }
    this.#written = this.#written.slice(ready.length)
    for (const { changes } of ready) staging.applied(changes)
    this.#queue.recycle((ready.at(-1) as SealedCommit).group)
    if (this.#written.length === 0) this.#unsyncedBytes = 0
    changed()
    this.#acknowledge()
  }

  #publish(state: AppliedState): void {
    const room = this.#space?.state ?? this.#roots.root
    this.#parts.publisher.publish({ ...state, ...room })
  }

  /** Resolves the waiters whose commits are as durable as they asked, in order. */
  #acknowledge(): void {
    const highest = this.#waiters.resolveDone((commitNumber, durability) =>
      this.#isDone(commitNumber, durability),
    )
    this.#acknowledgedTo = Math.max(this.#acknowledgedTo, highest, this.#applied.commitNumber)
  }

  #syncData(): void {
    this.#dataSyncs.sync(this.#sealed.commitNumber)
  }

  async #settleRounds(): Promise<void> {
    while (this.#round !== undefined) await this.#round
  }

  /** Runs what must not fail half-way. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      throw this.#poison(error)
    }
  }

  /** The same for what is written where nothing reaches it yet: a full disk leaves all as it was. */
  #guardSpace<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof StrideError && error.code === 'ERR_STRIDE_NO_SPACE') throw error
      throw this.#poison(error)
    }
  }

  #assertUsable(): void {
    this.assertSound()
    if (this.#closed) {
      const { path } = this.#parts.file
      throw new StrideError('ERR_STRIDE_CLOSED', `${path} is closed`, { path })
    }
  }

  #poison(error: unknown): unknown {
    if (this.#failure !== undefined) return error
    this.#failure = error
    this.#checkpointer.stop()
    this.#acknowledge()
    this.#revert()
    this.#waiters.rejectAll(error)
    return error
  }

  /** Reads show the last acknowledged commit from now on. */
  #revert(): void {
    const { locator, changed } = this.#parts
    const { staging } = locator
    const kept = this.#written.filter(({ commitNumber }) => commitNumber <= this.#acknowledgedTo)
    const state = kept.at(-1) ?? this.#applied
    this.#sealed = { commitNumber: state.commitNumber, size: state.size, deletedCount: state.deletedCount }
    // Commits that are neither kept nor counted as applied may be in the file in part: what they replaced covers them.
    const torn = this.#written.filter(({ commitNumber }) => commitNumber > this.#acknowledgedTo).reverse()
    const replaced = torn.flatMap(({ group, at }) => replacedBy(group.bytes, at, staging.recordSize))
    staging.revert(
      state.size,
      kept.map(({ changes }) => changes),
      replaced,
    )
    this.#written = []
    this.#queue.clear()
    changed()
  }
}

/** Begins another segment, if one is free, so that a checkpoint can free the present one too. */
function leave(journal: Journal): void {
  if (journal.activeBytes > 0) journal.rotate(0)
}
