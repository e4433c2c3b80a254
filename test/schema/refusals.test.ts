/**
 * Which values are refused, and what runs on a write? What could go wrong: a value cut, wrapped or converted to
 * fit; Zod running where nothing asked for it, or not where something did; an error that does not say where.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { StrideError } from '../../src/errors.ts'
import {
  ascii,
  bytes,
  type Codec,
  type CodecOptions,
  codecOf,
  f32,
  i8,
  i16,
  latin1,
  u8,
  u16,
  utf8,
} from '../../src/schema/index.ts'

const image = (codec: Codec) => {
  const memory = Buffer.alloc(codec.layout.recordSize)
  return { bytes: memory, view: new DataView(memory.buffer, memory.byteOffset, memory.length) }
}

function write(codec: Codec, record: unknown): unknown {
  const { view, bytes: memory } = image(codec)
  codec.encode(record, view, memory, 0)
  return codec.decode(view, memory, 0)
}

function refusalOf(act: () => unknown): StrideError {
  try {
    act()
  } catch (error) {
    if (error instanceof StrideError) return error
    throw error
  }
  throw new Error('the value was accepted')
}

const both = (schema: z.ZodType, options: CodecOptions = {}): Codec[] =>
  [true, false].map(compile => codecOf(schema, { ...options, compile }) as Codec)

const REFUSED: readonly (readonly [title: string, schema: z.ZodType, value: unknown])[] = [
  ['text a byte too long', ascii(3), 'abcd'],
  ['text too long in bytes though not in characters', utf8(3), 'éé'],
  ['NUL inside zero-padded text', utf8(8), 'a\0b'],
  ['text ending in its padding NUL', ascii(8), 'a\0'],
  ['text ending in its padding space', ascii(8, { padding: 'space' }), 'a '],
  ['half of a surrogate pair', utf8(8), 'a\ud800'],
  ['a character that is not ASCII', ascii(8), 'é'],
  ['a character beyond U+00FF', latin1(8), '€'],
  ['a number for text', ascii(8), 5],
  ['256 for u8', u8(), 256],
  ['-1 for u16', u16(), -1],
  ['-129 for i8', i8(), -129],
  ['32768 for i16', i16(), 32768],
  ['2^32 for u32', z.uint32(), 2 ** 32],
  ['a fraction for u32', z.uint32(), 1.5],
  ['text for u32', z.uint32(), '5'],
  ['a bigint for u32', z.uint32(), 5n],
  ['2^53 for int', z.int(), 2 ** 53],
  ['NaN for float64', z.float64(), Number.NaN],
  ['Infinity for number', z.number(), Number.POSITIVE_INFINITY],
  ['NaN for int', z.int(), Number.NaN],
  ['a number beyond float32', z.float32(), 3.5e38],
  ['2^63 for int64', z.int64(), 2n ** 63n],
  ['-1 for uint64', z.uint64(), -1n],
  ['a number for int64', z.int64(), 5],
  ['an invalid date', z.date(), new Date(Number.NaN)],
  ['a number for a date', z.date(), 0],
  ['1 for a boolean', z.boolean(), 1],
  ['a value that the enum lacks', z.enum(['a', 'b']), 'c'],
  ['a value that the literal lacks', z.literal(['a', 1]), '1'],
  ['bytes too short', bytes(4), new Uint8Array(3)],
  ['an array for bytes', bytes(2), [1, 2]],
  ['null where it is not allowed', z.uint32(), null],
  ['undefined where it is not allowed', z.uint32(), undefined],
  ['undefined for nullable', z.uint32().nullable(), undefined],
  ['null for optional', z.uint32().optional(), null],
  ['an array too long', z.array(u8()).length(2), [1, 2, 3]],
  ['a tuple too short', z.tuple([u8(), u8()]), [1]],
  ['a hole in an array', z.array(u8()).length(2), [1, undefined]],
  ['an array for an object', z.object({ a: u8().optional() }), []],
  ['a key that a nested object lacks', z.object({ a: u8() }), { a: 1, b: 2 }],
]

describe('a write', () => {
  it.each(REFUSED)('refuses %s', (_title, schema, value) => {
    const record = z.object({ outer: z.object({ bad: schema }) })
    for (const codec of both(record)) {
      const error = refusalOf(() => write(codec, { outer: { bad: value } }))
      expect(error.code).toBe('ERR_STRIDE_RECORD')
      expect(error.field).toMatch(/^outer\.bad/)
      expect(error.issues?.[0]?.path.slice(0, 2)).toEqual(['outer', 'bad'])
    }
  })

  it('names every field that does not fit', () => {
    for (const codec of both(z.object({ a: u8(), b: ascii(2), c: z.array(u8()).length(2) }))) {
      const error = refusalOf(() => write(codec, { a: -1, b: 'abc', c: [0, 999], d: 1 }))
      expect(error.issues?.map(issue => issue.path.join('.'))).toEqual(['a', 'b', 'c.1', 'd'])
      expect(error.field).toBe('a')
    }
  })

  it('agrees with Zod about which plain values are allowed', () => {
    for (const [title, schema, value] of REFUSED) {
      if (['bytes', 'text', 'NUL', 'half', 'a character', 'a key'].some(start => title.startsWith(start)))
        continue
      expect(schema.safeParse(value).success, title).toBe(false)
    }
  })

  it('refuses unknown keys however they are counted, and ignores them in a loose object', () => {
    const shape = { a: u8(), b: u8().optional(), c: u8().default(3) }
    for (const codec of both(z.object(shape))) {
      for (const record of [
        { a: 1, x: 1 },
        { a: 1, x: undefined },
        { a: 1, b: 2, c: 3, x: 4 },
        { a: 1, b: undefined, x: 4 },
      ]) {
        expect(refusalOf(() => write(codec, record)).field).toBe('x')
      }
      expect(write(codec, { a: 1, b: undefined })).toEqual({ a: 1, c: 3 })
    }
    for (const codec of both(z.looseObject(shape))) expect(write(codec, { a: 1, x: 1 })).toEqual({ a: 1, c: 3 })
  })

  it('takes fields from getters and classes, and still refuses what they have too much', () => {
    class Point {
      get a(): number {
        return 7
      }
    }
    for (const codec of both(z.object({ a: u8() }))) {
      expect(write(codec, new Point())).toEqual({ a: 7 })
      expect(refusalOf(() => write(codec, Object.assign(new Point(), { x: 1 }))).field).toBe('x')
    }
  })

  it('does not find fields on Object.prototype', () => {
    for (const codec of both(z.object({ a: u8(), constructor: u8().optional(), toString: u8().optional() }))) {
      expect(write(codec, { a: 1 })).toEqual({ a: 1, constructor: undefined, toString: undefined })
    }
  })

  it('rounds f32 and nothing else', () => {
    for (const codec of both(z.object({ a: z.float32(), b: z.float64() }))) {
      expect(write(codec, { a: 0.1, b: 0.1 })).toEqual({ a: 0.10000000149011612, b: 0.1 })
    }
  })

  it.each([
    ['a tie to even below', 16_777_217, 16_777_216],
    ['a tie to even above', 16_777_219, 16_777_220],
    ['the largest', 3.4028234663852886e38, 3.4028234663852886e38],
    ['the smallest', 1.401298464324817e-45, 1.401298464324817e-45],
    ['a little above half of the smallest', 2 ** -150 * 1.001, 2 ** -149],
    ['half of the smallest', 2 ** -150, 0],
    ['below zero, too small', -1e-60, -0],
    ['zero below', -0, -0],
  ])('rounds to the nearest f32: %s', (_, given, stored) => {
    for (const schema of [z.float32(), f32(), f32({ nonFinite: true })]) {
      for (const codec of both(z.object({ a: schema as z.ZodType })))
        expect(write(codec, { a: given })).toEqual({ a: stored })
    }
  })

  it('refuses what is beyond f32 and never makes it an infinity, which only nonFinite stores', () => {
    for (const schema of [z.float32(), f32({ nonFinite: true })] as z.ZodType[]) {
      for (const codec of both(z.object({ a: schema }))) {
        for (const a of [3.402823466385289e38, -3.4028235e38, 1e39, Number.MAX_VALUE, -Number.MAX_VALUE]) {
          expect(refusalOf(() => write(codec, { a }))).toMatchObject({ code: 'ERR_STRIDE_RECORD', field: 'a' })
        }
      }
    }
    for (const a of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      for (const codec of both(z.object({ a: f32({ nonFinite: true }) })))
        expect(write(codec, { a })).toEqual({ a })
      for (const codec of both(z.object({ a: z.float32() })))
        expect(refusalOf(() => write(codec, { a })).field).toBe('a')
    }
  })

  it('fills defaults once for each record, functions included', () => {
    for (const compile of [true, false]) {
      let n = 0
      const schema = z.object({
        a: u8(),
        b: z.uint32().default(() => ++n),
        c: z.array(u8().default(9)).length(2),
      })
      const codec = codecOf(schema, { compile }) as Codec
      expect(write(codec, { a: 1, c: [undefined, 1] })).toEqual({ a: 1, b: 1, c: [9, 1] })
      expect(write(codec, { a: 1, b: 50, c: [1, 1] })).toEqual({ a: 1, b: 50, c: [1, 1] })
      expect(n).toBe(1)
    }
  })

  it('tells one refused value from zeroed bytes: null, absent, empty and zero are four things', () => {
    for (const codec of both(z.object({ a: z.uint32().nullish(), b: ascii(4).nullish() }))) {
      for (const record of [
        { a: null, b: null },
        { a: undefined, b: undefined },
        { a: 0, b: '' },
      ]) {
        expect(write(codec, record)).toStrictEqual(record)
      }
    }
  })
})

describe('refinements', () => {
  it('are detected in every place where a schema can have them', () => {
    const plain = [
      z.object({
        a: u8(),
        b: ascii(4),
        c: z.int(),
        d: z.number().int(),
        e: bytes(2),
        f: z.array(u8()).length(3),
      }),
      z.object({ a: u8().nullable().default(3), b: z.date().readonly(), c: z.enum(['x']).brand('X') }),
    ]
    for (const schema of plain) expect(codecOf(schema).refined).toBe(false)
    const refined = [
      z.object({ a: u8().min(3) }),
      z.object({ a: ascii(4).regex(/x/) }),
      z.object({ a: u8() }).refine(() => true),
      z.object({ a: z.object({ b: z.date().min(new Date(0)) }) }),
      z.object({ a: z.array(u8().max(3)).length(2) }),
      z.object({ a: z.array(u8()).length(2).min(1) }),
      z.object({ a: z.tuple([u8(), u8()]).refine(() => true) }),
      z.object({ a: bytes(2).refine(() => true) }),
      z.object({
        a: u8()
          .nullable()
          .refine(() => true),
      }),
      z.object({ a: z.float64().check(z.positive()) }),
    ]
    for (const schema of refined) expect(codecOf(schema).refined).toBe(true)
  })

  it('refuse a record with Zod’s own issues, and are skipped with validate: false', () => {
    const schema = z
      .object({ low: u8(), high: u8().min(5, 'too low for a high') })
      .refine(r => r.low < r.high, 'upside down')
    for (const codec of both(schema)) {
      expect(refusalOf(() => write(codec, { low: 1, high: 2 }))).toMatchObject({
        code: 'ERR_STRIDE_RECORD',
        field: 'high',
      })
      expect(refusalOf(() => write(codec, { low: 9, high: 8 })).issues?.[0]?.message).toBe('upside down')
      expect(refusalOf(() => write(codec, { low: 1, high: 8, x: 1 })).field).toBe('x')
    }
    for (const codec of both(schema, { validate: false })) {
      expect(codec.refined).toBe(false)
      expect(write(codec, { low: 9, high: 2 })).toEqual({ low: 9, high: 2 })
      expect(refusalOf(() => write(codec, { low: 9, high: 256 })).field).toBe('high')
    }
  })

  it('see the merged record when a patch is written', () => {
    const schema = z
      .object({ low: u8(), high: u8(), at: z.date().default(() => new Date(5)) })
      .refine(r => r.low < r.high)
    for (const codec of both(schema)) {
      const { view, bytes: memory } = image(codec)
      codec.encode({ low: 3, high: 5 }, view, memory, 0)
      expect(refusalOf(() => codec.patch({ high: 2 }, view, memory, 0)).code).toBe('ERR_STRIDE_RECORD')
      codec.patch({ low: 4, at: undefined }, view, memory, 0)
      expect(codec.decode(view, memory, 0)).toEqual({ low: 4, high: 5, at: new Date(5) })
      for (const change of [null, 5, [1], 'x', undefined]) {
        expect(refusalOf(() => codec.patch(change, view, memory, 0)).code).toBe('ERR_STRIDE_RECORD')
      }
    }
  })

  it('show Zod the very default that is stored', () => {
    let seen = 0
    let n = 0
    const schema = z.object({ a: z.uint32().default(() => ++n) }).refine(r => {
      seen = r.a
      return true
    })
    expect(write(codecOf(schema) as Codec, {})).toEqual({ a: 1 })
    expect(seen).toBe(1)
  })
})

describe('reading', () => {
  it('reports damaged bytes with the field and its offset, from every way of reading', () => {
    const cases: readonly (readonly [z.ZodType, number[]])[] = [
      [z.boolean(), [2]],
      [z.enum(['a', 'b']), [2]],
      [z.literal([null, 'x']), [9]],
      [z.date(), [0, 0, 0, 0, 0, 0, 0, 0x7f]],
    ]
    for (const [schema, damage] of cases) {
      for (const codec of both(z.object({ pad: u8(), o: z.object({ ok: u8(), bad: schema }) }))) {
        const size = codec.layout.recordSize
        const memory = Buffer.alloc(size + 10)
        const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
        memory.set(damage, 10 + 2)
        const expected = { code: 'ERR_STRIDE_CORRUPT', field: 'o.bad', offset: 12 }
        expect(refusalOf(() => codec.decode(view, memory, 10))).toMatchObject(expected)
        expect(refusalOf(() => codec.readField(view, memory, 10, 'o.bad'))).toMatchObject(expected)
        const column = codec.column('o.bad')
        expect(refusalOf(() => column.span(view, memory, 10, 1, column.allocate(1), 0))).toMatchObject(expected)
        expect(codec.readField(view, memory, 10, 'o.ok')).toBe(0)
      }
    }
  })

  it('reports a field that is marked null and absent at once', () => {
    for (const codec of both(z.object({ a: u8().nullish() }))) {
      const { view, bytes: memory } = image(codec)
      memory[1] = 3
      expect(refusalOf(() => codec.decode(view, memory, 0))).toMatchObject({
        code: 'ERR_STRIDE_CORRUPT',
        field: 'a',
      })
    }
  })

  it('names the nearest field when there is none of that name', () => {
    for (const codec of both(z.object({ price: u8(), size: u8() }))) {
      const { view, bytes: memory } = image(codec)
      expect(() => codec.readField(view, memory, 0, 'prise')).toThrow(/did you mean 'price'/)
      expect(() => codec.readField(view, memory, 0, 'toString')).toThrow(RangeError)
      expect(() => codec.column('prise')).toThrow(RangeError)
      expect(codec.hasField('prise')).toBe(false)
    }
  })

  it('ignores what follows the first NUL of a zero-padded text, as C does', () => {
    for (const codec of both(z.object({ a: ascii(12), b: utf8(12) }))) {
      const { view, bytes: memory } = image(codec)
      memory.write('ab\0cd\xff', 0, 'latin1')
      memory.write('é\0cd\xff', 12, 'utf8')
      expect(codec.decode(view, memory, 0)).toEqual({ a: 'ab', b: 'é' })
    }
  })

  it('copies bytes, so that later writes do not reach what was read', () => {
    for (const codec of both(z.object({ a: bytes(4), b: bytes(40) }))) {
      const { view, bytes: memory } = image(codec)
      const read = codec.decode(view, memory, 0) as { a: Uint8Array; b: Uint8Array }
      memory.fill(1)
      expect([...read.a, ...read.b].every(byte => byte === 0)).toBe(true)
    }
  })
})
