/**
 * The stage of each commit: sealed, written to the journal, applied to the file, acknowledged.
 *
 *   RT3  commits are acknowledged and applied in the order of their numbers.
 */

import type { AppliedState, CommitCounts, Root } from '../format/root.ts'
import { FrameChanges } from '../journal/frame-changes.ts'
import type { Staging } from '../staging/staging.ts'
import { CommitWaiters, type Durability } from './commit-waiters.ts'
import type { SealedCommit } from './seal.ts'

/** Counters since opening: see StoreStats. */
export interface CommitStats {
  readonly syncs: number
  readonly commits: number
  readonly checkpoints: number
  readonly commitWaits: number
  readonly journalBytes: number
}

/** The written commits that were not applied when a failure poisoned the store. */
export interface Reverted {
  /** The acknowledged ones, which reads still show. */
  readonly kept: readonly SealedCommit[]
  /** The others, which may be partly in the file. */
  readonly dropped: readonly SealedCommit[]
  readonly state: CommitCounts
}

export class CommitProgress {
  readonly #waiters = new CommitWaiters()
  /** Commits whose frames are written, but whose changes are not in the file yet. */
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

  /** The state after the last sealed commit. */
  get sealed(): CommitCounts {
    return this.#sealed
  }
  /** The state after the last applied commit, which is durable and in the file. */
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
  /** Whether all written commits are applied. */
  get isSettled(): boolean {
    return this.#writtenTo === this.#applied.commitNumber
  }
  get hasWaiters(): boolean {
    return !this.#waiters.isEmpty
  }

  /** Called when a commit was sealed. */
  seal(commit: SealedCommit): void {
    this.#sealed = countsOf(commit)
  }

  /** Called when the frames of these commits were written. */
  write(commits: readonly SealedCommit[]): void {
    for (const commit of commits) this.#written.push(commit)
    this.#writtenTo = this.#written.at(-1)?.commitNumber ?? this.#writtenTo
  }

  /** The written commits up to this number that are not applied. */
  waitingUpTo(commitNumber: number): readonly SealedCommit[] {
    return this.#written.filter(commit => commit.commitNumber <= commitNumber)
  }

  /** Called when the first `count` written commits were applied. `state`: that of the file. */
  apply(count: number, state: AppliedState): void {
    const { lineage } = state
    this.#applied = { ...countsOf(state), lineage }
    this.#written = this.#written.slice(count)
  }

  isDone(commitNumber: number, durability: Durability): boolean {
    return commitNumber <= (durability === 'full' ? this.#applied.commitNumber : this.#writtenTo)
  }

  /** @returns a promise of the commit's number, resolved once it has this durability */
  wait(commitNumber: number, durability: Durability): Promise<number> {
    return this.#waiters.add(commitNumber, durability)
  }

  /** Resolves the waiters whose commits have the requested durability, in order. */
  acknowledge(): void {
    const highest = this.#waiters.resolveDone((commitNumber, durability) =>
      this.isDone(commitNumber, durability),
    )
    this.#acknowledgedTo = Math.max(this.#acknowledgedTo, highest, this.#applied.commitNumber)
  }

  /** Acknowledges all sealed commits, when a blocking commit returns. */
  acknowledgeSealed(): void {
    this.#acknowledgedTo = this.#sealed.commitNumber
  }

  /** Reverts to the last acknowledged commit. */
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

/** Reverts the staging: reads show the kept commits, and the before-images of dropped ones, which may be partly in the file. */
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
