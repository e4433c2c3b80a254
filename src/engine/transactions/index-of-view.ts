/**
 * The interface of a transaction or snapshot to its indexes.
 */

import type { AnySchema } from '../../schema/index.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import type { IndexedStore } from '../indexes/lookup/indexed-store.ts'
import type { Numbering } from '../read/numbering.ts'
import type { RecordSet } from '../read/record-set.ts'
import type { ViewReading } from '../read/view-reading.ts'

/** The store of the view. */
export interface ViewedStore {
  readonly session: { readonly indexes: { readonly current: IndexSet | undefined } }
  readonly epoch: { readonly value: number }
}

/** What differs between kinds of views. */
export type ViewCalls<S extends AnySchema> = Pick<IndexedStore<S>, 'find' | 'delete' | 'found'>

export class IndexOfView<S extends AnySchema> implements IndexedStore<S> {
  readonly isFollowing = false
  readonly records: RecordSet<S>
  readonly epoch: { readonly value: number }
  readonly find: IndexedStore<S>['find']
  readonly delete: IndexedStore<S>['delete']
  readonly found: IndexedStore<S>['found']
  readonly #reading: ViewReading<S>
  readonly #store: ViewedStore

  constructor(records: RecordSet<S>, reading: ViewReading<S>, store: ViewedStore, calls: ViewCalls<S>) {
    this.records = records
    this.find = calls.find
    this.delete = calls.delete
    this.found = calls.found
    this.#reading = reading
    this.#store = store
    this.epoch = {
      get value() {
        reading.assertOpen()
        return store.epoch.value
      },
    }
  }

  get path(): string {
    return this.records.path
  }
  version(): number {
    return this.#reading.version + (this.#store.session.indexes.current?.changes ?? 0)
  }
  numbering(): Numbering {
    return this.#reading.source.numbering
  }
  consistently<T>(read: () => T): T {
    return this.#reading.consistently(read)
  }
  together<T>(read: () => T): T {
    return this.#reading.together(read)
  }
}
