/** The records of the golden files: one field of every kind, and a value for each record number. */

import { ascii, bytes, f32, field, i8, i16, latin1, u8, u16, utf8 } from 'stridedb'
import { z } from 'zod'

export const Everything = z.object({
  a: u8(),
  b: i8(),
  c: u16(),
  d: i16(),
  e: z.uint32(),
  f: z.int32(),
  g: z.uint64(),
  h: z.int64(),
  i: z.float32(),
  j: z.float64(),
  k: z.boolean(),
  l: z.date(),
  m: z.enum(['red', 'green', 'blue']),
  n: ascii(5),
  o: latin1(6),
  p: utf8(12),
  q: bytes(3),
  r: z.object({ x: z.float32(), y: z.float32() }),
  s: z.tuple([z.uint32(), u8()]),
  t: z.array(u16()).length(3),
  u: u8().nullable(),
  v: z.float64().optional(),
  w: z.int32().nullish(),
})

export function everything(i: number): z.output<typeof Everything> {
  return {
    a: i,
    b: 0 - i,
    c: i * 1000,
    d: 0 - i * 1000,
    e: i * 100_000_000,
    f: 0 - i * 100_000_000,
    g: BigInt(i) * 10n ** 17n,
    h: -BigInt(i) * 10n ** 17n,
    i: i / 4,
    j: i / 3,
    k: i % 2 === 1,
    l: new Date(1_700_000_000_000 + i),
    m: (['red', 'green', 'blue'] as const)[i % 3] as 'red',
    n: 'abcde'.slice(0, i % 6),
    o: 'caf\u00e9',
    p: `\u20ac ${i}`,
    q: Uint8Array.of(i, i + 1, i + 2),
    r: { x: i / 2, y: -i / 2 },
    s: [i, 2 * i],
    t: [i, i + 1, i + 2],
    u: i % 2 === 0 ? null : i,
    v: i % 3 === 0 ? undefined : i / 7,
    w: [null, undefined, -i][i % 3],
  }
}

/** The indexes of the golden files that have some. */
export const INDEXES = {
  byE: { on: 'e', unique: true },
  byText: { on: ['m', 'n'], kind: 'ordered' },
} as const

/** What `Everything` lacks: null bits inside null bits, codes of our own, byte orders, places, padding. */
export const Odd = z.object({
  place: z.object({ x: i16().nullable(), y: z.tuple([u8().nullish(), u8()]).nullable() }).nullish(),
  list: z.array(u16().nullable()).length(3).optional(),
  objects: z.array(z.object({ on: z.boolean().nullable(), n: z.uint32() })).length(2),
  level: field(z.enum(['low', 'high', 'top']), { codes: [7, 300, 0], endian: 'big' }),
  state: z.literal(['a', 2, true, null, 5n]).nullable(),
  size: field(z.uint32(), { endian: 'big', width: 6 }),
  when: field(z.date(), { endian: 'big' }),
  safe: z.int(),
  loose: f32({ nonFinite: true }),
  text: latin1(7, { padding: 'space' }),
})

export function odd(i: number): z.output<typeof Odd> {
  return {
    place: [
      null,
      undefined,
      { x: null, y: null },
      { x: -i, y: [undefined, i] as [undefined, number] },
      { x: i, y: [null, i] as [null, number] },
      { x: i, y: [i, 255 - i] as [number, number] },
    ][i % 6],
    list: i % 4 === 0 ? undefined : [i, null, i % 2 === 0 ? null : 65_535 - i],
    objects: [
      { on: [true, false, null][i % 3] as boolean | null, n: i },
      { on: i % 2 === 0, n: 2 ** 32 - 1 - i },
    ],
    level: (['low', 'high', 'top'] as const)[i % 3] as 'low',
    state: (['a', 2, true, null, 5n] as const)[i % 5] as null,
    size: 1000 * i,
    when: new Date(-i * 86_400_000),
    safe: -i * 2 ** 44,
    loose: [Number.NaN, Number.POSITIVE_INFINITY, i / 8][i % 3] as number,
    text: 'ÿ naïve'.slice(0, i % 8).trimEnd(),
  }
}
