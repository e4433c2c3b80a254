/**
 * What do the kinds of foreign files mean, byte by byte? What could go wrong: a byte order, a half float rounded twice, a decimal that
 * becomes its neighbour, a time cut to whole seconds, a code that is read as one value and written as another.
 */

import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  ascii,
  bits,
  codecOf,
  decimal,
  diffLayouts,
  dosDate,
  dosDateTime,
  f16,
  field,
  filetime,
  guid,
  i8,
  i16,
  i24,
  i32,
  i48,
  latin1,
  layoutFromCanonical,
  layoutOf,
  numberText,
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
import { fromHalf, toHalf } from '../../src/schema/numbers-without-dataview.ts'
import { propertyOptions } from '../property.ts'

const COMPILE = [true, false]

/** The bytes of a value, as hex. */
function bytesOf(schema: z.ZodType, value: unknown, compile = true): string {
  const codec = codecOf(z.object({ x: schema }), { compile })
  const bytes = Buffer.alloc(codec.layout.recordSize, 0xa5)
  codec.encode({ x: value }, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes, 0)
  return bytes.toString('hex')
}

/** The value of bytes given as hex. */
function readFrom(schema: z.ZodType, hex: string, compile = true): unknown {
  const codec = codecOf(z.object({ x: schema }), { compile })
  const bytes = Buffer.from(hex, 'hex')
  expect(bytes.length).toBe(codec.layout.recordSize)
  return codec.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes, 0).x
}

const big = <S extends z.ZodType>(schema: S): S => field(schema, { endian: 'big' })
const at = (text: string): Date => new Date(text)
const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex')
const GUID = '00112233-4455-6677-8899-aabbccddeeff'

describe.each(COMPILE)('a field of a foreign file (compiled: %s)', compile => {
  it.each<[string, z.ZodType, unknown, string]>([
    ['u24', u24(), 0x010203, '030201'],
    ['u24, big', big(u24()), 0x010203, '010203'],
    ['u24, the largest', u24(), 0xffffff, 'ffffff'],
    ['i24', i24(), -2, 'feffff'],
    ['i24, big, the least', big(i24()), -0x800000, '800000'],
    ['u48', u48(), 0x010203040506, '060504030201'],
    ['u48, big, the largest', big(u48()), 2 ** 48 - 1, 'ffffffffffff'],
    ['i48', i48(), -2, 'feffffffffff'],
    ['i48, big', big(i48()), -(2 ** 47), '800000000000'],
    ['f16', f16(), 1.5, '003e'],
    ['f16, big', big(f16()), -65504, 'fbff'],
    ['f16, not finite', f16({ nonFinite: true }), Number.NEGATIVE_INFINITY, '00fc'],
    ['decimal', decimal(2, i32()), -12.34, '2efbffff'],
    ['decimal of a big-endian type', decimal(1, big(u16())), 25.6, '0100'],
    ['decimal without a type', decimal(2), 0.3, '1e00000000000000'],
    ['the least decimal', big(decimal(15)), -0.999999999999999, 'fffc72815b398001'],
    ['the largest milliseconds', unixMs(u64()), new Date(8.64e15), '0000dcc208b21e00'],
    ['the least milliseconds', big(unixMs()), new Date(-8.64e15), 'ffe14df73d240000'],
    ['decimal of 15 digits', decimal(15), 0.123456789012345, '79df0d8648700000'],
    ['seconds', unixSeconds(u32()), at('2001-09-09T01:46:40Z'), '00ca9a3b'],
    ['seconds in one byte', unixSeconds(u8()), at('1970-01-01T00:00:07Z'), '07'],
    ['seconds before 1970', unixSeconds(i16()), at('1969-12-31T23:59:59Z'), 'ffff'],
    ['milliseconds', unixMs(u48()), new Date(0x010203040506), '060504030201'],
    ['milliseconds in u64, big', big(unixMs(u64())), new Date(1), '0000000000000001'],
    ['FILETIME', filetime(), at('1970-01-01T00:00:00Z'), '00803ed5deb19d01'],
    ['DOS date and time', dosDateTime(), at('1999-12-31T23:59:58Z'), '7dbf9f27'],
    ['DOS date', dosDate(), at('1980-01-01T00:00:00Z'), '2100'],
    ['UUID', uuid(), GUID, GUID.replaceAll('-', '')],
    ['GUID', guid(), GUID, '33221100554477668899aabbccddeeff'],
    ['octal digits', numberText(8, { radix: 8 }), 0o644, hex('0000644\0')],
    ['octal digits, two behind', numberText(8, { radix: 8, end: 'nul-space' }), 0o644, hex('000644\0 ')],
    ['decimal digits to the left', numberText(6, { fill: 'right' }), 42, hex('42    ')],
    ['decimal digits to the right', numberText(6, { fill: 'left', end: 'space' }), 42, hex('   42 ')],
    ['hexadecimal digits', numberText(8, { radix: 16 }), 0xbeef, hex('0000beef')],
    ['bits', bits({ a: 3, b: 5 }), { a: 1, b: 2 }, '11'],
    ['bits, the highest first', bits({ a: 3, b: 5 }, { order: 'msb' }), { a: 1, b: 2 }, '22'],
    ['bits of two bytes, big', big(bits({ a: 4, b: 12 }, { order: 'msb' })), { a: 1, b: 0x234 }, '1234'],
    ['bits that leave some', bits({ a: 1, b: 1 }, { order: 'msb' }), { a: 0, b: 1 }, '40'],
    ['all 32 bits', bits({ a: 32 }), { a: 0x80000001 }, '01000080'],
    ['UTF-16', utf16le(6), 'aé', '6100e9000000'],
    ['UTF-16, big', utf16be(6), 'a€', '006120ac0000'],
    ['UTF-16 with spaces', utf16be(6, { padding: 'space' }), 'a\0', '006100000020'],
    ['text with either padding', ascii(4, { padding: 'either' }), 'ab', '61620000'],
    ['text behind its length', latin1(5, { padding: 'length' }), 'a é', '036120e900'],
    ['UTF-8 behind its length', utf8(5, { padding: 'length' }), 'é\0', '03c3a90000'],
    ['a listed code', field(z.enum(['a', 'b']), { lenient: true, codes: [1, 9] }), 'b', '09'],
    ['a code that is not listed', field(z.enum(['a', 'b']), { lenient: true, codes: [1, 9] }), 5, '05'],
    ['an odd boolean', field(z.boolean(), { lenient: true }), 255, 'ff'],
    ['an even one', field(z.boolean(), { lenient: true, width: 2 }), true, '0100'],
    ['a DOS date that is none', field(dosDate(), { lenient: true }), 0, '0000'],
    ['a DOS time that is none', field(dosDateTime(), { lenient: true }), 0x00210000 + 0xffff, 'ffff2100'],
    ['a DOS date that is one', field(dosDate(), { lenient: true }), at('1980-01-01T00:00:00Z'), '2100'],
    ['numbers that are their codes', field(z.literal([3, 5]), { lenient: true, codes: [3, 5] }), 4, '04'],
  ])('%s has these bytes, and they have this value', (_, schema, value, expected) => {
    expect(bytesOf(schema, value, compile)).toBe(expected)
    expect(readFrom(schema, expected, compile)).toEqual(value)
  })

  it.each<[string, z.ZodType, string, unknown]>([
    ['spaces behind NUL', ascii(4, { padding: 'either' }), hex('a\0  '), 'a'],
    ['spaces before NUL', ascii(4, { padding: 'either' }), hex('a  \0'), 'a'],
    ['spaces alone', ascii(4, { padding: 'either' }), hex('a   '), 'a'],
    ['bytes behind a length', latin1(4, { padding: 'length' }), '02616263', 'ab'],
    ['half a pair of UTF-16', utf16le(4), '00d86100', '\ud800a'],
    ['digits without zeros', numberText(8, { radix: 8 }), hex(' 644 \0  '), 0o644],
    ['capital digits', numberText(4, { radix: 16 }), hex('BEEF'), 0xbeef],
    ['no digits', numberText(8, { radix: 8 }), hex('\0\0\0\0\0\0\0\0'), 0],
    ['a FILETIME finer than a millisecond', filetime(), '0f803ed5deb19d01', new Date(0)],
    ['bits that no field has', bits({ a: 3 }), 'f9', { a: 1 }],
  ])('%s are read as well', (_, schema, bytes, value) => {
    expect(readFrom(schema, bytes, compile)).toEqual(value)
  })

  it.each<[string, z.ZodType, string]>([
    ['digits of another base', numberText(4, { radix: 8 }), hex('0089')],
    ['words', numberText(4), hex('none')],
    ['digits beyond 2^53', numberText(16), hex('9007199254740992')],
    ['a length beyond the field', latin1(4, { padding: 'length' }), '04616263'],
    ['a DOS date without a month', dosDate(), '0000'],
    ['a DOS date on a 31st of February', dosDateTime(), '00005f00'],
    ['a DOS time of 25 hours', dosDateTime(), '00c82100'],
    ['seconds beyond all dates', unixSeconds(), 'ffffffffffffff7f'],
    ['a decimal of more than 15 digits', decimal(2), '0080c6a47e8d0300'],
  ])('%s are damage, named with field and offset', (_, schema, bytes) => {
    expect(() => readFrom(schema, bytes, compile)).toThrow(
      expect.objectContaining({ code: 'ERR_STRIDE_CORRUPT', field: 'x', offset: 0 }),
    )
  })

  it.each<[string, z.ZodType, readonly unknown[]]>([
    ['u24', u24(), [-1, 2 ** 24, 0.5, '1', 1n, Number.NaN]],
    ['i24', i24(), [-(2 ** 23) - 1, 2 ** 23, 0.5]],
    ['u48', u48(), [-1, 2 ** 48, 2 ** 52, 0.5, Number.POSITIVE_INFINITY]],
    ['i48', i48(), [-(2 ** 47) - 1, 2 ** 47, 0.5]],
    ['f16', f16(), [65_505, -65_519, 1e300, Number.NaN, '1']],
    ['a decimal', decimal(2, i16()), [0.1 + 0.2, 1.005, 327.68, -327.69, Number.NaN, '1', 1n, 5e-324]],
    ['a decimal of i64', decimal(2), [1e13, 0.001, 2 ** 60]],
    [
      'seconds',
      unixSeconds(u32()),
      [new Date(1500), new Date(-1000), new Date(2 ** 32 * 1000), new Date(Number.NaN), 5, '1970-01-01'],
    ],
    ['milliseconds', unixMs(u16()), [new Date(65_536), new Date(-1)]],
    ['a FILETIME', filetime(), [new Date(-11_644_473_600_001), new Date(8.64e15)]],
    [
      'a DOS time',
      dosDateTime(),
      [at('1979-12-31T23:59:58Z'), at('2108-01-01T00:00:00Z'), at('2000-01-01T00:00:01Z')],
    ],
    ['a DOS date', dosDate(), [at('2000-01-01T00:00:02Z')]],
    ['a UUID', uuid(), [GUID.toUpperCase(), GUID.slice(1), `${GUID} `, `${GUID}\n`, 7, null]],
    ['digits', numberText(4, { radix: 8 }), [-1, 0o1000, 0.5, '1', Number.NaN]],
    ['many digits', numberText(20), [2 ** 53]],
    [
      'bits',
      bits({ a: 3, b: 5 }),
      [{ a: 8, b: 0 }, { a: -1, b: 0 }, { a: 1 }, { a: 1, b: 1, c: 1 }, { a: 0.5, b: 0 }, 9],
    ],
    ['UTF-16', utf16le(4), ['abc', '\ud800', 'a\0', 7]],
    ['text with either padding', ascii(4, { padding: 'either' }), ['a ', 'a\0', 'abcde', 'é']],
    ['text behind its length', latin1(4, { padding: 'length' }), ['abcd', '€']],
    [
      'a lenient enum',
      field(z.enum(['a', 'b']), { lenient: true, codes: [1, 9] }),
      [1, 9, 256, -1, 0.5, 'c', true],
    ],
    [
      'a lenient DOS date',
      field(dosDate(), { lenient: true }),
      [0x21, -1, 65_536, 0.5, '0', new Date(1), null],
    ],
    ['a lenient boolean', field(z.boolean(), { lenient: true }), [0, 1, 256, 'true', 1.5, Number.NaN]],
  ])('%s refuses what it cannot give back', (_, schema, values) => {
    for (const value of values) {
      expect(() => bytesOf(schema, value, compile), String(value)).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_RECORD' }),
      )
    }
  })

  it('of a schema with refinements lets Zod see raw codes, and copies of dates', () => {
    const seen: unknown[] = []
    const schema = z
      .object({
        side: field(z.enum(['buy', 'sell']), { lenient: true }).nullable(),
        when: unixSeconds(u32()).refine(date => date.setTime(5) === 5),
        price: decimal(2, u16()).min(1),
      })
      .refine(record => seen.push(record.side) > 0)
    const codec = codecOf(schema, { compile })
    const bytes = Buffer.alloc(codec.layout.recordSize)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const when = new Date(7000)
    codec.encode({ side: 77, when, price: 1.25 }, view, bytes, 0)
    expect(codec.decode(view, bytes, 0)).toEqual({ side: 77, when: new Date(7000), price: 1.25 })
    expect([seen, when]).toEqual([[77], new Date(7000)])
    expect(() => codec.encode({ side: 77, when, price: 0.5 }, view, bytes, 0)).toThrow('Too small')
  })
})

describe('a half float', () => {
  it('is rounded as numpy rounds, all 65536 of them and what lies between', () => {
    // Doubles around each half float, and around the middle of each two.
    const halves = Array.from({ length: 0x7c01 }, (_, bits) => (bits === 0x7c00 ? 65536 : fromHalf(bits)))
    const values = halves.slice(1).flatMap((value, i) => {
      const middle = (value + (halves[i] as number)) / 2
      return [value, middle, middle * (1 + 2 ** -40), middle * (1 - 2 ** -40), -middle]
    })
    const within = values.filter(value => Math.abs(value) < 65520)
    for (const bits of [0, 1, 0x3ff, 0x400, 0x7bff, 0x8000, 0xfbff]) expect(toHalf(fromHalf(bits))).toBe(bits)
    const script =
      'import sys,numpy as np\nsys.stdout.buffer.write(np.frombuffer(sys.stdin.buffer.read(),"<f8").astype("<f2").tobytes())'
    let said: Buffer
    try {
      said = execFileSync('python3', ['-c', script], { input: Buffer.from(Float64Array.from(within).buffer) })
    } catch {
      console.warn('not compared with numpy: python3 with numpy is not here')
      return
    }
    const expected = Array.from({ length: within.length }, (_, i) => said.readUInt16LE(2 * i))
    expect(within.map(toHalf)).toEqual(expected)
  })
})

describe('a decimal', () => {
  it('takes exactly the doubles nearest to an integer over a power of ten', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 15 }),
      fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }),
      (digits, stored) => {
        const written = bytesOf(decimal(digits), Number(`${stored}e-${digits}`))
        expect(Buffer.from(written, 'hex').readBigInt64LE()).toBe(BigInt(stored))
      },
    )
    fc.assert(property, propertyOptions(300))
  })
})

describe('a schema', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['no integer', () => decimal(2, z.float64() as never), /decimal takes the integer type/],
    ['an integer with a refinement', () => decimal(2, u8().max(5)), /decimal takes the integer type/],
    ['a nullable integer', () => unixSeconds(u8().nullable() as never), /unixSeconds takes the integer type/],
    ['no digits', () => decimal(0, i32()), /1 to 15 digits/],
    ['16 digits', () => decimal(16, i32()), /1 to 15 digits/],
    ['an odd number of bytes for UTF-16', () => utf16le(3), /2, 4, 6/],
    [
      'a length in front of UTF-16',
      () => utf16le(4, { padding: 'length' as never }),
      /must be one of zero, space, either/,
    ],
    ['a length that a byte cannot say', () => ascii(257, { padding: 'length' }), /2 to 256 bytes/],
    ['no room for a digit', () => numberText(1, { radix: 8 }), /bytes for a digit/],
    ['33 bits', () => bits({ a: 1, b: 32 }), /1 to 32 bits together: 33/],
    ['no bits', () => bits({}), /1 to 32 bits/],
    ['half a bit', () => bits({ a: 0.5 }), /1 bit or more/],
    ['lenient for a number', () => layoutOf(z.object({ x: field(u8(), { lenient: true }) })), /lenient is for/],
    [
      'lenient numbers that are not their codes',
      () => layoutOf(z.object({ x: field(z.literal([1, 2]), { lenient: true }) })),
      /must be their own codes/,
    ],
    ['a place for no schema', () => decimal(2, 'i32' as never), /decimal takes the integer type/],
  ])('with %s is refused', (_, make, message) => {
    expect(make).toThrow(message)
  })

  it('shows what makes its kinds, in fields, differences and the canonical text', () => {
    const layout = layoutOf(
      z.object({
        price: decimal(2, i32()),
        at: unixSeconds(u24()),
        size: numberText(12, { radix: 8 }),
        flags: bits({ low: 3, high: 5 }),
        on: field(z.boolean(), { lenient: true }),
        name: latin1(4, { padding: 'length' }),
        wide: utf16be(4),
      }),
    )
    expect(
      layout.fields.map(({ type, parameters, lenient, padding }) => [type, parameters, lenient ?? padding]),
    ).toEqual([
      ['decimal', { of: 'i32', digits: 2 }, undefined],
      ['unix', { of: 'u24', unit: 's' }, undefined],
      ['numbertext', { radix: 8, fill: 'zeros', end: 'nul' }, undefined],
      ['object', undefined, undefined],
      ['bits', { shift: 0, count: 3 }, undefined],
      ['bits', { shift: 3, count: 5 }, undefined],
      ['boolean', undefined, true],
      ['latin1', undefined, 'length'],
      ['utf16be', undefined, 'zero'],
    ])
    const other = layoutOf(z.object({ price: decimal(3, i32()), flags: field(z.boolean(), { offset: 4 }) }))
    expect(diffLayouts(layout, other).slice(0, 2)).toEqual([
      "'price' was decimal(i32, 2) at byte 0, is decimal(i32, 3) at byte 0",
      "'at' is gone (was unix(u24, s) at byte 4)",
    ])
    expect(layout.canonical).toContain(
      '{"name":"price","type":"decimal","offset":0,"size":4,"of":"i32","digits":2}',
    )
    for (const damage of [
      ['"digits":2', '"digits":16'],
      ['"of":"i32"', '"of":"f32"'],
      ['"unit":"s"', '"unit":"h"'],
      ['"radix":8', '"radix":99'],
      ['"end":"nul"', '"end":"dot"'],
      ['"shift":3,"count":5', '"shift":4,"count":5'],
      ['"padding":"length"', '"padding":"none"'],
      ['"lenient":true', '"lenient":false'],
      ['"type":"unix","offset":4,"size":3', '"type":"unix","offset":4,"size":4'],
    ] as const) {
      const text = layout.canonical.replace(damage[0], damage[1])
      expect(text).not.toBe(layout.canonical)
      expect(() => layoutFromCanonical(text), text).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_CORRUPT' }),
      )
    }
  })

  it('keeps bit fields apart from all others', () => {
    const overlapping = z.object({ flags: bits({ a: 4, b: 4 }), x: field(u8(), { offset: 0 }) })
    expect(() => layoutOf(overlapping)).toThrow(/overlap/)
    expect(layoutOf(z.object({ flags: bits({ a: 4, b: 12 }), x: i8() })).recordSize).toBe(3)
  })
})
