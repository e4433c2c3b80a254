/**
 * Folds the pending entries of an index into its pages, a step at a time: by merging them, or by building all pages from the records if
 * that is less work.
 *
 *   IM1  only entries of records that are committed and in the file are taken over. Other entries stay pending.
 *   IM2  all pages are built only if nothing is staged at the beginning, and at least as many entries are pending as the pages contain.
 * When to fold, and publishing: index-checkpointer.ts, background-fold.ts.
 */

import { StrideError } from '../../../errors.ts'
import type { RecordBytes } from '../../../schema/index.ts'
import type { AppliedState } from '../../format/root.ts'
import type { Locator } from '../../staging/locator.ts'
import { compareWords } from '../keys/entry-words.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import { Directory } from '../pages/directory.ts'
import { BulkBuild } from '../trees/bulk-build.ts'
import type { FoldState, Verdict } from '../trees/fold.ts'
import type { IndexFile } from './index-file.ts'

export interface MergerParts {
  readonly file: IndexFile
  readonly locator: Locator
  /** The committed state that is in the data file. */
  readonly applied: () => AppliedState
  /** Called when an index was folded. */
  readonly folded: (index: KeyIndex) => void
  /** Fewer pending entries are always merged. */
  readonly bulkMin: number
}

export class IndexMerger {
  readonly #parts: MergerParts
  /** Indexes whose building met a damaged record. Their entries are merged. */
  readonly #merged = new WeakSet<KeyIndex>()

  constructor(parts: MergerParts) {
    this.#parts = parts
  }

  /** Begins or continues the fold of an index. @returns as Fold.step @throws ERR_STRIDE_CORRUPT, _NO_SPACE, _IO */
  step(index: KeyIndex, workMax: number): FoldState {
    const { tree } = index
    if (!tree.isFolding) this.#begin(index)
    try {
      const state = tree.foldStep(workMax)
      if (state === 'done') this.#parts.folded(index)
      return state
    } catch (error) {
      if (!isDamage(error) || tree.directory.isDamaged || this.#merged.has(index)) throw error
      this.#merged.add(index)
      tree.endFold()
      return 'more'
    }
  }

  /** Whether a fold of an index would build all pages. */
  isBulk(index: KeyIndex): boolean {
    const { tree } = index
    const isMuch = tree.waiting >= Math.max(this.#parts.bulkMin, tree.directory.entries)
    return isMuch && this.unsettled === 0 && !this.#merged.has(index)
  }

  /** An upper bound of the records whose staged or sealed changes are not in the file yet. */
  get unsettled(): number {
    const { locator, applied } = this.#parts
    const { staging } = locator
    return Math.max(0, staging.size - applied().size) + staging.changeCount
  }

  #begin(index: KeyIndex): void {
    const { file } = this.#parts
    const { pool, space, path } = file
    file.beginWriting()
    if (!this.isBulk(index)) {
      index.tree.beginFold({ path, pool, space, judge: this.#judge(index) })
      return
    }
    const { indexNumber, format } = index.tree
    const directory = Directory.empty(format.entryWords)
    const { size } = this.#parts.applied()
    const records = this.#parts.locator.inFile(size)
    const { stride } = records.addressing
    const entryOf = index.entryOf.bind(index)
    const build = new BulkBuild({
      indexNumber,
      format,
      directory,
      pool,
      space,
      records,
      stride,
      size,
      entryOf,
    })
    index.tree.beginBulkFold(build.run(), directory, space)
  }

  /** The verdict of an entry's record (IM1). */
  #judge(index: KeyIndex): (data: Uint32Array, at: number) => Verdict {
    const { locator, applied } = this.#parts
    const { staging } = locator
    const words = index.tree.format.entryWords
    const entry = new Uint32Array(words)
    return (data, at) => {
      const n = data[at + words - 1] as number
      // The record was appended and rolled back.
      if (n >= staging.size) return 'gone'
      if (n >= applied().size || (staging.changeCount > 0 && staging.find(n) !== undefined)) return 'unsettled'
      let source: RecordBytes | undefined
      try {
        source = locator.find(n)
      } catch (error) {
        // A damaged record decides nothing. Lookups report its damage.
        if (isDamage(error)) return 'unsettled'
        throw error
      }
      if (source === undefined) return 'gone'
      index.entryOf(n, source.view as DataView, locator.at, entry)
      return compareWords(data, at, entry, 0, words) === 0 ? 'there' : 'gone'
    }
  }
}

export function isDamage(error: unknown): boolean {
  return error instanceof StrideError && error.code === 'ERR_STRIDE_CORRUPT'
}
