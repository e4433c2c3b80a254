/**
 * Which error does a schema without a layout get? It names the field, the reason, and a type to use instead.
 *
 * Where such schemas are found: zod-reader.ts.
 */

import { StrideError } from '../errors.ts'

/** Types without a layout, and what to use instead. */
const ALTERNATIVES: Readonly<Record<string, string>> = {
  string: 'ascii(n), latin1(n) or utf8(n), which say how many bytes it takes, or uuid()',
  bigint: 'z.int64() or z.uint64()',
  array: 'z.array(…).length(n), or z.tuple([…])',
  union:
    'z.discriminatedUnion over objects, z.enum([…]) or z.literal([…]) for constants, or one optional field for each case',
  record: 'z.object({…}) with the keys spelt out',
  map: 'z.array(…).length(n)',
  set: 'z.array(…).length(n), or one z.boolean() for each member',
  pipe: 'the stored type itself, and convert before writing',
  transform: 'the stored type itself, and convert before writing',
  preprocess: 'the stored type itself, and convert before writing',
  catch: '.default(…), and mend bad values before writing',
  nonoptional: 'the inner type without .optional()',
  exactOptional: '.optional()',
  lazy: "the type itself; a record cannot contain itself, but keep the other record's number as z.uint32()",
  nan: 'f64({ nonFinite: true })',
  null: '.nullable() on a type that has values',
  undefined: '.optional() on a type that has values',
  any: 'the type that the field really has, or bytes(n)',
  unknown: 'the type that the field really has, or bytes(n)',
  custom: 'bytes(n) for bytes, z.date() for a Date, .refine(…) on a type with a layout',
  template_literal: 'ascii(n).regex(…)',
  intersection: 'one z.object({…}), made with .extend(…)',
}

export function join(path: string, part: string | number): string {
  return path === '' ? String(part) : `${path}.${part}`
}

/** The error for a type without a layout. */
export function noLayout(name: string, path: string): StrideError {
  const alternative = ALTERNATIVES[name]
  return refused(path, `${name} has no layout${alternative === undefined ? '' : `: use ${alternative}`}`)
}

export function refused(path: string, reason: string): StrideError {
  if (path === '') return new StrideError('ERR_STRIDE_LAYOUT', `The schema has no layout: ${reason}`)
  return new StrideError('ERR_STRIDE_LAYOUT', `The field '${path}' has no layout: ${reason}`, { field: path })
}
