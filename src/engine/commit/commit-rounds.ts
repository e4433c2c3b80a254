/**
 * How do commits proceed in the background? In rounds, as long as there is work.
 *
 *   RN1  commits of one turn of the event loop share the first round; those that come during a sync share the next one.
 *   RN2  a failed round poisons the store, and no other round follows.
 */

import { type Protocol, runInBackground } from '../steps/protocol.ts'

/** Whose commits these are. */
export interface RoundOwner {
  readonly hasWork: boolean
  /** Whether everything written is synced and in the file. */
  readonly isSettled: boolean
  readonly isUsable: boolean
  /** Tells whoever waits for what is done already. */
  acknowledge(): void
  /** All that is to be done now. */
  advance(): Protocol
  /** A round failed. */
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

  /** Resolves once no round goes on. */
  async settle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Begins work at the next moment when everything written is in the file; commits go on after it has begun. */
  whenSettled(begin: () => Promise<void>): Promise<void> {
    if (this.#owner.isSettled) return begin()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ begin: () => resolve(begin()), reject })
      this.start()
    })
  }

  /** Everything written is in the file: begins the work that waited for that. */
  settled(): void {
    for (const { begin, reject } of this.#waiting.splice(0)) {
      try {
        begin()
      } catch (error) {
        reject(error)
      }
    }
  }

  /** There will be no such moment. */
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
