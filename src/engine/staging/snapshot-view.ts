/**
 * The records that a snapshot in the writing process sees: those of one commit, as for a transaction without changes.
 *
 *   XV1  while no later commit has changed a record and none is being stored, each record in the file is as the snapshot sees it. Reads
 *        may then keep windows. Storing a commit makes these invalid (RG2 of reading.ts).
 * The layers in which a record is looked for: commit-view.ts.
 */

import { ChangedNumbers } from './changed-numbers.ts'
import { CommitView } from './commit-view.ts'
import type { Staging } from './staging.ts'

const NO_CHANGES = { size: 0, get: () => undefined, forEach: () => undefined }

export class SnapshotView extends CommitView {
  readonly isSnapshot = true
  readonly #staging: Staging
  readonly #changed = new ChangedNumbers()
  #sortedAt = -1
  #countedAt = -1
  #replacedCount = 0
  /** The records that later commits changed. */
  readonly #replaced: {
    readonly size: number
    get(n: number): unknown
    forEach(visit: (n: number) => void): void
  }

  constructor(staging: Staging, commitNumber: number) {
    super(staging, staging.versions, commitNumber, 0)
    this.#staging = staging
    const { versions } = staging
    this.#replaced = {
      get size() {
        return versions.countAfter(commitNumber)
      },
      get: n => versions.find(n, commitNumber),
      forEach(visit) {
        for (const n of versions.numbersAfter(commitNumber)) visit(n)
      },
    }
  }

  override get changeCount(): number {
    const { generation } = this.#staging.versions
    if (this.#countedAt !== generation) {
      this.#countedAt = generation
      this.#replacedCount = this.#replaced.size
    }
    return this.#replacedCount + this.#staging.sealedCount
  }
  /** No record of the snapshot is in the tail. */
  override get tailStart(): number {
    return this.baseSize
  }

  override unchangedBelow(n: number): number {
    const { versions } = this.#staging
    if (this.#sortedAt !== versions.generation) {
      this.#sortedAt = versions.generation
      this.#changed.expire()
    }
    return Math.min(
      this.#changed.unchangedBelow(n, this.#replaced, NO_CHANGES),
      this.#staging.unchangedBelow(n),
    )
  }
}
