/**
 * Has a callback done its work when it returns? One that returns a promise or a generator has not.
 *
 *   SY1  such a callback does not compile where its type is known, and is refused when it has returned.
 */

import { types } from 'node:util'

type Unfinished = PromiseLike<unknown> | Generator | AsyncGenerator

/** Joins the type of a callback that returns `T`: adds nothing to it, or makes it a type that no function has. */
export type Synchronous<T> = 0 extends 1 & T
  ? unknown
  : [Extract<T, Unfinished>] extends [never]
    ? unknown
    : 'This callback must be synchronous: it may return neither a promise nor a generator'

/**
 * What a callback returned, where that shows that its work is not done.
 * A promise is taken over: its rejection has nobody else to handle it.
 */
export function unfinished(result: unknown): 'a promise' | 'a generator' | undefined {
  if (types.isGeneratorObject(result)) return 'a generator'
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return undefined
  void Promise.resolve(result).catch(() => undefined)
  return 'a promise'
}
