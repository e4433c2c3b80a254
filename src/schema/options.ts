/**
 * Which options do field types, layouts and codecs take? One row an option: types, checks and docs/options.md come from here.
 */

import { flag, oneOf, whole, wholes } from '../options/option-kinds.ts'
import { type CallWithOptions, NO_OPTIONS, type OptionsOf, OptionTable } from '../options/option-table.ts'
import type { DigitsEnd, DigitsFill, Endian, Padding } from './kinds.ts'

/** Rows of `FieldPlacement`. */
export const PLACEMENT = new OptionTable('FieldPlacement', {
  /** Bytes from the start of the enclosing object. */
  offset: whole({ unit: 'bytes' }).orElse('behind the field before'),
  /** Bytes that the field takes. For boolean and enum the size of the code, 1, 2 or 4; for others at least the value's size. */
  width: whole({ min: 1, unit: 'bytes' }).orElse('its size'),
  /** Byte order of the field. */
  endian: oneOf<Endian>('little', 'big').orElse("the layout's"),
  /** Code of each enum or literal value, in order of declaration. */
  codes: wholes.orElse('0, 1, 2 …'),
  /**
   * For a boolean, an enum, a literal or a DOS time: whether a stored code without a value is read as the number itself. Such numbers
   * can also be written. Values that are numbers must then be equal to their codes.
   */
  lenient: flag.or(false),
})

/** Rows of `FloatOptions`. */
export const FLOAT = new OptionTable('FloatOptions', {
  /** Whether NaN and the infinities are values. Zod's own numbers refuse them; floats of foreign files need them. */
  nonFinite: flag.or(false),
})

/** Rows of `TextOptions`. */
export const TEXT = new OptionTable('TextOptions', {
  /**
   * What fills the rest of the field: NUL bytes ('zero') or spaces. 'either': NUL bytes when written, both when read. 'length': the
   * field's first byte is the length of the text, as in Pascal.
   */
  padding: oneOf<Padding>('zero', 'space', 'either', 'length').or('zero'),
})

/** Rows of `WideTextOptions`. */
export const WIDE_TEXT = new OptionTable('WideTextOptions', {
  /** What fills the rest of the field: NULs ('zero') or spaces, two bytes each. 'either': NULs when written, both when read. */
  padding: oneOf<Exclude<Padding, 'length'>>('zero', 'space', 'either').or('zero'),
})

/** Rows of `BitsOptions`. */
export const BITS = new OptionTable('BitsOptions', {
  /** Whether the first field takes the lowest bits ('lsb') or the highest ('msb'). */
  order: oneOf('lsb', 'msb').or('lsb'),
})

/** Rows of `NumberTextOptions`. */
export const NUMBER_TEXT = new OptionTable('NumberTextOptions', {
  /** Base of the digits. */
  radix: whole({ min: 2, max: 36 }).or(10),
  /** How bytes without a digit are filled: zeros in front ('zeros'), spaces in front ('left') or spaces behind ('right'). */
  fill: oneOf<DigitsFill>('zeros', 'left', 'right').or('zeros'),
  /** What follows the digits: nothing, a NUL byte, a space, or both. */
  end: oneOf<DigitsEnd>('none', 'nul', 'space', 'nul-space').orElse("'nul' for radix 8, otherwise 'none'"),
})

/** Rows of `LayoutOptions`. */
export const LAYOUT = new OptionTable('LayoutOptions', {
  /** 'packed': no byte between fields. 'natural': the alignment and trailing padding of C. */
  align: oneOf('packed', 'natural').or('packed'),
  /** Byte order of fields without one of their own. */
  endian: oneOf<Endian>('little', 'big').or('little'),
  /** Bytes of a record, at least those of its fields. The rest is padding. */
  recordSize: whole({ min: 1, unit: 'bytes' }).orElse('what the fields take'),
})

/** Rows of `CompileOptions`. */
export const COMPILING = new OptionTable('CompileOptions', {
  /** Whether code is generated, where the runtime allows that. */
  compile: flag.or(true),
})

/** Rows of `CodecOptions`. */
export const CODEC = new OptionTable('CodecOptions', {
  ...LAYOUT.rows,
  /** Whether refinements run on writes. Checks of the layout always run. */
  validate: flag.or(true),
  ...COMPILING.rows,
})

/** Where a field lies in its record, and how it is stored. */
export type FieldPlacement = OptionsOf<typeof PLACEMENT>
/** Options of `f16`, `f32` and `f64`. */
export type FloatOptions = OptionsOf<typeof FLOAT>
/** Options of `bits`. */
export type BitsOptions = OptionsOf<typeof BITS>
/** Options of `numberText`. */
export type NumberTextOptions = OptionsOf<typeof NUMBER_TEXT>
/** Options of `ascii`, `latin1` and `utf8`. */
export type TextOptions = OptionsOf<typeof TEXT>
/** Options of `utf16le` and `utf16be`. */
export type WideTextOptions = OptionsOf<typeof WIDE_TEXT>
/** How a schema becomes a layout. */
export type LayoutOptions = OptionsOf<typeof LAYOUT>
/** How a schema becomes a codec. */
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
