/**
 * Which fields does Zod lack? Zod schemas that carry a layout, and `field`, which fixes a field's place.
 *
 * Each is an ordinary Zod schema: it can be refined, made nullable, given a default. The layout rides in a Zod
 * registry of our own, which Zod itself carries along when a schema is refined.
 * How a schema is read back: zod-reader.ts.
 */

import { z } from 'zod'
import type { Endian, NumberType, Padding, TextEncoding } from './kinds.ts'

/** What the library remembers about a schema. Users write it through `field` and the functions below. */
export interface FieldMetadata {
  /** Bytes from the start of the enclosing object. */
  readonly offset?: number
  /** Bytes the field takes. For boolean and enum the size of the code (1, 2, 4); otherwise at least its size. */
  readonly width?: number
  readonly endian?: Endian
  /** Code of each enum or literal value, in order of declaration; 0, 1, 2 … where not given. */
  readonly codes?: readonly number[]
  /** @internal */
  readonly kind?:
    | { readonly type: NumberType; readonly nonFinite: boolean }
    | { readonly type: TextEncoding; readonly length: number; readonly padding: Padding }
    | { readonly type: 'bytes'; readonly length: number }
}

export const fieldMetadata = z.registry<FieldMetadata>()

/** Checks that only say what the codec checks anyway; they are not refinements. */
export const layoutChecks = new WeakSet<object>()

/** Ties the type of a gathered column to a schema; never present at run time. */
export interface ColumnOf<A> {
  readonly '~column'?: A
}

export type NumberSchema<A> = z.ZodNumber & ColumnOf<A>
export type TextSchema = z.ZodString
export type BytesSchema = z.ZodCustom<Uint8Array, Uint8Array>

/** Options of `field`: where and how the field lies in the record. */
export type FieldPlacement = Pick<FieldMetadata, 'offset' | 'width' | 'endian' | 'codes'>

/**
 * The same schema with its place in the record fixed, for foreign formats: `field(z.uint32(), { endian: 'big' })`.
 * The schema given stays as it is. Fields without an offset follow the field declared before them.
 */
export function field<S extends z.ZodType>(schema: S, placement: FieldPlacement): S {
  for (const name of Object.keys(placement)) {
    if (name !== 'offset' && name !== 'width' && name !== 'endian' && name !== 'codes') {
      throw new TypeError(`field() has no option '${name}': use offset, width, endian or codes`)
    }
  }
  checkWhole('offset', placement.offset, 0)
  checkWhole('width', placement.width, 1)
  if (placement.endian !== undefined && placement.endian !== 'little' && placement.endian !== 'big') {
    throw new TypeError(`endian must be 'little' or 'big': ${String(placement.endian)}`)
  }
  const copy = schema.clone() as S
  fieldMetadata.add(copy, { ...fieldMetadata.get(schema), ...placement })
  return copy
}

/** Unsigned 8-bit integer. */
export const u8 = (): NumberSchema<Uint8Array> => integer('u8', 0, 0xff)
/** Signed 8-bit integer. */
export const i8 = (): NumberSchema<Int8Array> => integer('i8', -0x80, 0x7f)
/** Unsigned 16-bit integer. */
export const u16 = (): NumberSchema<Uint16Array> => integer('u16', 0, 0xffff)
/** Signed 16-bit integer. */
export const i16 = (): NumberSchema<Int16Array> => integer('i16', -0x8000, 0x7fff)
/** Unsigned 32-bit integer, as z.uint32(). */
export const u32 = (): z.ZodUInt32 => z.uint32()
/** Signed 32-bit integer, as z.int32(). */
export const i32 = (): z.ZodInt32 => z.int32()
/** Unsigned 64-bit integer, a bigint, as z.uint64(). */
export const u64 = (): z.ZodUInt64 => z.uint64()
/** Signed 64-bit integer, a bigint, as z.int64(). */
export const i64 = (): z.ZodInt64 => z.int64()

export interface FloatOptions {
  /** Allows NaN and the infinities, which Zod's own numbers refuse: floats of foreign files need it. */
  readonly nonFinite?: boolean
}

type FloatSchema<O, Plain, A> = O extends { readonly nonFinite: true }
  ? z.ZodCustom<number, number> & ColumnOf<A>
  : Plain

/** 32-bit float; values are rounded to it. */
export function f32<const O extends FloatOptions = FloatOptions>(
  options?: O,
): FloatSchema<O, z.ZodFloat32, Float32Array> {
  return (options?.nonFinite ? anyFloat('f32') : z.float32()) as FloatSchema<O, z.ZodFloat32, Float32Array>
}

/** 64-bit float. */
export function f64<const O extends FloatOptions = FloatOptions>(
  options?: O,
): FloatSchema<O, z.ZodFloat64, Float64Array> {
  return (options?.nonFinite ? anyFloat('f64') : z.float64()) as FloatSchema<O, z.ZodFloat64, Float64Array>
}

export interface TextOptions {
  /** What fills the rest of the field: NUL bytes (default) or spaces. */
  readonly padding?: Padding
}

/** Text of at most `length` ASCII characters, one byte each. */
export const ascii = (length: number, options?: TextOptions): TextSchema => text('ascii', length, options)
/** Text of at most `length` characters up to U+00FF, one byte each. */
export const latin1 = (length: number, options?: TextOptions): TextSchema => text('latin1', length, options)
/** Text that takes at most `length` bytes in UTF-8. */
export const utf8 = (length: number, options?: TextOptions): TextSchema => text('utf8', length, options)

/** Exactly `length` bytes; reading gives a fresh Uint8Array. */
export function bytes(length: number): BytesSchema {
  checkLength('bytes', length)
  const schema = z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === length, {
    error: `expected a Uint8Array of ${length} bytes`,
  })
  fieldMetadata.add(schema, { kind: { type: 'bytes', length } })
  return schema
}

function integer<A>(type: NumberType, min: number, max: number): NumberSchema<A> {
  const schema = z.int().min(min).max(max)
  for (const check of schema.def.checks ?? []) layoutChecks.add(check)
  fieldMetadata.add(schema, { kind: { type, nonFinite: false } })
  return schema
}

function anyFloat(type: 'f32' | 'f64'): z.ZodCustom<number, number> {
  const schema = z.custom<number>(value => typeof value === 'number', { error: 'expected a number' })
  fieldMetadata.add(schema, { kind: { type, nonFinite: true } })
  return schema
}

function text(type: TextEncoding, length: number, options: TextOptions = {}): TextSchema {
  checkLength(type, length)
  const padding = options.padding ?? 'zero'
  if (padding !== 'zero' && padding !== 'space') {
    throw new TypeError(`padding must be 'zero' or 'space': ${String(padding)}`)
  }
  // A character takes at least one byte, so this much Zod can say (and show in a JSON Schema).
  const schema = z.string().max(length)
  for (const check of schema.def.checks ?? []) layoutChecks.add(check)
  fieldMetadata.add(schema, { kind: { type, length, padding } })
  return schema
}

function checkLength(name: string, length: number): void {
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new RangeError(`${name}(length) needs a whole number of bytes, 1 or more: ${length}`)
  }
}

function checkWhole(name: string, value: number | undefined, min: number): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < min)) {
    throw new RangeError(`${name} must be a whole number of bytes, ${min} or more: ${value}`)
  }
}
