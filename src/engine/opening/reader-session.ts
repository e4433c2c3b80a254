/**
 * How does a read-only store follow its writer? It moves to new commits, and stays at one while a reading needs it.
 *
 *   LF3  a reader reopens whenever another process has replaced the file.
 *   LF4  while a commit is held, or the writer is storing one, the reader stays at its commit and hides newer changes.
 * The state that it sees: reader-state.ts. Hiding later commits: held-commit.ts.
 */

import { StrideError } from '../../errors.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import type { AnySchema } from '../../schema/index.ts'
import { fileEnd, readRoot } from '../format/root.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import { ReaderIndexes } from '../indexes/lifecycle/reader-indexes.ts'
import { LiveCounts } from '../read/numbering.ts'
import type { Following } from '../read/reading.ts'
import { HeldCommit, HeldCommitLost, snapshotGone } from '../recovery/held-commit.ts'
import { type ReaderState, readState } from '../recovery/reader-state.ts'
import { NOTHING_RECOVERED, type Recovery } from '../recovery/recovery.ts'
import { type Follower, type PublishedState, SAME_NUMBERS } from '../sharing/publication.ts'
import { allSteps, type QuietSteps } from '../steps/steps.ts'
import { isCurrent } from '../whole-files/same-file.ts'
import type { Session, SessionIndexes, SessionSettings } from './session.ts'
import type { StoreFile } from './store-file.ts'
import { readableIndexes } from './writing-parts.ts'

/** How often the frames of a kept commit are looked for. */
const KEPT_TRIES_MAX = 50

export class ReaderSession<S extends AnySchema> implements Session, Following, SessionIndexes {
  readonly file: StoreFile
  readonly #settings: SessionSettings<S>
  readonly #follower: Follower
  #reader: ReaderState | undefined
  /** The held commit, if the file is ahead of it. */
  #held: HeldCommit | undefined
  #holds = 0
  /** Whether it stays at its commit for ever. */
  #isPinned = false
  /** Gives up what the writer keeps for this; undefined if it keeps nothing. */
  #release: (() => void) | undefined
  /** Why it is not there any more. */
  #gone: Error | undefined
  #moves = 0
  readonly #indexes = new ReaderIndexes()
  /** The state for which indexes were last opened. */
  #seen: ReaderState | undefined

  constructor(file: StoreFile, follower: Follower, settings: SessionSettings<S>) {
    this.file = file
    this.#follower = follower
    this.#settings = settings
  }

  get recovery(): Recovery {
    return this.#reader?.recovery ?? NOTHING_RECOVERED
  }
  get commitNumber(): number {
    return this.publishedState.commitNumber
  }
  get durableCommitNumber(): number {
    return this.publishedState.commitNumber
  }
  get deletedCount(): number {
    return this.publishedState.deletedCount
  }
  get publishedState(): PublishedState {
    return this.#reader?.state ?? this.file.root
  }
  get isOverlaid(): boolean {
    return this.#reader?.overlay !== undefined
  }
  get indexes(): SessionIndexes {
    return this
  }

  *start(): QuietSteps<void> {
    this.#settings.reading.following = this
    yield* this.#follow()
  }

  followNews(): void {
    const follower = this.#follower
    if (this.#gone !== undefined) throw this.#gone
    if (follower.sequence() === this.#reader?.sequence) return
    const isHeld = this.#holds > 0
    // The index file goes with the data file.
    if (this.#isPinned && follower.isSuperseded) throw this.#lost('another process replaced the file')
    const isStoring = !isHeld && (follower.settle() & 1) === 1 && this.file.lock.writerState() === 'ready'
    if (isHeld && this.#stay()) return
    // Once the commit is whole, it must be seen.
    if (isStoring && this.#stay() && (this.sequence & 1) === 1) return
    if (isHeld) throw this.#lost()
    allSteps(this.#follow())
  }

  /** The writer's sequence for which the locator is valid. */
  get sequence(): number {
    return this.#reader?.sequence ?? Number.NaN
  }
  /** How often the reader has moved to another commit. */
  get moves(): number {
    return this.#moves
  }
  /** Hides later commits until `release`. */
  hold(): void {
    this.#holds++
  }
  release(): void {
    this.#holds--
    // Commits that came meanwhile must be seen now.
    if (this.#held !== undefined && this.#reader !== undefined)
      this.#reader = { ...this.#reader, sequence: Number.NaN }
  }

  /**
   * Stays at its commit from now on: a snapshot. Reads throw ERR_STRIDE_SNAPSHOT_GONE once that cannot be.
   * @param release ends the keeper's place, which it has had since before the session started
   * @throws ERR_STRIDE_BUSY if the file is replaced at this moment, which the keeper came too late to prevent
   */
  pin(release: (() => void) | undefined): void {
    this.#isPinned = true
    this.#release = release
    this.#holds++
    if (release === undefined || !this.#follower.isSuperseded) return
    const { path } = this.file
    throw new StrideError('ERR_STRIDE_BUSY', `${path} is being replaced: keep a snapshot afterwards`, { path })
  }

  now(): IndexSet | undefined {
    const reader = this.#reader
    if (reader === undefined || this.#seen === reader) return this.#indexes.set
    const { reading, options, epoch } = this.#settings
    const before = this.#indexes.set
    const end = before?.recordsEnd
    const readable = readableIndexes(this.file, reading.source, options)
    try {
      this.#indexes.refresh(readable, this.#follower.syncedCommit(), reader.state, reader.held)
    } catch (error) {
      // A reading whose own code catches this is repeated nevertheless. A kept commit is only lost with its records.
      throw error instanceof HeldCommitLost && !this.#isKept ? this.#lost() : error
    }
    // An index file of the next generation has its name only once this file is superseded.
    if (this.#indexes.set === undefined && this.#follower.isSuperseded)
      throw this.#lost('another process replaced the file')
    if (this.#indexes.set !== before || before?.recordsEnd !== end) epoch.value++
    this.#seen = reader
    return this.#indexes.set
  }
  get current(): IndexSet | undefined {
    return this.#indexes.set
  }
  get definitions(): readonly IndexDefinition[] {
    return this.#indexes.definitions
  }
  get reason(): string {
    return this.#indexes.reason
  }

  abandon(): void {
    this.close()
  }

  close(): void {
    this.#indexes.forget()
    this.#settings.epoch.value++
    this.#reader?.overlay?.close()
    this.#follower.close()
    this.file.pool.close()
    this.file.file.close()
  }

  /** Moves to the commits of other processes. */
  *#follow(): QuietSteps<void> {
    const { reading } = this.#settings
    const { platform, path, file } = this.file
    const follower = this.#follower
    const isReplaced = (): boolean => follower.isSuperseded && !isCurrent(platform, path, file)
    for (;;) {
      this.#moves++
      if (isReplaced()) {
        this.#openReplacement()
        return
      }
      const { locator, pool, addressing } = reading.source
      const reader = yield* readState(this.file, follower)
      // The file may have been replaced while this waited for a writer.
      if (isReplaced()) {
        reader.overlay?.close()
        this.#openReplacement()
        return
      }
      const { state, overlay } = reader
      pool.setEnd(Math.min(fileEnd(addressing, state), file.size()))
      locator.deletionBits.place(state.liveBitsOffset)
      locator.checksums.place(state.checksumsOffset)
      locator.staging.rebase(state.size, overlay)
      this.#reader?.overlay?.close()
      this.#reader = reader
      this.#held = undefined
      reading.changed()
      // The writer was storing a later commit, which may be whole by now.
      if (!reader.isUnderWay || (this.#stay() && (this.sequence & 1) === 1)) return
    }
  }

  /** Whether the writer keeps the frames that this needs. */
  get #isKept(): boolean {
    return this.#release !== undefined
  }

  /** Stays at the same commit. @returns whether the journal still has the bytes that were replaced since */
  #stay(): boolean {
    const { reading } = this.#settings
    const reader = this.#reader
    if (reader === undefined) return false
    const held = this.#held ?? new HeldCommit(this.file, reader.state, this.#isKept)
    this.#held = held
    let sequence = held.layOver(reading.source.locator, this.#follower)
    // While a writer moves frames or ends its journal, they may be in neither file for who reads one after the other.
    for (let tries = 1; this.#isKept && sequence === undefined && tries < KEPT_TRIES_MAX; tries++) {
      blockFor(1)
      sequence = held.layOver(reading.source.locator, this.#follower)
    }
    if (sequence === undefined) return false
    this.#reader = { ...reader, sequence, held: this.#held }
    reading.changed()
    return true
  }

  /** The error of a held commit that cannot be read any more. */
  #lost(why?: string): Error {
    this.#moves++
    const { path } = this.file
    if (!this.#isPinned) return new HeldCommitLost(path)
    this.#gone = snapshotGone(path, this.commitNumber, why)
    this.#release?.()
    this.#settings.reading.changed()
    return this.#gone
  }

  #openReplacement(): void {
    const { numbering } = this.#settings.reading.source
    const { generation } = this.file.identity
    const live = this.#liveAtTheEnd()
    // Only the process that compacted knows the new record numbers.
    numbering.end(undefined)
    this.close()
    // Between two compacts other records may have been deleted.
    if (this.#settings.reopen() === generation + 1) numbering.replacedElsewhere(live)
  }

  /** Which records of the file were live when it was replaced; undefined if that cannot be told. */
  #liveAtTheEnd(): LiveCounts | undefined {
    const { file, addressing } = this.file
    const { pool, locator } = this.#settings.reading.source
    try {
      const root = readRoot(file, addressing)
      // Compact ends the journal before it copies, so the root counts everything.
      if (root.journalSegment !== 0) return undefined
      if (this.#follower.superseded === SAME_NUMBERS) return LiveCounts.ofDeleted(root.size, () => root.size)
      pool.setEnd(Math.min(fileEnd(addressing, root), file.size()))
      const { deletionBits } = locator
      deletionBits.place(root.liveBitsOffset)
      return LiveCounts.ofDeleted(root.size, n => deletionBits.nextDeleted(n, root.size))
    } catch (error) {
      if (error instanceof StrideError) return undefined
      throw error
    }
  }
}
