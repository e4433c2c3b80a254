/** How is a field read as a comparable value, by generated code where that is allowed? */

import type { Codec } from '../schema/index.ts'
import { isLenient } from '../schema/index.ts'
import { comparableReader, type ReadComparable } from './comparable.ts'
import { compiled } from './compiled-cache.ts'
import { codeSource, fieldSource, nullSource, type QueryContext, valueSource } from './compiled-condition.ts'
import { canBeNull, type QueriedField } from './queried-field.ts'

/** The fastest reader of a field's comparable values. */
export function keyReader(codec: Codec, field: QueriedField): ReadComparable {
  const generated = compiled<ReadComparable>(codec, `key ${JSON.stringify(field.path)}`, context =>
    context.read.source.function('v, b, at', `return ${comparableSource(context, field)}`),
  )
  return generated ?? comparableReader(codec, field)
}

/** Source of a field's comparable value; null if it is null. */
export function comparableSource(context: QueryContext, field: QueriedField): string {
  const { source } = context.read
  const { node } = field
  const isOther = (node.type === 'enum' && node.size === 4) || field.as === 'none' || isLenient(node)
  if (isOther) return `${source.constant(comparableReader(context.codec, field))}(v, b, at)`
  if (field.as === 'bytes' || field.as === 'text' || field.as === 'string') {
    const value = fieldSource(context, field)
    return canBeNull(field) ? `(${value} ?? null)` : value
  }
  // An impossible code is damage: the codec throws.
  const toCode = (): string => {
    const known = source.constant(new Set(node.type === 'enum' ? node.codes : [0, 1]))
    const other = source.constant(comparableReader(context.codec, field))
    const check = source.function('c, v, b, at', `return ${known}.has(c) ? c : ${other}(v, b, at)`)
    return `${check}(${codeSource(field)}, v, b, at)`
  }
  const value = field.as === 'code' ? toCode() : valueSource(context, field)
  const isNull = nullSource(context, field)
  return isNull === 'false' ? value : `(${isNull} ? null : ${value})`
}
