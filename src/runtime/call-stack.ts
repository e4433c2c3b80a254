/**
 * Which line of the program called? V8 keeps ten frames of a stack, and work in steps takes two frames a level: the program's own line may
 * not be among them.
 */

import { isError } from './realms.ts'

/** Frames that are kept of those where the error was made. */
const INNER_FRAMES = 4
const FRAME = '\n    at '

/**
 * The error, with the frames of the calling function and of its callers in its stack. One that has all its frames is left as it is.
 * To be called by a public function that caught it.
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
