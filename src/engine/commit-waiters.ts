/**
 * Who waits for a commit, and how durable it has to be for them. They are answered in the order in which they came.
 */

/** When a commit counts as done: once it survives the loss of power, or of the process. */
export type Durability = 'full' | 'process'

interface Waiter {
  readonly commitNumber: number
  readonly durability: Durability
  readonly resolve: (commitNumber: number) => void
  readonly reject: (error: unknown) => void
}

export class CommitWaiters {
  #waiters: Waiter[] = []

  get isEmpty(): boolean {
    return this.#waiters.length === 0
  }

  /** @returns a promise of the commit's number */
  add(commitNumber: number, durability: Durability): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ commitNumber, durability, resolve, reject })
    })
  }

  /** Resolves those whose commits are done. @returns the highest of their numbers, 0 for none */
  resolveDone(isDone: (commitNumber: number, durability: Durability) => boolean): number {
    let kept = 0
    let highest = 0
    for (const waiter of this.#waiters) {
      if (!isDone(waiter.commitNumber, waiter.durability)) {
        this.#waiters[kept++] = waiter
        continue
      }
      highest = Math.max(highest, waiter.commitNumber)
      waiter.resolve(waiter.commitNumber)
    }
    this.#waiters.length = kept
    return highest
  }

  rejectAll(error: unknown): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }
}
