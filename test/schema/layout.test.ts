/**
 * Where do fields lie? What could go wrong: an offset that C or numpy would not agree with, a null bitmap that
 * nobody asked for, two fields over the same bytes, a schema without a layout that is let through.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { StrideError } from '../../src/errors.ts'
import {
  ascii,
  bytes,
  codecFromCanonical,
  codecOf,
  field,
  i8,
  i16,
  type Layout,
  layoutOf,
  u8,
  u16,
  utf8,
} from '../../src/schema/index.ts'

const offsets = (layout: Layout): Record<string, number> =>
  Object.fromEntries(layout.fields.map(({ path, offset }) => [path, offset]))

const Trade = z.object({
  id: z.uint32(),
  time: z.float64(),
  price: z.float64(),
  qty: z.uint32(),
  flags: u8(),
  symbol: ascii(8),
  name: utf8(32),
  note: utf8(60),
})

function refusalOf(schema: z.ZodType): StrideError {
  try {
    layoutOf(schema)
  } catch (error) {
    if (error instanceof StrideError) return error
    throw error
  }
  throw new Error('the schema was accepted')
}

describe('a layout', () => {
  it('packs fields in order of declaration', () => {
    const layout = layoutOf(Trade)
    expect(layout.recordSize).toBe(125)
    expect(layout.bitmap).toBeNull()
    expect(Object.values(offsets(layout))).toEqual([0, 4, 12, 20, 24, 25, 33, 65])
  })

  it("places fields as C does with align: 'natural', padding at the end included", () => {
    const schema = z.object({
      a: u8(),
      b: z.float64(),
      c: u16(),
      d: z.object({ e: u8(), f: z.uint32() }),
      g: i8(),
    })
    const layout = layoutOf(schema, { align: 'natural' })
    expect(offsets(layout)).toEqual({ a: 0, b: 8, c: 16, d: 20, 'd.e': 20, 'd.f': 24, g: 28 })
    expect(layout.recordSize).toBe(32)
  })

  it('puts null bits behind the last field, one for nullable or optional and two for nullish', () => {
    const layout = layoutOf(
      z.object({ a: z.uint32().nullish(), b: u8().optional(), c: u8(), d: u8().nullable() }),
    )
    expect(layout.bitmap).toEqual({ offset: 7, size: 1 })
    expect(layout.fields.map(info => info.nullBit)).toEqual([0, 2, null, 3])
    expect(layout.recordSize).toBe(8)
  })

  it('gives every element of an array null bits of its own', () => {
    const layout = layoutOf(z.object({ a: z.array(z.object({ x: u8().nullish() })).length(5) }))
    expect(layout.bitmap).toEqual({ offset: 5, size: 2 })
  })

  it('takes the smallest code that holds an enum, and the width and codes that metadata fixes', () => {
    const many = Array.from({ length: 257 }, (_, i) => `v${i}`) as [string, ...string[]]
    const layout = layoutOf(
      z.object({
        few: z.enum(['a', 'b']),
        many: z.enum(many),
        wide: field(z.boolean(), { width: 4 }),
        coded: field(z.enum(['x', 'y']), { codes: [7, 300] }),
      }),
    )
    expect(layout.fields.map(info => info.size)).toEqual([1, 2, 4, 2])
  })

  it('describes an STL triangle', () => {
    const vector = z.tuple([z.float32(), z.float32(), z.float32()])
    const triangle = z.object({ normal: vector, a: vector, b: vector, c: vector, attributes: u16() })
    expect(layoutOf(triangle).recordSize).toBe(50)
  })

  it('describes an ELF64 symbol and a big-endian range by fixed offsets and byte order', () => {
    const symbol = z.object({
      value: field(z.uint64(), { offset: 8 }),
      size: field(z.uint64(), { offset: 16 }),
      name: field(z.uint32(), { offset: 0 }),
      info: field(u8(), { offset: 4 }),
      section: field(u16(), { offset: 6 }),
    })
    expect(layoutOf(symbol).recordSize).toBe(24)
    const range = layoutOf(
      z.object({ from: z.uint32(), to: z.uint32(), delta: field(i16(), { endian: 'little' }) }),
      { endian: 'big' },
    )
    expect(range.fields.map(info => info.endian)).toEqual(['big', 'big', 'little'])
  })

  it('leaves a schema as it is when field() fixes a place', () => {
    const plain = z.uint32()
    const fixed = field(plain, { offset: 4, endian: 'big' })
    expect(offsets(layoutOf(z.object({ a: plain, b: fixed })))).toEqual({ a: 0, b: 4 })
    expect(offsets(layoutOf(z.object({ b: fixed.min(3) })))).toEqual({ b: 4 })
    expect(offsets(layoutOf(z.object({ b: fixed.nullable() })))).toEqual({ b: 4 })
  })

  it('takes a record size larger than its fields', () => {
    expect(layoutOf(z.object({ a: u8() }), { recordSize: 64 }).recordSize).toBe(64)
    expect(() => layoutOf(z.object({ a: z.uint32() }), { recordSize: 3 })).toThrow('recordSize is smaller')
  })

  it('refuses fields that share bytes, naming both', () => {
    const error = refusalOf(z.object({ a: z.uint32(), b: field(u8(), { offset: 3 }) }))
    expect(error).toMatchObject({ code: 'ERR_STRIDE_LAYOUT', field: 'b' })
    expect(error.message).toContain("overlap those of 'a'")
  })

  it.each([
    ['z.string()', z.string(), 'string', 'ascii(n)'],
    ['z.email()', z.email(), 'string', 'utf8(n)'],
    ['z.bigint()', z.bigint(), 'bigint', 'z.int64()'],
    ['an unsized array', z.array(u8()), 'array', '.length(n)'],
    ['an array with a maximum', z.array(u8()).max(3), 'array', '.length(n)'],
    ['a tuple with a rest', z.tuple([u8()], u8()), 'rest', 'z.tuple'],
    ['transform', z.uint32().transform(String), 'transform', 'before writing'],
    ['pipe', ascii(4).pipe(ascii(3)), 'pipe', 'before writing'],
    ['preprocess', z.preprocess(Number, z.uint32()), 'preprocess', 'before writing'],
    ['coerce', z.coerce.number(), 'coerce', 'before writing'],
    ['trim', ascii(4).trim(), 'changes the text', 'before writing'],
    ['catch', z.uint32().catch(3), 'catch', '.default'],
    ['union', z.union([u8(), z.boolean()]), 'union', 'z.enum'],
    ['record', z.record(z.string(), u8()), 'record', 'z.object'],
    ['map', z.map(z.string(), u8()), 'map', '.length(n)'],
    ['set', z.set(u8()), 'set', 'z.boolean'],
    ['lazy', z.lazy(() => u8()), 'lazy', 'cannot contain itself'],
    ['any', z.any(), 'any', 'bytes(n)'],
    ['custom', z.instanceof(Map), 'custom', 'bytes(n)'],
    ['exactOptional', z.exactOptional(u8()), 'exactOptional', '.optional()'],
    ['intersection', z.intersection(z.object({ a: u8() }), z.object({ b: u8() })), 'intersection', '.extend'],
    ['a literal undefined', z.literal(undefined), 'undefined', '.optional()'],
    ['catchall', z.object({ a: u8() }).catchall(u8()), 'catchall', 'z.looseObject'],
    ['an empty object', z.object({}), 'without fields', ''],
  ])('refuses %s by name, saying where and what to use instead', (_title, schema, name, instead) => {
    const error = refusalOf(z.object({ ok: u8(), deep: z.object({ bad: schema }) }))
    expect(error).toMatchObject({ code: 'ERR_STRIDE_LAYOUT', field: 'deep.bad' })
    expect(error.message).toContain("'deep.bad'")
    expect(error.message).toContain(name)
    expect(error.message).toContain(instead)
  })

  it('refuses top-level names that belong to the row, and names that cannot be paths', () => {
    for (const name of ['number', 'seek', 'toObject', 'a.b', '', '__proto__']) {
      const shape = Object.fromEntries([[name, u8()]])
      expect(refusalOf(z.object(shape)).code).toBe('ERR_STRIDE_LAYOUT')
    }
    expect(layoutOf(z.object({ inner: z.object({ number: u8() }) })).recordSize).toBe(1)
  })

  it('refuses what is no record at all', () => {
    expect(refusalOf(z.uint32()).message).toContain('z.object')
    expect(refusalOf(z.object({ a: u8() }).nullable()).message).toContain('nullable')
    expect(() => layoutOf({} as z.ZodType)).toThrow(TypeError)
  })

  it('refuses sizes that are none', () => {
    for (const length of [0, -1, 1.5, Number.NaN]) expect(() => bytes(length)).toThrow(RangeError)
    expect(() => field(u8(), { offset: -1 })).toThrow(RangeError)
    expect(() => field(u8(), { ofset: 1 } as object)).toThrow(/no option 'ofset'/)
    expect(refusalOf(z.object({ a: field(z.uint32(), { width: 3 }) })).message).toContain('width 3')
    expect(refusalOf(z.object({ a: field(z.enum(['x', 'y']), { codes: [1, 1] }) })).message).toContain(
      'different codes',
    )
  })

  it.each([
    ['directly', () => Recursive, 'next'],
    [
      'in a tuple of a nested object',
      () => z.object({ a: u8(), inner: z.object({ t: z.tuple([Recursive]) }) }),
      'inner.t.0.next',
    ],
    ['through another', () => Ping, 'pong.ping'],
    ['placed again at each look', () => Placed, 'next'],
    ['by z.lazy', () => z.object({ a: u8(), next: z.lazy(() => Recursive).optional() }), 'next'],
  ])('names the field in which a record contains itself: %s', (_, make, path) => {
    const error = refusalOf(make())
    expect(error).toMatchObject({ code: 'ERR_STRIDE_LAYOUT', field: path })
    expect(error.message).toContain('a record cannot contain itself')
    expect(error.message).toContain('z.uint32()')
  })

  it('refuses a schema that rebuilds itself without an end', () => {
    const make = (): z.ZodType =>
      z.object({
        a: u8(),
        get next() {
          return make()
        },
      })
    expect(refusalOf(make()).message).toContain('at most 64 levels deep')
    let wrapped: z.ZodType = u8()
    for (let i = 0; i < 20_000; i++) wrapped = wrapped.readonly()
    expect(layoutOf(z.object({ a: wrapped })).recordSize).toBe(1)
  })

  it('takes one object schema in several places', () => {
    const Point = z.object({ x: u8(), y: u8() })
    expect(layoutOf(z.object({ a: Point, b: Point, c: z.array(Point).length(2) })).recordSize).toBe(8)
  })

  it('gives a value that is listed twice one code, in both codecs', () => {
    const twice = z.object({ a: z.literal([1, 1, 2, -0, 0]), b: z.enum({ X: 'x', Y: 'x', Z: 'z' }) })
    const once = z.object({ a: z.literal([1, 2, 0]), b: z.enum(['x', 'z']) })
    expect(layoutOf(twice).canonical).toBe(layoutOf(once).canonical)
    const coded = field(z.literal([1, 1]), { codes: [3, 4] })
    expect(refusalOf(z.object({ a: coded })).message).toContain('needs 1 different codes')
    // A file may list it twice: the first code counts, and both are read.
    const text = layoutOf(z.object({ a: z.literal([1, 5]) })).canonical.replace('[1,5]', '[1,1]')
    for (const compile of [true, false]) {
      const codec = codecFromCanonical(text, { compile })
      const memory = Buffer.from([9])
      const view = new DataView(memory.buffer, memory.byteOffset, 1)
      codec.encode({ a: 1 }, view, memory, 0)
      expect(memory[0]).toBe(0)
      memory[0] = 1
      expect(codec.decode(view, memory, 0)).toEqual({ a: 1 })
    }
  })

  it.each([
    ['listed', z.literal(['a', null]), ['a', null]],
    ['listed, and nullable', z.literal(['a', null]).nullable(), ['a', null]],
    ['listed, and nullish', z.literal([null, 'a']).nullish(), ['a', null, undefined]],
    ['alone', z.literal(null), [null]],
    ['listed, with a default', z.literal(['a', null]).default(null), ['a', null]],
  ])('gives back null from a literal: %s', (_, literal, values) => {
    for (const compile of [true, false]) {
      const codec = codecOf(z.object({ a: literal }), { compile })
      const memory = Buffer.alloc(codec.layout.recordSize)
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
      for (const a of values) {
        codec.encode({ a }, view, memory, 0)
        expect(codec.decode(view, memory, 0)).toStrictEqual({ a })
        expect(codec.readField(view, memory, 0, 'a')).toBe(a)
        codec.patch({ a }, view, memory, 0)
        expect(codec.decode(view, memory, 0)).toStrictEqual({ a })
      }
    }
  })

  it.each([
    ['z.null()', z.null(), '.nullable()'],
    ['z.undefined()', z.undefined(), '.optional()'],
    ['a union with null', z.union([z.literal('a'), z.null()]), 'z.literal'],
    ['a union with undefined', z.literal('a').or(z.undefined()), 'z.literal'],
    ['a literal that lists undefined', z.literal(['a', undefined]), '.optional()'],
    ['NaN', z.literal(Number.NaN), 'no code'],
  ])('refuses %s by name', (_, schema, instead) => {
    const error = refusalOf(z.object({ bad: schema }))
    expect(error).toMatchObject({ code: 'ERR_STRIDE_LAYOUT', field: 'bad' })
    expect(error.message).toContain(instead)
  })
})

const Recursive = z.object({
  x: z.uint32(),
  get next() {
    return Recursive.optional()
  },
})
const Ping = z.object({
  a: u8(),
  get pong() {
    return Pong
  },
})
const Pong = z.object({
  get ping() {
    return Ping.nullable()
  },
})
const Placed = z.object({
  a: u8(),
  get next() {
    return field(Placed, { width: 99 })
  },
})
