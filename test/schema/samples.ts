/**
 * Which schemas and values do the property tests try? Every kind of field, nested, with values that fit, and
 * values made from them that may not.
 */

import fc from 'fast-check'
import { z } from 'zod'
import {
  ascii,
  bits,
  bytes,
  decimal,
  dosDate,
  dosDateTime,
  f16,
  f32,
  f64,
  field,
  filetime,
  guid,
  i8,
  i16,
  i24,
  i32,
  i48,
  latin1,
  numberText,
  type TextOptions,
  u8,
  u16,
  u24,
  u32,
  u48,
  u64,
  unixMs,
  unixSeconds,
  utf8,
  utf16be,
  utf16le,
  uuid,
} from '../../src/schema/index.ts'

/** A schema together with values that fit it. */
export interface Sample {
  readonly schema: z.ZodType
  readonly value: fc.Arbitrary<unknown>
}

/** Names that would break careless source text or careless lookups. */
const NAMES = [
  'a',
  'price',
  'has space',
  'quote"d',
  "it's",
  'back\\slash',
  'new\nline',
  '\u2028',
  'ünï',
  'class',
  'constructor',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '0',
  '$' + '{x}',
  '*/',
  '?',
  'at',
  'v',
  'b',
  'null_bits',
]

const text = (unit: fc.Arbitrary<string>, length: number, pad: string): fc.Arbitrary<string> =>
  fc.string({ unit, maxLength: length }).filter(s => Buffer.byteLength(s) <= length * 2 && !s.endsWith(pad))

const asciiUnit = fc.integer({ min: 1, max: 0x7f }).map(code => String.fromCharCode(code))
const latin1Unit = fc.integer({ min: 1, max: 0xff }).map(code => String.fromCharCode(code))
const wideUnit = fc.oneof(
  { weight: 3, arbitrary: asciiUnit },
  { weight: 1, arbitrary: fc.constantFrom('é', '€', '😀', '中') },
)
const utf8Text = (length: number, pad: string): fc.Arbitrary<string> =>
  text(wideUnit, length, pad).filter(s => Buffer.byteLength(s) <= length)

const finite = { noNaN: true, noDefaultInfinity: true } as const
const length = fc.constantFrom(1, 3, 4, 5, 8, 11, 33, 70)
const sample = (schema: z.ZodType, value: fc.Arbitrary<unknown>): Sample => ({ schema, value })

const fixedLeaves: readonly Sample[] = [
  sample(u8(), fc.integer({ min: 0, max: 255 })),
  sample(i8(), fc.integer({ min: -128, max: 127 })),
  sample(u16(), fc.integer({ min: 0, max: 0xffff })),
  sample(i16(), fc.integer({ min: -0x8000, max: 0x7fff })),
  sample(z.uint32(), fc.integer({ min: 0, max: 0xffffffff })),
  sample(z.int32(), fc.integer({ min: -0x80000000, max: 0x7fffffff })),
  sample(z.int(), fc.maxSafeInteger()),
  sample(z.number().int(), fc.maxSafeInteger()),
  sample(z.float32(), fc.float(finite)),
  sample(z.float64(), fc.double(finite)),
  sample(z.number(), fc.double(finite)),
  sample(f32({ nonFinite: true }), fc.float()),
  sample(f64({ nonFinite: true }), fc.double()),
  sample(z.int64(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  sample(z.uint64(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  sample(z.boolean(), fc.boolean()),
  sample(z.date(), fc.date({ noInvalidDate: true })),
  sample(z.enum(['buy', 'sell', 'hold']), fc.constantFrom('buy', 'sell', 'hold')),
  sample(z.literal('only'), fc.constant('only')),
  sample(z.literal(['x', 7, true, null, 5n]), fc.constantFrom('x', 7, true, null, 5n)),
  sample(z.float64().brand('Euro').readonly(), fc.double(finite)),
  sample(u24(), fc.integer({ min: 0, max: 0xffffff })),
  sample(i24(), fc.integer({ min: -0x800000, max: 0x7fffff })),
  sample(u48(), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
  sample(i48(), fc.integer({ min: -(2 ** 47), max: 2 ** 47 - 1 })),
  sample(
    f16(),
    fc.oneof(
      fc.integer({ min: -2048, max: 2048 }),
      fc.integer({ min: -1023, max: 1023 }).map(n => n * 2 ** -24),
    ),
  ),
  sample(
    f16({ nonFinite: true }),
    fc.constantFrom(-0, 65504, -65504, Number.NaN, Number.POSITIVE_INFINITY, -1 / 0, 0.5),
  ),
  sample(
    decimal(2, i32()),
    fc.integer().map(n => n / 100),
  ),
  sample(
    decimal(3, u24()),
    fc.integer({ min: 0, max: 0xffffff }).map(n => n / 1000),
  ),
  sample(
    decimal(1, field(u16(), { endian: 'big' })),
    fc.integer({ min: 0, max: 65535 }).map(n => n / 10),
  ),
  sample(
    decimal(15),
    fc.integer({ min: -(10 ** 15 - 1), max: 10 ** 15 - 1 }).map(n => n / 10 ** 15),
  ),
  sample(
    unixSeconds(u32()),
    fc.integer({ min: 0, max: 0xffffffff }).map(n => new Date(n * 1000)),
  ),
  sample(
    unixSeconds(),
    fc.integer({ min: -8.64e12, max: 8.64e12 }).map(n => new Date(n * 1000)),
  ),
  sample(
    unixMs(i48()),
    fc.integer({ min: -(2 ** 47), max: 2 ** 47 - 1 }).map(n => new Date(n)),
  ),
  sample(
    unixMs(u64()),
    fc.integer({ min: 0, max: 8.64e15 }).map(n => new Date(n)),
  ),
  sample(
    filetime(),
    fc.integer({ min: -11_644_473_600_000, max: 1_833_029_933_770_955 }).map(n => new Date(n)),
  ),
  sample(
    dosDateTime(),
    fc.integer({ min: 157_766_400, max: 2_177_409_599 }).map(n => new Date(n * 2000)),
  ),
  sample(
    dosDate(),
    fc.integer({ min: 3652, max: 50_402 }).map(n => new Date(n * 86_400_000)),
  ),
  sample(
    field(dosDateTime(), { lenient: true }),
    fc.constantFrom(
      0,
      0xffffffff,
      new Date(Date.UTC(1980, 0, 1)),
      new Date(Date.UTC(2107, 11, 31, 23, 59, 58)),
    ),
  ),
  sample(field(dosDate(), { lenient: true }), fc.constantFrom(0, 32, 65_535, new Date(Date.UTC(2000, 1, 29)))),
  sample(uuid(), fc.uuid()),
  sample(guid(), fc.uuid()),
  sample(numberText(5), fc.integer({ min: 0, max: 99_999 })),
  sample(numberText(12, { radix: 8 }), fc.integer({ min: 0, max: 8 ** 11 - 1 })),
  sample(numberText(8, { radix: 16, fill: 'left', end: 'nul-space' }), fc.integer({ min: 0, max: 0xffffff })),
  sample(numberText(20, { fill: 'right' }), fc.maxSafeNat()),
  sample(bits({ a: 3, b: 5 }), fc.record({ a: fc.nat(7), b: fc.nat(31) })),
  sample(
    bits({ a: 1, v: 8, constructor: 1 }, { order: 'msb' }),
    fc.record({ a: fc.nat(1), v: fc.nat(255), constructor: fc.nat(1) }),
  ),
  sample(bits({ all: 32 }), fc.record({ all: fc.integer({ min: 0, max: 0xffffffff }) })),
  sample(bits({ a: 31, b: 1 }, { order: 'msb' }), fc.record({ a: fc.nat(0x7fffffff), b: fc.nat(1) })),
  sample(
    field(z.enum(['buy', 'sell']), { lenient: true, codes: [1, 7] }),
    fc.constantFrom('buy', 'sell', 0, 2, 255),
  ),
  sample(
    field(z.literal([3, 'x', null]), { lenient: true, codes: [3, 500, 4], width: 4 }),
    fc.constantFrom(3, 'x', null, 5, 2 ** 32 - 1),
  ),
  sample(field(z.boolean(), { lenient: true }), fc.constantFrom(true, false, 2, 255)),
  sample(field(z.boolean(), { lenient: true, width: 2 }), fc.constantFrom(true, false, 2, 65535)),
]

/** Texts that end as one of these paddings cannot say. */
const utf16Text = (length: number, ends: readonly string[]): fc.Arbitrary<string> =>
  fc
    .string({ unit: wideUnit, maxLength: length / 2 })
    .filter(
      s =>
        s.length * 2 <= length && !ends.some(end => s.endsWith(end)) && (ends[0] === ' ' || !s.includes('\0')),
    )

const oddText: fc.Arbitrary<Sample> = fc
  .tuple(fc.constantFrom(2, 4, 8, 12, 34, 70), fc.nat(6))
  .map(([n, which]) => {
    const either = { padding: 'either' } as const
    const prefixed: TextOptions = { padding: 'length' }
    if (which === 0) return sample(utf16le(n), utf16Text(n, ['\0']))
    if (which === 1) return sample(utf16be(n), utf16Text(n, ['\0']))
    if (which === 2) return sample(utf16be(n, { padding: 'space' }), utf16Text(n, [' ']))
    if (which === 3) return sample(utf16le(n, either), utf16Text(n, ['\0', ' ']))
    if (which === 4) return sample(latin1(n, either), text(latin1Unit, n, ' '))
    if (which === 5) return sample(utf8(n, prefixed), utf8Text(n - 1, 'never'))
    return sample(ascii(n, prefixed), text(asciiUnit, n - 1, 'never'))
  })

const sizedLeaf: fc.Arbitrary<Sample> = fc
  .tuple(length, fc.constantFrom('zero', 'space'), fc.nat(3))
  .map(([n, padding, which]) => {
    const pad = padding === 'space' ? ' ' : '\0'
    if (which === 0) return sample(ascii(n, { padding }), text(asciiUnit, n, pad))
    if (which === 1) return sample(latin1(n, { padding }), text(latin1Unit, n, pad))
    if (which === 2) return sample(utf8(n, { padding }), utf8Text(n, pad))
    return sample(bytes(n), fc.uint8Array({ minLength: n, maxLength: n }))
  })

const leaf = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...fixedLeaves) },
  { weight: 2, arbitrary: sizedLeaf },
  { weight: 1, arbitrary: oddText },
)

/** null, absent or default on top of a sample. */
function wrapped(inner: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> {
  return fc.tuple(inner, fc.nat(9)).chain(([{ schema, value }, which]) => {
    if (which === 0) return fc.constant(sample(schema.nullable(), fc.option(value)))
    if (which === 1) return fc.constant(sample(schema.optional(), fc.option(value, { nil: undefined })))
    if (which === 2)
      return fc.constant(sample(schema.nullish(), fc.oneof(value, fc.constantFrom(null, undefined))))
    if (which === 3) return value.map(fallback => sample(withDefault(schema, fallback), value))
    return fc.constant(sample(schema, value))
  })
}

const withDefault = (schema: z.ZodType, fallback: unknown): z.ZodType =>
  (schema as z.ZodType<unknown>).default(() => fallback)

function object(member: fc.Arbitrary<Sample>, fieldsMax: number, names = NAMES): fc.Arbitrary<Sample> {
  return fc
    .uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: fieldsMax })
    .chain(chosen => fc.tuple(fc.constant(chosen), fc.tuple(...chosen.map(() => member)), fc.boolean()))
    .map(([chosen, members, loose]) => {
      const shape = Object.fromEntries(chosen.map((name, i) => [name, (members[i] as Sample).schema]))
      const values = Object.fromEntries(chosen.map((name, i) => [name, (members[i] as Sample).value]))
      return sample(loose ? z.looseObject(shape) : z.object(shape), fc.record(values))
    })
}

/** Variants over the same bytes; the tag is not always the first field, nor its codes the first numbers. */
function union(member: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> {
  const codes = [
    [0, 1, 2],
    [9, 3, 300],
  ]
  return fc
    .tuple(
      fc.array(
        object(
          member,
          3,
          NAMES.filter(name => name !== '0'),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      fc.nat(2),
      fc.constantFrom('kind', 'valueOf', 'v2'),
    )
    .map(([variants, which, tag]) => {
      const values: readonly (readonly [unknown, ...unknown[]])[] = [['a', 7], [null], [true]]
      const of = variants.map(({ schema }, i) => {
        const literal = z.literal(values[i] as ['a'])
        const given = (codes[which] ?? [])[i] as number
        const coded = i === 0 ? [given, given + 20] : [given]
        const placed = which === 2 ? literal : field(literal, { codes: coded, width: 2 })
        const { shape } = schema as z.ZodObject
        const { [tag]: _, ...others } = shape
        return z.object(
          which === 1 ? { 'not first': u16(), [tag]: placed, ...others } : { [tag]: placed, ...others },
        )
      })
      const value = variants.map(({ value: inner }, i) =>
        fc
          .tuple(inner as fc.Arbitrary<object>, fc.constantFrom(...(values[i] as [unknown])))
          .map(([record, named]) => ({ ...(which === 1 ? { 'not first': 5 } : {}), ...record, [tag]: named })),
      )
      return sample(z.discriminatedUnion(tag, of as unknown as [z.ZodObject]), fc.oneof(...value))
    })
}

const tuple = (item: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  fc.array(item, { minLength: 1, maxLength: 3 }).map(items => {
    const [first, ...rest] = items.map(one => one.schema) as [z.ZodType, ...z.ZodType[]]
    return sample(z.tuple([first, ...rest]), fc.tuple(...items.map(one => one.value)))
  })

const list = (item: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  fc
    .tuple(item, fc.constantFrom(1, 2, 3, 17))
    .map(([one, n]) =>
      sample(z.array(one.schema).length(n), fc.array(one.value, { minLength: n, maxLength: n })),
    )

const inner = wrapped(fc.oneof({ weight: 4, arbitrary: leaf }, { weight: 1, arbitrary: list(leaf) }))
const outer = wrapped(
  fc.oneof(
    { weight: 6, arbitrary: leaf },
    { weight: 1, arbitrary: object(inner, 3) },
    { weight: 1, arbitrary: tuple(inner) },
    { weight: 1, arbitrary: union(inner) },
    { weight: 1, arbitrary: list(wrapped(fc.oneof(leaf, object(inner, 2), tuple(leaf), union(leaf)))) },
  ),
)

/** A record schema with values that fit. */
export const recordSample: fc.Arbitrary<Sample> = object(outer, 6)

/** A record schema, layout options, and some records. */
export const recordCase = fc
  .tuple(recordSample, fc.constantFrom('packed', 'natural'), fc.constantFrom('little', 'big'))
  .chain(([{ schema, value }, align, endian]) =>
    fc.record({
      schema: fc.constant(schema),
      options: fc.constant({ align, endian }),
      records: fc.array(value as fc.Arbitrary<Record<string, unknown>>, { minLength: 2, maxLength: 4 }),
    }),
  )

/** Values that fit few fields or none. */
export const JUNK: readonly unknown[] = [
  undefined,
  null,
  0,
  -0,
  -1,
  1.5,
  255,
  256,
  65536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  3.5e38,
  '',
  'x',
  ' ',
  'ends ',
  'x'.repeat(71),
  'nul\0',
  '\ud800',
  'é',
  '€',
  'é'.repeat(40),
  true,
  5n,
  2n ** 63n,
  2n ** 64n,
  -(2n ** 63n) - 1n,
  new Date(Number.NaN),
  new Date(0),
  new Uint8Array(3),
  [],
  [1],
  {},
  { a: 1 },
  'buy',
  2 ** 24,
  2 ** 48,
  65505,
  0.1 + 0.2,
  12.345,
  1e300,
  -0.01,
  new Date(1500),
  new Date(8.64e15),
  new Date(-1),
  '123E4567-e89b-12d3-a456-426614174000',
  '123e4567-e89b-12d3-a456-42661417400',
  { a: 8, b: 0 },
  { a: 1, b: 1.5 },
  '\udc00x',
  () => 0,
  Symbol.iterator,
]

/** The record with one thing in it replaced by junk, or with a key too many. */
export function spoil(record: unknown, where: readonly number[], junk: unknown): unknown {
  if (typeof record !== 'object' || record === null || where.length === 0) return junk
  const [choice, ...deeper] = where as [number, ...number[]]
  if (Array.isArray(record)) {
    const copy = [...record]
    const i = choice % (copy.length + 1)
    copy[i] = i < record.length ? spoil(copy[i], deeper, junk) : junk
    return copy
  }
  if (Object.getPrototypeOf(record) !== Object.prototype) return junk
  const keys = [...Object.keys(record), 'surplus']
  const key = keys[choice % keys.length] as string
  return { ...record, [key]: spoil((record as Record<string, unknown>)[key], deeper, junk) }
}
