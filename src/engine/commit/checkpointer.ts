/**
 * Checkpoints: makes applied changes durable in the data file, and frees their part of the journal.
 *
 *   CH1  order: data sync, root on the other page, sync. Only then are the segments before the root's free.
 *   CH2  the root has the state that was in the file when its segment was begun, and names that segment.
 *   CH4  files that depend on the journal, such as the index file, are durable before the root that frees frames.
 *   CH3  a blocking checkpoint overtakes one that waits in the background. The latter then stores nothing.
 * A background checkpoint first writes dirty pieces back, one after the other with pauses, so that commits meanwhile find the disk free
 * (bench: checkpoint-latency). When checkpoints run: journal-room.ts.
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

/** The pause after each piece, as a multiple of the time that writing it back took. */
const PAUSE_PER_WORK = 2
const PAUSE_MS_MAX = 50

/** What a checkpoint needs. */
export interface CheckpointParts {
  readonly file: PlatformFile
  readonly roots: RootWriter
  readonly dirty: DirtyRanges
  /** The present capacity and tables' places; durable with the next data sync. */
  readonly spaceState: () => SpaceState
  /** A data sync that is counted. */
  readonly dataSync: Wait
  /** Whether no frame is waiting to be written. */
  readonly isIdle: () => boolean
  /** The index file, which is checkpointed before a root frees frames. */
  readonly companion: Companion | undefined
}

/** A file beside the store that is recovered from the journal, until its own checkpoint (indexes/lifecycle/index-checkpointer.ts). */
export interface Companion {
  /** Its checkpoint: makes all applied changes durable in it. */
  readonly checkpoint: Wait
  /** Called after each blocking commit. It must not throw. */
  committed(): void
}

export class Checkpointer {
  readonly #parts: CheckpointParts
  #running: Promise<void> | undefined
  /** Changes at each blocking checkpoint, which overtakes a waiting one. */
  #epoch = 0
  /** Finished checkpoints. */
  count = 0

  constructor(parts: CheckpointParts) {
    this.#parts = parts
  }

  /** The running background checkpoint, if there is one. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Begins a background checkpoint up to the start of the journal's active segment. `state` is in the file. */
  start(journal: Journal, state: AppliedState, paced: boolean): Promise<void> {
    this.#running ??= this.#run(journal, state, paced).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Like `start`, but blocks until it is done. */
  runSync(journal: Journal, state: AppliedState): void {
    this.#epoch++
    runBlocking(this.#checkpoint(journal, state))
  }

  /** Ends a waiting checkpoint, so that it stores nothing more. */
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

  /** @param place the segment that the root will name; commits may begin further segments meanwhile */
  *#checkpoint(journal: Journal, state: AppliedState, place = journal.place): Protocol {
    const { roots, spaceState, dataSync, companion, isIdle } = this.#parts
    const { rootNumber } = roots.root
    const room = spaceState()
    yield dataSync
    if (companion !== undefined) yield companion.checkpoint
    // If the store grew meanwhile, the last root already has the newer capacity.
    const hasGrown = roots.root.rootNumber !== rootNumber
    roots.store(hasGrown ? { ...state, ...place } : { ...room, ...state, ...place })
    yield dataSync
    journal.release(place, isIdle())
    this.count++
  }

  /** Writes dirty pieces back. Pauses only while the journal is at most half full, so that commits need not wait for room. */
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
