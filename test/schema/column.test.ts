/**
 * Which arrays do columns come in, and where does a gather stop? What could go wrong: a number outside the window
 * that is read all the same, a fraction taken for a record, a typed array that cannot hold the field.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ascii, codecOf, i8, i16, u8, u16 } from '../../src/schema/index.ts'

const vector = z.tuple([z.float32(), z.float32(), z.float32()])
const SCHEMA = z.object({
  u8: u8(),
  i8: i8(),
  u16: u16(),
  i16: i16(),
  u32: z.uint32(),
  i32: z.int32(),
  u64: z.uint64(),
  i64: z.int64(),
  f32: z.float32(),
  f64: z.float64(),
  whole: z.int(),
  flag: z.boolean(),
  date: z.date(),
  side: z.enum(['a', 'b']),
  text: ascii(4),
  maybe: u8().nullable(),
  vector,
  mixed: z.tuple([u8(), z.float64()]),
  odd: z.tuple([u8(), ascii(2)]),
  matrix: z.array(z.array(u16()).length(5)).length(5),
  maybes: z.array(u8().nullable()).length(2),
  maybeVector: vector.nullable(),
  inner: z.object({ x: z.uint32() }),
  gone: z.object({ x: z.uint32() }).optional(),
})

describe.each([true, false])('a column (compiled: %s)', compile => {
  const codec = codecOf(SCHEMA, { compile })
  const { recordSize } = codec.layout
  const COUNT = 10
  const bytes = Buffer.alloc(recordSize * COUNT)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let i = 0; i < COUNT; i++) {
    codec.encode(
      {
        u8: i,
        i8: -i,
        u16: i,
        i16: -i,
        u32: i,
        i32: -i,
        u64: BigInt(i),
        i64: -BigInt(i),
        f32: i,
        f64: i,
        whole: i,
        flag: i % 2 === 1,
        date: new Date(i),
        side: 'b',
        text: `t${i}`,
        maybe: i === 0 ? null : i,
        vector: [i, i, i],
        mixed: [i, 0.5],
        odd: [i, 'x'],
        matrix: Array(5).fill(Array(5).fill(i)),
        maybes: [null, i],
        maybeVector: i === 0 ? null : [i, i, i],
        inner: { x: i },
        gone: i === 0 ? undefined : { x: i },
      },
      view,
      bytes,
      i * recordSize,
    )
  }

  it.each([
    ['u8', Uint8Array, 1],
    ['i8', Int8Array, 1],
    ['u16', Uint16Array, 1],
    ['i16', Int16Array, 1],
    ['u32', Uint32Array, 1],
    ['i32', Int32Array, 1],
    ['u64', BigUint64Array, 1],
    ['i64', BigInt64Array, 1],
    ['f32', Float32Array, 1],
    ['f64', Float64Array, 1],
    ['whole', Float64Array, 1],
    ['flag', Uint8Array, 1],
    ['date', Float64Array, 1],
    ['side', Array, 1],
    ['text', Array, 1],
    ['maybe', Array, 1],
    ['vector', Float32Array, 3],
    ['mixed', Float64Array, 2],
    ['odd', Array, 2],
    ['matrix', Uint16Array, 25],
    ['maybes', Array, 2],
    ['maybeVector', Array, 1],
    ['inner', Array, 1],
    ['inner.x', Uint32Array, 1],
    ['gone.x', Array, 1],
  ] as const)('of %s comes in the field’s own array', (name, type, width) => {
    const column = codec.column(name)
    expect(column.width).toBe(width)
    const out = column.allocate(COUNT)
    expect(out).toBeInstanceOf(type)
    expect(out).toHaveLength(COUNT * width)
    column.span(view, bytes, 0, COUNT, out, 0)
    const element = out[3 * width]
    const whole = codec.readField(view, bytes, 3 * recordSize, name)
    const flat = Array.isArray(whole) && width > 1 ? (whole as unknown[]).flat()[0] : whole
    const expected =
      flat instanceof Date && type === Float64Array
        ? flat.getTime()
        : typeof flat === 'boolean'
          ? Number(flat)
          : flat
    expect(element).toEqual(expected)
  })

  it('keeps what is missing', () => {
    const read = (name: string): unknown => {
      const column = codec.column(name)
      const out = column.allocate(2)
      column.span(view, bytes, 0, 2, out, 0)
      return out
    }
    expect(read('maybe')).toEqual([null, 1])
    expect(read('maybeVector')).toEqual([null, [1, 1, 1]])
    expect(read('gone.x')).toStrictEqual([undefined, 1])
    expect(read('maybes')).toEqual([null, 0, null, 1])
  })

  it('is made once a field', () => {
    expect(codec.column('u8')).toBe(codec.column('u8'))
  })

  it('stops a gather at the first number that is no record of the window', () => {
    const column = codec.column('vector')
    for (const stop of [99, 110, -1, 104.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32 + 104, 2 ** 40]) {
      const out = column.allocate(4)
      const numbers = [101, 109, stop, 102]
      expect(column.run(view, bytes, 0, 100, COUNT, numbers, 0, 4, out)).toBe(2)
      expect([...out]).toEqual([1, 1, 1, 9, 9, 9, 0, 0, 0, 0, 0, 0])
      expect(column.run(view, bytes, 0, 100, COUNT, numbers, 3, 4, out)).toBe(4)
      expect([...out].slice(9)).toEqual([2, 2, 2])
    }
    expect(column.run(view, bytes, 0, 100, 0, [100], 0, 1, column.allocate(1))).toBe(0)
    expect(column.run(view, bytes, 0, 0, COUNT, new Uint32Array([1, 2]), 0, 2, column.allocate(2))).toBe(2)
  })

  it.each([0, 7, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 40])(
    'gathers long rows of a window that begins with record %d',
    first => {
      const column = codec.column('f64')
      const all = column.allocate(COUNT)
      column.span(view, bytes, 0, COUNT, all, 0)
      const places = Array.from({ length: 100 }, (_, i) => (i * 7) % COUNT)
      for (const stopAt of [0, 1, 31, 32, 40, 63, 64, 97, 100]) {
        for (const wrong of [first - 1, first + COUNT, first + 0.5, -1, Number.NaN, 2 ** 52]) {
          const numbers = places.map(place => first + place)
          numbers[stopAt] = wrong
          const out = column.allocate(numbers.length)
          expect(column.run(view, bytes, 0, first, COUNT, numbers, 0, 100, out)).toBe(Math.min(100, stopAt))
          expect([...out.slice(0, stopAt)]).toEqual(places.slice(0, stopAt).map(place => all[place]))
          expect(out.slice(stopAt, 100).every(value => value === 0)).toBe(true)
        }
      }
    },
  )
})
