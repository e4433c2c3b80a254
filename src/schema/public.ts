/**
 * Which parts of the schema layer does `stridedb` export? Field types, and the types inferred from a schema.
 */

export type { Codec } from './codec.ts'
export type { ColumnArray, TypedColumn } from './column.ts'
export { type Description, describe } from './describe.ts'
export {
  ascii,
  type BytesSchema,
  bytes,
  f16,
  f32,
  f64,
  field,
  i8,
  i16,
  i24,
  i32,
  i48,
  i64,
  latin1,
  type NumberSchema,
  type TextSchema,
  u8,
  u16,
  u24,
  u32,
  u48,
  u64,
  utf8,
  utf16be,
  utf16le,
} from './field-schemas.ts'
export type { FieldInfo } from './fields.ts'
export {
  type BitsSchema,
  bits,
  decimal,
  dosDate,
  dosDateTime,
  filetime,
  guid,
  type IntegerSchema,
  numberText,
  unixMs,
  unixSeconds,
  uuid,
} from './foreign-schemas.ts'
export type {
  AnySchema,
  FieldName,
  FieldValue,
  GatherResult,
  Infer,
  Input,
  Output,
  RowFields,
} from './infer.ts'
export type { Endian, Padding } from './kinds.ts'
export type { Layout } from './layout.ts'
export type {
  BitsOptions,
  CodecOptions,
  FieldPlacement,
  LayoutOptions,
  NumberTextOptions,
  TextOptions,
  WideTextOptions,
} from './options.ts'
