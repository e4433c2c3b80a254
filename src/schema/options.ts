/**
 * Which options do field types, layouts and codecs take? One row an option: types, checks and docs/options.md come from here.
 */

import { flag, oneOf, whole, wholes } from '../options/option-kinds.ts'
import { type CallWithOptions, NO_OPTIONS, type OptionsOf, OptionTable } from '../options/option-table.ts'
import type { DigitsEnd, DigitsFill, Endian, Padding } from './kinds.ts'

export const PLACEMENT = new OptionTable('FieldPlacement', {
  /** Bytes from the start of the enclosing object. */
  offset: whole({ unit: 'bytes' }).orElse('behind the field before'),
  /** Bytes the field takes. For boolean and enum the size of the code (1, 2, 4); otherwise at least its size. */
  width: whole({ min: 1, unit: 'bytes' }).orElse('its size'),
  /** Byte order of the field. */
  endian: oneOf<Endian>('little', 'big').orElse("the layout's"),
  /** Code of each enum or literal value, in order of declaration. */
  codes: wholes.orElse('0, 1, 2 …'),
  /**
   * Of a boolean, an enum, a literal or a time of DOS: a stored code that stands for no value is read as that number, and such a
   * number is written. Values that are numbers themselves must be their own codes then.
   */
  lenient: flag.or(false),
})

export const FLOAT = new OptionTable('FloatOptions', {
  /** Allows NaN and the infinities, which Zod's own numbers refuse: floats of foreign files need it. */
  nonFinite: flag.or(false),
})

export const TEXT = new OptionTable('TextOptions', {
  /**
   * What fills the rest of the field: NUL bytes or spaces. 'either': NUL bytes when written, both when read. 'length': a byte in
   * front of the text, one of the field's, is its length, as in Pascal.
   */
  padding: oneOf<Padding>('zero', 'space', 'either', 'length').or('zero'),
})

export const WIDE_TEXT = new OptionTable('WideTextOptions', {
  /** What fills the rest of the field: NULs or spaces, two bytes each. 'either': NULs when written, both when read. */
  padding: oneOf<Exclude<Padding, 'length'>>('zero', 'space', 'either').or('zero'),
})

export const BITS = new OptionTable('BitsOptions', {
  /** Which bits the first field takes: the lowest or the highest. */
  order: oneOf('lsb', 'msb').or('lsb'),
})

export const NUMBER_TEXT = new OptionTable('NumberTextOptions', {
  /** Base of the digits. */
  radix: whole({ min: 2, max: 36 }).or(10),
  /** What fills the bytes that need no digit: zeros in front, or spaces to the left or to the right. */
  fill: oneOf<DigitsFill>('zeros', 'left', 'right').or('zeros'),
  /** What is written behind the digits. */
  end: oneOf<DigitsEnd>('none', 'nul', 'space', 'nul-space').orElse("'nul' for radix 8, otherwise 'none'"),
})

export const LAYOUT = new OptionTable('LayoutOptions', {
  /** 'packed': no byte between fields. 'natural': the alignment and trailing padding of C. */
  align: oneOf('packed', 'natural').or('packed'),
  /** Byte order of fields that do not say their own. */
  endian: oneOf<Endian>('little', 'big').or('little'),
  /** Bytes a record takes, if more than its fields: the rest is padding. */
  recordSize: whole({ min: 1, unit: 'bytes' }).orElse('what the fields take'),
})

export const COMPILING = new OptionTable('CompileOptions', {
  /** False: never generate code. */
  compile: flag.or(true),
})

export const CODEC = new OptionTable('CodecOptions', {
  ...LAYOUT.rows,
  /** False: refinements are not run on writes. What the layout demands is checked always. */
  validate: flag.or(true),
  ...COMPILING.rows,
})

/** Where and how a field lies in the record. */
export type FieldPlacement = OptionsOf<typeof PLACEMENT>
export type FloatOptions = OptionsOf<typeof FLOAT>
export type BitsOptions = OptionsOf<typeof BITS>
export type NumberTextOptions = OptionsOf<typeof NUMBER_TEXT>
export type TextOptions = OptionsOf<typeof TEXT>
export type WideTextOptions = OptionsOf<typeof WIDE_TEXT>
export type LayoutOptions = OptionsOf<typeof LAYOUT>
export type CodecOptions = OptionsOf<typeof CODEC>

/** Every call that takes options, as docs/options.md lists them. */
export const SCHEMA_CALLS: readonly CallWithOptions[] = [
  { call: 'field(schema, placement)', table: PLACEMENT },
  { call: 'f16(options)', table: FLOAT },
  { call: 'f32(options)', table: FLOAT },
  { call: 'f64(options)', table: FLOAT },
  { call: 'ascii(length, options)', table: TEXT },
  { call: 'latin1(length, options)', table: TEXT },
  { call: 'utf8(length, options)', table: TEXT },
  { call: 'utf16le(length, options)', table: WIDE_TEXT },
  { call: 'utf16be(length, options)', table: WIDE_TEXT },
  { call: 'numberText(length, options)', table: NUMBER_TEXT },
  { call: 'bits(widths, options)', table: BITS },
  { call: 'bytes(length)', table: NO_OPTIONS },
  { call: 'decimal(digits, of)', table: NO_OPTIONS },
  { call: 'unixSeconds(of)', table: NO_OPTIONS },
  { call: 'unixMs(of)', table: NO_OPTIONS },
  ...'u8 i8 u16 i16 u24 i24 u32 i32 u48 i48 u64 i64 filetime dosDateTime dosDate uuid guid'
    .split(' ')
    .map(name => ({
      call: `${name}()`,
      table: NO_OPTIONS,
    })),
  { call: 'layoutOf(schema, options)', table: LAYOUT },
  { call: 'describe(schema, options)', table: LAYOUT },
  { call: 'codecOf(schema, options)', table: CODEC },
  { call: 'codecFromCanonical(text, options)', table: COMPILING },
]
