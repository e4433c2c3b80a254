/**
 * What one transaction reads from, and whether it still may.
 *
 * All of a transaction's rows, walks and indexes lead here, so that its view is kept open for as long as any of them is held.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import { Reading, type Source } from '../read/reading.ts'
import type { CommitView } from '../records/commit-view.ts'

export class ConcurrentReading<S extends AnySchema> extends Reading<S, CommitView> {
  readonly #store: Reading<S>
  /** What ended the transaction: 'committed', 'rolled back'. */
  #over: string | undefined

  constructor(store: Reading<S>, source: Source<S, CommitView>) {
    super(source)
    this.#store = store
  }

  override get isClosed(): boolean {
    return this.#over !== undefined || this.#store.isClosed
  }
  /** Counts what may have changed under a walk. */
  override get version(): number {
    return super.version + this.#store.version
  }

  /** The transaction reads and writes no more. */
  finish(how: string): void {
    this.#over ??= how
    this.changed()
  }

  /** Nothing is read by arithmetic alone here, and the pool tells the store. */
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
