/**
 * May a store be changed now? Checked before each change, each commit and whole-file work.
 *
 *   WG1  a forbidden change is refused before anything is touched: the store is read-only, closed, closing, poisoned or being
 *        compacted, or a transaction or callback is running.
 */

import { StrideError } from '../errors.ts'
import type { AnySchema } from '../schema/index.ts'
import type { Durability } from './commit/commit-waiters.ts'
import type { ExclusiveWork } from './maintenance/exclusive-work.ts'
import type { OpenedStore } from './opening/opened-store.ts'
import { COMMIT, type CommitOptions } from './opening/options.ts'
import type { WriterSession } from './opening/writer-session.ts'
import type { WritingParts } from './opening/writing-parts.ts'
import type { Reading } from './read/reading.ts'
import type { TransactionStore } from './transactions/concurrent-transaction.ts'

export class WritePermission<S extends AnySchema> implements TransactionStore<S> {
  readonly #opened: OpenedStore<S>
  readonly #exclusiveWork: ExclusiveWork
  /** Whether a transaction's callback runs. */
  isInTransaction = false
  /** Whether `closeAsync` was called: running work is finished, and no new work begins. */
  isClosing = false

  constructor(opened: OpenedStore<S>, exclusiveWork: ExclusiveWork) {
    this.#opened = opened
    this.#exclusiveWork = exclusiveWork
  }

  get reading(): Reading<S> {
    return this.#opened.reading
  }
  /** The session of a store that is open for writing. */
  get session(): WriterSession<S> {
    return this.#opened.writer as WriterSession<S>
  }
  get epoch(): { readonly value: number } {
    return this.#opened.epoch
  }
  get stagedBytesMax(): number {
    return this.#opened.options.stagedBytesMax
  }

  /** @throws ERR_STRIDE_READ_ONLY, _CLOSED, _TRANSACTION, _POISONED, _BUSY */
  writable(): WritingParts {
    const { reading, writer, options } = this.#opened
    const { path } = reading
    reading.assertOpen()
    if (writer === undefined && options.lock === 'transaction') {
      const message = `${path} is written by turns: change it through tx in store.transaction(tx => …)`
      throw new StrideError('ERR_STRIDE_TRANSACTION', message, { path })
    }
    if (writer === undefined) {
      throw new StrideError('ERR_STRIDE_READ_ONLY', `${path} is open for reading only`, { path })
    }
    const parts = writer.writing()
    if (this.isClosing) throw new StrideError('ERR_STRIDE_CLOSED', `${path} is being closed`, { path })
    if (this.isInTransaction) {
      throw new StrideError('ERR_STRIDE_TRANSACTION', 'Inside a transaction changes go through its `tx`')
    }
    parts.writer.assertIdle('A change, commit or rollback')
    parts.committer.assertSound()
    this.#exclusiveWork.assertWritable()
    return parts
  }

  /** Runs a callback during which changes of the store itself are refused. */
  inTransaction<T>(callback: () => T): T {
    this.isInTransaction = true
    try {
      return callback()
    } finally {
      this.isInTransaction = false
    }
  }

  dropStaged(): void {
    const { reading, writer } = this.#opened
    // After a failed store, staging hides the changes of an unfinished commit in the file (`revert` of staging.ts), so it is kept.
    if (reading.isClosed || writer?.parts?.committer.isUsable === false) return
    reading.source.locator.staging.rollback()
    writer?.parts?.writer.forgetHints()
    reading.changed()
    writer?.indexes.relay.applied()
  }

  /** @param what the refused work, for the message @throws ERR_STRIDE_TRANSACTION */
  refuseStaged(what: string): void {
    if (this.#opened.reading.source.locator.staging.isEmpty) return
    throw new StrideError('ERR_STRIDE_TRANSACTION', `Changes are staged: commit or roll back, then ${what}`)
  }

  /** Refuses calls that close the store from a callback within a write. @throws ERR_STRIDE_TRANSACTION */
  refuseInCallback(call: string): void {
    if (this.isInTransaction) {
      throw new StrideError('ERR_STRIDE_TRANSACTION', `${call} was called inside a transaction`)
    }
    this.#opened.writer?.parts?.writer.assertIdle(call)
  }

  durabilityOf(options: CommitOptions | undefined, call: string): Durability {
    return COMMIT.read(options, call).durability ?? this.#opened.options.durability
  }
}
