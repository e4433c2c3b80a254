/**
 * May a store still be written? The first failed store or sync poisons it (D5).
 */

import { StrideError } from '../../errors.ts'

export class Poisoning {
  readonly #path: string
  /** Called once, with the error. */
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

  /** Poisons the store. @returns the error */
  poison(error: unknown): unknown {
    if (this.#failure === undefined) {
      this.#failure = error
      this.#onFailure(error)
    }
    return error
  }

  /** Runs work of which any failure poisons. */
  guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw this.poison(error)
    }
  }

  /** Like `guard`, for writes to parts of the file that nothing refers to yet: a full disk is harmless and does not poison. */
  guardSpace<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof StrideError && error.code === 'ERR_STRIDE_NO_SPACE') throw error
      throw this.poison(error)
    }
  }

  /** Like `guard`, for writes to a file that nothing names yet: refusals other than ERR_STRIDE_IO change nothing and do not poison. */
  guardIo<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof StrideError && error.code !== 'ERR_STRIDE_IO') throw error
      throw this.poison(error)
    }
  }
}
