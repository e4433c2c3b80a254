/**
 * How far has each commit come? Sealed, written, stored in the file, acknowledged; and which callers wait for it.
 *
 *   RT3  commits are acknowledged and put into the file in the order of their numbers.
 */

import type { AppliedState, CommitCounts, Root } from '../format/root.ts'
import { FrameChanges } from '../journal/frame-changes.ts'
import type { Staging } from '../staging/staging.ts'
import { CommitWaiters, type Durability } from './commit-waiters.ts'
import type { SealedCommit } from './seal.ts'

/** What committing cost since opening: see StoreStats. */
export interface CommitStats {
  readonly syncs: number
  readonly commits: number
  readonly checkpoints: number
  readonly commitWaits: number
  readonly journalBytes: number
}

/** What a failure leaves of commits that were written and are not in the file. */
export interface Reverted {
  /** Acknowledged: reads go on showing them. */
  readonly kept: readonly SealedCommit[]
  /** The others, which may be in the file in part. */
  readonly dropped: readonly SealedCommit[]
  readonly state: CommitCounts
}

export class CommitProgress {
  readonly #waiters = new CommitWaiters()
  /** Commits whose frames are written, but that are not in the file yet. */
  #written: SealedCommit[] = []
  #sealed: CommitCounts
  #applied: AppliedState
  #writtenTo: number
  #acknowledgedTo: number

  constructor(root: Root) {
    this.#sealed = countsOf(root)
    this.#applied = { ...this.#sealed, lineage: root.lineage }
    this.#writtenTo = this.#acknowledgedTo = root.commitNumber
  }

  /** What is committed once everything sealed so far is. */
  get sealed(): CommitCounts {
    return this.#sealed
  }
  /** What is committed, durable and in the file. */
  get applied(): AppliedState {
    return this.#applied
  }
  /** The last commit whose frame is written. */
  get writtenTo(): number {
    return this.#writtenTo
  }
  /** The last commit that was acknowledged. */
  get acknowledgedTo(): number {
    return this.#acknowledgedTo
  }
  /** Whether everything written is synced and in the file. */
  get isSettled(): boolean {
    return this.#writtenTo === this.#applied.commitNumber
  }
  get hasWaiters(): boolean {
    return !this.#waiters.isEmpty
  }

  /** A commit was sealed: the next one comes after it. */
  seal(commit: SealedCommit): void {
    this.#sealed = countsOf(commit)
  }

  /** The frames of these commits were written. */
  write(commits: readonly SealedCommit[]): void {
    for (const commit of commits) this.#written.push(commit)
    this.#writtenTo = this.#written.at(-1)?.commitNumber ?? this.#writtenTo
  }

  /** Commits that were written, up to this number, and are not in the file. */
  waitingUpTo(commitNumber: number): readonly SealedCommit[] {
    return this.#written.filter(commit => commit.commitNumber <= commitNumber)
  }

  /** The first `count` of the commits that were written are in the file, and this is its state. */
  apply(count: number, state: AppliedState): void {
    const { lineage } = state
    this.#applied = { ...countsOf(state), lineage }
    this.#written = this.#written.slice(count)
  }

  isDone(commitNumber: number, durability: Durability): boolean {
    return commitNumber <= (durability === 'full' ? this.#applied.commitNumber : this.#writtenTo)
  }

  /** @returns a promise of the commit's number, once it is done */
  wait(commitNumber: number, durability: Durability): Promise<number> {
    return this.#waiters.add(commitNumber, durability)
  }

  /** Resolves the waiters whose commits are as durable as they asked, in order. */
  acknowledge(): void {
    const highest = this.#waiters.resolveDone((commitNumber, durability) =>
      this.isDone(commitNumber, durability),
    )
    this.#acknowledgedTo = Math.max(this.#acknowledgedTo, highest, this.#applied.commitNumber)
  }

  /** A blocking commit returns: all that is sealed is as durable as it asked. */
  acknowledgeSealed(): void {
    this.#acknowledgedTo = this.#sealed.commitNumber
  }

  /** Goes back to the last acknowledged commit. */
  revert(): Reverted {
    const kept = this.waitingUpTo(this.#acknowledgedTo)
    const dropped = this.#written.slice(kept.length)
    const state = countsOf(kept.at(-1) ?? this.#applied)
    this.#sealed = state
    this.#written = []
    return { kept, dropped, state }
  }

  rejectAll(error: unknown): void {
    this.#waiters.rejectAll(error)
  }
}

/** Lets reads show what is kept; what was dropped may be in the file in part, and what it replaced covers it. */
export function revertStaging(staging: Staging, { kept, dropped, state }: Reverted): void {
  staging.revert(
    state.size,
    kept.map(({ changes }) => changes),
    lay => {
      for (const { changes, encoded, group } of dropped.toReversed()) {
        const frame = new FrameChanges(encoded, group, staging.recordSize)
        const { numbers, slots } = changes
        for (let i = 0; i < numbers.length; i++) {
          lay(numbers[i] as number, frame.replacedBy(i, staging.imageOf(slots[i] as number)))
        }
      }
    },
  )
}

function countsOf({ commitNumber, size, deletedCount }: CommitCounts): CommitCounts {
  return { commitNumber, size, deletedCount }
}
