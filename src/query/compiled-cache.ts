/**
 * Which generated code is used again? Functions are kept for each codec by the shape of the question, and the oldest are dropped.
 */

import { isError } from '../runtime/realms.ts'
import { type Codec, makeTextReaders, Source } from '../schema/index.ts'
import type { QueryContext } from './compiled-condition.ts'

const KEPT_MAX = 500

const byCodec = new WeakMap<Codec, Map<string, unknown>>()

/**
 * The function for a shape, generated at the first call.
 * @param make writes the code and returns the source of the result
 * @returns undefined where generating code is forbidden
 */
export function compiled<F>(
  codec: Codec,
  shape: string,
  make: (context: QueryContext) => string,
): F | undefined {
  if (!codec.compiled) return undefined
  let known = byCodec.get(codec)
  if (known === undefined) byCodec.set(codec, (known = new Map()))
  let made = known.get(shape)
  if (made !== undefined) return made as F
  try {
    const source = new Source()
    const read = { source, texts: makeTextReaders(), bitmapOffset: codec.layout.bitmap?.offset ?? 0 }
    made = source.run(make({ read, codec }))
  } catch (error) {
    if (isError(error) && error.name === 'EvalError') return undefined
    throw error
  }
  if (known.size >= KEPT_MAX) known.delete(known.keys().next().value as string)
  known.set(shape, made)
  return made as F
}

/** Whether the function for a shape was generated before. */
export function isCompiled(codec: Codec, shape: string): boolean {
  return byCodec.get(codec)?.has(shape) === true
}
