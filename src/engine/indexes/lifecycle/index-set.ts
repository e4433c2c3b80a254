/**
 * The indexes of an open store, by name. They receive the keys of staged changes, and are built and dropped here.
 *
 *   IS1  a record that would break a unique index is refused before anything is staged. The error names both records.
 *   IS2  a rollback changes nothing here, since a pending entry only makes lookups read the record (delta.ts).
 * Opening and recovery: index-opening.ts. Writing the file: index-checkpointer.ts, background-fold.ts.
 */

import { StrideError } from '../../../errors.ts'
import { nearestName } from '../../../options/option-names.ts'
import type { Layout, RecordBytes } from '../../../schema/index.ts'
import type { AppliedState } from '../../format/root.ts'
import type { KeySpans } from '../../journal/frame-encode.ts'
import type { Locator } from '../../staging/locator.ts'
import { Pauses } from '../../steps/pauses.ts'
import type { ProgressOptions } from '../../steps/progress-options.ts'
import type { Steps } from '../../steps/steps.ts'
import type { IndexDefinition } from '../keys/index-definition.ts'
import { KeyCodec, type ReadField } from '../keys/key-codec.ts'
import { KeyHash } from '../keys/key-hash.ts'
import { planIndex, spansOf } from '../keys/key-plan.ts'
import { HashIndex } from '../lookup/hash-index.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import { OrderedIndex } from '../lookup/ordered-index.ts'
import { Directory } from '../pages/directory.ts'
import { type CatalogEntry, directoryOf } from '../pages/index-catalog.ts'
import { BulkBuild } from '../trees/bulk-build.ts'
import type { HashDelta } from '../trees/hash-delta.ts'
import { IndexTree, leafFormatOf } from '../trees/index-tree.ts'
import type { OrderedDelta } from '../trees/ordered-delta.ts'
import { BackgroundFold, type FoldPace } from './background-fold.ts'
import { type IndexCheckpointCalls, IndexCheckpointer } from './index-checkpointer.ts'
import type { IndexFile } from './index-file.ts'
import { IndexMerger } from './index-merger.ts'

export type BuildOptions = ProgressOptions

export interface IndexSetParts {
  /** Path of the store. */
  readonly path: string
  readonly file: IndexFile
  readonly layout: Layout
  readonly locator: Locator
  readonly readField: ReadField
  /** The committed state that is in the data file. */
  readonly applied: () => AppliedState
  readonly calls: IndexCheckpointCalls
  readonly pace: FoldPace
}

export class IndexSet {
  readonly #parts: IndexSetParts
  readonly #indexes = new Map<string, KeyIndex>()
  /** Indexes that are being built. They receive keys, but are not searched. */
  readonly #building = new Set<KeyIndex>()
  readonly checkpointer: IndexCheckpointer
  readonly background: BackgroundFold
  /** The indexes up to `recordsEnd`. */
  readonly #limited = new Map<KeyIndex, KeyIndex>()
  #recordsEnd: number | undefined
  #spansOf: readonly KeyIndex[] = []
  #spans: KeySpans = []
  /** Changes whenever keys are staged, so that a walk notices. */
  changes = 0

  constructor(parts: IndexSetParts) {
    this.#parts = parts
    const { file, locator, applied, calls, pace } = parts
    const rebuild = (index: KeyIndex): void => this.#makeAnew(index, applied().size)
    const indexes = (): readonly KeyIndex[] => this.all
    const folded = (index: KeyIndex): void => this.#noteSeen(index)
    const merger = new IndexMerger({ file, locator, applied, folded, bulkMin: pace.bulkMin })
    const pauses = new Pauses(pace.later, pace.pauseMs)
    const checkpointer = new IndexCheckpointer({ file, merger, indexes, applied, rebuild, calls, pauses })
    this.checkpointer = checkpointer
    this.background = new BackgroundFold({ pace, file, merger, checkpointer, indexes })
  }

  get file(): IndexFile {
    return this.#parts.file
  }
  get all(): readonly KeyIndex[] {
    return [...this.#indexes.values()]
  }
  get definitions(): readonly IndexDefinition[] {
    return this.all.map(index => index.tree.definition)
  }

  /** The bytes of a record that make up each key, also of indexes that are being built. The same list until the indexes change. */
  get keySpans(): KeySpans {
    const told = [...this.#told()]
    if (told.length !== this.#spansOf.length || told.some((index, i) => index !== this.#spansOf[i])) {
      this.#spansOf = told
      this.#spans = told.map(index => spansOf(index.codec.plan))
    }
    return this.#spans
  }

  has(name: string): boolean {
    return this.#indexes.has(name)
  }

  /** @throws RangeError naming the nearest index */
  get(name: string): KeyIndex {
    const index = this.#indexes.get(name)
    if (index === undefined) throw unknownIndex(name, [...this.#indexes.keys()])
    const end = this.#recordsEnd
    if (end === undefined) return index
    let limited = this.#limited.get(index)
    if (limited === undefined) this.#limited.set(index, (limited = index.over(this.#parts.locator, end)))
    return limited
  }

  /** The end of the records that lookups find; undefined if it is that of the pages. */
  get recordsEnd(): number | undefined {
    return this.#recordsEnd
  }
  /** Sets it, for a reader at an earlier commit than the pages. Indexes from `get` are replaced. */
  set recordsEnd(end: number | undefined) {
    if (end !== this.#recordsEnd) this.#limited.clear()
    this.#recordsEnd = end
  }

  /** Restores an index of the file. @throws RangeError, ERR_STRIDE_LIMIT if its fields have changed */
  restore(entry: CatalogEntry): void {
    const index = this.#make(entry.definition, entry.indexNumber, directoryOf(entry))
    index.tree.restore(entry.pending)
    this.#indexes.set(entry.definition.name, index)
  }

  /** Called before a new record is staged. @throws ERR_STRIDE_DUPLICATE_KEY, _LIMIT */
  adding(n: number, view: DataView, at: number): void {
    for (const index of this.#indexes.values()) this.#refuseRival(index, n, view, at)
    this.note(n, view, at)
  }

  /** Called before a live record is replaced by the image at `at`. @throws ERR_STRIDE_DUPLICATE_KEY */
  changing(n: number, view: DataView, at: number): void {
    const { locator } = this.#parts
    const changed: KeyIndex[] = []
    for (const index of this.#told()) {
      const old = locator.find(n) as RecordBytes
      if (index.changesKey(old.view as DataView, locator.at, view, at)) changed.push(index)
    }
    for (const index of changed) if (!this.#building.has(index)) this.#refuseRival(index, n, view, at)
    for (const index of changed) {
      const old = locator.find(n) as RecordBytes
      index.added(n, old.view as DataView, locator.at)
      index.added(n, view, at)
    }
    this.changes++
  }

  /**
   * Like `adding`, or for a live record like `changing`, but unique keys are not checked: see `assertUnrivalled`.
   * @throws ERR_STRIDE_LIMIT
   */
  placing(n: number, view: DataView, at: number, isLive: boolean): void {
    const { locator } = this.#parts
    for (const index of this.#told()) {
      if (isLive) {
        const old = locator.find(n) as RecordBytes
        if (!index.changesKey(old.view as DataView, locator.at, view, at)) continue
        index.added(n, old.view as DataView, locator.at)
      }
      index.added(n, view, at)
    }
    this.changes++
  }

  /** @throws ERR_STRIDE_DUPLICATE_KEY if the staged record n has a unique key of another record */
  assertUnrivalled(n: number): void {
    const { locator } = this.#parts
    for (const index of this.#indexes.values()) {
      const source = locator.find(n)
      if (source !== undefined) this.#refuseRival(index, n, source.view as DataView, locator.at)
    }
  }

  /** The records other than n that have a unique key of these bytes, at most one for each index. */
  rivals(n: number, view: DataView, at: number): number[] {
    return this.all.map(index => index.rival(n, view, at)).filter(other => other >= 0)
  }

  /** Called before a live record is deleted. */
  deleting(n: number): void {
    const { locator } = this.#parts
    const old = locator.find(n)
    if (old !== undefined) this.note(n, old.view as DataView, locator.at)
  }

  /**
   * Notes the keys of two images of record n, if they differ. If they are equal, the pages and the pending entries already have the key.
   */
  noteChange(n: number, old: DataView, view: DataView, at: number): void {
    for (const index of this.#told()) {
      if (!index.changesKey(old, 0, view, at)) continue
      index.added(n, old, 0)
      index.added(n, view, at)
    }
    this.changes++
  }

  /** Adds the keys of these bytes as pending entries of record n. */
  note(n: number, view: DataView, at: number): void {
    for (const index of this.#told()) index.added(n, view, at)
    this.changes++
  }

  /**
   * Begins a new index, which receives the keys of all changes from now on. When it is built, nothing is staged and all commits are in the
   * file. @throws ERR_STRIDE_EXISTS, _LIMIT
   */
  begin(definition: IndexDefinition): KeyIndex {
    const { name } = definition
    if (this.#indexes.has(name) || [...this.#building].some(index => index.tree.definition.name === name)) {
      throw new StrideError('ERR_STRIDE_EXISTS', `There is an index '${name}' already`, {
        path: this.#parts.path,
      })
    }
    const numbers = [...this.all, ...this.#building].map(index => index.tree.indexNumber)
    const index = this.#make(definition, Math.max(0, ...numbers) + 1)
    this.#building.add(index)
    return index
  }

  /** Builds an index that was begun. If it is ended early (`return`), it leaves nothing. */
  *build(index: KeyIndex, size: number): Steps<void> {
    let isWhole = false
    try {
      for (const share of this.#steps(index, size, index.tree.directory))
        yield { done: Math.floor(share * size), total: size }
      this.#refuseRivalsAmongWaiting(index)
      isWhole = true
    } finally {
      if (!isWhole) this.giveUp(index)
    }
    this.#building.delete(index)
    this.#noteSeen(index)
    this.#indexes.set(index.tree.definition.name, index)
  }

  /** Drops an index that was begun and is not built. Its pages are free again. */
  giveUp(index: KeyIndex): void {
    if (!this.#building.delete(index)) return
    index.close()
    const { directory } = index.tree
    for (let i = 0; i < directory.pageCount; i++) this.file.space.giveBack(directory.placeOf(i))
  }

  /** Drops an index. Its pages are free once roots without it are published. @throws RangeError */
  drop(name: string): void {
    const index = this.get(name)
    const { tree } = index
    tree.endFold()
    index.close()
    this.#indexes.delete(name)
    for (let i = 0; i < tree.directory.pageCount; i++) this.file.space.drop(tree.directory.placeOf(i))
  }

  close(): void {
    this.background.stop()
    this.checkpointer.stop()
    this.file.close()
  }

  /** Count of pending entries, including duplicates. */
  get waiting(): number {
    let count = 0
    for (const { tree } of this.#indexes.values()) count += tree.waiting
    return count
  }

  #told(): Iterable<KeyIndex> {
    return this.#building.size === 0 ? this.#indexes.values() : [...this.#indexes.values(), ...this.#building]
  }

  #make(definition: IndexDefinition, indexNumber: number, directory?: Directory): KeyIndex {
    const { layout, locator, file } = this.#parts
    const plan = planIndex(layout, definition)
    const format = leafFormatOf(definition, plan.bytes)
    const tree = IndexTree.over(indexNumber, definition, format, directory)
    const parts = {
      codec: new KeyCodec(plan),
      recordCodec: new KeyCodec(plan),
      records: locator,
      pages: file.view,
    }
    return definition.kind === 'hash'
      ? new HashIndex({ ...parts, tree: tree as IndexTree<HashDelta>, hash: new KeyHash(file.seed) })
      : new OrderedIndex({ ...parts, tree: tree as IndexTree<OrderedDelta> })
  }

  /** Rebuilds the pages of a damaged index from the records. If that fails, nothing has changed. */
  #makeAnew(index: KeyIndex, size: number): void {
    const { tree } = index
    const damaged = tree.directory
    const directory = Directory.empty(tree.format.entryWords)
    for (const _ of this.#steps(index, size, directory));
    tree.directory = directory
    for (let i = 0; i < damaged.pageCount; i++) this.file.space.drop(damaged.placeOf(i))
  }

  *#steps(index: KeyIndex, size: number, directory: Directory): Generator<number, void> {
    const { locator, file } = this.#parts
    const { tree } = index
    file.beginWriting()
    const build = new BulkBuild({
      indexNumber: tree.indexNumber,
      format: tree.format,
      directory,
      pool: file.pool,
      space: file.space,
      records: locator,
      stride: locator.addressing.stride,
      size,
      entryOf: (n, view, at, entry) => index.entryOf(n, view, at, entry),
      ...(tree.definition.unique ? { equals: numbers => this.#refuseEquals(index, numbers) } : {}),
    })
    yield* build.run()
  }

  /** Adds the keys of older versions that open transactions see, so that their lookups read the records. */
  #noteSeen(index: KeyIndex): void {
    const { locator } = this.#parts
    for (const { recordNumber, image } of locator.staging.versions.seen()) {
      if (image !== undefined) index.added(recordNumber, image.view, 0)
      const now = locator.unchecked().find(recordNumber)
      if (now !== undefined) index.added(recordNumber, now.view as DataView, locator.unchecked().at)
    }
  }

  /** Compares the keys of records whose entries have equal words. @throws ERR_STRIDE_DUPLICATE_KEY if two are equal */
  #refuseEquals(index: KeyIndex, numbers: Uint32Array): void {
    const seen = new Map<string, number>()
    for (const n of numbers) {
      const key = index.keyTextOf(n)
      if (key === undefined) continue
      const other = seen.get(key)
      if (other !== undefined) throw this.#duplicate(index, n, other)
      seen.set(key, n)
    }
  }

  /** Checks the keys that were staged while a unique index was built. @throws ERR_STRIDE_DUPLICATE_KEY */
  #refuseRivalsAmongWaiting(index: KeyIndex): void {
    if (!index.tree.definition.unique) return
    const { locator } = this.#parts
    const words = index.tree.format.entryWords
    for (const stream = index.tree.active.stream(); !stream.isDone; stream.next()) {
      const n = stream.data[stream.at + words - 1] as number
      const source = locator.find(n)
      if (source === undefined) continue
      const other = index.rival(n, source.view as DataView, locator.at)
      if (other >= 0) throw this.#duplicate(index, n, other)
    }
  }

  #refuseRival(index: KeyIndex, n: number, view: DataView, at: number): void {
    if (!index.tree.definition.unique) return
    const other = index.rival(n, view, at)
    if (other >= 0) throw this.#duplicate(index, n, other)
  }

  #duplicate(index: KeyIndex, n: number, other: number): StrideError {
    const { path, locator, readField } = this.#parts
    const { name, on } = index.tree.definition
    const source = locator.find(other) as RecordBytes
    const key = index.codec.describe(source.view as DataView, source.bytes, locator.at, readField)
    const message = `The unique index '${name}' has ${key} for record ${other} already: record ${n} cannot have it too`
    return new StrideError('ERR_STRIDE_DUPLICATE_KEY', message, {
      path,
      recordNumber: other,
      field: on.join(', '),
    })
  }
}

export function unknownIndex(name: string, known: readonly string[]): RangeError {
  const near = nearestName(String(name), known)
  const names = known.length === 0 ? 'the store has none' : `known are ${known.join(', ')}`
  return new RangeError(
    `there is no index '${String(name)}': ${near === undefined ? names : `did you mean '${near}'?`}`,
  )
}
