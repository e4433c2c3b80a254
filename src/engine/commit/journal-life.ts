/**
 * When a store has a journal: from its first commit, which names it in a root, until it is closed or rewritten, when a
 * root says that the file alone holds everything.
 *
 *   JL1  a root names a journal only after everything that it counts is synced, room that was made since included.
 *   JL2  a journal is removed only after the root that names none is synced.
 */

import type { RootWriter } from '../data-file/root-writer.ts'
import type { SpaceState } from '../data-file/space.ts'
import type { AppliedState } from '../format/root.ts'
import type { Journal } from '../journal/journal.ts'
import type { Companion } from './checkpointer.ts'

export interface JournalLifeParts {
  readonly roots: RootWriter
  readonly create: () => Journal
  /** What the room is now; durable with the next data sync. */
  readonly spaceState: () => SpaceState
  /** Counted data syncs. */
  readonly syncData: () => void
  /** What else is brought up to date before a journal ends. */
  readonly companion: Companion | undefined
}

export class JournalLife {
  readonly #parts: JournalLifeParts
  #journal: Journal | undefined
  #syncsBefore = 0

  constructor(parts: JournalLifeParts) {
    this.#parts = parts
  }

  /** The journal, if there is one now. */
  get journal(): Journal | undefined {
    return this.#journal
  }
  /** Syncs asked of the system, for this journal and those before it. */
  get syncs(): number {
    return this.#syncsBefore + (this.#journal?.syncs ?? 0)
  }
  /** Bytes of frames that a checkpoint would set free. */
  get bytes(): number {
    return this.#journal?.bytes ?? 0
  }

  /** Creates a journal; it is none yet that a root names. @throws ERR_STRIDE_NO_SPACE, _PERMISSION, _EXISTS, _IO; then there is none */
  create(): Journal {
    this.#journal = this.#parts.create()
    return this.#journal
  }

  /** The next root names the journal. @throws whatever must poison */
  name({ place }: Journal): void {
    const { roots, spaceState, syncData } = this.#parts
    roots.storeFoundAgain()
    syncData()
    roots.store({ ...spaceState(), ...place })
    syncData()
  }

  /** Ends the journal: the file alone holds everything, and this is its state. */
  end(state: AppliedState): void {
    const journal = this.#journal
    if (journal === undefined) return
    const { roots, spaceState, syncData } = this.#parts
    syncData()
    this.#parts.companion?.checkpoint.block()
    roots.storeAtRest({ ...spaceState(), ...state }, syncData)
    this.#syncsBefore += journal.syncs
    this.#journal = undefined
    try {
      journal.remove()
    } catch {
      // No root names it any more: the next writer removes it.
    }
  }

  /** Closes the journal, and leaves it as it is. */
  close(): void {
    this.#journal?.close()
  }
}

/** Begins another segment, if one is free, so that a checkpoint can free the present one too. */
export function leaveSegment(journal: Journal): void {
  if (journal.activeBytes > 0) journal.rotate(0)
}
