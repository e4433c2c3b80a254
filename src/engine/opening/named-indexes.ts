/**
 * Which index has a name, for a program? The objects stay valid as long as the store, also if its file is replaced.
 *
 * One index: lookup/store-index.ts. Which indexes there are: writer-indexes.ts, lifecycle/reader-indexes.ts.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import { unknownIndex } from '../indexes/lifecycle/index-set.ts'
import type { IndexedStore } from '../indexes/lookup/indexed-store.ts'
import type { KeyIndex } from '../indexes/lookup/key-index.ts'
import { StoreIndex } from '../indexes/lookup/store-index.ts'
import type { Numbering } from '../read/numbering.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet } from '../read/record-set.ts'
import type { Session } from './session.ts'

/** The store of the indexes. Its session is replaced when its file is. */
export interface IndexedOpenedStore<S extends AnySchema> {
  readonly reading: Reading<S>
  readonly session: Session
  readonly epoch: { readonly value: number }
}

export class NamedIndexes<S extends AnySchema> {
  readonly #store: IndexedOpenedStore<S>
  readonly #records: RecordSet<S>
  readonly #delete: IndexedStore<S>['delete']
  readonly #named = new Map<string, StoreIndex<S>>()

  /** @param remove the function for `delete` of an index (IndexedStore) */
  constructor(store: IndexedOpenedStore<S>, records: RecordSet<S>, remove: IndexedStore<S>['delete']) {
    this.#store = store
    this.#records = records
    this.#delete = remove
  }

  get definitions(): readonly IndexDefinition[] {
    return this.#consistent().session.indexes.definitions
  }

  /** The definitions of the indexes that can be read now. */
  get usable(): readonly IndexDefinition[] {
    const { session } = this.#consistent()
    const { current, definitions } = session.indexes
    return current === undefined ? [] : definitions.filter(({ name }) => current.has(name))
  }

  /** @throws RangeError if there is no such index; ERR_STRIDE_CLOSED */
  get(name: string): StoreIndex<S> {
    const { session } = this.#consistent()
    if (session.indexes.current?.has(name) !== true) assertNamed(name, session.indexes.definitions)
    let index = this.#named.get(name)
    if (index === undefined) {
      index = new StoreIndex<S>(
        name,
        new NamedIndex(this.#store, this.#records, () => this.find(name), this.#delete),
      )
      this.#named.set(name, index)
    }
    return index
  }

  /** @throws RangeError if there is no such index; ERR_STRIDE_CLOSED */
  assertExists(name: string): void {
    assertNamed(name, this.definitions)
  }

  /** The index with this name. @throws RangeError if there is none; ERR_STRIDE_CLOSED, _INDEX_NOT_BUILT */
  find(name: string): KeyIndex {
    const { session } = this.#prepared()
    const { current, reason, definitions } = session.indexes
    if (current?.has(name) === true) return current.get(name)
    assertNamed(name, definitions)
    const { path } = this.#records
    const why = current === undefined ? reason : 'the index file does not have it'
    const message = `The index '${name}' of ${path} has to be built: ${why}`
    throw new StrideError('ERR_STRIDE_INDEX_NOT_BUILT', message, { path })
  }

  /** Like `#prepared`, for calls that are not repeated after a commit. @throws ERR_STRIDE_BUSY */
  #consistent(): IndexedOpenedStore<S> {
    return this.#store.reading.consistently(() => this.#prepared())
  }

  /** The store and its indexes, up to date with other processes' commits. */
  #prepared(): IndexedOpenedStore<S> {
    this.#store.reading.prepare()
    this.#store.session.indexes.now()
    return this.#store
  }
}

/** @throws RangeError if no index has the name */
function assertNamed(name: string, definitions: readonly IndexDefinition[]): void {
  const names = definitions.map(definition => definition.name)
  if (!names.includes(name)) throw unknownIndex(name, names)
}

/** The store, as one index sees it. */
class NamedIndex<S extends AnySchema> implements IndexedStore<S> {
  readonly records: RecordSet<S>
  readonly find: () => KeyIndex
  readonly epoch: { readonly value: number }
  readonly isFollowing: boolean
  readonly delete: IndexedStore<S>['delete']
  readonly #store: IndexedOpenedStore<S>

  constructor(
    store: IndexedOpenedStore<S>,
    records: RecordSet<S>,
    find: () => KeyIndex,
    remove: IndexedStore<S>['delete'],
  ) {
    this.delete = remove
    this.#store = store
    this.records = records
    this.find = find
    this.epoch = store.epoch
    this.isFollowing = store.reading.follower !== undefined
  }

  get path(): string {
    return this.#store.reading.path
  }
  version(): number {
    const { reading, session } = this.#store
    // Both only grow while the epoch is the same, so that each sum occurs once.
    return reading.version + (session.indexes.current?.changes ?? 0)
  }
  numbering(): Numbering {
    return this.#store.reading.source.numbering
  }
  consistently<T>(read: () => T): T {
    return this.#store.reading.consistently(read)
  }
  together<T>(read: () => T): T {
    return this.#store.reading.together(read)
  }
}
