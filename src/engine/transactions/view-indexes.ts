/**
 * How does a transaction see the indexes of its store?
 *
 * Pages and pending entries are those of the store. An entry only names a record, and the record of the view is compared. Records that
 * the view sees in another state than the pages are among the pending entries (IndexSet, staging/versions.ts).
 */

import { StrideError } from '../../errors.ts'
import type { RecordBytes } from '../../schema/index.ts'
import type { StagedKeys } from '../commit/writer.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'
import { type IndexSet, unknownIndex } from '../indexes/lifecycle/index-set.ts'
import type { KeyIndex } from '../indexes/lookup/key-index.ts'
import type { CommitView } from '../staging/commit-view.ts'
import type { Locator } from '../staging/locator.ts'

export class ViewIndexes implements StagedKeys {
  readonly #store: () => IndexSet | undefined
  readonly #records: Locator<CommitView>
  readonly #views = new Map<KeyIndex, KeyIndex>()
  readonly #path: string

  /** @param records a locator that notes no reads */
  constructor(store: () => IndexSet | undefined, records: Locator<CommitView>, path: string) {
    this.#store = store
    this.#records = records
    this.#path = path
  }

  get definitions(): readonly IndexDefinition[] {
    return this.#store()?.definitions ?? []
  }

  /** @throws RangeError if there is no such index */
  get(name: string): KeyIndex {
    const set = this.#store()
    if (set?.has(name) !== true) throw unknownIndex(name, set?.definitions.map(each => each.name) ?? [])
    return this.#viewOf(set.get(name))
  }

  adding(n: number, view: DataView, at: number): void {
    this.#refuseRivals(n, view, at)
    this.#store()?.note(n, view, at)
  }

  changing(n: number, view: DataView, at: number): void {
    const set = this.#store()
    if (set === undefined) return
    for (const index of set.all) {
      const old = this.#records.find(n) as RecordBytes
      if (this.#viewOf(index).changesKey(old.view as DataView, this.#records.at, view, at)) {
        this.#refuseRival(index, n, view, at)
      }
    }
    this.deleting(n)
    set.note(n, view, at)
  }

  deleting(n: number): void {
    const old = this.#records.find(n)
    if (old !== undefined) this.#store()?.note(n, old.view as DataView, this.#records.at)
  }

  #refuseRivals(n: number, view: DataView, at: number): void {
    for (const index of this.#store()?.all ?? []) this.#refuseRival(index, n, view, at)
  }

  #refuseRival(index: KeyIndex, n: number, view: DataView, at: number): void {
    const other = this.#viewOf(index).rival(n, view, at)
    if (other < 0) return
    const { name, on } = index.tree.definition
    const message = `The unique index '${name}' has the key for record ${other} already: record ${n} cannot have it too`
    throw new StrideError('ERR_STRIDE_DUPLICATE_KEY', message, {
      path: this.#path,
      recordNumber: other,
      field: on.join(', '),
    })
  }

  #viewOf(index: KeyIndex): KeyIndex {
    let view = this.#views.get(index)
    if (view === undefined) {
      view = index.over(this.#records, this.#records.staging.baseSize)
      this.#views.set(index, view)
    }
    return view
  }
}
