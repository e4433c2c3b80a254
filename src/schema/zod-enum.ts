/**
 * Which values does a Zod enum or literal list, and as which codes are they stored?
 */

import type { FieldMetadata } from './field-marks.ts'
import type { EnumKind, EnumValue } from './kinds.ts'
import { refused } from './zod-refusals.ts'

/** The kind of an enum or a literal with these values. @throws ERR_STRIDE_LAYOUT */
export function readEnum(listed: readonly unknown[], path: string, metadata: FieldMetadata): EnumKind {
  // A value that is listed twice has one code. A Set also turns -0 into 0.
  const values = [...new Set(listed)]
  for (const value of values) {
    const ok = value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value)
    if (!ok) throw refused(path, `the literal ${String(value)} has no code: use .optional()`)
    if (typeof value === 'number' && !Number.isFinite(value))
      throw refused(path, `the literal ${value} has no code`)
  }
  const codes = metadata.codes ?? values.map((_, i) => i)
  const whole = codes.every(code => Number.isInteger(code) && code >= 0 && code <= 0xffff)
  if (codes.length !== values.length || new Set(codes).size !== codes.length || !whole) {
    throw refused(
      path,
      `needs ${values.length} different codes from 0 to 65535, one a value: [${codes.join(', ')}]`,
    )
  }
  const { lenient = false } = metadata
  if (lenient && values.some((value, i) => typeof value === 'number' && value !== codes[i])) {
    throw refused(path, 'with lenient, values that are numbers must be their own codes: field(…, { codes })')
  }
  return { type: 'enum', values: values as readonly EnumValue[], codes, lenient }
}

/** As in Zod: the object of a numeric TypeScript enum also contains the reverse names. */
export function enumValues(entries: Readonly<Record<string, string | number>>): (string | number)[] {
  const numeric = Object.values(entries).filter(value => typeof value === 'number')
  const named = Object.entries(entries).filter(([key]) => !numeric.includes(Number(key)))
  return [...new Set(named.map(([, value]) => value))]
}
