/**
 * What could go wrong: a kind of field arrives in DuckDB as another type, as another value, or NULL where there is a value; text is cut
 * or mixed up between records; a NULL lands in the wrong row.
 */

import {
  ascii,
  bits,
  bytes,
  decimal,
  dosDateTime,
  f16,
  f32,
  filetime,
  guid,
  i16,
  i24,
  i48,
  i8,
  latin1,
  numberText,
  u16,
  u24,
  u48,
  u64,
  u8,
  unixSeconds,
  utf16le,
  utf8,
  uuid,
} from 'stridedb'
import { attach } from 'stridedb/duckdb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { connect, hasDuckDb, newStore, rowsOf } from './support.ts'

/** More than one chunk of DuckDB, and not a multiple of it. */
const RECORDS = 5_000

/** A field, its type in DuckDB, its value of record i, and what DuckDB's package makes of that value. */
interface Kind {
  readonly name: string
  readonly schema: z.ZodType
  readonly type: string
  readonly value: (i: number) => unknown
  readonly seen?: (value: never) => unknown
}

const day = (i: number): Date =>
  new Date(Date.UTC(2000 + (i % 30), i % 12, 1 + (i % 28), i % 24, i % 60, 2 * (i % 30)))
const hex = (i: number, digits: number): string =>
  ((i * 2654435761) % 2 ** 32).toString(16).padStart(digits, '0')
const TEXTS = [
  '',
  'short',
  'exactly 12 b',
  'thirteen byte',
  'ein längerer Text mit Umläuten',
  '日本語のテキスト',
  '\u{1f600}',
]
const text = (i: number): string =>
  i % 3 === 0 ? `note ${i} of a record` : (TEXTS[i % TEXTS.length] as string)
const long = { seen: (value: number) => BigInt(value) }
const COLORS = ['red', 'green', 'blue'] as const

const KINDS: readonly Kind[] = [
  { name: 'u8', schema: u8(), type: 'UTINYINT', value: i => i % 256 },
  { name: 'i8', schema: i8(), type: 'TINYINT', value: i => (i % 256) - 128 },
  { name: 'u16', schema: u16(), type: 'USMALLINT', value: i => i * 13 },
  { name: 'i16', schema: i16(), type: 'SMALLINT', value: i => i * 13 - 32768 },
  { name: 'u24', schema: u24(), type: 'UINTEGER', value: i => 16777215 - i },
  { name: 'i24', schema: i24(), type: 'INTEGER', value: i => i - 8388608 },
  { name: 'u32', schema: z.uint32(), type: 'UINTEGER', value: i => 4294967295 - i },
  { name: 'i32', schema: z.int32(), type: 'INTEGER', value: i => i - 2147483648 },
  { name: 'u48', schema: u48(), type: 'BIGINT', value: i => 2 ** 48 - 1 - i, ...long },
  { name: 'i48', schema: i48(), type: 'BIGINT', value: i => (i % 2 ? -1 : 1) * (2 ** 46 + i), ...long },
  {
    name: 'int',
    schema: z.int(),
    type: 'BIGINT',
    value: i => (i % 2 ? -1 : 1) * (Number.MAX_SAFE_INTEGER - i),
    ...long,
  },
  { name: 'i64', schema: z.int64(), type: 'BIGINT', value: i => -(2n ** 63n) + BigInt(i) },
  { name: 'u64', schema: u64(), type: 'UBIGINT', value: i => 2n ** 64n - 1n - BigInt(i) },
  { name: 'f16', schema: f16(), type: 'FLOAT', value: i => (i % 100) / 4 },
  { name: 'f32', schema: f32(), type: 'FLOAT', value: i => i / 8 },
  { name: 'f64', schema: z.float64(), type: 'DOUBLE', value: i => (i % 7 ? i / 3 : -0) },
  { name: 'boolean', schema: z.boolean(), type: 'BOOLEAN', value: i => i % 3 === 0 },
  {
    name: 'date',
    schema: z.date(),
    type: 'TIMESTAMP',
    value: i => new Date(i < 2 ? (1 - 2 * i) * 8.64e15 : day(i).getTime() + (i % 1000)),
  },
  { name: 'unix', schema: unixSeconds(), type: 'TIMESTAMP', value: day },
  { name: 'filetime', schema: filetime(), type: 'TIMESTAMP', value: day },
  { name: 'dos', schema: dosDateTime(), type: 'TIMESTAMP', value: day },
  { name: 'colour', schema: z.enum(COLORS), type: "ENUM('red', 'green', 'blue')", value: i => COLORS[i % 3] },
  { name: 'level', schema: z.literal([1, 5, 10]), type: 'INTEGER', value: i => [1, 5, 10][i % 3] },
  {
    name: 'mixed',
    schema: z.literal(['a', 1, true]),
    type: 'VARCHAR',
    value: i => ['a', 1, true][i % 3],
    seen: String,
  },
  {
    name: 'decimal2',
    schema: decimal(2, i16()),
    type: 'DECIMAL(5,2)',
    value: i => Math.round(i * 5 - 9000) / 100,
  },
  { name: 'decimal8', schema: decimal(1, u8()), type: 'DECIMAL(3,1)', value: i => (i % 256) / 10 },
  {
    name: 'decimal64',
    schema: decimal(3),
    type: 'DECIMAL(15,3)',
    value: i => Math.round(i * 123456789) / 1000,
  },
  { name: 'digits', schema: numberText(8), type: 'BIGINT', value: i => i * 3, ...long },
  { name: 'uuid', schema: uuid(), type: 'UUID', value: i => `${hex(i, 8)}-e89b-12d3-a456-4266${hex(i, 8)}` },
  { name: 'guid', schema: guid(), type: 'UUID', value: i => `${hex(i, 8)}-e89b-12d3-a456-4266${hex(i, 8)}` },
  { name: 'ascii', schema: ascii(8), type: 'VARCHAR', value: i => `S${i % 97}` },
  {
    name: 'latin1',
    schema: latin1(40),
    type: 'VARCHAR',
    value: i => (i % 2 ? 'é'.repeat(i % 40) : `Zeile ${i}`),
  },
  { name: 'utf8', schema: utf8(60), type: 'VARCHAR', value: text },
  { name: 'utf16', schema: utf16le(120), type: 'VARCHAR', value: text },
  { name: 'bytes', schema: bytes(16), type: 'BLOB', value: i => new Uint8Array(16).fill(i % 256) },
  { name: 'short', schema: bytes(3), type: 'BLOB', value: i => Uint8Array.of(i % 256, 0, 255) },
]

/** Bytes of every class alike. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value

describe.skipIf(!hasDuckDb)('each kind of field', () => {
  it.each(KINDS)('$name is $type and has the values of the store', async ({ schema, type, value, seen }) => {
    const store = newStore(
      z.object({ before: u8(), it: schema, none: schema.nullable() }) as never,
    ) as never as ReturnType<typeof anyStore>
    const record = (i: number): object => ({
      before: i % 256,
      it: value(i),
      none: i % 3 === 1 ? null : value(i),
    })
    store.appendMany(Array.from({ length: RECORDS }, (_, i) => record(i)))
    store.commitSync()
    const connection = await connect()
    await attach(connection, 't', store)
    const described = await rowsOf(connection, 'DESCRIBE t')
    expect(described.map(row => row.slice(0, 2))).toEqual([
      ['before', 'UTINYINT'],
      ['it', type],
      ['none', type],
    ])
    const rows = await rowsOf(connection, 'SELECT * FROM t')
    const as = (given: unknown): unknown =>
      given === null ? null : plain(seen === undefined ? given : seen(given as never))
    const expected = Array.from(store.scan(), row => {
      const { before, it, none } = row.toObject() as { before: number; it: unknown; none: unknown }
      return [before, as(it), as(none)]
    })
    expect(rows.map(row => row.map(plain))).toEqual(expected)
    expect(await rowsOf(connection, 'SELECT count(none), count(*) FROM t')).toEqual([
      [BigInt(RECORDS - Math.ceil((RECORDS - 1) / 3)), BigInt(RECORDS)],
    ])
  })
})

declare function anyStore(): import('stridedb').Store

describe.skipIf(!hasDuckDb)('enums', () => {
  // DuckDB stores codes in 1, 2 or 4 bytes.
  it.each([1, 255, 256, 65_535, 65_536])('of %i values have each of them', async count => {
    const values = Array.from({ length: count }, (_, i) => (i === 0 ? '' : `value ${i}`))
    const store = newStore(z.object({ i: z.uint32(), it: z.enum(values as [string, ...string[]]) }))
    store.appendMany(values.map((it, i) => ({ i, it })))
    store.commitSync()
    const connection = await connect()
    await attach(connection, 't', store)
    const sql = "SELECT count(*) FROM t WHERE it::VARCHAR = CASE WHEN i = 0 THEN '' ELSE 'value ' || i END"
    expect(await rowsOf(connection, sql)).toEqual([[BigInt(count)]])
  })
})

describe.skipIf(!hasDuckDb)('fields with others inside', () => {
  const Vector = z.tuple([z.float64(), z.float64(), z.float64()])
  const Nested = z.object({
    address: z.object({ city: utf8(20), zip: z.uint32(), place: z.object({ x: f32(), y: f32() }) }),
    maybe: z.object({ a: u8(), note: utf8(30), at: z.date() }).nullable(),
    flags: bits({ low: 3, high: 5 }),
    vector: Vector,
    pair: z.tuple([u8(), utf8(20), z.date()]),
    grid: z.array(z.array(u16()).length(2)).length(3),
    gaps: z.array(z.uint32().nullable()).length(3),
    points: z.array(z.object({ x: u8(), name: utf8(15) })).length(2),
    tags: z.array(ascii(14)).length(2).nullable(),
    shape: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('circle'), radius: z.float64() }),
      z.object({ kind: z.literal('box'), width: z.float64(), label: utf8(16) }),
    ]),
  })
  const nested = (i: number): z.output<typeof Nested> => ({
    address: { city: `City ${i % 50}`, zip: i, place: { x: i / 2, y: -i } },
    maybe: i % 3 === 0 ? null : { a: i % 256, note: `a note with ${i} in it`, at: day(i) },
    flags: { low: i % 8, high: i % 32 },
    vector: [i, i / 2, -i],
    pair: [i % 256, `pair ${i}`, day(i)],
    grid: [
      [i, 1],
      [2, i],
      [i, i],
    ],
    gaps: [i % 2 ? null : i, i, i % 5 ? i : null],
    points: [
      { x: 1, name: `p ${i}` },
      { x: i % 256, name: 'a longer name' },
    ],
    tags: i % 4 === 0 ? null : [`t${i}`, 'fourteen bytes'],
    shape: i % 2 ? { kind: 'circle', radius: i } : { kind: 'box', width: i, label: `box ${i}` },
  })

  it('are STRUCT, ARRAY and LIST with the values of the store', async () => {
    const store = newStore(Nested)
    store.appendMany(Array.from({ length: RECORDS }, (_, i) => nested(i)))
    store.commitSync()
    const connection = await connect()
    await attach(connection, 't', store)
    const described = await rowsOf(connection, 'DESCRIBE t')
    expect(Object.fromEntries(described.map(([name, type]) => [name, type]))).toEqual({
      address: 'STRUCT(city VARCHAR, zip UINTEGER, place STRUCT(x FLOAT, y FLOAT))',
      maybe: 'STRUCT(a UTINYINT, note VARCHAR, "at" TIMESTAMP)',
      flags: 'STRUCT(low UINTEGER, high UINTEGER)',
      vector: 'DOUBLE[3]',
      pair: 'STRUCT(v0 UTINYINT, v1 VARCHAR, v2 TIMESTAMP)',
      grid: 'USMALLINT[2][3]',
      gaps: 'UINTEGER[]',
      points: 'STRUCT(x UTINYINT, "name" VARCHAR)[2]',
      tags: 'VARCHAR[]',
      shape: "STRUCT(kind ENUM('circle', 'box'), radius DOUBLE, width DOUBLE, \"label\" VARCHAR)",
    })
    const [pair] = await rowsOf(
      connection,
      'SELECT pair.v0, pair.v1, pair.v2, shape.label FROM t LIMIT 1 OFFSET 4000',
    )
    expect(pair).toEqual([4000 % 256, 'pair 4000', day(4000), 'box 4000'])
    const rows = await rowsOf(connection, 'SELECT * FROM t')
    const expected = Array.from({ length: RECORDS }, (_, i) => {
      const {
        shape,
        pair: [v0, v1, v2],
        ...rest
      } = nested(i)
      const all = { radius: null, width: null, label: null, ...shape }
      const values = { ...rest, pair: { v0, v1, v2 }, shape: all }
      return Object.keys(Nested.shape).map(name => values[name as keyof typeof values])
    })
    expect(rows).toEqual(expected)
    // Functions of DuckDB look at the elements themselves, also of NULL.
    expect(
      await rowsOf(
        connection,
        'SELECT count(maybe.a), sum(list_sum(gaps)), count(tags[1]), sum(vector[2]) FROM t',
      ),
    ).toEqual([
      [
        BigInt(expected.filter((_, i) => i % 3 !== 0).length),
        expect.anything(),
        BigInt(expected.filter((_, i) => i % 4 !== 0).length),
        (RECORDS * (RECORDS - 1)) / 4,
      ],
    ])
    expect(
      await rowsOf(connection, 'SELECT count(*) FROM t WHERE maybe IS NULL AND maybe.note IS NULL'),
    ).toEqual([[BigInt(expected.filter((_, i) => i % 3 === 0).length)]])
  })

  it('may be null inside others', async () => {
    const Pair = z.tuple([utf8(4), bytes(2)]).nullable()
    const store = newStore(z.object({ pairs: z.array(Pair).length(2) }))
    store.append({ pairs: [['text', Uint8Array.of(128, 129)], null] })
    store.commitSync()
    const connection = await connect()
    await attach(connection, 't', store)
    const sql = 'SELECT pairs[1].v0, hex(pairs[1].v1), pairs[2] IS NULL, len(pairs) FROM t'
    expect(await rowsOf(connection, sql)).toEqual([['text', '8081', true, 2n]])
  })

  it('names that differ in case only are told apart', async () => {
    const store = newStore(z.object({ id: u8(), ID: u8(), in: z.object({ a: u8(), A: u8() }) }))
    store.append({ id: 1, ID: 2, in: { a: 3, A: 4 } })
    store.commitSync()
    const connection = await connect()
    await attach(connection, 't', store)
    expect(await rowsOf(connection, 'SELECT id, ID_1, "in".a, "in".A_1 FROM t')).toEqual([[1, 2, 3, 4]])
  })
})
