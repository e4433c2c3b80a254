/**
 * Takes what is staged in as a commit: room in the journal, its frame, its place in the order of commits.
 *
 *   AM1  a commit is refused before anything of it is sealed, or not at all.
 */

import type { Space } from '../data-file/space.ts'
import type { Journal } from '../journal/journal.ts'
import type { Staging } from '../staging/staging.ts'
import type { CommitProgress } from './commit-progress.ts'
import type { CommitGroup, CommitQueue } from './commit-queue.ts'
import type { JournalLife } from './journal-life.ts'
import type { Poisoning } from './poisoning.ts'
import type { SealedCommit, Sealer } from './seal.ts'

export interface AdmissionParts {
  readonly staging: Staging
  readonly sealer: Sealer
  readonly journals: JournalLife
  readonly queue: CommitQueue
  readonly progress: CommitProgress
  readonly poisoning: Poisoning
  /** Whether anything may still be written. */
  readonly owner: { assertUsable(): void }
  /** Whether the data file still is as long as what is in it. @throws ERR_STRIDE_TRUNCATED */
  readonly checkSize: () => void
}

export class Admission {
  /** The room that a commit may have to make; set once, since both need each other. */
  space: Space | undefined
  /** Commits taken in since opening. */
  count = 0
  readonly #parts: AdmissionParts

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /**
   * @returns whether there was something to take in
   * @throws ERR_STRIDE_NO_SPACE, _LIMIT, _PERMISSION, _EXISTS, _TRUNCATED and leaves all staged; whatever poisons
   */
  admit(): boolean {
    const { staging, sealer, journals, queue, progress, poisoning, owner } = this.#parts
    if (staging.isEmpty) return false
    owner.assertUsable()
    // A file that was cut short is not filled up again with what would look like records.
    this.#parts.checkSize()
    const bytesMax = sealer.frameBytesMax()
    // After an I/O error the next commit must not take in what this one leaves staged.
    if (staging.hasDeletions) poisoning.guardIo(() => this.space?.ensureLiveBits())
    const journal = journals.journal ?? this.#startJournal()
    journal.admit(bytesMax)
    const group = queue.open(bytesMax)
    const commit = this.#sealInto(group, journal, bytesMax)
    group.commits.push(commit)
    group.admitted.push(bytesMax)
    progress.seal(commit)
    this.count++
    return true
  }

  #sealInto(group: CommitGroup, journal: Journal, admitted: number): SealedCommit {
    const { sealer, queue, progress, poisoning } = this.#parts
    const { commitNumber, deletedCount } = progress.sealed
    try {
      return poisoning.guardSpace(() => sealer.seal(commitNumber + 1, deletedCount, group.frames))
    } catch (error) {
      journal.forgo(admitted)
      queue.forgo(group)
      throw error
    }
  }

  #startJournal(): Journal {
    const { journals, poisoning } = this.#parts
    const journal = poisoning.guardIo(() => journals.create())
    poisoning.guard(() => journals.name(journal))
    return journal
  }
}
