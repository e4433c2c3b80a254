/**
 * Reading one commit of this process's store, for transactions of `begin()` and snapshots: is the view still open, and what does it see?
 *
 * All rows, walks and indexes of a view refer to this object, so the view stays open as long as one of them is referenced.
 */

import type { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { CommitView } from '../staging/commit-view.ts'
import { Reading, type Source } from './reading.ts'

/** What kind of view it is. */
export interface ViewKind {
  /** Whether records may be hot. A transaction has no hot records, since it notes each read. */
  readonly canBeHot: boolean
  /** The error after its owner has ended it. @param how in words */
  over(path: string, how: string): StrideError
  /** The error when the versions that it needs are no longer kept. @param why in words */
  ended(path: string, commitNumber: number, why: string): StrideError
}

export class ViewReading<S extends AnySchema> extends Reading<S, CommitView> {
  readonly #store: Reading<S>
  readonly #kind: ViewKind
  /** How it ended, for messages; undefined while it is open. */
  #over: string | undefined

  constructor(store: Reading<S>, source: Source<S, CommitView>, kind: ViewKind) {
    super(source)
    this.#store = store
    this.#kind = kind
  }

  override get isClosed(): boolean {
    return this.#over !== undefined || this.#store.isClosed
  }
  /** Changes whenever records may have changed during a walk. */
  override get version(): number {
    return super.version + this.#store.version
  }

  /** Ends the reading. */
  finish(how: string): void {
    this.#over ??= how
    this.changed()
  }

  /** The pool has the store as its watcher, which calls `cool` as well: whenever a window goes or something changes. */
  override watch(cool: () => void): void {
    if (this.#kind.canBeHot) this.#store.watchToo(this.cooling(cool))
  }

  /** @throws ERR_STRIDE_CLOSED, and the errors of the view */
  override assertOpen(): void {
    this.#store.assertOpen()
    if (this.#over !== undefined) throw this.#kind.over(this.path, this.#over)
    const { commitNumber, ended } = this.source.locator.staging
    if (ended !== undefined) throw this.#kind.ended(this.path, commitNumber, ended)
  }
}
