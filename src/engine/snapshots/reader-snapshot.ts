/**
 * A snapshot in a process that does not write the store, or a kept one in any process. It reads through windows of its own on the file, and
 * takes the before-images of later commits from the journal (held-commit.ts).
 *
 *   XR1  the snapshot is gone once the writer has reset a part of the journal that it needs. What it has read from the journal stays.
 *   XR2  it is gone, too, once compact or migrateStore has replaced the file.
 *   XR3  a kept one has a place among the keepers (sharing/keepers.ts) before it chooses its commit, and until its end. The writer moves
 *        the frames that it needs out of the journal before it resets that, and refuses to compact and migrate.
 */

import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { StoreIndex } from '../indexes/lookup/store-index.ts'
import { NamedIndexes } from '../opening/named-indexes.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { ReaderSession } from '../opening/reader-session.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet } from '../read/record-set.ts'
import { Keeper } from '../sharing/keepers.ts'
import { allSteps } from '../steps/steps.ts'
import type { SnapshotSource } from './snapshot.ts'
import { readOnly } from './writer-snapshot.ts'

export class ReaderSnapshot<S extends AnySchema> implements SnapshotSource<S> {
  readonly reading: Reading<S>
  readonly #opened: OpenedStore<S>
  #indexes: NamedIndexes<S> | undefined
  #count = 0
  #commitNumber = 0

  readonly #keeper: Keeper | undefined

  /** @throws what opening throws; ERR_STRIDE_BUSY, _NO_LOCK, _PERMISSION if it cannot be kept */
  constructor(store: OpenedStore<S>, keep: boolean) {
    const { platform, path, file } = store.session.file
    const keeper = keep ? Keeper.take(platform, path, file, store.writer !== undefined) : undefined
    this.#keeper = keeper
    try {
      this.#opened = store.beside(() => keeper?.release())
    } catch (error) {
      keeper?.release()
      throw error
    }
    this.reading = this.#opened.reading
  }

  /** Called once the snapshot watches the reading. @throws what opening throws */
  begin(): void {
    allSteps(this.#opened.start())
    const session = this.#opened.session as ReaderSession<S>
    const keeper = this.#keeper
    try {
      session.pin(keeper && (() => keeper.release()))
      keeper?.keep(session.commitNumber)
    } catch (error) {
      this.close()
      throw error
    }
    const { staging } = this.reading.source.locator
    this.#commitNumber = session.commitNumber
    this.#count = staging.size - session.deletedCount - staging.deletedDelta
  }

  get commitNumber(): number {
    return this.#commitNumber
  }
  get count(): number {
    return this.#count
  }
  get definitions(): readonly IndexDefinition[] {
    return this.reading.consistently(() => {
      this.reading.prepare()
      this.#opened.session.indexes.now()
      return this.#opened.session.indexes.definitions
    })
  }

  get usable(): readonly IndexDefinition[] {
    const { definitions } = this
    const { current } = this.#opened.session.indexes
    return current === undefined ? [] : definitions.filter(({ name }) => current.has(name))
  }

  index(name: string, records: RecordSet<S>): StoreIndex<S> {
    this.#indexes ??= new NamedIndexes(this.#opened, records, readOnly)
    return this.#indexes.get(name)
  }

  close(): void {
    this.#opened.close()
  }
}
