/**
 * Which file a store stands on: begins to write into it, goes on with its recovery while it is open, follows the process that
 * writes it, and moves to the file that took its place.
 *
 *   LF1  a writer stands on one file until it replaced it itself (compact); a reader moves whenever another process did.
 *   LF2  what recovery found is put into the file before anything else is written; reads have it from memory until then.
 * Opening a file: store-file.ts. What a writer is made of: store-parts.ts. What a reader follows: reader-state.ts.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import { isCurrent } from '../file/current-file.ts'
import type { Follower, PublishedState } from '../file/publication.ts'
import type { AppliedState } from '../format/root.ts'
import { fileEnd, type Root } from '../format/root.ts'
import type { Source } from '../read/record-set.ts'
import { HeldCommit, HeldCommitLost } from '../recovery/held-commit.ts'
import { type ReaderState, readState } from '../recovery/reader-state.ts'
import type { Recovery } from '../recovery/recovery.ts'
import type { Replay } from '../recovery/replay.ts'
import type { StoreSettings } from './options.ts'
import { openStoreFile, type StoreFile } from './store-file.ts'
import type { StoreIndexes } from './store-indexes.ts'
import { sourceOf, startWriting, type WritingParts } from './store-parts.ts'

/** The record set that reads from the file. */
export interface LifeOwner<S extends AnySchema> {
  readonly source: () => Source<S>
  /** Another file is read from now on. */
  readonly attach: (source: Source<S>) => void
  /** What was found before may no longer be what is there. */
  readonly changed: () => void
  readonly isClosed: () => boolean
  /** Nothing can be read any more. */
  readonly end: () => void
}

export interface LifeParts<S extends AnySchema> {
  readonly file: StoreFile
  readonly schema: S | undefined
  readonly options: StoreSettings
  /** Of more changes than these the file gets what recovery found in turns. */
  readonly changesAtOnce: number
  readonly indexes: StoreIndexes<S>
  readonly owner: LifeOwner<S>
}

export class StoreLife<S extends AnySchema> {
  readonly #parts: LifeParts<S>
  #file: StoreFile
  #writing: WritingParts | undefined
  /** What a read-only store follows; for a writer, what is committed until recovery has put it into the file. */
  #reader: ReaderState | undefined
  /** What keeps the reader at its commit where the file has gone on. */
  #held: HeldCommit | undefined
  #holds = 0
  /** Counts the commits that a reader moved to. */
  moves = 0

  /** `start` follows, once the owner has this. */
  constructor(parts: LifeParts<S>) {
    this.#parts = parts
    this.#file = parts.file
  }

  get file(): StoreFile {
    return this.#file
  }
  /** A writer's parts; none for a reader, nor before recovery is through. */
  get writing(): WritingParts | undefined {
    return this.#writing
  }
  get reader(): ReaderState | undefined {
    return this.#reader
  }
  get recovery(): Recovery {
    return this.#reader?.recovery ?? this.#file.recovery
  }
  /** The committed state that is in the file, under the overlay of a reader. */
  get publishedState(): PublishedState {
    const { committer, space } = this.#writing ?? {}
    if (committer !== undefined && space !== undefined) return { ...committer.applied, ...space.state }
    return (this.#reader as ReaderState).state
  }

  start(): void {
    const { indexes, owner } = this.#parts
    const file = this.#file
    const source = owner.source()
    try {
      if (source.follower !== undefined) this.#follow(source.follower)
      else this.#startWriter(file, source)
    } catch (error) {
      owner.end()
      indexes.close()
      source.follower?.close()
      source.pool.close()
      file.publisher?.close()
      file.file.close()
      file.lock.release()
      throw error
    }
  }

  /**
   * Before each slow read: as new as other processes' commits. While a commit is held, or a writer is storing, the reader stays
   * where it is and looks past what is newer. @throws HeldCommitLost, and whatever opening throws
   */
  followNews(): void {
    const { follower } = this.#parts.owner.source()
    if (follower === undefined || follower.sequence() === this.#reader?.sequence) return
    const isHeld = this.#holds > 0
    const isStoring = !isHeld && (follower.settle() & 1) === 1 && this.#file.lock.writerState() === 'ready'
    if (isHeld && this.#stay(follower)) return
    // Once the commit is whole it is to be seen.
    if (isStoring && this.#stay(follower) && (this.sequence & 1) === 1) return
    if (isHeld) {
      this.moves++
      throw new HeldCommitLost(this.#file.path)
    }
    this.#follow(follower)
  }

  /** The writer's sequence for which a reader's locator is right. */
  get sequence(): number {
    return this.#reader?.sequence ?? Number.NaN
  }
  /** Later commits are kept out of sight until `release`. */
  hold(): void {
    this.#holds++
  }
  release(): void {
    this.#holds--
    // Whatever came meanwhile is to be seen now.
    if (this.#held !== undefined && this.#reader !== undefined)
      this.#reader = { ...this.#reader, sequence: Number.NaN }
  }

  /** What recovery has left to do is done before anything is written. */
  finishReplay(): void {
    const { replay } = this.#file
    if (replay !== undefined) this.#endReplay(replay.finish())
  }

  /** Lets go of everything of the present file but its lock. */
  closeFile(): void {
    const { indexes, owner } = this.#parts
    const source = owner.source()
    try {
      this.#file.replay?.stop()
      this.#writing?.committer.close()
    } finally {
      indexes.close()
      this.#file.publisher?.close()
      source.follower?.close()
      source.pool.close()
      if (this.#writing === undefined) this.#file.file.close()
    }
  }

  /** Stands on the file that has the name now. The present one is closed. */
  reopen(): void {
    const { schema, options, owner } = this.#parts
    const { lock, platform, path, backendReason: reason, identity } = this.#file
    try {
      const file = openStoreFile(path, schema, { ...options, create: false }, { lock, platform, reason })
      if (file.identity.fingerprint !== identity.fingerprint) throw migrated(file)
      this.#file = file
    } catch (error) {
      owner.end()
      lock.release()
      throw error
    }
    owner.attach(sourceOf<S>(this.#file, options, owner.source().numbering.newest))
    this.start()
  }

  #startWriter(file: StoreFile, source: Source<S>): void {
    const { indexes, changesAtOnce } = this.#parts
    const { replay, root } = file
    if (replay !== undefined) {
      const { state, net } = replay
      source.locator.staging.rebase(state.size, net)
      this.#reader = { state, sequence: 0, overlay: net, recovery: file.recovery }
    }
    const left = replay?.state ?? root
    const applied = (): AppliedState => this.#writing?.committer.applied ?? left
    const isBehind = indexes.open(applied)
    if (replay === undefined) this.#beginWriting(file)
    else {
      replay.beforeEnd = () => indexes.publish()
      const isShort = replay.net.numbers.length <= changesAtOnce
      if (isShort || isBehind) this.#endReplay(replay.finish())
      else this.#goOnReplaying(replay)
    }
    if (isBehind) indexes.complete(applied().size)
  }

  #beginWriting(file: StoreFile): void {
    const { options, indexes, owner } = this.#parts
    this.#writing = startWriting(file, owner.source(), options, owner.changed, indexes.kept)
  }

  /** Goes on putting what recovery found into the file, while reads look at it in memory. */
  #goOnReplaying(replay: Replay): void {
    void replay.run().then(root => {
      if (root === undefined || this.#parts.owner.isClosed()) return
      try {
        this.#endReplay(root)
      } catch {
        // The next call that writes tries again, and says why.
      }
    })
  }

  #endReplay(root: Root): void {
    const { owner } = this.#parts
    const { replay: _, ...file } = { ...this.#file, root }
    this.#beginWriting(file)
    this.#file = file
    this.#reader = undefined
    owner.source().locator.staging.rebase(root.size)
    owner.changed()
  }

  /** Takes over what other processes committed. */
  #follow(follower: Follower): void {
    const { owner } = this.#parts
    const { platform, path, file } = this.#file
    const isReplaced = (): boolean => follower.isSuperseded && !isCurrent(platform, path, file)
    for (;;) {
      this.moves++
      if (isReplaced()) {
        this.#openReplacement(follower)
        return
      }
      const { locator, pool, addressing } = owner.source()
      const reader = readState(this.#file, follower)
      // While it waited for a writer the file may have been replaced.
      if (isReplaced()) {
        this.#openReplacement(follower)
        return
      }
      const { state, overlay } = reader
      pool.setEnd(Math.min(fileEnd(addressing, state), this.#file.file.size()))
      locator.liveness.place(state.liveBitsOffset)
      locator.checksums.place(state.checksumsOffset)
      locator.staging.rebase(state.size, overlay)
      this.#reader = reader
      this.#held = undefined
      owner.changed()
      // The writer was storing what comes behind this state; it may be whole by now.
      if (!reader.isUnderWay || (this.#stay(follower) && (this.sequence & 1) === 1)) return
    }
  }

  /** Goes on seeing the same commit. @returns whether the journal still holds what was replaced since */
  #stay(follower: Follower): boolean {
    const { owner } = this.#parts
    const reader = this.#reader
    if (reader === undefined) return false
    this.#held ??= new HeldCommit(this.#file, reader.state)
    const sequence = this.#held.layOver(owner.source().locator, follower)
    if (sequence === undefined) return false
    this.#reader = { ...reader, sequence, held: this.#held }
    owner.changed()
    return true
  }

  #openReplacement(follower: Follower): void {
    const { indexes } = this.#parts
    indexes.renumbered(undefined)
    indexes.close()
    this.#file.pool.close()
    this.#file.file.close()
    follower.close()
    this.reopen()
  }
}

/** Rows, walks and fields of the reader are made for the layout that the file had. */
function migrated(file: StoreFile): StrideError {
  const { path } = file
  file.pool.close()
  file.file.close()
  const message = `${path} was given another layout by migrateStore: open it again`
  return new StrideError('ERR_STRIDE_SCHEMA_MISMATCH', message, { path })
}
