/**
 * Which work on a store's whole file is running? Compact, backup and building indexes take many turns of the event loop, one at a time.
 */

import { StrideError } from '../../errors.ts'

interface Running {
  readonly name: string
  readonly blocksWrites: boolean
  /** Resolves when the work has ended, in any way. */
  readonly done: Promise<void>
}

export class ExclusiveWork {
  readonly #path: string
  #running: Running | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Resolves once no such work is running; undefined if none is. */
  get done(): Promise<void> | undefined {
    return this.#running?.done
  }

  /** @throws ERR_STRIDE_BUSY while work is running that allows no changes */
  assertWritable(): void {
    if (this.#running?.blocksWrites === true) throw this.#busy('Changes', this.#running)
  }

  /** @param blocksWrites whether changes are refused meanwhile @throws ERR_STRIDE_BUSY while other work is running */
  run<T>(name: string, blocksWrites: boolean, work: () => Promise<T>): Promise<T> {
    if (this.#running !== undefined) throw this.#busy(name, this.#running)
    const result = work()
    const end = (): void => {
      this.#running = undefined
    }
    this.#running = { name, blocksWrites, done: result.then(end, end) }
    return result
  }

  /** Rebuilds damaged indexes, once no other work is running. @param indexes the present ones @throws what it throws */
  async mend(indexes: () => { readonly needMending: boolean; mend(): Promise<void> }): Promise<void> {
    while (this.#running !== undefined && indexes().needMending) await this.#running.done
    const damaged = indexes()
    if (damaged.needMending) await this.run('checkpoint', false, () => damaged.mend())
  }

  #busy(what: string, { name }: Running): StrideError {
    const path = this.#path
    return new StrideError('ERR_STRIDE_BUSY', `${what} must wait for the ${name} of ${path} to end`, { path })
  }
}
