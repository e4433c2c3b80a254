/**
 * Runs commits in the background, in rounds: a round writes, syncs and applies all pending commits.
 *
 *   RN1  commits of one turn of the event loop share the first round; commits that arrive during a sync share the next one.
 *   RN2  a failed round poisons the store, and no other round follows.
 */

import { type Protocol, runInBackground } from '../steps/protocol.ts'

/** The committer, as rounds see it. */
export interface RoundOwner {
  readonly hasWork: boolean
  /** Whether all written commits are applied. */
  readonly isSettled: boolean
  readonly isUsable: boolean
  /** Resolves the waiters of commits that are done. */
  acknowledge(): void
  /** The protocol of one round. */
  advance(): Protocol
  /** Called if a round fails. */
  fail(error: unknown): void
}

interface Waiting {
  readonly begin: () => void
  readonly reject: (error: unknown) => void
}

export class CommitRounds {
  readonly #owner: RoundOwner
  #running: Promise<void> | undefined
  #waiting: Waiting[] = []

  constructor(owner: RoundOwner) {
    this.#owner = owner
  }

  start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#owner.hasWork && this.#owner.isUsable) this.start()
    })
  }

  /** Resolves once no round is running. */
  async settle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Begins work at the next moment when all written commits are applied. Commits continue after it has begun. */
  whenSettled(begin: () => Promise<void>): Promise<void> {
    if (this.#owner.isSettled) return begin()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ begin: () => resolve(begin()), reject })
      this.start()
    })
  }

  /** Called when all written commits are applied. Begins the work that waits for this. */
  settled(): void {
    for (const { begin, reject } of this.#waiting.splice(0)) {
      try {
        begin()
      } catch (error) {
        reject(error)
      }
    }
  }

  /** Rejects the work that waits, after a failure. */
  rejectAll(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  async #run(): Promise<void> {
    const owner = this.#owner
    try {
      // Commits of the same event-loop turn share the first round.
      await Promise.resolve()
      owner.acknowledge()
      while (owner.hasWork && owner.isUsable) await runInBackground(owner.advance(), () => !owner.isUsable)
    } catch (error) {
      owner.fail(error)
    }
  }
}
