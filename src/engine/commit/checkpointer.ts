/**
 * Checkpoints: makes what commits put into the file durable there, so that their part of the journal is free again.
 *
 *   CH1  order: data sync, root on the other page, sync; only then are the segments before the root's free.
 *   CH2  the root counts what was in the file when its segment was begun, and names that segment.
 *   CH4  what the journal keeps right beside the store is durable before the root that releases frames.
 *   CH3  a blocking checkpoint overtakes one that waits: the waiting one then stores nothing.
 * A checkpoint in the background first asks the system to write dirty pieces back, one after the other with pauses, so
 * that commits meanwhile find the disk free (bench: checkpoint-latency). When there is one: committer.ts.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { PlatformFile } from '../../mmap/platform.ts'
import { monotonicMs } from '../../runtime/monotonic.ts'
import type { DirtyRanges } from '../data-file/dirty-ranges.ts'
import type { RootWriter } from '../data-file/root-writer.ts'
import type { SpaceState } from '../data-file/space.ts'
import type { AppliedState } from '../format/root.ts'
import type { Journal } from '../journal/journal.ts'
import { type Protocol, runBlocking, runInBackground, type Wait } from '../steps/protocol.ts'

/** A pause after each piece, in times of what the piece took. */
const PAUSE_PER_WORK = 2
const PAUSE_MS_MAX = 50

/** What a checkpoint takes from its owner. */
export interface CheckpointParts {
  readonly file: PlatformFile
  readonly roots: RootWriter
  readonly dirty: DirtyRanges
  /** What the room is now; durable with the next data sync. */
  readonly spaceState: () => SpaceState
  /** A counted data sync. */
  readonly dataSync: Wait
  /** Whether a frame still waits to be written. */
  readonly isIdle: () => boolean
  /** What else is brought up to date before a root releases frames. */
  readonly companion: Companion | undefined
}

/** A file beside the store that the journal keeps right until it is brought up to date (indexes/lifecycle/index-checkpointer.ts). */
export interface Companion {
  /** Brings it up to date, durably. */
  readonly checkpoint: Wait
  /** A blocking commit is through. It must not throw. */
  committed(): void
}

export class Checkpointer {
  readonly #parts: CheckpointParts
  #running: Promise<void> | undefined
  /** Counts blocking checkpoints; one that waited meanwhile is overtaken. */
  #epoch = 0
  /** Checkpoints that were finished. */
  count = 0

  constructor(parts: CheckpointParts) {
    this.#parts = parts
  }

  /** The checkpoint that is going on, if there is one. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Begins a checkpoint up to the beginning of the journal's active segment. `state` is in the file. */
  start(journal: Journal, state: AppliedState, paced: boolean): Promise<void> {
    this.#running ??= this.#run(journal, state, paced).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** The same, blocking. */
  runSync(journal: Journal, state: AppliedState): void {
    this.#epoch++
    runBlocking(this.#checkpoint(journal, state))
  }

  /** No checkpoint that waits stores anything from now on. */
  stop(): void {
    this.#epoch++
  }

  async #run(journal: Journal, state: AppliedState, paced: boolean): Promise<void> {
    const epoch = this.#epoch
    const isOvertaken = (): boolean => epoch !== this.#epoch
    const { place } = journal
    if (paced) await this.#writeBack(journal, epoch)
    if (!isOvertaken()) await runInBackground(this.#checkpoint(journal, state, place), isOvertaken)
  }

  /** @param place where the journal goes on once this is through; commits may begin further segments meanwhile */
  *#checkpoint(journal: Journal, state: AppliedState, place = journal.place): Protocol {
    const { roots, spaceState, dataSync, companion, isIdle } = this.#parts
    const { rootNumber } = roots.root
    const room = spaceState()
    yield dataSync
    if (companion !== undefined) yield companion.checkpoint
    // Growth meanwhile stored a root of its own, whose room is the newer one.
    const hasGrown = roots.root.rootNumber !== rootNumber
    roots.store(hasGrown ? { ...state, ...place } : { ...room, ...state, ...place })
    yield dataSync
    journal.release(place, isIdle())
    this.count++
  }

  /** Pauses only while the commits that go on leave room for it: full, they would have to wait. */
  async #writeBack(journal: Journal, epoch: number): Promise<void> {
    const { file, dirty } = this.#parts
    for (const offset of dirty.take()) {
      if (epoch !== this.#epoch) return
      const start = monotonicMs()
      await file.writeBack(offset, dirty.pieceBytes)
      const worked = monotonicMs() - start
      if (!journal.isHalfFull) await sleep(Math.min(PAUSE_MS_MAX, worked * PAUSE_PER_WORK))
    }
  }
}
