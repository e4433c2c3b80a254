/**
 * One index: its pages in the file, and its pending entries in memory.
 *
 * During a fold there are two deltas: `frozen` has the entries that the fold takes over, `active` those of later changes. Lookups search
 * both (hash-index.ts, ordered-index.ts).
 */

import { EntryBuffer } from '../keys/entry-words.ts'
import type { IndexDefinition } from '../keys/index-definition.ts'
import { Directory } from '../pages/directory.ts'
import { HASH_LEAF } from '../pages/hash-leaf.ts'
import type { LeafFormat } from '../pages/leaf-format.ts'
import { OrderedLeaf } from '../pages/ordered-leaf.ts'
import type { PageSpace } from '../pages/page-space.ts'
import { BulkFold } from './bulk-fold.ts'
import type { Delta } from './delta.ts'
import { Fold, type Folding, type FoldParts, type FoldState } from './fold.ts'
import { HashDelta } from './hash-delta.ts'
import { OrderedDelta } from './ordered-delta.ts'

/** The format of the pages of an index with keys of so many bytes. */
export function leafFormatOf({ kind }: IndexDefinition, keyBytes: number): LeafFormat {
  return kind === 'hash' ? HASH_LEAF : new OrderedLeaf(keyBytes)
}

export class IndexTree<D extends Delta = Delta> {
  /** The number of the index, which is in each of its pages. */
  readonly indexNumber: number
  readonly definition: IndexDefinition
  readonly format: LeafFormat
  #directory: Directory
  /** Pending entries since the last fold began. */
  active: D
  /** Pending entries that the running fold takes over. */
  frozen: D | undefined
  /** Pending entries in the last published catalog, as rows of words. */
  named: Uint32Array = new Uint32Array(0)
  readonly #newDelta: () => D
  #fold: Folding | undefined
  #changed = (): void => {}

  constructor(
    indexNumber: number,
    definition: IndexDefinition,
    format: LeafFormat,
    directory: Directory,
    newDelta: () => D,
  ) {
    this.indexNumber = indexNumber
    this.definition = definition
    this.format = format
    this.#directory = directory
    this.#newDelta = newDelta
    this.active = newDelta()
  }

  get directory(): Directory {
    return this.#directory
  }
  /** Replaces all pages. */
  set directory(directory: Directory) {
    this.#directory = directory
    this.#changed()
  }

  /** Calls `changed` whenever pages or deltas may have been replaced. For one caller. */
  watch(changed: () => void): void {
    this.#changed = changed
  }

  /** Creates a tree with deltas of its kind. */
  static over(
    indexNumber: number,
    definition: IndexDefinition,
    format: LeafFormat,
    directory = Directory.empty(format.entryWords),
  ): IndexTree {
    const newDelta = (): Delta =>
      definition.kind === 'hash' ? new HashDelta() : new OrderedDelta(format.entryWords)
    return new IndexTree(indexNumber, definition, format, directory, newDelta)
  }

  /** Adds the pending entries of a catalog, when the file is opened. */
  restore(named: Uint32Array): void {
    this.#changed()
    this.named = named
    for (let at = 0; at < named.length; at += this.format.entryWords) this.active.add(named, at)
  }

  /** Count of pending entries. */
  get waiting(): number {
    return this.active.count + (this.frozen?.count ?? 0)
  }
  get isFolding(): boolean {
    return this.#fold !== undefined
  }

  /** Pending entries of records below `size`, for a catalog. */
  pending(size: number): Uint32Array {
    const out = new EntryBuffer(this.format.entryWords)
    this.frozen?.collectBelow(size, out)
    this.active.collectBelow(size, out)
    return out.data.slice(0, out.count * out.words)
  }

  /** Begins to merge the pending entries into the pages. */
  beginFold(parts: Omit<FoldParts, 'indexNumber' | 'format' | 'directory' | 'carry'>): void {
    const frozen = this.#freeze()
    const { indexNumber, format, directory } = this
    const carry = (data: Uint32Array, at: number): void => this.active.add(data, at)
    this.#fold = new Fold({ ...parts, indexNumber, format, directory, carry }, frozen)
  }

  /**
   * Begins to build all pages from the records instead of merging. Every pending entry is settled.
   * @param build builds the pages of `directory`, which is empty
   */
  beginBulkFold(build: Generator<unknown, void>, directory: Directory, space: PageSpace): void {
    this.#freeze()
    this.#fold = new BulkFold(build, () => {
      const before = this.#directory
      this.directory = directory
      for (let i = 0; i < before.pageCount; i++) space.drop(before.placeOf(i))
    })
  }

  /** Ends a fold early. Its entries stay pending. */
  endFold(): void {
    this.#changed()
    this.#fold?.abandon()
    this.#fold = undefined
    const { frozen } = this
    if (frozen === undefined) return
    // The smaller delta is added to the larger one.
    const [from, to] = frozen.count < this.active.count ? [frozen, this.active] : [this.active, frozen]
    for (const stream = from.stream(); !stream.isDone; stream.next()) to.add(stream.data, stream.at)
    this.active = to
    this.frozen = undefined
  }

  /** Continues the fold. @returns as Fold.step @throws ERR_STRIDE_CORRUPT, _NO_SPACE, _IO */
  foldStep(workMax: number): FoldState {
    const fold = this.#fold
    if (fold === undefined) return 'done'
    this.#changed()
    const state = fold.step(workMax)
    if (state === 'done') {
      this.#fold = undefined
      this.frozen = undefined
    }
    return state
  }

  #freeze(): D {
    this.#changed()
    const frozen = this.active
    this.active = this.#newDelta()
    this.frozen = frozen
    return frozen
  }
}
