/**
 * When do pending entries go into the pages without a checkpoint?
 *
 *   BG1  many: at once, in the background. Few: once no commit has come for a moment, so that a store at rest has none pending.
 *   BG2  a commit that blocks, and at least doubles an index, leaves its pages built.
 *   BG3  entries of records that are staged, or that an open transaction sees otherwise, cannot be taken over: a fold that had to leave
 *       some begins again only when there are others.
 *   BG4  a root is published where many pages were rebuilt. Otherwise the next checkpoint does it: until then the last root has its
 *       own pages, and the journal leads from its commit to the present one.
 * The order of stores and syncs, and failures: index-checkpointer.ts.
 */

import { type Later, later } from '../../steps/pauses.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import { type IndexCheckpointer, pendingMax } from './index-checkpointer.ts'
import type { IndexFile } from './index-file.ts'
import type { IndexMerger } from './index-merger.ts'

/** How folds in the background are paced. Tests of the engine bring their own. */
export interface FoldPace {
  readonly later: Later
  /** Between two steps. */
  readonly pauseMs: number
  /** After the last commit, before few entries are folded. */
  readonly quietMs: number
  /** Fewer pending entries wait for quiet. */
  readonly pendingMin: number
  /** Fewer pending entries are merged, and not taken over by building all pages. */
  readonly bulkMin: number
  /** A root is published once so many pages were rebuilt. */
  readonly pagesPublished: number
}

export const FOLD_PACE: FoldPace = {
  later,
  pauseMs: 1,
  quietMs: 100,
  pendingMin: 1024,
  bulkMin: 4096,
  pagesPublished: 256,
}

export interface BackgroundFoldParts {
  readonly pace: FoldPace
  readonly file: IndexFile
  readonly merger: IndexMerger
  readonly checkpointer: IndexCheckpointer
  readonly indexes: () => readonly KeyIndex[]
}

export class BackgroundFold {
  readonly #parts: BackgroundFoldParts
  /** What an earlier fold could not take over (BG3). */
  readonly #left = new WeakMap<KeyIndex, number>()
  #takeBack: (() => void) | undefined
  /** Whether what is to come does not wait for quiet. */
  #isSoon = false
  #isRunning = false
  #isStopped = false
  #notices = 0

  constructor(parts: BackgroundFoldParts) {
    this.#parts = parts
  }

  /** The file may be written from now on: what recovery left is folded where it is much. */
  begin(): void {
    if (this.#due().length > 0) this.#startLater(true)
  }

  /** Commits are in the file, or staged changes were rolled back: there may be something to fold. */
  notice(): void {
    this.#notices++
    if (this.#isRunning || this.#isSoon || this.#isStopped) return
    if (this.#due().length > 0) this.#startLater(true)
    else if (this.#takeBack === undefined && this.#waiting().length > 0) this.#startLater(false)
  }

  /** A blocking commit is through (BG2). */
  committed(): void {
    const { merger, checkpointer } = this.#parts
    if (this.#isStopped) return
    const bulk = this.#due().filter(index => merger.isBulk(index))
    if (bulk.length === 0) return
    checkpointer.foldSync(bulk)
    for (const index of bulk) this.#remember(index)
  }

  /** No fold begins any more. */
  stop(): void {
    this.#isStopped = true
    this.#takeBack?.()
    this.#takeBack = undefined
  }

  #startLater(isSoon: boolean): void {
    const { pace } = this.#parts
    const noticed = this.#notices
    this.#takeBack?.()
    this.#isSoon = isSoon
    this.#takeBack = pace.later(
      () => {
        this.#takeBack = undefined
        if (!isSoon && this.#notices !== noticed) this.#startLater(false)
        else void this.#run(isSoon)
      },
      isSoon ? 0 : pace.quietMs,
    )
  }

  async #run(isSoon: boolean): Promise<void> {
    const { checkpointer, file, pace } = this.#parts
    this.#isRunning = true
    const noticed = this.#notices
    const isThrough = await checkpointer.fold(
      () => (isSoon ? this.#due() : this.#waiting()),
      () => file.space.freshPages >= pace.pagesPublished,
    )
    this.#isRunning = this.#isSoon = false
    if (isThrough) for (const index of this.#parts.indexes()) this.#remember(index)
    // Also where it was overtaken: it goes on.
    if (!isThrough || this.#notices !== noticed) this.notice()
  }

  #remember(index: KeyIndex): void {
    this.#left.set(index, this.#pending(index))
  }

  /** Entries of an index that could be taken over. */
  #pending({ tree }: KeyIndex): number {
    // Each staged record has an old key and a new one.
    return Math.max(0, tree.waiting - 2 * this.#parts.merger.unsettled)
  }

  /** Indexes of which so much is pending that it is folded at once. */
  #due(): readonly KeyIndex[] {
    const { pace, checkpointer } = this.#parts
    if (!checkpointer.mayFold) return []
    return this.#parts.indexes().filter(index => {
      const { tree } = index
      const most = pendingMax(tree.directory.entries, pace.pendingMin) + (this.#left.get(index) ?? 0)
      return !tree.directory.isDamaged && (tree.isFolding || this.#pending(index) > most)
    })
  }

  /** Indexes of which anything is pending. */
  #waiting(): readonly KeyIndex[] {
    if (!this.#parts.checkpointer.mayFold) return []
    return this.#parts.indexes().filter(index => {
      const { tree } = index
      return !tree.directory.isDamaged && (tree.isFolding || this.#pending(index) > 0)
    })
  }
}
