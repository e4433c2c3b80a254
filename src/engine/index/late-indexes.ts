/**
 * The indexes that a store has now: none at first, perhaps, and some once one is created.
 */

import type { Companion } from '../checkpointer.ts'
import type { StagedKeys } from '../writer.ts'
import type { IndexSet } from './index-set.ts'

export class LateIndexes implements StagedKeys, Companion {
  set: IndexSet | undefined

  adding(n: number, view: DataView, at: number): void {
    this.set?.adding(n, view, at)
  }
  changing(n: number, view: DataView, at: number): void {
    this.set?.changing(n, view, at)
  }
  deleting(n: number): void {
    this.set?.deleting(n)
  }
  checkpointSync(): void {
    this.set?.keeper.checkpointSync()
  }
  async checkpoint(): Promise<void> {
    await this.set?.keeper.checkpoint()
  }
}
