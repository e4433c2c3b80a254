/**
 * Which line of the program made the call? V8 keeps ten frames of a stack. Work in steps takes two frames a level, so that the
 * program's own line may be missing.
 */

import { isError } from './realms.ts'

/** How many frames are kept of those nearest to the error. */
const INNER_FRAMES = 4
const FRAME = '\n    at '

/**
 * Adds the frames of the calling function and of its callers to the stack of an error. A complete stack is left as it is. For public
 * functions that catch an error and throw it again.
 */
export function withCaller(error: unknown): unknown {
  if (!isError(error) || typeof error.stack !== 'string') return error
  const [head, ...frames] = error.stack.split(FRAME)
  if (frames.length < Error.stackTraceLimit || frames.length <= INNER_FRAMES) return error
  const here: { stack?: string } = {}
  Error.captureStackTrace(here, withCaller)
  const [, ...callers] = (here.stack ?? '').split(FRAME)
  error.stack = [head, ...frames.slice(0, INNER_FRAMES), ...callers].join(FRAME)
  return error
}
