/**
 * How does a transaction find records? Like a store, and every record that it reads is noted.
 *
 *   TI1  a lookup by number reads its record, also an absent one. A walk reads the records that it returns.
 */

import type { RecordBytes } from '../../schema/index.ts'
import type { CommitView } from '../staging/commit-view.ts'
import { Locator } from '../staging/locator.ts'
import type { ReadNumbers } from './read-numbers.ts'

export class TrackingLocator extends Locator<CommitView> {
  readonly #reads: ReadNumbers
  #isWalking = false

  constructor(over: Locator<CommitView>, reads: ReadNumbers) {
    super(over.addressing, over.pool, over.staging, over.deletionBits, over.checksums, over.checksumPolicy)
    this.#reads = reads
  }

  override find(n: number, ahead?: number): RecordBytes | undefined {
    this.#reads.add(n)
    return super.find(n, ahead)
  }

  /** Each read goes through `find`, which notes it. */
  override isInPlace(_: number): boolean {
    return false
  }

  override isLive(n: number): boolean {
    if (!this.#isWalking) this.#reads.add(n)
    return super.isLive(n)
  }

  override nextLive(n: number, end: number): number {
    this.#isWalking = true
    try {
      return super.nextLive(n, end)
    } finally {
      this.#isWalking = false
    }
  }
}
