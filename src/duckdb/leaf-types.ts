/**
 * Which type of DuckDB has a field without fields inside?
 *
 * docs/guide.md has the table. Objects, tuples and arrays: field-types.ts.
 */

import { type EnumValue, isText, type Node } from '../schema/index.ts'
import type { Api, DuckType } from './package.ts'
import { TextWriter, UuidWriter } from './text-vectors.ts'
import { codeIn, LongWriter, PlainWriter, TimestampWriter, type VectorWriter } from './vectors.ts'

export interface FieldType {
  readonly type: DuckType
  readonly writer: VectorWriter
}

const INT_MAX = 2 ** 31
const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n

export function leafType(api: Api, node: Node): FieldType {
  if (isText(node)) return { type: api.VARCHAR, writer: new TextWriter() }
  switch (node.type) {
    case 'u8':
      return { type: api.UTINYINT, writer: new PlainWriter(Uint8Array) }
    case 'i8':
      return { type: api.TINYINT, writer: new PlainWriter(Int8Array) }
    case 'u16':
      return { type: api.USMALLINT, writer: new PlainWriter(Uint16Array) }
    case 'i16':
      return { type: api.SMALLINT, writer: new PlainWriter(Int16Array) }
    case 'u24':
    case 'u32':
    case 'bits':
      return { type: api.UINTEGER, writer: new PlainWriter(Uint32Array) }
    case 'i24':
    case 'i32':
      return { type: api.INTEGER, writer: new PlainWriter(Int32Array) }
    case 'u48':
    case 'i48':
    case 'safeint':
    case 'numbertext':
      return { type: api.BIGINT, writer: new LongWriter() }
    case 'i64':
      return { type: api.BIGINT, writer: new PlainWriter(BigInt64Array) }
    case 'u64':
      return { type: api.UBIGINT, writer: new PlainWriter(BigUint64Array) }
    case 'f16':
    case 'f32':
      return { type: api.FLOAT, writer: new PlainWriter(Float32Array) }
    case 'f64':
      return { type: api.DOUBLE, writer: new PlainWriter(Float64Array) }
    case 'date':
    case 'unix':
    case 'filetime':
    case 'dosdatetime':
    case 'dosdate':
      return { type: api.TIMESTAMP, writer: new TimestampWriter() }
    case 'decimal':
      return decimalType(api, node)
    case 'uuid':
    case 'guid':
      return { type: api.UUID, writer: new UuidWriter() }
    case 'bytes':
      return { type: api.BLOB, writer: new TextWriter() }
    case 'boolean':
      // A lenient one may have any code.
      return node.lenient
        ? { type: api.UINTEGER, writer: new PlainWriter(Uint32Array, Number) }
        : { type: api.BOOLEAN, writer: new PlainWriter(Uint8Array) }
    case 'enum':
      return node.lenient ? asText(api) : enumType(api, node.values)
    default:
      return asText(api)
  }
}

/** Digits of the largest integer of each size in bytes; a decimal has at most 15 (NM1 of number-meanings.ts). */
const DIGITS: Readonly<Record<number, number>> = { 1: 3, 2: 5, 3: 8, 4: 10, 6: 15, 8: 15 }

function decimalType(api: Api, { digits, size }: Node & { type: 'decimal' }): FieldType {
  const width = Math.max(DIGITS[size] as number, digits)
  const scale = 10 ** digits
  const type = new api.DuckDBDecimalType(width, digits)
  const round = (value: unknown): number => Math.round((value as number) * scale)
  // DuckDB stores up to 4 digits in 2 bytes, up to 9 in 4, up to 18 in 8.
  if (width <= 4) return { type, writer: new PlainWriter(Int16Array, round) }
  if (width <= 9) return { type, writer: new PlainWriter(Int32Array, round) }
  return { type, writer: new LongWriter(scale) }
}

function enumType(api: Api, all: readonly EnumValue[]): FieldType {
  const values = all.filter(value => value !== null)
  const are = (check: (value: EnumValue) => boolean): boolean => values.length > 0 && values.every(check)
  if (are(value => typeof value === 'string')) {
    const codes = new Map(values.map((value, i) => [value, i]))
    // The dictionary's size decides how DuckDB stores codes.
    const array = values.length <= 0xff ? Uint8Array : values.length <= 0xffff ? Uint16Array : Uint32Array
    return { type: api.ENUM(values as string[]), writer: new PlainWriter(array, codeIn(codes)) }
  }
  if (are(value => typeof value === 'boolean')) {
    return { type: api.BOOLEAN, writer: new PlainWriter(Uint8Array, Number) }
  }
  if (are(value => Number.isInteger(value) && Math.abs(value as number) < INT_MAX)) {
    return { type: api.INTEGER, writer: new PlainWriter(Int32Array) }
  }
  if (are(value => Number.isSafeInteger(value))) return { type: api.BIGINT, writer: new LongWriter() }
  if (are(value => typeof value === 'number'))
    return { type: api.DOUBLE, writer: new PlainWriter(Float64Array) }
  if (are(value => typeof value === 'bigint' && value >= LONG_MIN && value <= LONG_MAX)) {
    return { type: api.BIGINT, writer: new PlainWriter(BigInt64Array) }
  }
  return asText(api)
}

/** Values of several types, as texts. */
function asText(api: Api): FieldType {
  const writer = new TextWriter()
  return {
    type: api.VARCHAR,
    writer: {
      write(bindings, vector, values, count) {
        const texts = Array.from({ length: count }, (_, i) => {
          const value = values[i]
          return value === null || value === undefined ? null : String(value)
        })
        writer.write(bindings, vector, texts, count)
      },
    },
  }
}
