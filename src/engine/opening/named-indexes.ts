/**
 * The indexes of one store by their names, as programs hold them: good for as long as the store, whatever file it stands on.
 *
 * What one index answers: lookup/store-index.ts. Which indexes there are: writer-indexes.ts, upkeep/reader-indexes.ts.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { IndexedStore } from '../indexes/lookup/indexed-store.ts'
import type { KeyIndex } from '../indexes/lookup/key-index.ts'
import { StoreIndex } from '../indexes/lookup/store-index.ts'
import { unknownIndex } from '../indexes/upkeep/index-set.ts'
import type { Numbering } from '../read/numbering.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet } from '../read/record-set.ts'
import type { Session } from './session.ts'

/** The store that they belong to; its session is another one once its file is. */
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

  /** @param remove what `delete` of an index does (IndexedStore) */
  constructor(store: IndexedOpenedStore<S>, records: RecordSet<S>, remove: IndexedStore<S>['delete']) {
    this.#store = store
    this.#records = records
    this.#delete = remove
  }

  get definitions(): readonly IndexDefinition[] {
    return this.#consistent().session.indexes.definitions
  }

  /** @throws RangeError where there is no such index; ERR_STRIDE_CLOSED */
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

  /** @throws RangeError where there is no such index; ERR_STRIDE_CLOSED */
  assertExists(name: string): void {
    assertNamed(name, this.definitions)
  }

  /** The index behind a name. @throws RangeError where there is none; ERR_STRIDE_CLOSED, _INDEX_NOT_BUILT */
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

  /** Like `#prepared`, for calls that no reading runs again. @throws ERR_STRIDE_BUSY */
  #consistent(): IndexedOpenedStore<S> {
    return this.#store.reading.consistently(() => this.#prepared())
  }

  /** The store, as new as other processes' commits, and its indexes, too. */
  #prepared(): IndexedOpenedStore<S> {
    this.#store.reading.prepare()
    this.#store.session.indexes.now()
    return this.#store
  }
}

/** @throws RangeError where no index has the name */
function assertNamed(name: string, definitions: readonly IndexDefinition[]): void {
  const names = definitions.map(definition => definition.name)
  if (!names.includes(name)) throw unknownIndex(name, names)
}

/** What one index sees of its store. */
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
    // Both only grow while the epoch is the same: their sum comes once.
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
