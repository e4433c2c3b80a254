/**
 * Room in the journal for the next frames: begins segments, and has checkpoints free those before.
 *
 *   JR1  a checkpoint begins while everything written is synced and in the file: that is the state that its root counts.
 *   JR2  one that fails poisons.
 */

import type { RootWriter } from '../data-file/root-writer.ts'
import type { Journal } from '../journal/journal.ts'
import type { Wait } from '../steps/protocol.ts'
import type { Checkpointer } from './checkpointer.ts'
import type { CommitProgress } from './commit-progress.ts'
import type { CommitRounds } from './commit-rounds.ts'
import { type JournalLife, leaveSegment } from './journal-life.ts'
import type { Poisoning } from './poisoning.ts'

export interface JournalRoomParts {
  readonly roots: RootWriter
  readonly journals: JournalLife
  readonly checkpointer: Checkpointer
  readonly progress: CommitProgress
  readonly poisoning: Poisoning
  readonly rounds: CommitRounds
  /** Whether anything may still be written. */
  readonly owner: { readonly isUsable: boolean; assertUsable(): void }
}

export class JournalRoom {
  readonly #parts: JournalRoomParts
  /** How often commits had to wait for a checkpoint. */
  waits = 0

  constructor(parts: JournalRoomParts) {
    this.#parts = parts
  }

  /** Begins the next segment, and a checkpoint of those before. @returns false where no slot is free */
  rotate(journal: Journal, bytes: number): boolean {
    if (!journal.rotate(bytes)) return false
    this.#checkpointBehind(journal)
    return true
  }

  /** No slot of the journal is free: a checkpoint frees some. */
  free(journal: Journal): Wait {
    const { checkpointer, progress } = this.#parts
    this.waits++
    leaveSegment(journal)
    return {
      block: () => checkpointer.runSync(journal, progress.applied),
      wait: () => this.#run(journal, false),
    }
  }

  /** Leaves a segment that is due, so that recovery never has to go through much more. */
  leaveDueSegment(): void {
    const { journals, progress } = this.#parts
    const { journal } = journals
    if (journal?.isDue === true && progress.isSettled) this.rotate(journal, 0)
  }

  /** Brings commits up to this one, which are in the file, out of the journal. */
  async checkpoint(target: number): Promise<void> {
    const { roots, journals, checkpointer, poisoning, rounds, owner } = this.#parts
    const { journal } = journals
    if (journal === undefined || journal.bytes === 0) return
    do {
      await checkpointer.running
      owner.assertUsable()
      await rounds.whenSettled(() => {
        poisoning.guard(() => leaveSegment(journal))
        return this.#run(journal, false)
      })
      // Commits go on meanwhile; where they had just begun the last free segment, the next one is waited for.
    } while (journals.journal === journal && roots.root.commitNumber < target)
  }

  /** Frees the segments before the active one, in the background; again where another one was begun meanwhile. */
  #checkpointBehind(journal: Journal): void {
    const { journals, owner } = this.#parts
    const goOn = (): void => {
      if (owner.isUsable && journals.journal === journal && journal.hasOlder) this.#checkpointBehind(journal)
    }
    void this.#run(journal, true).then(goOn, () => undefined)
  }

  #run(journal: Journal, paced: boolean): Promise<void> {
    const { checkpointer, progress, poisoning } = this.#parts
    const running = checkpointer.running ?? checkpointer.start(journal, progress.applied, paced)
    return running.catch(error => {
      throw poisoning.poison(error)
    })
  }
}
