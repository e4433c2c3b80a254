/**
 * Keeps the index file in step with the store: has pending entries taken over into the pages, and publishes roots.
 *
 *   IC1  before a root of the store releases journal frames, a root of the index file that covers their commits is durable.
 *   IC2  few pending entries are named by the root and stay pending, so that a small checkpoint writes little; many are folded.
 *   IC3  a full disk stops index maintenance, not the store: reads go on from the pages and the pending entries in memory, and the next
 *       checkpoint tries again. Where the process ends before one succeeds, opening rebuilds the indexes. Other failures
 *       poison the store.
 *   IC4  a blocking checkpoint overtakes one that waits.
 *   IC5  one thing goes on at a time: a checkpoint in turns begins behind a fold in the background, whose pauses it shortens.
 * How entries get into the pages: index-merger.ts. When that happens without a checkpoint: background-fold.ts.
 */

import { type ErrorCode, StrideError } from '../../../errors.ts'
import type { AppliedState } from '../../format/root.ts'
import type { Pauses } from '../../steps/pauses.ts'
import { NEXT_TURN, type Protocol, runBlocking, runInBackground } from '../../steps/protocol.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import type { FoldState } from '../trees/fold.ts'
import type { IndexFile } from './index-file.ts'
import { type IndexMerger, isDamage } from './index-merger.ts'

/** A part of the entries may stay pending from one checkpoint to the next; a few always, since a page costs more to write. */
const WAITING_PART = 1 / 16
const WAITING_MIN = 8
/** However large the index is. */
const WAITING_MAX = 2 ** 20
/** A step that is not blocking takes over about so many entries: a millisecond or two. */
const STEP_WORK = 2048

/** 'damaged': a page is, and nothing was folded. */
type StepState = FoldState | 'damaged'

function goesOn(state: StepState): boolean {
  return state === 'more' || state === 'portion'
}

/** How many entries may be pending beside the pages of an index before they are folded. */
export function pendingMax(entries: number, least = WAITING_MIN): number {
  return Math.max(least, Math.min(WAITING_MAX, entries * WAITING_PART))
}

export interface IndexCheckpointParts {
  readonly file: IndexFile
  readonly merger: IndexMerger
  readonly indexes: () => readonly KeyIndex[]
  /** What is committed and in the file. */
  readonly applied: () => AppliedState
  /** Rebuilds the pages of an index, one of which is damaged. */
  readonly rebuild: (index: KeyIndex) => void
  readonly calls: IndexCheckpointCalls
  /** Between the steps of a fold in the background. */
  readonly pauses: Pauses
}

/** Whom the checkpointer tells, and asks. */
export interface IndexCheckpointCalls {
  /** A root was published: readers look again. */
  readonly published: () => void
  /** A store or a sync failed: nothing is tried again (D5). */
  readonly failed: (error: unknown) => void
  /** Whether this process writes, and nothing has failed. */
  readonly isWriting: () => boolean
}

export class IndexCheckpointer {
  readonly #parts: IndexCheckpointParts
  #epoch = 0
  /** The last work in turns that was asked for; never rejects. */
  #running: Promise<void> = Promise.resolve()
  #runningCount = 0
  /** Why nothing is written any more, or, where that was a full disk, until the next attempt. */
  failure: unknown

  constructor(parts: IndexCheckpointParts) {
    this.#parts = parts
  }

  /** Brings the file up to what is in the store's file now, blocking. @throws ERR_STRIDE_IO */
  checkpointSync(): void {
    this.#epoch++
    this.#tryAgain()
    this.#guard(() => runBlocking(this.#checkpoint(Number.POSITIVE_INFINITY, false)))
  }

  /** The same in turns of the event loop, one at a time. `everything`: nothing waits afterwards, however little it is. */
  checkpoint(everything = false): Promise<void> {
    const epoch = this.#epoch
    return this.#parts.pauses.shortened(() => this.#inOrder(() => this.#checkpointInTurns(epoch, everything)))
  }

  /**
   * Folds these indexes with pauses, once nothing else goes on. Roots are published where `publishes` says so. Never rejects: a failure
   * is told like that of a checkpoint (IC3).
   * @returns whether it came to its end
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
    // The store is poisoned then: the next call that writes says so.
    await this.#inOrder(fold).catch(() => {})
    return isThrough
  }

  /** Folds these indexes at once, unless something goes on. Nothing is published. A failure is told like that of a checkpoint. */
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
        // The store is poisoned: the next call that writes says so.
      }
    }
  }

  /** Whether anything may be folded without a checkpoint: not before a full disk was tried again by one. */
  get mayFold(): boolean {
    return this.failure === undefined && this.#parts.calls.isWriting()
  }

  /** Whatever goes on ends where it waits: the file is about to be closed. */
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

  /** @param stepWork how much a step may do */
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
      // Its pages are those of what is staged as well, which only a root of all that is committed names.
      yield* this.#publication(false)
    }
    yield* this.#publication(false)
  }

  /** Damaged indexes are left to the next checkpoint, which rebuilds them. */
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

  /** Whether a checkpoint has work here though nothing was committed: a page was found damaged, or the last one found no room. */
  get needsMending(): boolean {
    if (isFullDisk(this.failure)) return true
    return this.#parts.indexes().some(({ tree }) => tree.directory.isDamaged)
  }

  /** @throws why the file is not kept, as of the last attempt */
  assertWhole(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Folds everything that waits. @returns whether the pages alone say everything now */
  async settle(): Promise<boolean> {
    await this.checkpoint(true)
    return this.failure === undefined && this.#parts.indexes().every(({ tree }) => tree.waiting === 0)
  }

  /** Names what the indexes are now; nothing is folded. */
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

  /** Indexes of which so much waits that it is folded now, and damaged ones. */
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

  /** There may be room again. */
  #tryAgain(): void {
    if (isFullDisk(this.failure)) this.failure = undefined
  }

  /** @throws the error, unless the disk is full */
  #stop(error: unknown): void {
    this.failure = error
    if (!isFullDisk(error)) {
      // A damaged record is nobody's failed write.
      if (!isDamage(error)) this.#parts.calls.failed(error)
      throw error
    }
    // What was to be taken over goes on waiting, in memory.
    for (const tree of this.#trees()) tree.endFold()
  }
}

/** Whether storing found no room: on the disk, or below the size that files may have. Of a sync the platform never says so. */
export function isFullDisk(error: unknown): boolean {
  return isCode(error, 'ERR_STRIDE_NO_SPACE') || isCode(error, 'ERR_STRIDE_LIMIT')
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof StrideError && error.code === code
}
