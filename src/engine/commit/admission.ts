/**
 * Admits the staged changes as the next commit: allocates room in the journal, seals the changes and encodes their frame.
 *
 *   AM1  a refused commit is refused before anything of it is sealed.
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
  /** Throws once the store is closed or poisoned. */
  readonly owner: { assertUsable(): void }
  /** Checks that the data file still contains all its records and tables. @throws ERR_STRIDE_TRUNCATED */
  readonly checkSize: () => void
}

export class Admission {
  /** Where deletion bits are allocated. Set after construction, since Space needs the committer. */
  space: Space | undefined
  /** Commits admitted since opening. */
  count = 0
  readonly #parts: AdmissionParts

  constructor(parts: AdmissionParts) {
    this.#parts = parts
  }

  /**
   * @returns false if nothing is staged
   * @throws ERR_STRIDE_NO_SPACE, _LIMIT, _PERMISSION, _EXISTS, _TRUNCATED; then all stays staged. Other errors poison
   */
  admit(): boolean {
    const { staging, sealer, journals, queue, progress, poisoning, owner } = this.#parts
    if (staging.isEmpty) return false
    owner.assertUsable()
    // In a file that was cut short, stores at higher offsets would create zero bytes that look like records.
    this.#parts.checkSize()
    const bytesMax = sealer.frameBytesMax()
    // An I/O error poisons, so that no later commit admits the changes that this one leaves staged.
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
