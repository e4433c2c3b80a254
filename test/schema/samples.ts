/**
 * Which schemas and values do the property tests try? Every kind of field, nested, with values that fit, and
 * values made from them that may not.
 */

import fc from 'fast-check'
import { z } from 'zod'
import { ascii, bytes, f32, f64, i8, i16, latin1, u8, u16, utf8 } from '../../src/schema/index.ts'

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
]

const sizedLeaf: fc.Arbitrary<Sample> = fc
  .tuple(length, fc.constantFrom('zero', 'space'), fc.nat(3))
  .map(([n, padding, which]) => {
    const pad = padding === 'space' ? ' ' : '\0'
    if (which === 0) return sample(ascii(n, { padding }), text(asciiUnit, n, pad))
    if (which === 1) return sample(latin1(n, { padding }), text(latin1Unit, n, pad))
    if (which === 2) return sample(utf8(n, { padding }), utf8Text(n, pad))
    return sample(bytes(n), fc.uint8Array({ minLength: n, maxLength: n }))
  })

const leaf = fc.oneof(fc.constantFrom(...fixedLeaves), sizedLeaf)

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

function object(member: fc.Arbitrary<Sample>, fieldsMax: number): fc.Arbitrary<Sample> {
  return fc
    .uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: fieldsMax })
    .chain(names => fc.tuple(fc.constant(names), fc.tuple(...names.map(() => member)), fc.boolean()))
    .map(([names, members, loose]) => {
      const shape = Object.fromEntries(names.map((name, i) => [name, (members[i] as Sample).schema]))
      const values = Object.fromEntries(names.map((name, i) => [name, (members[i] as Sample).value]))
      return sample(loose ? z.looseObject(shape) : z.object(shape), fc.record(values))
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
    { weight: 1, arbitrary: list(wrapped(fc.oneof(leaf, object(inner, 2), tuple(leaf)))) },
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
