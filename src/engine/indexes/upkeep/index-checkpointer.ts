/**
 * Keeps the index file in step with the store: folds pending entries into the pages, and publishes roots.
 *
 *   IC1  before a root of the store releases journal frames, a root of the index file that covers their commits is durable.
 *   IC2  few pending entries are named by the root and stay pending, so that a small checkpoint writes little; many are folded.
 *   IC3  a full disk stops the upkeep, not the store: reads go on from the pages and the pending entries in memory, and the next
 *       checkpoint tries again. Where the process ends before one succeeds, opening rebuilds the indexes. Other failures
 *       poison the store.
 *   IC4  a blocking checkpoint overtakes one that waits.
 */

import { type ErrorCode, StrideError } from '../../../errors.ts'
import { monotonicMs } from '../../../runtime/monotonic.ts'
import type { RecordBytes } from '../../../schema/index.ts'
import { NEXT_TURN, type Protocol, runBlocking, runInBackground } from '../../file/protocol.ts'
import type { AppliedState } from '../../format/root.ts'
import type { Locator } from '../../records/locator.ts'
import { compareWords } from '../keys/words.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import type { Verdict } from '../trees/fold.ts'
import type { IndexFile } from './index-file.ts'

/** 'rebuilt': the pages were rebuilt from the records, staged changes included. */
type FoldState = 'more' | 'portion' | 'done' | 'rebuilt'

/** A part of the entries may stay pending from one checkpoint to the next; a few always, since a page costs more to write. */
const WAITING_PART = 1 / 16
const WAITING_MIN = 8
/** A step in the background takes about so long. */
const STEP_MS = 3

export interface IndexCheckpointParts {
  readonly file: IndexFile
  readonly locator: Locator
  readonly indexes: () => readonly KeyIndex[]
  /** What is committed and in the file. */
  readonly applied: () => AppliedState
  /** Rebuilds the pages of an index, one of which is damaged. */
  readonly rebuild: (index: KeyIndex) => void
  /** The pages of an index have taken over what was pending. */
  readonly folded: (index: KeyIndex) => void
  readonly calls: IndexCheckpointCalls
}

/** Whom the checkpointer tells. */
export interface IndexCheckpointCalls {
  /** A root was published: readers look again. */
  readonly published: () => void
  /** A store or a sync failed: nothing is tried again (D5). */
  readonly failed: (error: unknown) => void
}

export class IndexCheckpointer {
  readonly #parts: IndexCheckpointParts
  #epoch = 0
  /** The last checkpoint in turns that was asked for; never rejects. */
  #running: Promise<void> = Promise.resolve()
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
  async checkpoint(everything = false): Promise<void> {
    const epoch = this.#epoch
    const before = this.#running
    const running = before.then(() => this.#checkpointInTurns(epoch, everything))
    this.#running = running.catch(() => {})
    await running
  }

  async #checkpointInTurns(epoch: number, everything: boolean): Promise<void> {
    const isOver = (): boolean => this.#epoch !== epoch || this.failure !== undefined
    if (this.#epoch === epoch) this.#tryAgain()
    if (isOver()) return
    try {
      await runInBackground(this.#checkpoint(STEP_MS, everything), isOver)
    } catch (error) {
      this.#stop(error)
    }
  }

  /** @param stepMs how long a step may take */
  *#checkpoint(stepMs: number, everything: boolean): Protocol {
    for (const index of this.#toFold(everything)) {
      for (let state: FoldState = 'more'; state !== 'done'; ) {
        yield NEXT_TURN
        state = this.#step(index, monotonicMs() + stepMs)
        if (state === 'portion') yield* this.#publication(true)
        // Its pages are those of what is staged as well, which only a root of all that is committed names.
        if (state !== 'rebuilt') continue
        yield* this.#publication(false)
        break
      }
    }
    yield* this.#publication(false)
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
      const most = everything ? 0 : Math.max(WAITING_MIN, tree.directory.entries * WAITING_PART)
      return tree.isFolding || tree.waiting > most || tree.directory.isDamaged
    })
  }

  #step(index: KeyIndex, deadlineMs: number): FoldState {
    const { tree } = index
    const { file } = this.#parts
    if (tree.directory.isDamaged) return this.#rebuild(index)
    try {
      if (!tree.isFolding) {
        file.beginWriting()
        tree.beginFold({ path: file.path, pool: file.pool, space: file.space, judge: this.#judge(index) })
      }
      const state = tree.foldStep(deadlineMs)
      if (state === 'done') this.#parts.folded(index)
      return state
    } catch (error) {
      if (!tree.directory.isDamaged) throw error
      return this.#rebuild(index)
    }
  }

  #rebuild(index: KeyIndex): 'rebuilt' {
    index.tree.endFold()
    this.#parts.rebuild(index)
    return 'rebuilt'
  }

  /** What a record that is committed and in the file says about an entry. */
  #judge(index: KeyIndex): (data: Uint32Array, at: number) => Verdict {
    const { locator, applied } = this.#parts
    const { staging } = locator
    const words = index.tree.format.entryWords
    const entry = new Uint32Array(words)
    return (data, at) => {
      const n = data[at + words - 1] as number
      // Appended and rolled back: there is no such record, not even a staged one.
      if (n >= staging.size) return 'gone'
      if (n >= applied().size || (staging.changeCount > 0 && staging.find(n) !== undefined)) return 'unsettled'
      let source: RecordBytes | undefined
      try {
        source = locator.find(n)
      } catch (error) {
        // A damaged record says nothing: whoever looks for it is told.
        if (error instanceof StrideError && error.code === 'ERR_STRIDE_CORRUPT') return 'unsettled'
        throw error
      }
      if (source === undefined) return 'gone'
      index.entryOf(n, source.view as DataView, locator.at, entry)
      return compareWords(data, at, entry, 0, words) === 0 ? 'there' : 'gone'
    }
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
      if (!isCode(error, 'ERR_STRIDE_CORRUPT')) this.#parts.calls.failed(error)
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
