/**
 * Forwards staged changes and checkpoints to the present indexes of a store.
 *
 * A store may have no index when it is opened. `createIndex` and `dropIndex` replace the index set behind the same relay.
 */

import type { Companion } from '../../commit/checkpointer.ts'
import type { StoreKeys } from '../../commit/store-writer.ts'
import type { KeySpans } from '../../journal/frame-encode.ts'
import type { Wait } from '../../steps/protocol.ts'
import type { IndexSet } from './index-set.ts'

const NO_SPANS: KeySpans = []

export class IndexRelay implements StoreKeys, Companion {
  current: IndexSet | undefined

  /** The bytes of each key; the same list until the indexes change. */
  get keySpans(): KeySpans {
    return this.current?.keySpans ?? NO_SPANS
  }

  adding(n: number, view: DataView, at: number): void {
    this.current?.adding(n, view, at)
  }
  changing(n: number, view: DataView, at: number): void {
    this.current?.changing(n, view, at)
  }
  deleting(n: number): void {
    this.current?.deleting(n)
  }
  placing(n: number, view: DataView, at: number, isLive: boolean): void {
    this.current?.placing(n, view, at, isLive)
  }
  assertUnrivalled(n: number): void {
    this.current?.assertUnrivalled(n)
  }
  /** Called after commits were applied or staged changes were rolled back. */
  applied(): void {
    this.current?.background.notice()
  }
  committed(): void {
    this.current?.background.committed()
  }
  readonly checkpoint: Wait = {
    block: () => this.current?.checkpointer.checkpointSync(),
    wait: async () => this.current?.checkpointer.checkpoint(),
  }
}
