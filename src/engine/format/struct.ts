/**
 * Describes a structure on disk as one table of fields, from which it is read, written and documented.
 *
 *   SR1  numbers are little-endian; a u64 is a safe integer.
 *   SR2  the last four bytes of a structure are the CRC-32 (zlib's) of all bytes before them.
 * The structures: store-format.ts, journal-format.ts, index-format.ts.
 */

import { crc32 } from 'node:zlib'
import { InvariantError } from '../../errors.ts'

export type StructType = 'u32' | 'u64' | 'f64' | 'bytes'

export interface StructField {
  readonly name: string
  readonly type: StructType
  /** Bytes from the start of the structure. */
  readonly offset: number
  /** Bytes; only for type 'bytes'. */
  readonly size?: number
  readonly meaning: string
}

type ValueOf<F extends StructField> = F['type'] extends 'bytes' ? Uint8Array : number

/** The values of a structure, by field name. */
export type StructValues<Fields extends readonly StructField[]> = {
  [F in Fields[number] as F['name']]: ValueOf<F>
}

export interface Struct<Fields extends readonly StructField[]> {
  readonly name: string
  /** Bytes, including the checksum. */
  readonly size: number
  readonly fields: Fields
  /** Offsets of the fields, by name. */
  readonly at: { readonly [F in Fields[number] as F['name']]: number }
  /** @returns exactly `size` bytes, checksum set */
  encode(values: StructValues<Fields>): Uint8Array
  /** Reads without checking the checksum. */
  decode(bytes: Uint8Array): StructValues<Fields>
  /** Whether the checksum of these `size` bytes is right. */
  isIntact(bytes: Uint8Array): boolean
}

const SIZES = { u32: 4, u64: 8, f64: 8 } as const
const CHECKSUM_BYTES = 4

export function defineStruct<const Fields extends readonly StructField[]>(
  name: string,
  size: number,
  fields: Fields,
): Struct<Fields> {
  let end = 0
  for (const field of fields) {
    if (field.offset < end) throw new InvariantError(`${name}.${field.name} overlaps its neighbour`)
    end = field.offset + sizeOf(field)
  }
  if (end > size - CHECKSUM_BYTES) throw new InvariantError(`${name} is larger than ${size} bytes`)

  return {
    name,
    size,
    fields,
    at: Object.fromEntries(fields.map(field => [field.name, field.offset])) as Struct<Fields>['at'],
    encode(values) {
      const bytes = new Uint8Array(size)
      const view = new DataView(bytes.buffer)
      const byName = values as Readonly<Record<string, number | Uint8Array>>
      for (const field of fields) write(view, bytes, field, byName[field.name] as number | Uint8Array)
      view.setUint32(size - CHECKSUM_BYTES, crc32(bytes.subarray(0, size - CHECKSUM_BYTES)), true)
      return bytes
    },
    decode(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, size)
      const values: Record<string, number | Uint8Array> = {}
      for (const field of fields) values[field.name] = read(view, bytes, field)
      return values as StructValues<Fields>
    },
    isIntact(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, size)
      return view.getUint32(size - CHECKSUM_BYTES, true) === crc32(bytes.subarray(0, size - CHECKSUM_BYTES))
    },
  }
}

function sizeOf(field: StructField): number {
  return field.type === 'bytes' ? (field.size ?? 0) : SIZES[field.type]
}

function write(view: DataView, bytes: Uint8Array, field: StructField, value: number | Uint8Array): void {
  if (field.type === 'bytes') {
    if (!(value instanceof Uint8Array) || value.length !== field.size) {
      throw new InvariantError(`${field.name} takes ${field.size} bytes`)
    }
    bytes.set(value, field.offset)
    return
  }
  if (typeof value !== 'number') throw new InvariantError(`${field.name} takes a number: ${String(value)}`)
  if (field.type === 'f64') {
    view.setFloat64(field.offset, value, true)
    return
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvariantError(`${field.name} takes a count: ${value}`)
  }
  view.setUint32(field.offset, value % 2 ** 32, true)
  if (field.type === 'u64') view.setUint32(field.offset + 4, Math.floor(value / 2 ** 32), true)
}

function read(view: DataView, bytes: Uint8Array, field: StructField): number | Uint8Array {
  switch (field.type) {
    case 'bytes':
      return bytes.slice(field.offset, field.offset + sizeOf(field))
    case 'f64':
      return view.getFloat64(field.offset, true)
    case 'u32':
      return view.getUint32(field.offset, true)
    case 'u64':
      return view.getUint32(field.offset, true) + view.getUint32(field.offset + 4, true) * 2 ** 32
  }
}
