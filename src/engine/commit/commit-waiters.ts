/**
 * Which callers wait for a commit, and for which durability? They are resolved in the order of their calls, except that no caller waits
 * for the durability that another one requested.
 */

import { Fifo } from '../../runtime/fifo.ts'

/** When a commit counts as done: once it survives a loss of power ('full'), or the death of the process ('process'). */
export type Durability = 'full' | 'process'

interface Waiter {
  /** Ascending in the order of the calls. */
  readonly order: number
  readonly commitNumber: number
  readonly resolve: (commitNumber: number) => void
  readonly reject: (error: unknown) => void
}

export class CommitWaiters {
  /** In each queue commit numbers never fall. If the first waiter is not done, no other one is. */
  readonly #full = new Fifo<Waiter>()
  readonly #process = new Fifo<Waiter>()
  #order = 0

  get isEmpty(): boolean {
    return this.#full.length + this.#process.length === 0
  }

  /** @returns a promise of the commit's number */
  add(commitNumber: number, durability: Durability): Promise<number> {
    return new Promise((resolve, reject) => {
      const queue = durability === 'full' ? this.#full : this.#process
      queue.push({ order: this.#order++, commitNumber, resolve, reject })
    })
  }

  /** Resolves the waiters whose commits are done. @returns the highest of their commit numbers, 0 if there is none */
  resolveDone(isDone: (commitNumber: number, durability: Durability) => boolean): number {
    let highest = 0
    for (;;) {
      const full = doneIn(this.#full, commitNumber => isDone(commitNumber, 'full'))
      const process = doneIn(this.#process, commitNumber => isDone(commitNumber, 'process'))
      const isFullNext = full !== undefined && (process === undefined || full.order < process.order)
      const waiter = isFullNext ? full : process
      if (waiter === undefined) return highest
      if (isFullNext) this.#full.shift()
      else this.#process.shift()
      highest = Math.max(highest, waiter.commitNumber)
      waiter.resolve(waiter.commitNumber)
    }
  }

  rejectAll(error: unknown): void {
    const waiters = [...this.#full.takeAll(), ...this.#process.takeAll()]
    waiters.sort((a, b) => a.order - b.order)
    for (const waiter of waiters) waiter.reject(error)
  }
}

function doneIn(queue: Fifo<Waiter>, isDone: (commitNumber: number) => boolean): Waiter | undefined {
  const { first } = queue
  return first !== undefined && isDone(first.commitNumber) ? first : undefined
}
