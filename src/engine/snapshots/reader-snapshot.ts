/**
 * A snapshot in a process that does not write the store. It reads through windows of its own on the file, and takes the before-images of
 * later commits from the journal (held-commit.ts).
 *
 *   XR1  the snapshot is gone once the writer has reset a part of the journal that it needs. What it has read from the journal stays.
 *   XR2  it is gone, too, once compact or migrateStore has replaced the file.
 */

import type { AnySchema } from '../../schema/index.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import type { StoreIndex } from '../indexes/lookup/store-index.ts'
import { NamedIndexes } from '../opening/named-indexes.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { ReaderSession } from '../opening/reader-session.ts'
import type { Reading } from '../read/reading.ts'
import type { RecordSet } from '../read/record-set.ts'
import { allSteps } from '../steps/steps.ts'
import type { SnapshotSource } from './snapshot.ts'
import { readOnly } from './writer-snapshot.ts'

export class ReaderSnapshot<S extends AnySchema> implements SnapshotSource<S> {
  readonly reading: Reading<S>
  readonly #opened: OpenedStore<S>
  #indexes: NamedIndexes<S> | undefined
  #count = 0
  #commitNumber = 0

  constructor(store: OpenedStore<S>) {
    this.#opened = store.beside()
    this.reading = this.#opened.reading
  }

  /** Called once the snapshot watches the reading. @throws what opening throws */
  begin(): void {
    allSteps(this.#opened.start())
    const session = this.#opened.session as ReaderSession<S>
    session.pin()
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

  index(name: string, records: RecordSet<S>): StoreIndex<S> {
    this.#indexes ??= new NamedIndexes(this.#opened, records, readOnly)
    return this.#indexes.get(name)
  }

  close(): void {
    this.#opened.close()
  }
}
