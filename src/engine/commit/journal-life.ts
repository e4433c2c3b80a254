/**
 * The life of a journal: the first commit creates it, and a root names it. Closing or rewriting the store ends it: a root without a journal
 * says that the file alone contains everything.
 *
 *   JL1  a root names a journal only after everything that the root counts is synced, including capacity allocated since the last root.
 *   JL2  a journal is removed only after a root without a journal is synced.
 */

import type { RootWriter } from '../data-file/root-writer.ts'
import type { SpaceState } from '../data-file/space.ts'
import type { AppliedState } from '../format/root.ts'
import type { Journal } from '../journal/journal.ts'
import type { Companion } from './checkpointer.ts'

export interface JournalLifeParts {
  readonly roots: RootWriter
  readonly create: () => Journal
  /** The present capacity and tables' places; durable with the next data sync. */
  readonly spaceState: () => SpaceState
  /** Syncs the data file, and counts it. */
  readonly syncData: () => void
  /** The index file, which is checkpointed before a journal ends. */
  readonly companion: Companion | undefined
  /** The journal of an earlier turn, which the root names. */
  readonly journal: Journal | undefined
}

export class JournalLife {
  readonly #parts: JournalLifeParts
  #journal: Journal | undefined
  #syncsBefore = 0

  constructor(parts: JournalLifeParts) {
    this.#parts = parts
    this.#journal = parts.journal
    // Syncs of earlier turns were counted then.
    this.#syncsBefore = -(parts.journal?.syncs ?? 0)
  }

  /** The present journal, if there is one. */
  get journal(): Journal | undefined {
    return this.#journal
  }
  /** The count of sync calls, for this journal and earlier ones. */
  get syncs(): number {
    return this.#syncsBefore + (this.#journal?.syncs ?? 0)
  }
  /** Bytes of frames that a checkpoint would free. */
  get bytes(): number {
    return this.#journal?.bytes ?? 0
  }

  /** Creates a journal, which no root names yet. @throws ERR_STRIDE_NO_SPACE, _PERMISSION, _EXISTS, _IO; then there is none */
  create(): Journal {
    this.#journal = this.#parts.create()
    return this.#journal
  }

  /** Stores a root that names the journal, durably. All errors must poison. */
  name({ place }: Journal): void {
    const { roots, spaceState, syncData } = this.#parts
    roots.storeFoundAgain()
    syncData()
    roots.store({ ...spaceState(), ...place })
    syncData()
  }

  /** Ends the journal: stores roots without a journal, and removes its file. @param state the state of the data file */
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
      // No root names the journal any more, and the next writer removes it.
    }
  }

  /** Closes the journal and keeps its file. */
  close(): void {
    this.#journal?.close()
  }
}

/** Begins another segment, if a slot is free, so that a checkpoint can free the present one too. */
export function leaveSegment(journal: Journal): void {
  if (journal.activeBytes > 0) journal.rotate(0)
}
