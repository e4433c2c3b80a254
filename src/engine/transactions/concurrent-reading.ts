/**
 * What does a transaction of `begin()` read, and may it still read?
 *
 * All rows, walks and indexes of a transaction refer to this object, so its view stays open as long as any of them is held.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import { Reading, type Source } from '../read/reading.ts'
import type { CommitView } from '../staging/commit-view.ts'

export class ConcurrentReading<S extends AnySchema> extends Reading<S, CommitView> {
  readonly #store: Reading<S>
  /** How the transaction ended, for messages; undefined while it is open. */
  #over: string | undefined

  constructor(store: Reading<S>, source: Source<S, CommitView>) {
    super(source)
    this.#store = store
  }

  override get isClosed(): boolean {
    return this.#over !== undefined || this.#store.isClosed
  }
  /** Changes whenever records may have changed during a walk. */
  override get version(): number {
    return super.version + this.#store.version
  }

  /** Ends the transaction. */
  finish(how: string): void {
    this.#over ??= how
    this.changed()
  }

  /** Does nothing. The store already watches the pool, and transactions have no hot records. */
  override watch(): void {}

  /** @throws ERR_STRIDE_CLOSED, _TRANSACTION, _CONFLICT */
  override assertOpen(): void {
    this.#store.assertOpen()
    const { path } = this
    if (this.#over !== undefined) {
      throw new StrideError('ERR_STRIDE_TRANSACTION', `The transaction over ${path} is over: ${this.#over}`, {
        path,
      })
    }
    const { commitNumber, ended } = this.source.locator.staging
    if (ended === undefined) return
    const message = `The transaction over ${path} that began at commit ${commitNumber} sees nothing any more: ${ended}. Begin another one`
    throw new StrideError('ERR_STRIDE_CONFLICT', message, { path })
  }
}
