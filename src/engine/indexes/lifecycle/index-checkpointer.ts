/**
 * Checkpoints of the index file: folds pending entries into the pages, and publishes roots.
 *
 *   IC1  before a root of the store frees journal frames, a root of the index file that covers their commits is durable.
 *   IC2  a few pending entries stay pending and are stored in the catalog, so that a small checkpoint writes little. Many are folded.
 *   IC3  a full disk stops index maintenance, not the store. Lookups still use the pages and the pending entries in memory, and the next
 *        checkpoint tries again. If the process ends before one succeeds, opening rebuilds the indexes. Other failures poison the store.
 *   IC4  a blocking checkpoint overtakes a waiting one.
 *   IC5  checkpoints and folds run one at a time. A checkpoint in turns waits for a background fold, and shortens its pauses.
 * Folding an index: index-merger.ts. Folds without a checkpoint: background-fold.ts.
 */

import { type ErrorCode, StrideError } from '../../../errors.ts'
import type { AppliedState } from '../../format/root.ts'
import type { Pauses } from '../../steps/pauses.ts'
import { NEXT_TURN, type Protocol, runBlocking, runInBackground } from '../../steps/protocol.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import type { FoldState } from '../trees/fold.ts'
import type { IndexFile } from './index-file.ts'
import { type IndexMerger, isDamage } from './index-merger.ts'

/**
 * At most this part of an index's entries stays pending after a checkpoint. WAITING_MIN entries may always, since writing a page costs
 * more than storing them in the catalog.
 */
const WAITING_PART = 1 / 16
const WAITING_MIN = 8
/** The most entries that stay pending, however large the index is. */
const WAITING_MAX = 2 ** 20
/** A step in turns takes over about so many entries, in a millisecond or two. */
const STEP_WORK = 2048

/** 'damaged': a page is damaged, and nothing was folded. */
type StepState = FoldState | 'damaged'

function goesOn(state: StepState): boolean {
  return state === 'more' || state === 'portion'
}

/** How many entries may be pending before they are folded. @param entries count of entries in the index's pages */
export function pendingMax(entries: number, least = WAITING_MIN): number {
  return Math.max(least, Math.min(WAITING_MAX, entries * WAITING_PART))
}

export interface IndexCheckpointParts {
  readonly file: IndexFile
  readonly merger: IndexMerger
  readonly indexes: () => readonly KeyIndex[]
  /** The committed state that is in the data file. */
  readonly applied: () => AppliedState
  /** Rebuilds the pages of a damaged index. */
  readonly rebuild: (index: KeyIndex) => void
  readonly calls: IndexCheckpointCalls
  /** Pauses between the steps of a background fold. */
  readonly pauses: Pauses
}

/** Callbacks of the checkpointer to the store. */
export interface IndexCheckpointCalls {
  /** Called after a root was published, so that readers reload. */
  readonly published: () => void
  /** Called if a store or a sync failed, which poisons the store (D5). */
  readonly failed: (error: unknown) => void
  /** Whether this process writes, and nothing has failed. */
  readonly isWriting: () => boolean
}

export class IndexCheckpointer {
  readonly #parts: IndexCheckpointParts
  #epoch = 0
  /** The last requested work in turns. Never rejects. */
  #running: Promise<void> = Promise.resolve()
  #runningCount = 0
  /** The error that stopped maintenance; after a full disk, only until the next attempt. */
  failure: unknown

  constructor(parts: IndexCheckpointParts) {
    this.#parts = parts
  }

  /** Makes all applied commits durable in the index file, blocking. @throws ERR_STRIDE_IO */
  checkpointSync(): void {
    this.#epoch++
    this.#tryAgain()
    this.#guard(() => runBlocking(this.#checkpoint(Number.POSITIVE_INFINITY, false)))
  }

  /** Like `checkpointSync`, in turns of the event loop, one at a time. `everything`: no entry stays pending. */
  checkpoint(everything = false): Promise<void> {
    const epoch = this.#epoch
    return this.#parts.pauses.shortened(() => this.#inOrder(() => this.#checkpointInTurns(epoch, everything)))
  }

  /**
   * Folds these indexes with pauses, once no other work is running. Publishes a root whenever `publishes` returns true. Never rejects: a
   * failure is handled like that of a checkpoint (IC3).
   * @returns whether it was finished
   */
  async fold(indexes: () => readonly KeyIndex[], publishes: () => boolean): Promise<boolean> {
    let isThrough = false
    const fold = async (): Promise<void> => {
      const epoch = this.#epoch
      const isOver = (): boolean => this.#epoch !== epoch || !this.mayFold
      if (isOver()) return
      try {
        isThrough = await runInBackground(this.#folding(indexes(), publishes), isOver)
      } catch (error) {
        if (!isOver()) this.#stop(error)
      }
    }
    // The store is poisoned, and the next write throws.
    await this.#inOrder(fold).catch(() => {})
    return isThrough
  }

  /** Folds these indexes at once, unless other work is running. Publishes nothing. A failure is handled like that of a checkpoint. */
  foldSync(indexes: readonly KeyIndex[]): void {
    if (this.#runningCount > 0 || !this.mayFold) return
    try {
      for (const index of indexes) {
        let state: StepState = 'more'
        while (goesOn(state)) state = this.#step(index, Number.POSITIVE_INFINITY)
      }
    } catch (error) {
      try {
        this.#stop(error)
      } catch {
        // The store is poisoned, and the next write throws.
      }
    }
  }

  /** Whether folds without a checkpoint are allowed. After a full disk a checkpoint has to succeed first. */
  get mayFold(): boolean {
    return this.failure === undefined && this.#parts.calls.isWriting()
  }

  /** Ends all running work at its next wait, before the file is closed. */
  stop(): void {
    this.#epoch++
  }

  async #checkpointInTurns(epoch: number, everything: boolean): Promise<void> {
    const isOver = (): boolean => this.#epoch !== epoch || this.failure !== undefined
    if (this.#epoch === epoch) this.#tryAgain()
    if (isOver()) return
    try {
      await runInBackground(this.#checkpoint(STEP_WORK, everything), isOver)
    } catch (error) {
      this.#stop(error)
    }
  }

  async #inOrder(work: () => Promise<void>): Promise<void> {
    this.#runningCount++
    const running = this.#running.then(work).finally(() => this.#runningCount--)
    this.#running = running.catch(() => {})
    await running
  }

  /** @param stepWork the work of a step, see `Fold.step` */
  *#checkpoint(stepWork: number, everything: boolean): Protocol {
    for (const index of this.#toFold(everything)) {
      let state: StepState = 'more'
      while (goesOn(state)) {
        yield NEXT_TURN
        state = this.#step(index, stepWork)
        if (state === 'portion') yield* this.#publication(true)
      }
      if (state !== 'damaged') continue
      this.#parts.rebuild(index)
      // The rebuilt pages contain staged changes, too. They are published with the pending entries of the present commit.
      yield* this.#publication(false)
    }
    yield* this.#publication(false)
  }

  /** Folds these indexes. Damaged ones are left to the next checkpoint, which rebuilds them. */
  *#folding(indexes: readonly KeyIndex[], publishes: () => boolean): Protocol {
    yield* this.#parts.file.twinning()
    for (const index of indexes) {
      let state: StepState = 'more'
      while (goesOn(state)) {
        yield this.#parts.pauses
        state = this.#step(index, STEP_WORK)
        if (state === 'portion' && publishes()) yield* this.#publication(true)
      }
    }
    if (publishes()) yield* this.#publication(false)
  }

  /** Whether a checkpoint has work even if nothing was committed: an index is damaged, or the last attempt found the disk full. */
  get needsMending(): boolean {
    if (isFullDisk(this.failure)) return true
    return this.#parts.indexes().some(({ tree }) => tree.directory.isDamaged)
  }

  /** @throws the error of the last attempt, if it failed */
  assertWhole(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Folds all pending entries. @returns whether none is pending now */
  async settle(): Promise<boolean> {
    await this.checkpoint(true)
    return this.failure === undefined && this.#parts.indexes().every(({ tree }) => tree.waiting === 0)
  }

  /** Publishes a root of the present indexes, blocking. Nothing is folded. */
  publish(): void {
    this.#epoch++
    this.#tryAgain()
    this.#guard(() => runBlocking(this.#publication(false)))
  }

  *#publication(pagesOnly: boolean): Protocol {
    const { file, applied, calls } = this.#parts
    yield* pagesOnly ? file.pagePublication(this.#trees()) : file.publication(this.#trees(), applied())
    calls.published()
  }

  #trees() {
    return this.#parts.indexes().map(index => index.tree)
  }

  /** The indexes with so many pending entries that they are folded now, and damaged indexes. */
  #toFold(everything = false): readonly KeyIndex[] {
    return this.#parts.indexes().filter(({ tree }) => {
      const most = everything ? 0 : pendingMax(tree.directory.entries)
      return tree.isFolding || tree.waiting > most || tree.directory.isDamaged
    })
  }

  #step(index: KeyIndex, work: number): StepState {
    const { tree } = index
    try {
      if (!tree.directory.isDamaged) return this.#parts.merger.step(index, work)
    } catch (error) {
      if (!tree.directory.isDamaged) throw error
    }
    tree.endFold()
    return 'damaged'
  }

  #guard<T>(work: () => T): T | undefined {
    if (this.failure !== undefined) return undefined
    try {
      return work()
    } catch (error) {
      this.#stop(error)
      return undefined
    }
  }

  /** Ends the state of a full disk, since there may be room again. */
  #tryAgain(): void {
    if (isFullDisk(this.failure)) this.failure = undefined
  }

  /** @throws the error, unless the disk is full */
  #stop(error: unknown): void {
    this.failure = error
    if (!isFullDisk(error)) {
      // A damaged record is no failed write.
      if (!isDamage(error)) this.#parts.calls.failed(error)
      throw error
    }
    // The entries that were being folded stay pending, in memory.
    for (const tree of this.#trees()) tree.endFold()
  }
}

/** Whether a store failed since the disk is full or the file would be too large. Syncs never have these codes. */
export function isFullDisk(error: unknown): boolean {
  return isCode(error, 'ERR_STRIDE_NO_SPACE') || isCode(error, 'ERR_STRIDE_LIMIT')
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof StrideError && error.code === code
}
