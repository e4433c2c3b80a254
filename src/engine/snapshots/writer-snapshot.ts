/**
 * A snapshot in the process that writes the store. It reads the versions that commits keep in memory while a view is open.
 *
 *   XW1  a replaced version is kept in memory until every snapshot and transaction that sees it has ended. If all versions take more than
 *        `stagedBytesMax`, the oldest views end (VS2 of versions.ts).
 *   XW2  an unreferenced snapshot ends when it is collected.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import { StoreIndex } from '../indexes/lookup/store-index.ts'
import type { WriterSession } from '../opening/writer-session.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet } from '../read/record-set.ts'
import { type ViewKind, ViewReading } from '../read/view-reading.ts'
import { snapshotGone } from '../recovery/held-commit.ts'
import { Locator } from '../staging/locator.ts'
import { SnapshotView } from '../staging/snapshot-view.ts'
import type { Versions } from '../staging/versions.ts'
import { IndexOfView } from '../transactions/index-of-view.ts'
import { ViewIndexes } from '../transactions/view-indexes.ts'
import type { SnapshotSource } from './snapshot.ts'

/** The store of the snapshot. */
export interface SnapshotStore<S extends AnySchema> {
  readonly reading: Reading<S>
  readonly session: WriterSession<S>
  readonly epoch: { readonly value: number }
}

interface Held {
  readonly view: SnapshotView
  readonly versions: Versions
}

const SNAPSHOT: ViewKind = {
  canBeHot: true,
  over: path => new StrideError('ERR_STRIDE_CLOSED', `The snapshot of ${path} is closed`, { path }),
  ended: snapshotGone,
}

const dropped = new FinalizationRegistry<Held>(({ view, versions }) => versions.release(view))

export class WriterSnapshot<S extends AnySchema> implements SnapshotSource<S> {
  readonly reading: ViewReading<S>
  readonly count: number
  readonly #store: SnapshotStore<S>
  readonly #held: Held
  readonly #indexes: ViewIndexes

  constructor(store: SnapshotStore<S>) {
    const { committer } = store.session.writing()
    const { source } = store.reading
    const { staging, addressing, pool, deletionBits, checksums, checksumPolicy } = source.locator
    const view = new SnapshotView(staging, committer.sealedCommitNumber)
    const policy = checksumPolicy === 'never' ? 'never' : 'each'
    const locator = new Locator(addressing, pool, view, deletionBits, checksums, policy)
    this.reading = new ViewReading(store.reading, { ...source, locator }, SNAPSHOT)
    this.count = view.baseSize - committer.deletedCount
    this.#store = store
    this.#indexes = new ViewIndexes(() => store.session.indexes.current, locator, source.path)
    this.#held = { view, versions: staging.versions }
    staging.versions.open(view)
  }

  get commitNumber(): number {
    return this.#held.view.commitNumber
  }
  get definitions(): readonly IndexDefinition[] {
    return this.#store.session.indexes.definitions
  }
  get usable(): readonly IndexDefinition[] {
    return this.#store.session.indexes.current?.definitions ?? []
  }

  index(name: string, records: RecordSet<S>): StoreIndex<S> {
    this.#indexes.get(name)
    const calls = { find: () => this.#indexes.get(name), delete: readOnly, found: undefined }
    return new StoreIndex<S>(name, new IndexOfView(records, this.reading, this.#store, calls))
  }

  /** Ends the view once `owner` is collected. */
  endWith(owner: object): void {
    dropped.register(owner, this.#held, this.#held)
  }

  close(): void {
    const { view, versions } = this.#held
    dropped.unregister(this.#held)
    versions.release(view)
    this.reading.finish('it was closed')
  }
}

export function readOnly(): never {
  throw new StrideError('ERR_STRIDE_READ_ONLY', 'A snapshot is for reading only')
}
