/**
 * Random records of the schema with a field of every kind.
 */

import fc from 'fast-check'
import type { z } from 'zod'
import type { Everything } from './support.ts'

const whole = (min: number, max: number) =>
  fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, Math.max(min, 0)))
const big = (min: bigint, max: bigint) => fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n))
const float = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -1e6, max: 1e6 }).map(n => n / 100),
  fc.constantFrom(0, -0, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 123456789012345680),
)
const f32 = fc.float({ noNaN: true, noDefaultInfinity: true })
const text = (bytesMax: number, units: readonly string[]) =>
  fc
    .string({ unit: fc.constantFrom(...units), maxLength: bytesMax })
    .filter(value => Buffer.byteLength(value) <= bytesMax)
const ASCII = ['a', 'B', '7', ' ', ',', ';', '"', '\n', '\r', "'", '\t', '\\']
const noSpaceAtEnd = (value: string): boolean => !value.endsWith(' ')
const ms = (min: number, max: number, step: number) =>
  fc.integer({ min: Math.ceil(min / step), max: Math.floor(max / step) }).map(n => new Date(n * step))

export const everything: fc.Arbitrary<z.output<typeof Everything>> = fc.record({
  u8: whole(0, 255),
  i8: whole(-128, 127),
  u16: whole(0, 65_535),
  i16: whole(-32_768, 32_767),
  u24: whole(0, 2 ** 24 - 1),
  i24: whole(-(2 ** 23), 2 ** 23 - 1),
  u32: whole(0, 2 ** 32 - 1),
  i32: whole(-(2 ** 31), 2 ** 31 - 1),
  u48: whole(0, 2 ** 48 - 1),
  i48: whole(-(2 ** 47), 2 ** 47 - 1),
  u64: big(0n, 2n ** 64n - 1n),
  i64: big(-(2n ** 63n), 2n ** 63n - 1n),
  int: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  f16: fc.integer({ min: -2048, max: 2048 }).map(n => n / 8),
  f32,
  f64: float,
  wild: fc.oneof(float, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)),
  yes: fc.boolean(),
  color: fc.constantFrom('red' as const, 'green' as const, 'dark, "blue"' as const),
  level: fc.constantFrom(1 as const, 2 as const, 3 as const),
  at: ms(-8.64e15, 8.64e15, 1),
  seconds: ms(-1e13, 1e14, 1000),
  windows: ms(-1e13, 1e14, 1),
  dos: ms(Date.UTC(1980, 0, 1), Date.UTC(2107, 0, 1), 2000),
  price: fc.integer({ min: -1e9, max: 1e9 }).map(n => n / 100),
  id: fc.uuid(),
  raw: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  octal: whole(0, 8 ** 5 - 1),
  packed: fc.record({ a: whole(0, 7), b: whole(0, 31) }),
  ascii: text(6, ASCII),
  latin: text(5, ['a', '"', ',', '\n']),
  text: text(12, [...ASCII, 'é', '\u20ac', '\u{1f600}']),
  padded: text(8, [...ASCII, 'é']).filter(noSpaceAtEnd),
  counted: text(6, [...ASCII, '\0']),
  wide: text(4, ['a', ',', '"']),
  maybe: fc.option(float, { nil: null }),
  word: fc.option(text(8, ASCII), { nil: null }),
  left: fc.option(whole(0, 65_535), { nil: undefined }),
  place: fc.record({ x: f32, y: f32 }),
  spot: fc.option(fc.record({ x: whole(-5, 5), name: text(6, ASCII) }), { nil: null }),
  pair: fc.tuple(whole(0, 255), float),
  list: fc.tuple(whole(0, 9), whole(0, 9), whole(0, 9)).map(numbers => [...numbers]),
})
