/**
 * What could go wrong: bytes whose order is not the values', a record's key that differs from the same value asked for, bounds
 * that let one key too many in.
 */

import fc from 'fast-check'
import { ascii, bytes, f32, i8, i16, latin1, u8, u16, utf8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { compareWords } from '../../../src/engine/indexes/keys/entry-words.ts'
import { KeyCodec } from '../../../src/engine/indexes/keys/key-codec.ts'
import { KeyHash } from '../../../src/engine/indexes/keys/key-hash.ts'
import { planKey } from '../../../src/engine/indexes/keys/key-plan.ts'
import { propertyOptions } from '../../property.ts'
import { HeapRecords } from './heap-records.ts'

const RUNS = propertyOptions(300)

/** -1, 0, 1 as `compare` of both keys says, once asked for and once extracted from records. */
function compareKeys(schema: z.ZodObject, on: readonly string[], a: object, b: object): number {
  const records = new HeapRecords(schema, 2)
  records.set(0, a)
  records.set(1, b)
  const plan = planKey(records.codec.layout, on)
  const codec = new KeyCodec(plan)
  const keyOf = (record: object): unknown => {
    const values = on.map(path =>
      path
        .split('.')
        .reduce((value: unknown, name) => (value == null ? value : value[name as never]), record as unknown),
    )
    return on.length === 1 ? values[0] : values
  }
  const [first, second] = [a, b].map((record, i) => {
    codec.extract(records.view, i * records.stride)
    const extracted = codec.words.slice()
    expect(codec.encode(keyOf(record))).toBe(true)
    expect([...codec.words]).toEqual([...extracted])
    return extracted
  }) as [Uint32Array, Uint32Array]
  return compareWords(first, 0, second, 0, codec.wordCount)
}

const order = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0)
const byBytes = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))

describe('the order of keys', () => {
  const integers = {
    u8: [u8(), 0, 255],
    i8: [i8(), -128, 127],
    u16: [u16(), 0, 65_535],
    i16: [i16(), -32_768, 32_767],
    u32: [z.uint32(), 0, 0xffffffff],
    i32: [z.int32(), -0x80000000, 0x7fffffff],
    safeint: [z.int(), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  } as const
  for (const [name, [type, min, max]] of Object.entries(integers)) {
    it(`is the value's for ${name}`, () => {
      const value = fc.oneof(
        fc.integer({ min, max }),
        fc.constantFrom(min, max, min + 1, max - 1, Math.max(0, min)),
      )
      fc.assert(
        fc.property(value, value, (a, b) => {
          expect(compareKeys(z.object({ pad: u8(), k: type }), ['k'], { pad: 1, k: a }, { pad: 2, k: b })).toBe(
            order(a, b),
          )
        }),
        RUNS,
      )
    })
  }

  it('is the value of floats, with -0 as 0 and infinities where they belong', () => {
    const Floats = z.object({ k: z.float64(), s: f32() })
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, -0, 5e-324, -5e-324, 1e308),
    )
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(compareKeys(Floats, ['k'], { k: a, s: 0 }, { k: b, s: 0 })).toBe(order(a, b))
      }),
      RUNS,
    )
    const single = fc.float({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(single, single, (a, b) => {
        expect(compareKeys(Floats, ['s'], { k: 0, s: a }, { k: 0, s: b })).toBe(order(a, b))
      }),
      RUNS,
    )
  })

  it('is the value of 64-bit integers and dates', () => {
    const Wide = z.object({ u: z.uint64(), i: z.int64(), d: z.date() })
    const record = (u: bigint, i: bigint, ms: number) => ({ u, i, d: new Date(ms) })
    const u = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const i = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    const ms = fc.integer({ min: -8.64e15, max: 8.64e15 })
    fc.assert(
      fc.property(u, u, i, i, ms, ms, (ua, ub, ia, ib, ma, mb) => {
        const a = record(ua, ia, ma)
        const b = record(ub, ib, mb)
        expect(compareKeys(Wide, ['u'], a, b)).toBe(order(ua, ub))
        expect(compareKeys(Wide, ['i'], a, b)).toBe(order(ia, ib))
        expect(compareKeys(Wide, ['d'], a, b)).toBe(order(ma, mb))
      }),
      RUNS,
    )
  })

  it('is that of the bytes for texts, padded with zeros or spaces', () => {
    const Texts = z.object({ a: ascii(7), s: ascii(7, { padding: 'space' }), l: latin1(5), u: utf8(9) })
    const letter = fc.constantFrom('a', 'b', '~', '!', 'Z', ' ')
    const text = fc.array(letter, { maxLength: 6 }).map(letters => letters.join('').trimEnd())
    const wide = fc
      .array(fc.constantFrom('a', '\u00e9', '\u4e2d'), { maxLength: 3 })
      .map(letters => letters.join(''))
    fc.assert(
      fc.property(text, text, wide, wide, (a, b, x, y) => {
        const first = { a, s: a, l: a.slice(0, 5).trimEnd(), u: x }
        const second = { a: b, s: b, l: b.slice(0, 5).trimEnd(), u: y }
        expect(compareKeys(Texts, ['a'], first, second)).toBe(byBytes(a, b))
        expect(compareKeys(Texts, ['s'], first, second)).toBe(byBytes(a, b))
        expect(compareKeys(Texts, ['l'], first, second)).toBe(byBytes(first.l, second.l))
        expect(compareKeys(Texts, ['u'], first, second)).toBe(byBytes(x, y))
      }),
      RUNS,
    )
  })

  it('puts absent before null before every value, goes field by field, and reaches into objects', () => {
    const Mixed = z.object({
      side: z.enum(['buy', 'sell']),
      on: z.boolean(),
      raw: bytes(3),
      at: z.object({ x: z.int32(), y: z.int32().nullable() }).nullish(),
      pair: z.tuple([u8(), i16()]),
    })
    const record = fc.record({
      side: fc.constantFrom('buy' as const, 'sell' as const),
      on: fc.boolean(),
      raw: fc.uint8Array({ minLength: 3, maxLength: 3 }),
      at: fc.oneof(
        fc.constant(null),
        fc.constant(undefined),
        fc.record({ x: fc.integer({ min: -3, max: 3 }), y: fc.option(fc.integer({ min: -3, max: 3 })) }),
      ),
      pair: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: -2, max: 2 })),
    })
    type R = {
      side: string
      on: boolean
      raw: Uint8Array
      at: { x: number; y: number | null } | null | undefined
      pair: [number, number]
    }
    const presence = (value: unknown): number => (value === undefined ? 0 : value === null ? 1 : 2)
    const orders: Readonly<Record<string, (a: R, b: R) => number>> = {
      side: (a, b) => order(['buy', 'sell'].indexOf(a.side), ['buy', 'sell'].indexOf(b.side)),
      on: (a, b) => order(Number(a.on), Number(b.on)),
      raw: (a, b) => Math.sign(Buffer.compare(a.raw, b.raw)),
      pair: (a, b) => order(a.pair[0], b.pair[0]) || order(a.pair[1], b.pair[1]),
      at: (a, b) =>
        order(presence(a.at), presence(b.at)) ||
        order(a.at?.x ?? 0, b.at?.x ?? 0) ||
        order(presence(a.at?.y ?? null), presence(b.at?.y ?? null)) ||
        order(a.at?.y ?? 0, b.at?.y ?? 0),
    }
    const fields = fc.uniqueArray(fc.constantFrom(...Object.keys(orders)), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(record, record, fields, (a, b, on) => {
        const expected = on.reduce((result, field) => result || (orders[field]?.(a as R, b as R) ?? 0), 0)
        expect(compareKeys(Mixed, on, a, b)).toBe(expected)
      }),
      propertyOptions(600),
    )
    const both = { at: { x: 1, y: null } }
    const rest = { side: 'buy', on: true, raw: new Uint8Array(3), pair: [0, 0] }
    expect(compareKeys(Mixed, ['at.x'], { ...rest, at: null }, { ...rest, ...both })).toBe(-1)
  })
})

describe('a key that is asked for', () => {
  const Trade = z.object({ id: z.uint32(), symbol: ascii(4), price: f32(), when: z.date().nullable() })
  const codecOn = (...on: string[]) => new KeyCodec(planKey(new HeapRecords(Trade, 1).codec.layout, on))

  it('is found nowhere if no record can have it', () => {
    expect([codecOn('id').encode(-1), codecOn('id').encode(2 ** 32), codecOn('id').encode(1.5)]).toEqual([
      false,
      false,
      false,
    ])
    expect([
      codecOn('symbol').encode('ABCDE'),
      codecOn('symbol').encode('\u00e9'),
      codecOn('symbol').encode('A\0'),
    ]).toEqual([false, false, false])
    expect([1e39, -1e39, Number.NaN, 0.1].map(price => codecOn('price').encode(price))).toEqual([
      false,
      false,
      true,
      true,
    ])
    expect(codecOn('id').encode(Number.NaN)).toBe(false)
  })

  it('is refused if it is of another kind, naming the field', () => {
    expect(() => codecOn('id').encode('7')).toThrow("'id' of a key takes a number: '7'")
    expect(() => codecOn('symbol', 'id').encode(['A', 'B'])).toThrow("'id' of a key takes a number: 'B'")
    expect(() => codecOn('symbol', 'id').encode('A')).toThrow('an array of 2 values')
    expect(() => codecOn('when').encode(new Date(Number.NaN))).toThrow('a valid Date')
    expect(() => codecOn('wen')).toThrow("did you mean 'when'")
    expect(() => codecOn('id', 'id')).toThrow('once')
  })

  it('is the one of its record where what comes first in a field can be null, and the field cannot', () => {
    const First = z.object({
      at: z.object({ x: u8().nullable(), y: u8() }),
      list: z.array(u8().nullish()).length(2),
      in: z.object({ pair: z.tuple([u8().nullable(), u8()]) }).nullable(),
    })
    const one = { at: { x: 1, y: 2 }, list: [3, 4], in: { pair: [5, 6] } }
    const none = { at: { x: null, y: 2 }, list: [null, undefined], in: { pair: [null, 6] } }
    for (const field of ['at', 'list', 'in', 'in.pair']) {
      expect(compareKeys(First, [field], none, one)).toBe(-1)
      expect(compareKeys(First, [field, 'at.y'], one, one)).toBe(0)
    }
    expect(compareKeys(First, ['in.pair'], { ...one, in: null }, none)).toBe(-1)
  })

  it('says whether it has a null in it', () => {
    const codec = codecOn('symbol', 'when')
    codec.encode(['A', null])
    expect(codec.hasNull).toBe(true)
    codec.encode(['A', new Date(0)])
    expect(codec.hasNull).toBe(false)
  })

  it('says so of a null inside an object, a tuple or an array, too', () => {
    const Deep = z.object({
      at: z.object({ x: u8(), y: u8().nullable(), z: z.object({ w: u8().optional() }).nullable() }),
      pair: z.tuple([u8(), u8().nullish()]),
      list: z.array(u8().nullable()).length(2),
    })
    const hasNull = (field: string, value: unknown): boolean => {
      const codec = new KeyCodec(planKey(new HeapRecords(Deep, 1).codec.layout, [field]))
      codec.encode(value)
      return codec.hasNull
    }
    expect(hasNull('at', { x: 1, y: 2, z: { w: 3 } })).toBe(false)
    expect(hasNull('at', { x: 1, y: null, z: { w: 3 } })).toBe(true)
    expect(hasNull('at', { x: 1, y: 2, z: {} })).toBe(true)
    expect(hasNull('at', { x: 1, y: 2, z: null })).toBe(true)
    expect([hasNull('pair', [1, 2]), hasNull('pair', [1, null]), hasNull('pair', [1, undefined])]).toEqual([
      false,
      true,
      true,
    ])
    expect([hasNull('list', [1, 2]), hasNull('list', [null, 2]), hasNull('list', [1, null])]).toEqual([
      false,
      true,
      true,
    ])
  })
})

describe('hashing keys', () => {
  it('is another one with another seed, and spreads neighbours evenly', () => {
    const seed = Uint8Array.from({ length: 16 }, (_, i) => i * 37)
    const [a, b] = [new KeyHash(seed), new KeyHash(seed.map(byte => byte ^ 1))]
    for (const words of [1, 2, 5]) {
      const buckets = new Uint32Array(64)
      const key = new Uint32Array(words)
      let same = 0
      for (let i = 0; i < 64_000; i++) {
        key[words - 1] = i
        const hash = a.of(key)
        if (hash === b.of(key)) same++
        const bucket = hash >>> 26
        buckets[bucket] = (buckets[bucket] as number) + 1
      }
      expect(same).toBeLessThan(5)
      // 1000 each, with a deviation of 32.
      expect(Math.max(...buckets)).toBeLessThan(1200)
      expect(Math.min(...buckets)).toBeGreaterThan(800)
    }
  })

  it('never gives two keys of one word the same hash', () => {
    const hash = new KeyHash(Uint8Array.from({ length: 16 }, (_, i) => 255 - i))
    const seen = new Set<number>()
    for (let i = 0; i < 200_000; i++) seen.add(hash.ofWord(Math.imul(i, 0x9e3779b1) >>> 0))
    expect(seen.size).toBe(200_000)
  })
})
