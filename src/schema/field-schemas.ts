/**
 * Which field types does Zod lack? Zod schemas that carry a layout, and `field`, which fixes a field's place.
 *
 * Each is an ordinary Zod schema: it can be refined, made nullable, given a default. How it carries its layout: field-marks.ts.
 * How a schema is read: zod-reader.ts.
 */

import { z } from 'zod'
import { NO_OPTIONS, type NoOptions } from '../options/option-table.ts'
import { shown } from '../options/shown-value.ts'
import { byteCount } from '../runtime/realms.ts'
import { mark, markChecks } from './field-marks.ts'
import { checkedText } from './kind-parameters.ts'
import { NUMBERS, type NumberType, type TextEncoding } from './kinds.ts'
import {
  type FieldPlacement,
  FLOAT,
  type FloatOptions,
  PLACEMENT,
  TEXT,
  type TextOptions,
  WIDE_TEXT,
  type WideTextOptions,
} from './options.ts'
import { isSchema, refuseOldSchema } from './zod-version.ts'

/** Ties the type of a gathered column to a schema. For the compiler only. */
export interface ColumnOf<A> {
  /** Never present at run time. */
  readonly '~column'?: A
}

/** The schema of a number field; `gather` gives its values in an array of type A. */
export type NumberSchema<A> = z.ZodNumber & ColumnOf<A>
/** The schema of a text field. */
export type TextSchema = z.ZodString
/** The schema of `bytes`. */
export type BytesSchema = z.ZodCustom<Uint8Array, Uint8Array>

/** A schema with its place fixed. The values of a lenient one may also be numbers. */
export type Fixed<S extends z.ZodType, P> = P extends { readonly lenient: true }
  ? z.ZodUnion<readonly [S, z.ZodNumber]>
  : S

/**
 * A copy of a schema with its place in the record fixed, for foreign formats: `field(z.uint32(), { endian: 'big' })`. The given
 * schema is unchanged. A field without an offset follows the field declared before it.
 * @throws TypeError, RangeError for an invalid schema or place
 */
export function field<S extends z.ZodType, const P extends FieldPlacement = FieldPlacement>(
  schema: S,
  placement: P,
): Fixed<S, P>
export function field(schema: z.ZodType, placement: FieldPlacement): z.ZodType {
  const given = PLACEMENT.read(placement, 'field')
  refuseOldSchema(schema, 'The schema given to field')
  if (!isSchema(schema)) throw new TypeError(`field takes a Zod schema, then its place: ${shown(schema)}`)
  // Zod must accept the raw codes, too, where it runs.
  const copy = given.lenient ? z.union([schema, z.int().min(0)]) : schema.clone()
  mark(copy, given)
  return copy
}

/** Makes the schema of a field type that takes no options. */
type Factory<S> = (none?: NoOptions) => S

/** Unsigned 8-bit integer. */
export const u8: Factory<NumberSchema<Uint8Array>> = withoutOptions('u8', () => integer('u8'))
/** Signed 8-bit integer. */
export const i8: Factory<NumberSchema<Int8Array>> = withoutOptions('i8', () => integer('i8'))
/** Unsigned 16-bit integer. */
export const u16: Factory<NumberSchema<Uint16Array>> = withoutOptions('u16', () => integer('u16'))
/** Signed 16-bit integer. */
export const i16: Factory<NumberSchema<Int16Array>> = withoutOptions('i16', () => integer('i16'))
/** Unsigned 24-bit integer: 3 bytes. */
export const u24: Factory<NumberSchema<Uint32Array>> = withoutOptions('u24', () => integer('u24'))
/** Signed 24-bit integer: 3 bytes. */
export const i24: Factory<NumberSchema<Int32Array>> = withoutOptions('i24', () => integer('i24'))
/** Unsigned 48-bit integer: 6 bytes. */
export const u48: Factory<NumberSchema<Float64Array>> = withoutOptions('u48', () => integer('u48'))
/** Signed 48-bit integer: 6 bytes. */
export const i48: Factory<NumberSchema<Float64Array>> = withoutOptions('i48', () => integer('i48'))
/** Unsigned 32-bit integer: z.uint32(). */
export const u32: Factory<z.ZodUInt32> = withoutOptions('u32', () => z.uint32())
/** Signed 32-bit integer: z.int32(). */
export const i32: Factory<z.ZodInt32> = withoutOptions('i32', () => z.int32())
/** Unsigned 64-bit integer, a bigint: z.uint64(). */
export const u64: Factory<z.ZodUInt64> = withoutOptions('u64', () => z.uint64())
/** Signed 64-bit integer, a bigint: z.int64(). */
export const i64: Factory<z.ZodInt64> = withoutOptions('i64', () => z.int64())

/** The schema of a float: Zod's own, or one that allows NaN and the infinities. */
type FloatSchema<O, Plain, A> = O extends { readonly nonFinite: true }
  ? z.ZodCustom<number, number> & ColumnOf<A>
  : Plain

/**
 * 16-bit float (IEEE 754 binary16). A double is rounded directly to the nearest value, ties to even: 0.1 is read back as
 * 0.0999755859375. A finite number beyond ±65504 is refused; it never becomes an infinity.
 */
export function f16<const O extends FloatOptions = FloatOptions>(
  options?: O,
): FloatSchema<O, NumberSchema<Float32Array>, Float32Array> {
  const { nonFinite } = FLOAT.read(options, 'f16')
  if (nonFinite) return anyFloat('f16') as unknown as FloatSchema<O, NumberSchema<Float32Array>, Float32Array>
  const { min, max } = NUMBERS.f16
  const schema = z.number().min(min).max(max)
  markChecks(schema)
  mark(schema, { kind: { type: 'f16', nonFinite } })
  return schema as FloatSchema<O, NumberSchema<Float32Array>, Float32Array>
}

/**
 * 32-bit float. A double is rounded to the nearest value, ties to even: 0.1 is read back as 0.10000000149011612, and a number nearer
 * to zero than 2^-150 as 0. A finite number beyond ±3.4028234663852886e38 is refused; it never becomes an infinity.
 */
export function f32<const O extends FloatOptions = FloatOptions>(
  options?: O,
): FloatSchema<O, z.ZodFloat32, Float32Array> {
  const { nonFinite } = FLOAT.read(options, 'f32')
  return (nonFinite ? anyFloat('f32') : z.float32()) as FloatSchema<O, z.ZodFloat32, Float32Array>
}

/** 64-bit float. */
export function f64<const O extends FloatOptions = FloatOptions>(
  options?: O,
): FloatSchema<O, z.ZodFloat64, Float64Array> {
  const { nonFinite } = FLOAT.read(options, 'f64')
  return (nonFinite ? anyFloat('f64') : z.float64()) as FloatSchema<O, z.ZodFloat64, Float64Array>
}

/** Text of at most `length` ASCII characters, one byte each. @throws RangeError, TypeError for an invalid length */
export const ascii = (length: number, options?: TextOptions): TextSchema => text('ascii', length, options)
/** Text of at most `length` characters up to U+00FF, one byte each. @throws as `ascii` */
export const latin1 = (length: number, options?: TextOptions): TextSchema => text('latin1', length, options)
/** Text that takes at most `length` bytes in UTF-8. @throws as `ascii` */
export const utf8 = (length: number, options?: TextOptions): TextSchema => text('utf8', length, options)

/** Text of at most `length` bytes in UTF-16, little-endian: two bytes for each unit of a JavaScript string. @throws as `ascii` */
export const utf16le = (length: number, options?: WideTextOptions): TextSchema =>
  text('utf16le', length, options)
/** Text of at most `length` bytes in UTF-16, big-endian: two bytes for each unit of a JavaScript string. @throws as `ascii` */
export const utf16be = (length: number, options?: WideTextOptions): TextSchema =>
  text('utf16be', length, options)

/** Exactly `length` bytes. Reading gives a fresh Uint8Array. @throws as `ascii` */
export function bytes(length: number, none?: NoOptions): BytesSchema {
  checkLength('bytes', length)
  NO_OPTIONS.read(none, 'bytes')
  const schema = z.custom<Uint8Array>(value => byteCount(value) === length, {
    error: `expected a Uint8Array of ${length} bytes`,
  })
  mark(schema, { kind: { type: 'bytes', length } })
  return schema
}

/** A field type without parameters. A length or a byte order that is given to it is refused. */
function withoutOptions<S>(name: string, make: () => S): Factory<S> {
  return none => {
    NO_OPTIONS.read(none, name)
    return make()
  }
}

function integer<A>(type: NumberType): NumberSchema<A> {
  const { min, max } = NUMBERS[type]
  const schema = z.int().min(min).max(max)
  markChecks(schema)
  mark(schema, { kind: { type, nonFinite: false } })
  return schema
}

function anyFloat(type: 'f16' | 'f32' | 'f64'): z.ZodCustom<number, number> {
  const schema = z.custom<number>(value => typeof value === 'number', { error: 'expected a number' })
  mark(schema, { kind: { type, nonFinite: true } })
  return schema
}

function text(type: TextEncoding, length: number, options: TextOptions | undefined): TextSchema {
  checkLength(type, length)
  const isWide = type === 'utf16le' || type === 'utf16be'
  const { padding } = (isWide ? WIDE_TEXT : TEXT).read(options, type)
  const kind = checkedText({ type, length, padding })
  // A character takes at least one byte, so Zod can check this much, and show it in a JSON Schema.
  const schema = z.string().max(length)
  markChecks(schema)
  mark(schema, { kind })
  return schema
}

function checkLength(name: string, length: unknown): void {
  const rule = `${name}(length) needs a whole number of bytes, 1 or more`
  if (typeof length !== 'number') throw new TypeError(`${rule}: ${shown(length)}`)
  if (!Number.isSafeInteger(length) || length < 1) throw new RangeError(`${rule}: ${length}`)
}
