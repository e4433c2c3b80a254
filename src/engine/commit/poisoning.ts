/**
 * May a store still be written? The first failed store or sync poisons it (D5).
 */

import { StrideError } from '../../errors.ts'

export class Poisoning {
  readonly #path: string
  /** Called once, with what failed. */
  readonly #onFailure: (error: unknown) => void
  #failure: unknown

  constructor(path: string, onFailure: (error: unknown) => void) {
    this.#path = path
    this.#onFailure = onFailure
  }

  get isPoisoned(): boolean {
    return this.#failure !== undefined
  }

  /** @throws ERR_STRIDE_POISONED once a store or a sync failed */
  assert(): void {
    if (this.#failure === undefined) return
    const path = this.#path
    const message = `An earlier write to ${path} failed; close and reopen it: ${String(this.#failure)}`
    throw new StrideError('ERR_STRIDE_POISONED', message, { path, cause: this.#failure })
  }

  /** @returns the error */
  poison(error: unknown): unknown {
    if (this.#failure === undefined) {
      this.#failure = error
      this.#onFailure(error)
    }
    return error
  }

  /** Runs what must not fail half-way. */
  guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw this.poison(error)
    }
  }

  /** The same for what is written where nothing reaches it yet: a full disk leaves all as it was. */
  guardSpace<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof StrideError && error.code === 'ERR_STRIDE_NO_SPACE') throw error
      throw this.poison(error)
    }
  }

  /** Runs what writes a file that nothing names yet: a failed store or sync poisons, and a refusal leaves all as it was. */
  guardIo<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof StrideError && error.code !== 'ERR_STRIDE_IO') throw error
      throw this.poison(error)
    }
  }
}
