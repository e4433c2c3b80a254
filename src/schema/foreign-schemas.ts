/**
 * Which field types do files of other programs need? Zod schemas for them, which stores can use as well.
 *
 * Each is an ordinary Zod schema, like those of field-schemas.ts. What their bytes mean: meanings-by-kind.ts.
 */

import { z } from 'zod'
import { NO_OPTIONS, type NoOptions } from '../options/option-table.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'
import { mark, markChecks } from './field-marks.ts'
import type { ColumnOf, NumberSchema } from './field-schemas.ts'
import { checkedMeant } from './kind-parameters.ts'
import type { MeantKind } from './kinds.ts'
import { BITS, type BitsOptions, type FieldPlacement, NUMBER_TEXT, type NumberTextOptions } from './options.ts'
import { UUID } from './uuid-meaning.ts'
import { integerOf } from './zod-reader.ts'

/** The schema of an integer: u8() to i64(), z.uint32(), z.int64() and so on. */
export type IntegerSchema = z.ZodNumber | z.ZodBigInt

/**
 * A number with at most `digits` decimals, 1 to 15, stored as an integer: `decimal(2, i32())` stores 12.34 as 1234. The integer type is
 * i64 by default. A number with more decimals is refused, 0.1 + 0.2 too: round it before writing. A 64-bit integer may have at most
 * 15 digits, so that no value is rounded.
 * @throws TypeError, RangeError for invalid arguments
 */
export function decimal(
  digits: number,
  of: IntegerSchema = z.int64(),
  none?: NoOptions,
): NumberSchema<Float64Array> {
  NO_OPTIONS.read(none, 'decimal')
  const { type, placement } = integerOf(of, 'decimal')
  return meantSchema({ type: 'decimal', of: type, digits }, placement) as NumberSchema<Float64Array>
}

/** A Date as seconds since 1970 UTC, in an integer type, i64 by default. A Date with milliseconds is refused. */
export function unixSeconds(of: IntegerSchema = z.int64(), none?: NoOptions): z.ZodDate {
  return unix('unixSeconds', 's', of, none)
}
/** A Date as milliseconds since 1970 UTC, in an integer type, i64 by default as z.date() has it. */
export function unixMs(of: IntegerSchema = z.int64(), none?: NoOptions): z.ZodDate {
  return unix('unixMs', 'ms', of, none)
}

/** A Date as FILETIME of Windows: 8 bytes, units of 100 ns since 1601 UTC. Reading drops fractions of a millisecond. */
export function filetime(none?: NoOptions): z.ZodDate {
  return plain('filetime', { type: 'filetime' }, none) as z.ZodDate
}
/** A Date as in DOS: two bytes of time and two of date, UTC, from 1980 to 2107, in steps of two seconds. */
export function dosDateTime(none?: NoOptions): z.ZodDate {
  return plain('dosDateTime', { type: 'dosdatetime', lenient: false }, none) as z.ZodDate
}
/** A Date as the two bytes of a DOS date, at midnight UTC. */
export function dosDate(none?: NoOptions): z.ZodDate {
  return plain('dosDate', { type: 'dosdate', lenient: false }, none) as z.ZodDate
}

/** A UUID: 16 bytes, read as text in lower case. */
export function uuid(none?: NoOptions): z.ZodString {
  return plain('uuid', { type: 'uuid' }, none) as z.ZodString
}
/** A UUID as Windows and GPT store it: the first three groups are little-endian. */
export function guid(none?: NoOptions): z.ZodString {
  return plain('guid', { type: 'guid' }, none) as z.ZodString
}

/**
 * A whole number from 0 as digits in `length` bytes, as in tar, ar and cpio: `numberText(12, { radix: 8 })`. Spaces and NULs around the
 * digits are skipped; a field without digits is 0.
 * @throws TypeError, RangeError for invalid arguments
 */
export function numberText(length: number, options?: NumberTextOptions): NumberSchema<Float64Array> {
  const { radix, fill, end = radix === 8 ? 'nul' : 'none' } = NUMBER_TEXT.read(options, 'numberText')
  return meantSchema({ type: 'numbertext', length, radix, fill, end }) as NumberSchema<Float64Array>
}

/** The schema of `bits`: an object of numbers. */
export type BitsSchema<Widths> = z.ZodObject<{ readonly [Name in keyof Widths]: NumberSchema<Uint32Array> }>

/**
 * Unsigned numbers that share one u8, u16 or u32, each with so many bits: `bits({ version: 4, length: 12 })`. The first takes the
 * lowest bits, with `order: 'msb'` the highest. Unused bits are stored as zero.
 * @throws TypeError, RangeError for invalid widths; together they have 1 to 32 bits
 */
export function bits<const Widths extends Readonly<Record<string, number>>>(
  widths: Widths,
  options?: BitsOptions,
): BitsSchema<Widths> {
  if (!isPlainObject(widths))
    throw new TypeError(`bits takes an object of names and numbers of bits: ${shown(widths)}`)
  const { order } = BITS.read(options, 'bits')
  const fields = Object.entries(widths as Record<string, unknown>)
  let total = 0
  for (const [name, count] of fields) {
    if (typeof count !== 'number')
      throw new TypeError(`'${name}' of bits takes a number of bits: ${shown(count)}`)
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`'${name}' of bits takes 1 bit or more: ${count}`)
    total += count
  }
  if (total < 1 || total > 32) throw new RangeError(`bits takes 1 to 32 bits together: ${total}`)
  const unit = total <= 8 ? 1 : total <= 16 ? 2 : 4
  let next = 0
  const shape = fields.map(([name, given]) => {
    const count = given as number
    const shift = order === 'lsb' ? next : unit * 8 - next - count
    next += count
    return [name, meantSchema({ type: 'bits', unit, shift, count }, { offset: 0 })]
  })
  return z.object(Object.fromEntries(shape)) as unknown as BitsSchema<Widths>
}

/** The schema of a kind. @internal */
export function meantSchema(kind: MeantKind, placement: FieldPlacement = {}): z.ZodType {
  const schema = bareSchema(checkedMeant(kind))
  mark(schema, { ...placement, kind })
  return schema
}

function bareSchema(kind: MeantKind): z.ZodType & ColumnOf<unknown> {
  switch (kind.type) {
    case 'decimal':
      return z.number()
    case 'uuid':
    case 'guid':
      return checked(z.string().regex(UUID))
    case 'numbertext':
      return checked(z.int().min(0))
    case 'bits':
      return checked(
        z
          .int()
          .min(0)
          .max(2 ** kind.count - 1),
      )
    default:
      return z.date()
  }
}

/** Marks checks of Zod that the codec makes anyway. */
function checked<S extends z.ZodType>(schema: S): S {
  markChecks(schema)
  return schema
}

function unix(call: string, unit: 's' | 'ms', of: IntegerSchema, none: NoOptions | undefined): z.ZodDate {
  NO_OPTIONS.read(none, call)
  const { type, placement } = integerOf(of, call)
  return meantSchema({ type: 'unix', of: type, unit }, placement) as z.ZodDate
}

function plain(call: string, kind: MeantKind, none: NoOptions | undefined): z.ZodType {
  NO_OPTIONS.read(none, call)
  return meantSchema(kind)
}
