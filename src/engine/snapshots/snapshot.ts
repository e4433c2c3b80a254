/**
 * What can a program do with a snapshot? Read a store as of one commit, while commits continue.
 *
 *   XN1  every read sees the same commit, or throws ERR_STRIDE_SNAPSHOT_GONE once the versions that it needs are no longer kept.
 *   XN2  a snapshot ends with its store.
 * Where a snapshot's records come from: writer-snapshot.ts, reader-snapshot.ts.
 */

import type { AnySchema } from '../../schema/index.ts'
import type { IndexOn, NoIndexes, OtherName } from '../indexes/index-types.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { StoreIndex } from '../indexes/lookup/store-index.ts'
import { QueryableRecords } from '../query/queryable-records.ts'
import { readerClassOf } from '../read/codecs.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet } from '../read/record-set.ts'
import type { RecordLayers } from '../staging/record-layers.ts'

/** One commit of a store. */
export interface SnapshotSource<S extends AnySchema> {
  readonly reading: Reading<S, RecordLayers>
  readonly commitNumber: number
  /** The count of live records. */
  readonly count: number
  readonly definitions: readonly IndexDefinition[]
  /** Those of the indexes that can be read now. */
  readonly usable: readonly IndexDefinition[]
  /** The index with this name over the records of the snapshot. @throws RangeError if there is none */
  index(name: string, records: RecordSet<S>): StoreIndex<S>
  close(): void
}

/**
 * A store as of one commit, from `store.snapshot()`. It has the reading calls of the store, and is valid until it is closed, or its store
 * is. Calls then throw {StrideError} ERR_STRIDE_CLOSED, and _SNAPSHOT_GONE once the versions that it needs are no longer kept.
 */
export class Snapshot<S extends AnySchema = AnySchema, out I = NoIndexes> extends QueryableRecords<S> {
  readonly #source: SnapshotSource<S>
  readonly #named = new Map<string, StoreIndex<S>>()

  /** @internal */
  static over<S extends AnySchema, I>(source: SnapshotSource<S>): Snapshot<S, I> {
    const { codec, follower } = source.reading.source
    const Reader = readerClassOf(Snapshot, codec, follower !== undefined)
    return new Reader(source) as Snapshot<S, I>
  }

  private constructor(source: SnapshotSource<S>) {
    super(source.reading as Reading<S>, records => {
      const snapshot = records as Snapshot<S, I>
      const indexes = {
        get definitions() {
          return source.usable
        },
        get: (name: string) => snapshot.index(name as never) as StoreIndex<S>,
      }
      return { indexes, frozen: () => undefined }
    })
    this.#source = source
  }

  /** Live records. @throws {StrideError} ERR_STRIDE_CLOSED, _SNAPSHOT_GONE */
  override get count(): number {
    this.#source.reading.prepare()
    return this.#source.count
  }
  /** The number of the commit that it shows, also after close. */
  get commitNumber(): number {
    return this.#source.commitNumber
  }

  /**
   * The index with this name. It finds the records of the snapshot, and is valid as long as the snapshot.
   * @throws RangeError if the store has no such index; {StrideError} ERR_STRIDE_CLOSED, _SNAPSHOT_GONE
   */
  index<Name extends keyof I & string>(name: Name): IndexOn<S, I[Name]>
  index<Name extends string>(name: OtherName<I, Name>): StoreIndex<S>
  index(name: string): unknown {
    this.#source.reading.prepare()
    let index = this.#named.get(name)
    if (index === undefined) {
      index = this.#source.index(name, this)
      this.#named.set(name, index)
    }
    return index
  }
  /** The definitions of the store's indexes. @throws {StrideError} ERR_STRIDE_CLOSED, _SNAPSHOT_GONE */
  get indexes(): readonly IndexDefinition[] {
    this.#source.reading.prepare()
    return this.#source.definitions
  }

  /** Ends the snapshot, and releases the versions kept for it. Idempotent. */
  close(): void {
    this.#source.close()
  }
  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
