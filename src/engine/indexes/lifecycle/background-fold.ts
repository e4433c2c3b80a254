/**
 * When are pending entries folded into the pages without a checkpoint?
 *
 *   BG1  many pending entries are folded at once, in the background. A few are folded after a moment without commits, so that a store at
 *        rest has none.
 *   BG2  after a blocking commit that at least doubles an index, the pages of the index are built before the call returns.
 *   BG3  entries of records that are staged, or of which an open transaction sees another version, have to stay pending. A fold that left
 *        some begins again only when there are more.
 *   BG4  a root is published only after many pages were rebuilt. Otherwise the next checkpoint publishes one. Until then the pages of the
 *        last root are unchanged, and the journal leads from its commit to the present one.
 * The order of stores and syncs, and failures: index-checkpointer.ts.
 */

import { type Later, later } from '../../steps/pauses.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import { type IndexCheckpointer, pendingMax } from './index-checkpointer.ts'
import type { IndexFile } from './index-file.ts'
import type { IndexMerger } from './index-merger.ts'

/** The pace of background folds. Tests use their own. */
export interface FoldPace {
  readonly later: Later
  /** The pause between two steps. */
  readonly pauseMs: number
  /** The time without commits before a few entries are folded. */
  readonly quietMs: number
  /** Fewer pending entries are folded only after `quietMs`. */
  readonly pendingMin: number
  /** Fewer pending entries are always merged, not taken over by building all pages. */
  readonly bulkMin: number
  /** A root is published after so many pages were rebuilt. */
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
  /** Count of entries that an earlier fold left pending (BG3). */
  readonly #left = new WeakMap<KeyIndex, number>()
  #takeBack: (() => void) | undefined
  /** Whether the planned fold does not wait for `quietMs`. */
  #isSoon = false
  #isRunning = false
  #isStopped = false
  #notices = 0

  constructor(parts: BackgroundFoldParts) {
    this.#parts = parts
  }

  /** Called once the file may be written. Folds the entries that recovery left pending, if they are many. */
  begin(): void {
    if (this.#due().length > 0) this.#startLater(true)
  }

  /** Called after commits were applied or staged changes were rolled back, when entries may have become ready to fold. */
  notice(): void {
    this.#notices++
    if (this.#isRunning || this.#isSoon || this.#isStopped) return
    if (this.#due().length > 0) this.#startLater(true)
    else if (this.#takeBack === undefined && this.#waiting().length > 0) this.#startLater(false)
  }

  /** Called after a blocking commit (BG2). */
  committed(): void {
    const { merger, checkpointer } = this.#parts
    if (this.#isStopped) return
    const bulk = this.#due().filter(index => merger.isBulk(index))
    if (bulk.length === 0) return
    checkpointer.foldSync(bulk)
    for (const index of bulk) this.#remember(index)
  }

  /** Prevents further folds. */
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
    // A fold that was overtaken has to continue.
    if (!isThrough || this.#notices !== noticed) this.notice()
  }

  #remember(index: KeyIndex): void {
    this.#left.set(index, this.#pending(index))
  }

  /** Count of an index's pending entries that could be taken over. */
  #pending({ tree }: KeyIndex): number {
    // Each staged record has an old key and a new one.
    return Math.max(0, tree.waiting - 2 * this.#parts.merger.unsettled)
  }

  /** The indexes with so many pending entries that they are folded at once. */
  #due(): readonly KeyIndex[] {
    const { pace, checkpointer } = this.#parts
    if (!checkpointer.mayFold) return []
    return this.#parts.indexes().filter(index => {
      const { tree } = index
      const most = pendingMax(tree.directory.entries, pace.pendingMin) + (this.#left.get(index) ?? 0)
      return !tree.directory.isDamaged && (tree.isFolding || this.#pending(index) > most)
    })
  }

  /** The indexes with pending entries. */
  #waiting(): readonly KeyIndex[] {
    if (!this.#parts.checkpointer.mayFold) return []
    return this.#parts.indexes().filter(index => {
      const { tree } = index
      return !tree.directory.isDamaged && (tree.isFolding || this.#pending(index) > 0)
    })
  }
}
