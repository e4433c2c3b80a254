/**
 * How do two layouts differ, field by field? Sentences for error messages.
 */

import type { FieldInfo } from './fields.ts'
import type { Padding } from './kinds.ts'
import type { Layout } from './layout.ts'

/**
 * One sentence for each difference, the fields of `before` first. Empty exactly if the layouts are equal.
 * @param before the layout of a file
 * @param after the layout that a program expects
 */
export function diffLayouts(before: Layout, after: Layout): readonly string[] {
  if (before.canonical === after.canonical) return []
  const differences: string[] = []
  const newFields = new Map(after.fields.map(field => [field.path, field]))
  for (const field of before.fields) {
    const other = newFields.get(field.path)
    newFields.delete(field.path)
    if (other === undefined) differences.push(`'${field.path}' is gone (was ${show(field)})`)
    else if (show(field) !== show(other))
      differences.push(`'${field.path}' was ${show(field)}, is ${show(other)}`)
  }
  for (const field of newFields.values()) differences.push(`'${field.path}' is new (${show(field)})`)
  if (before.recordSize !== after.recordSize) {
    differences.push(`a record had ${before.recordSize} bytes, has ${after.recordSize}`)
  }
  // Inside tuples, arrays and unions there are no paths to name.
  if (differences.length === 0)
    differences.push('the parts of a tuple, an array or a union, or the null bits, differ')
  return differences
}

const PADDINGS: Readonly<Record<Padding, string>> = {
  zero: '',
  space: ' padded with spaces',
  either: ' padded with NUL or spaces',
  length: ' behind its length',
}

/** A field in a few words: 'ascii(8) at byte 25'. */
function show(field: FieldInfo): string {
  const length = field.length === undefined ? '' : `(${field.length})`
  const values = field.values?.map((value, i) => `${String(value)}=${field.codes?.[i]}`).join(', ')
  return [
    field.element === undefined ? '' : `${field.element} `,
    field.type,
    length,
    values === undefined ? '' : ` of ${values}`,
    field.endian === 'big' && field.size > 1 ? ' big-endian' : '',
    field.nonFinite ? ' with NaN' : '',
    PADDINGS[field.padding ?? 'zero'],
    field.parameters === undefined ? '' : `(${Object.values(field.parameters).join(', ')})`,
    field.lenient ? ' or another code' : '',
    field.nullable && field.optional
      ? ' nullish'
      : field.nullable
        ? ' nullable'
        : field.optional
          ? ' optional'
          : '',
    ` at byte ${field.offset}`,
    field.width === field.size ? '' : ` in ${field.width} bytes`,
    field.type === 'object' || field.type === 'tuple' || field.type === 'array' ? `, ${field.size} bytes` : '',
  ].join('')
}
