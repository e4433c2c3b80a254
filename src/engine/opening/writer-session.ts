/**
 * How does a store write to its file? After a crash recovery comes first, then writing.
 *
 *   LF1  a writer uses one file until it replaces it itself (compact).
 *   LF5  between turns (`lock: 'transaction'`) everything stays open but the locks. The next turn adds what other writers committed.
 *   LF2  recovered changes are stored in the file before anything else is written. Until then reads see them in memory.
 * The parts that stage and commit: writing-parts.ts. Its indexes: writer-indexes.ts.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import { type AppliedState, fileEnd, type Root } from '../format/root.ts'
import type { Journal } from '../journal/journal.ts'
import type { Recovery } from '../recovery/recovery.ts'
import type { Replay } from '../recovery/replay.ts'
import { Bell } from '../sharing/bell.ts'
import type { PublishedState } from '../sharing/publication.ts'
import type { TakenTurn } from '../sharing/writer-turns.ts'
import type { QuietSteps } from '../steps/steps.ts'
import { isCurrent } from '../whole-files/same-file.ts'
import { continued } from './handed-over.ts'
import { RestedIndexes } from './rested-indexes.ts'
import type { Session, SessionSettings } from './session.ts'
import { FILE_LOCK_BYTE, type StoreFile } from './store-file.ts'
import { WriterIndexes } from './writer-indexes.ts'
import { startWriting, type WritingParts } from './writing-parts.ts'

export class WriterSession<S extends AnySchema> implements Session {
  readonly indexes: WriterIndexes<S>
  readonly #settings: SessionSettings<S>
  readonly #bell: Bell
  #file: StoreFile
  /** Undefined before recovery is finished. */
  #parts: WritingParts | undefined
  /** The journal of the last turn. */
  #journal: Journal | undefined
  /** The indexes, as the last turn left them. */
  #rested: RestedIndexes | undefined

  constructor(file: StoreFile, settings: SessionSettings<S>) {
    this.#file = file
    this.#settings = settings
    this.#bell = new Bell(file.platform, file.path)
    this.indexes = new WriterIndexes(this, settings)
  }

  get file(): StoreFile {
    return this.#file
  }
  get recovery(): Recovery {
    const { recovery } = this.#file
    const { built } = this.indexes
    return built.length === 0 ? recovery : { ...recovery, indexesBuilt: built }
  }
  get commitNumber(): number {
    return this.#parts?.committer.commitNumber ?? this.#recovered.commitNumber
  }
  get durableCommitNumber(): number {
    return this.#parts?.committer.durableCommitNumber ?? this.#file.replay?.durableCommit ?? 0
  }
  get deletedCount(): number {
    return this.#parts?.committer.deletedCount ?? this.#recovered.deletedCount
  }
  get publishedState(): PublishedState {
    if (this.#parts === undefined) return this.#recovered
    return { ...this.#parts.committer.applied, ...this.#parts.space.state }
  }
  get isOverlaid(): boolean {
    return this.#parts === undefined
  }
  /** The committed state that is in the file; during recovery, the state that it will have. */
  get applied(): AppliedState {
    return this.#parts?.committer.applied ?? this.#recovered
  }
  /** The parts that stage and commit, if recovery is finished. */
  get parts(): WritingParts | undefined {
    return this.#parts
  }

  *start(): QuietSteps<void> {
    const { reading } = this.#settings
    const { replay, limits } = this.#file
    if (replay !== undefined) reading.source.locator.staging.rebase(replay.state.size, replay.net)
    const isBehind = yield* this.indexes.open()
    if (replay === undefined) this.#beginWriting(this.#file)
    else {
      replay.beforeEnd = () => this.indexes.publish()
      const isShort = replay.net.numbers.length <= limits.changesAtOnce
      if (isShort || isBehind) this.#endReplay(replay.finish())
      else this.#goOnReplaying(replay)
    }
    if (isBehind) yield* this.indexes.complete()
    this.indexes.beginFolding()
  }

  /**
   * Ends a turn: other writers may continue.
   * @returns false if that is not possible, after a failure; then only closing is left
   */
  async handOver(): Promise<boolean> {
    this.settle()
    const { lock, file, publisher } = this.#file
    const parts = this.#parts
    const retired = await parts?.committer.retire()
    if (parts === undefined || retired === undefined || publisher === undefined) return false
    const { root, journal } = retired
    const { applied } = parts.committer
    this.#journal = journal
    this.#rested = new RestedIndexes(this.indexes.current, applied, root, journal)
    file.unlock(FILE_LOCK_BYTE)
    lock.handOver({
      commitNumber: applied.commitNumber,
      rootNumber: root.rootNumber,
      ...publisher.place,
      journal: journal?.position,
    })
    return true
  }

  /**
   * Takes the next turn.
   * @param isLast only for closing, which is allowed also if the path names another file
   * @returns 'replaced' if it does; 'stale' if the store has to be opened again, since another process wrote it otherwise
   */
  takeTurn(isLast = false): TakenTurn {
    const { lock, file } = this.#file
    if (!lock.tryTurn()) return 'busy'
    if (!file.tryLock(FILE_LOCK_BYTE, 'exclusive')) {
      lock.leaveTurn()
      return 'busy'
    }
    try {
      const { platform, path } = this.#file
      if (!isLast && !isCurrent(platform, path, file)) return 'replaced'
      return this.#continue() ? 'taken' : 'stale'
    } catch (error) {
      // Opening it again finds the same, or recovers from it.
      if (error instanceof StrideError) return 'stale'
      throw error
    }
  }

  /** Whether this writer had the last turn. */
  get hadLastTurn(): boolean {
    return this.#file.lock.isOwnHandover
  }

  /** Closes everything between turns. */
  release(): void {
    this.#journal?.close()
    this.#bell.close()
    this.abandon()
  }

  #continue(): boolean {
    const { lock, addressing, publisher } = this.#file
    const { reading } = this.#settings
    const { handover } = lock
    if (handover === undefined || publisher === undefined) return false
    const handedOver = continued(this.#file, handover, publisher.words, this.#journal)
    if (handedOver === undefined) return false
    const { present, journal } = handedOver
    if (journal !== this.#journal) this.#journal?.close()
    this.#journal = journal
    this.#file = { ...this.#file, root: present, handedOver }
    this.#parts = undefined
    publisher.resume()
    const { pool, locator } = reading.source
    pool.setEnd(fileEnd(addressing, present))
    locator.deletionBits.place(present.liveBitsOffset)
    locator.checksums.place(present.checksumsOffset)
    locator.staging.rebase(present.size)
    reading.changed()
    if (this.#rested?.resume(this.#file, handedOver, locator) !== true) return false
    this.#beginWriting(this.#file)
    return true
  }

  /** The parts that stage and commit. Finishes recovery first. @throws ERR_STRIDE_POISONED, _IO, _NO_SPACE */
  writing(): WritingParts {
    const { replay } = this.#file
    if (replay !== undefined) this.#endReplay(replay.finish())
    return this.#parts as WritingParts
  }

  /** Finishes recovery before closing, unless it failed. */
  settle(): void {
    if (this.#file.replay?.isPoisoned !== true) this.writing()
  }

  /** Wakes those that wait for commits, in this process and in others. */
  readonly tellFollowers = (): void => {
    this.#bell.ring()
    this.#settings.heard()
  }

  close(): void {
    const { source } = this.#settings.reading
    try {
      this.#file.replay?.close()
      this.#parts?.committer.close()
    } finally {
      this.indexes.close()
      this.#bell.close()
      this.#file.publisher?.close()
      source.pool.close()
      if (this.#parts === undefined) this.#file.file.close()
    }
  }

  abandon(): void {
    this.#file.replay?.close()
    this.indexes.close()
    this.#settings.reading.source.pool.close()
    this.#file.publisher?.close()
    this.#file.file.close()
  }

  /** The committed state, until recovery has stored it in the file. */
  get #recovered(): Root {
    return this.#file.replay?.state ?? this.#file.root
  }

  #beginWriting(file: StoreFile): void {
    const { reading, options } = this.#settings
    this.#parts = startWriting(file, reading, options, this.indexes.relay, this.tellFollowers)
    this.indexes.committer = this.#parts.committer
  }

  /** Stores recovered changes into the file in the background. Reads see them in memory meanwhile. */
  #goOnReplaying(replay: Replay): void {
    void replay.run().then(root => {
      if (root === undefined || this.#settings.reading.isClosed) return
      try {
        this.#endReplay(root)
      } catch {
        // The next call that writes tries again, and throws.
      }
    })
  }

  #endReplay(root: Root): void {
    const { reading } = this.#settings
    const { replay: _, ...file } = { ...this.#file, root }
    this.#beginWriting(file)
    reading.source.locator.staging.rebase(root.size)
    this.#file.replay?.close()
    this.#file = file
    reading.changed()
    this.indexes.beginFolding()
  }
}
