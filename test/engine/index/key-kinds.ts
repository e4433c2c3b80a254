/**
 * The kinds of key field, and what a naive model knows about each: which values are stored, which are asked for, which are refused,
 * and how two of them compare. Nothing here knows how a key becomes bytes.
 */

import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import {
  ascii,
  bytes,
  decimal,
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
  u8,
  u16,
  u24,
  u48,
  unixSeconds,
  utf8,
  utf16be,
  utf16le,
  uuid,
} from 'stridedb'
import { z } from 'zod'

export interface Kind {
  readonly name: string
  readonly schema: z.ZodType
  /** Values that records hold. */
  readonly held: fc.Arbitrary<unknown>
  /** Values that may be asked for, whether a record can hold them or not. */
  readonly asked: fc.Arbitrary<unknown>
  /** Values that are refused. */
  readonly wrong: readonly unknown[]
  /** Below 0, 0 or above 0; of held values and asked ones. */
  compare(a: unknown, b: unknown): number
  /** Whether a held value begins with another one; equality where nothing else is said. */
  begins?(held: unknown, prefix: unknown): boolean
  /** Whether null or undefined is in it. */
  hasNull?(value: unknown): boolean
  /** Whether an asked value is one that a range may have for a bound: NaN is only where records hold it. */
  isBound?(value: unknown): boolean
}

export const isBound = (kind: Kind, value: unknown): boolean => kind.isBound?.(value) ?? !Number.isNaN(value)

const numeric = (a: unknown, b: unknown): number => {
  const [x, y] = [a as number, b as number]
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
  return x < y ? -1 : x > y ? 1 : 0
}
const notNumbers = ['7', 7n, true, new Date(7), [7], { valueOf: () => 7 }, Object(7), () => 7, Symbol('7')]
const anyNumber = fc.oneof(
  fc.integer({ min: -3, max: 6 }),
  fc.constantFrom(0.5, -0.5, -0, 1e39, -1e39, 2 ** 31, 2 ** 32, -(2 ** 31) - 1, 255, 256, 65_535, 65_536),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 5e-324, 0.1),
)

function integer(name: string, schema: z.ZodType, min: number, max: number): Kind {
  const low = Math.max(min, -3)
  const held = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: low, max: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom(min, max, max - 1) },
  )
  return { name, schema, held, asked: anyNumber, wrong: notNumbers, compare: numeric }
}

const F32_MAX = 3.4028234663852886e38
/** As storing rounds. */
const single = (value: unknown): number =>
  Math.abs(value as number) <= F32_MAX ? Math.fround(value as number) : (value as number)
const asSingle = (a: unknown, b: unknown): number => numeric(single(a), single(b))
const finite = [0, -0, 0.1, 0.2, Math.fround(0.1), 1e-50, -1e-50, 1.5, -1.5, 16_777_217, F32_MAX, -F32_MAX, 1]
const heldFloat = fc.constantFrom(...finite)
const askedFloat = fc.oneof(heldFloat, anyNumber)
const nonFinite = fc.constantFrom(...finite, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)

/** As storing rounds to a half float: to 11 bits, ties to even. */
function half(value: unknown): number {
  const x = value as number
  if (x === 0 || !(Math.abs(x) <= 65_504)) return x
  const step = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -14) - 10)
  const steps = x / step
  const floor = Math.floor(steps)
  const isUp = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 !== 0)
  return (isUp ? floor + 1 : floor) * step
}
const halves = [0, -0, 0.1, 0.2, 1e-9, -1e-9, 6e-8, 1.5, -1.5, 2049, 2051, 65_504, -65_504, 1]

/** Times of a kind, in milliseconds. */
const times = (name: string, schema: z.ZodType, held: readonly number[]): Kind => ({
  name,
  schema,
  held: fc.constantFrom(...held).map(ms => new Date(ms)),
  asked: fc.constantFrom(-8.64e15, -1500, -1000, 0, 1, 999, 1000, 8.64e15).map(ms => new Date(ms)),
  wrong: [0, '1970-01-01', new Date(Number.NaN), { getTime: () => 0 }],
  compare: (a, b) => timeOf(a) - timeOf(b),
})

function bigint(name: string, schema: z.ZodType, min: bigint, max: bigint): Kind {
  const held = fc.constantFrom(min, min + 1n, 0n, 1n, 2n ** 32n, 2n ** 32n + 1n, max - 1n, max)
  const asked = fc.oneof(held, fc.constantFrom(-1n, -(2n ** 70n), 2n ** 64n, 2n ** 63n, 3n))
  return {
    name,
    schema,
    held,
    asked,
    wrong: [7, '7', null, true, Object(7n)],
    compare: (a, b) => ((a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0),
  }
}

/** By code points, halves of pairs as what they are: the order of UTF-8, and of ascii and latin1, too. */
const pointsOf = (text: unknown): number[] => Array.from(text as string, c => c.codePointAt(0) as number)
/** The order in which JavaScript compares strings. */
const codeUnitsOf = (text: unknown): number[] =>
  Array.from({ length: (text as string).length }, (_, i) => (text as string).charCodeAt(i))
function lexical(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number)
  }
  return a.length - b.length
}
const beginsWith = (held: ArrayLike<number>, prefix: ArrayLike<number>): boolean =>
  prefix.length <= held.length && Array.from(prefix).every((point, i) => point === held[i])

function text(
  name: string,
  make: (length: number, options: { readonly padding: never }) => z.ZodType,
  length: number,
  padding: 'zero' | 'space' | 'either' | 'length',
  more: readonly string[],
): Kind {
  const hasNul = padding === 'space' || padding === 'length'
  const letters = ['a', 'b', 'a', ' ', '\x01', '~', ...more, ...(hasNul ? ['\0'] : [])]
  const isWide = name.startsWith('utf16')
  const sizeOf = (value: string): number =>
    (padding === 'length' ? 1 : 0) +
    (name.startsWith('utf8') ? Buffer.byteLength(value) : value.length * (isWide ? 2 : 1))
  const unitsOf = isWide ? codeUnitsOf : pointsOf
  const held = fc.array(fc.constantFrom(...letters), { maxLength: length }).map(some => {
    let value = some.join('')
    while (sizeOf(value) > length) value = Array.from(value).slice(0, -1).join('')
    return padding === 'space' || padding === 'either' ? value.replace(/ +$/, '') : value
  })
  const odd = ['\0', ' ', '\xe9', '\xff', '\u4e2d', '\uffff', '\ud83d', '\ude00', '\u{1f600}']
  const asked = fc
    .array(fc.constantFrom(...letters, ...letters, ...odd), { maxLength: length + 2 })
    .map(some => some.join(''))
  return {
    name,
    schema: make(length, { padding: padding as never }),
    held,
    asked,
    wrong: [7, ['a'], new String('a'), null, Buffer.from('a'), { toString: () => 'a' }],
    compare: (a, b) => lexical(unitsOf(a), unitsOf(b)),
    begins: (a, b) => beginsWith(unitsOf(a), unitsOf(b)),
  }
}

const foreign = runInNewContext(
  '({ date: ms => new Date(ms), bytes: list => Uint8Array.from(list), list: list => [...list] })',
) as {
  date(ms: number): Date
  bytes(list: readonly number[]): Uint8Array
}
const timeOf = (value: unknown): number => (value as Date).getTime()
const octet = fc.constantFrom(0, 1, 0x7f, 0xff)

function choice(name: string, schema: z.ZodType, values: readonly unknown[], wrong: readonly unknown[]): Kind {
  return {
    name,
    schema,
    held: fc.constantFrom(...values),
    asked: fc.constantFrom(...values),
    wrong,
    compare: (a, b) => values.indexOf(a) - values.indexOf(b),
    hasNull: value => value === null,
  }
}

export const LEAVES: readonly Kind[] = [
  integer('u8', u8(), 0, 255),
  integer('i8', i8(), -128, 127),
  integer('u16', u16(), 0, 65_535),
  integer('i16 big', field(i16(), { endian: 'big' }), -32_768, 32_767),
  integer('u32', z.uint32(), 0, 0xffffffff),
  integer('u32 big', field(z.uint32(), { endian: 'big' }), 0, 0xffffffff),
  integer('i32', z.int32(), -0x80000000, 0x7fffffff),
  integer('safeint', z.int(), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  { name: 'f32', schema: f32(), held: heldFloat, asked: askedFloat, wrong: notNumbers, compare: asSingle },
  { name: 'f64', schema: z.float64(), held: heldFloat, asked: askedFloat, wrong: notNumbers, compare: numeric },
  {
    name: 'f32 with NaN',
    schema: f32({ nonFinite: true }),
    held: nonFinite,
    asked: askedFloat,
    wrong: notNumbers,
    compare: asSingle,
    isBound: () => true,
  },
  {
    name: 'f64 with NaN',
    schema: f64({ nonFinite: true }),
    held: nonFinite,
    asked: askedFloat,
    wrong: notNumbers,
    compare: numeric,
    isBound: () => true,
  },
  bigint('u64', z.uint64(), 0n, 2n ** 64n - 1n),
  bigint('i64', z.int64(), -(2n ** 63n), 2n ** 63n - 1n),
  {
    name: 'date',
    schema: z.date(),
    held: fc.constantFrom(-8.64e15, -1, 0, 1, 2 ** 32, 2 ** 32 - 1, 8.64e15).map(ms => new Date(ms)),
    asked: fc.oneof(
      fc.constantFrom(-1.5, -1, 0, 1.5, 2 ** 32).map(ms => new Date(ms)),
      fc.constantFrom(-1, 0, 2 ** 32).map(ms => foreign.date(ms)),
    ),
    wrong: [0, '1970-01-01', new Date(Number.NaN), { getTime: () => 0 }, Object.create(Date.prototype), 0n],
    compare: (a, b) => timeOf(a) - timeOf(b),
  },
  choice('boolean', z.boolean(), [false, true], [0, 1, 'true', null, Object(true)]),
  choice('enum', z.enum(['buy', 'sell', 'hold']), ['buy', 'sell', 'hold'], ['Buy', 0, null, ['buy']]),
  choice(
    'literal with null',
    z.literal(['x', null, 7, 7n, true]),
    ['x', null, 7, 7n, true],
    ['null', 8, 0, false],
  ),
  integer('u24', u24(), 0, 2 ** 24 - 1),
  integer('i24 big', field(i24(), { endian: 'big' }), -(2 ** 23), 2 ** 23 - 1),
  integer('u48 big', field(u48(), { endian: 'big' }), 0, 2 ** 48 - 1),
  integer('i48', i48(), -(2 ** 47), 2 ** 47 - 1),
  integer('number text', numberText(5, { fill: 'left' }), 0, 99_999),
  {
    name: 'f16',
    schema: f16(),
    held: fc.constantFrom(...halves),
    asked: fc.oneof(fc.constantFrom(...halves), anyNumber),
    wrong: notNumbers,
    compare: (a, b) => numeric(half(a), half(b)),
  },
  {
    name: 'decimal',
    schema: decimal(2, field(i32(), { endian: 'big' })),
    held: fc.constantFrom(0, -0, 0.1, 0.2, 0.3, 5.5, -3, -0.01, 21_474_836.47, -21_474_836.48),
    asked: fc.oneof(fc.constantFrom(0.1 + 0.2, 0.3, -0.005, 5.5, -3), anyNumber),
    wrong: notNumbers,
    compare: numeric,
  },
  times('unix seconds', unixSeconds(i24()), [-(2 ** 23) * 1000, -1000, 0, 1000, 8_388_607_000]),
  times('filetime', filetime(), [-11_644_473_600_000, -1, 0, 1, 999, 1000, 1_833_029_933_770_955]),
  choice(
    'guid',
    guid(),
    [
      '00000000-0000-0000-0000-0000000000ff',
      '0000ff00-0000-0000-0000-000000000000',
      'ff000000-0000-0000-0000-000000000000',
    ],
    ['FF000000-0000-0000-0000-000000000000', 7, null, 'ff'],
  ),
  choice(
    'uuid',
    uuid(),
    ['00000000-0000-0000-0000-0000000000ff', '0000ff00-0000-0000-0000-000000000000'],
    ['FF000000-0000-0000-0000-000000000000', 7],
  ),
  choice(
    'lenient enum',
    field(z.enum(['buy', 'sell']), { lenient: true, codes: [9, 2] }),
    [0, 'sell', 5, 'buy', 255],
    [9, 2, 256, -1, 0.5, 'none'],
  ),
  choice(
    'lenient boolean',
    field(z.boolean(), { lenient: true, width: 2 }),
    [false, true, 2, 65_535],
    [0, 1, 65_536, 'true'],
  ),
  text('utf16le', utf16le, 10, 'zero', ['\xe9', '\u4e2d', '\uffff', '\u{1f600}']),
  text('utf16be, spaces', utf16be, 8, 'space', ['\uffff', '\u{1f600}']),
  text('utf16le, either', utf16le, 8, 'either', ['\u4e2d']),
  text('latin1, either', latin1, 4, 'either', ['\xff']),
  text('utf8, length', utf8, 7, 'length', ['\xe9', '\u{1f600}']),
  text('ascii, length', ascii, 4, 'length', []),
  text('ascii', ascii, 5, 'zero', []),
  text('ascii, long', ascii, 300, 'zero', []),
  text('latin1', latin1, 4, 'zero', ['\xe9', '\xff']),
  text('utf8', utf8, 7, 'zero', ['\xe9', '\u4e2d', '\uffff', '\ue000', '\u{1f600}']),
  text('ascii, spaces', ascii, 4, 'space', []),
  text('latin1, spaces', latin1, 5, 'space', ['\xff']),
  text('utf8, spaces', utf8, 6, 'space', ['\xe9', '\u{1f600}']),
  {
    name: 'bytes',
    schema: bytes(3),
    held: fc.uint8Array({ minLength: 3, maxLength: 3 }).map(some => some.map(byte => byte & 0x81)),
    asked: fc.oneof(
      fc.array(octet, { maxLength: 5 }).map(some => Uint8Array.from(some)),
      fc.array(octet, { minLength: 3, maxLength: 3 }).map(some => foreign.bytes(some)),
      fc.array(octet, { minLength: 2, maxLength: 3 }).map(some => Buffer.from(some)),
    ),
    wrong: [
      [0, 0, 0],
      'abc',
      new Uint16Array(3),
      new Uint8ClampedArray(3),
      new DataView(new ArrayBuffer(3)),
      new ArrayBuffer(3),
    ],
    compare: (a, b) => lexical(a as Uint8Array, b as Uint8Array),
    begins: (a, b) => beginsWith(a as Uint8Array, b as Uint8Array),
  },
]

const presence = (value: unknown): number => (value === undefined ? 0 : value === null ? 1 : 2)

/** A field that may be null, absent, or both. */
export function missing(inner: Kind, how: 'nullable' | 'optional' | 'nullish'): Kind {
  const none = how === 'nullable' ? [null] : how === 'optional' ? [undefined] : [null, undefined]
  const isNone = (value: unknown): boolean => none.includes(value as null)
  const { schema } = inner
  const value = (of: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 2, arbitrary: of }, { weight: 1, arbitrary: fc.constantFrom(...none) })
  const { begins } = inner
  return {
    ...inner,
    name: `${how} ${inner.name}`,
    schema: how === 'nullable' ? schema.nullable() : how === 'optional' ? schema.optional() : schema.nullish(),
    held: value(inner.held),
    asked: value(inner.asked),
    wrong: inner.wrong.filter(each => !isNone(each)),
    compare: (a, b) =>
      isNone(a) || isNone(b)
        ? (isNone(a) ? presence(a) : 2) - (isNone(b) ? presence(b) : 2)
        : inner.compare(a, b),
    hasNull: each => isNone(each) || inner.hasNull?.(each) === true,
    isBound: each => isNone(each) || isBound(inner, each),
    ...(begins === undefined
      ? {}
      : { begins: (a: unknown, b: unknown) => (isNone(a) || isNone(b) ? a === b : begins(a, b)) }),
  }
}

/** An object, a tuple or an array of other kinds. */
export function group(how: 'object' | 'tuple' | 'array', kinds: readonly Kind[]): Kind {
  const names = kinds.map((_, i) => `m${i}`)
  const make = (parts: readonly unknown[]): unknown =>
    how === 'object' ? Object.fromEntries(names.map((name, i) => [name, parts[i]])) : [...parts]
  const partsOf = (value: unknown): readonly unknown[] =>
    how === 'object' ? names.map(name => (value as Record<string, unknown>)[name]) : (value as unknown[])
  const some = (of: (kind: Kind) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.tuple(...kinds.map(of)).map(make)
  const schemas = kinds.map(({ schema }) => schema)
  const schema =
    how === 'object'
      ? z.object(Object.fromEntries(names.map((name, i) => [name, schemas[i] as z.ZodType])))
      : how === 'tuple'
        ? z.tuple(schemas as [z.ZodType, ...z.ZodType[]])
        : z.array(schemas[0] as z.ZodType).length(kinds.length)
  const right = fc.sample(
    some(({ held }) => held),
    { numRuns: 1, seed: 1 },
  )[0]
  const wrong = kinds.flatMap((kind, i) =>
    kind.wrong.map(each => make(partsOf(right).map((part, k) => (k === i ? each : part)))),
  )
  const others =
    how === 'object'
      ? [partsOf(right), { ...(right as object), more: 1 }, 7]
      : [[...partsOf(right), 1], partsOf(right).slice(1), { ...partsOf(right) }, 'ab']
  return {
    name: `${how} of ${kinds.map(({ name }) => name).join(' and ')}`,
    schema,
    held: some(({ held }) => held),
    asked: some(({ asked }) => asked),
    wrong: [...wrong, ...others, null, undefined],
    compare: (a, b) => {
      const [x, y] = [partsOf(a), partsOf(b)]
      for (const [i, kind] of kinds.entries()) {
        const order = kind.compare(x[i], y[i])
        if (order !== 0) return order
      }
      return 0
    },
    hasNull: value => partsOf(value).some((part, i) => kinds[i]?.hasNull?.(part) === true),
    isBound: value => partsOf(value).every((part, i) => isBound(kinds[i] as Kind, part)),
  }
}
