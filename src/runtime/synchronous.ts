/**
 * Has a callback done its work when it returns? One that returns a promise or a generator has not.
 *
 *   SY1  such a callback does not compile if its type is known, and is refused once it has returned.
 */

import { types } from 'node:util'

/** The result of a callback whose work is not done. */
type Unfinished = PromiseLike<unknown> | Generator | AsyncGenerator

/** Intersected with the type of a callback that returns `T`: it has no effect, or no function has the resulting type. */
export type Synchronous<T> = 0 extends 1 & T
  ? unknown
  : [Extract<T, Unfinished>] extends [never]
    ? unknown
    : 'This callback must be synchronous: it may return neither a promise nor a generator'

/**
 * The kind of a result that shows unfinished work; undefined for any other result. The rejection of a promise is handled here, since
 * no caller gets the promise.
 */
export function unfinished(result: unknown): 'a promise' | 'a generator' | undefined {
  if (types.isGeneratorObject(result)) return 'a generator'
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return undefined
  void Promise.resolve(result).catch(() => undefined)
  return 'a promise'
}
