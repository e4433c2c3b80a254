/**
 * Makes room in the journal for the next frames: begins segments, and starts checkpoints that free earlier ones.
 *
 *   JR1  a checkpoint begins only while all written commits are applied, since its root has the state of that moment.
 *   JR2  a failed checkpoint poisons.
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
  /** Tells whether the store is usable: neither closed nor poisoned. */
  readonly owner: { readonly isUsable: boolean; assertUsable(): void }
}

export class JournalRoom {
  readonly #parts: JournalRoomParts
  /** How often commits waited for a checkpoint (back-pressure). */
  waits = 0

  constructor(parts: JournalRoomParts) {
    this.#parts = parts
  }

  /** Begins the next segment, and a checkpoint of the earlier ones. @returns false if no slot is free */
  rotate(journal: Journal, bytes: number): boolean {
    if (!journal.rotate(bytes)) return false
    this.#checkpointBehind(journal)
    return true
  }

  /** The wait for a checkpoint that frees a slot, when none is free. */
  free(journal: Journal): Wait {
    const { checkpointer, progress } = this.#parts
    this.waits++
    leaveSegment(journal)
    return {
      block: () => checkpointer.runSync(journal, progress.applied),
      wait: () => this.#run(journal, false),
    }
  }

  /** Leaves a segment that is due, which bounds the work of recovery (JO6). */
  leaveDueSegment(): void {
    const { journals, progress } = this.#parts
    const { journal } = journals
    if (journal?.isDue === true && progress.isSettled) this.rotate(journal, 0)
  }

  /** Checkpoints until no frame of the applied commits up to `target` is needed. */
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
      // Commits continue meanwhile. If they have just begun the last free segment, one checkpoint is not enough.
    } while (journals.journal === journal && roots.root.commitNumber < target)
  }

  /** Frees the segments before the active one, in the background. Repeats if another segment was begun meanwhile. */
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
