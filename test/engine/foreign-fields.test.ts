/**
 * Do stores keep the kinds of foreign files? What could go wrong: a store that is opened without its schema and has another kind then, a
 * column that cannot say what is missing, an index that finds a value by one form and not by another, a kind that changed unnoticed.
 */

import { join } from 'node:path'
import {
  ascii,
  bits,
  decimal,
  dosDate,
  dosDateTime,
  f16,
  field,
  filetime,
  guid,
  i32,
  migrateStore,
  numberText,
  openStore,
  u24,
  u32,
  u48,
  unixSeconds,
  utf16le,
  uuid,
} from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, temporaryFolder } from './support.ts'

const Item = z.object({
  price: decimal(2, i32()),
  at: unixSeconds(u32()),
  small: u24(),
  large: field(u48(), { endian: 'big' }),
  half: f16(),
  id: uuid(),
  other: guid().nullable(),
  flags: bits({ low: 3, high: 5 }, { order: 'msb' }),
  side: field(z.enum(['buy', 'sell']), { lenient: true }),
  wide: utf16le(10),
  name: ascii(8, { padding: 'length' }),
  size: numberText(12, { radix: 8 }),
  dos: dosDateTime(),
  windows: filetime(),
  what: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('none') }),
    z.object({ kind: z.literal('some'), count: u24() }),
  ]),
})
type Item = z.output<typeof Item>

const item = (i: number): Item => ({
  price: (i * 7 - 100) / 100,
  at: new Date(i * 1000),
  small: i,
  large: i * 2 ** 30,
  half: i / 4,
  id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  other: i % 3 === 0 ? null : '123e4567-e89b-12d3-a456-426614174000',
  flags: { low: i % 8, high: i % 32 },
  side: i % 4 === 0 ? 77 : i % 2 === 0 ? 'buy' : 'sell',
  wide: `w${i}`,
  name: `n${i} `,
  size: i * 8,
  dos: new Date(Date.UTC(2000, 0, 1 + i)),
  windows: new Date(i - 50),
  what: i % 2 === 0 ? { kind: 'none' } : { kind: 'some', count: i },
})
const COUNT = 100
const indexes = {
  byPrice: { on: 'price', kind: 'ordered' },
  byAt: { on: 'at', unique: true },
  byId: { on: 'id', unique: true },
  byWide: { on: ['wide', 'small'], kind: 'ordered' },
  byHigh: { on: 'flags.high', kind: 'ordered' },
  bySide: { on: 'side' },
} as const

function filled(path: string) {
  const store = openStore(path, Item, { indexes })
  store.appendMany(Array.from({ length: COUNT }, (_, i) => item(i)))
  store.commitSync()
  return store
}

test('a store gives back the same kinds without its schema, and says when they differ', async () => {
  const path = join(temporaryFolder(), 'x.stride')
  filled(path).close()
  const same = openStore(path)
  expect([...same]).toEqual(Array.from({ length: COUNT }, (_, i) => item(i)))
  same.append(item(COUNT))
  expect(codeOf(() => same.update(0, { price: 0.001 }))).toBe('ERR_STRIDE_RECORD')
  expect((await same.verify()).findings).toEqual([])
  same.commitSync()
  same.close()
  using again = openStore(path, Item)
  expect([again.layout.canonical, again.get(COUNT)]).toEqual([same.layout.canonical, item(COUNT)])
  again.close()
  const Other = Item.extend({ price: decimal(3, i32()) })
  expect(() => openStore(path, Other)).toThrow(
    /'price' was decimal\(i32, 2\) at byte 0, is decimal\(i32, 3\) at byte 0/,
  )
})

test('columns, rows and indexes have the values that records have', () => {
  using store = filled(join(temporaryFolder(), 'x.stride'))
  const all = Array.from({ length: COUNT }, (_, i) => item(i))
  expect(store.gather('price')).toEqual(Float64Array.from(all, ({ price }) => price))
  expect(store.gather('at')).toEqual(Float64Array.from(all, ({ at }) => at.getTime()))
  expect(store.gather('half')).toEqual(Float32Array.from(all, ({ half }) => half))
  expect(store.gather('flags.high')).toEqual(Uint32Array.from(all, ({ flags }) => flags.high))
  expect(store.gather('side')).toEqual(all.map(({ side }) => side))
  expect(store.gather('price', [1, 999], { missing: Number.NaN })).toEqual(Float64Array.of(-0.93, Number.NaN))
  expect(store.gather('at', [-1], { missing: new Date(5000) })).toEqual(Float64Array.of(5000))
  expect(() => store.gather('small', [-1], { missing: -1 })).toThrow(/missing cannot stand/)
  expect(() => store.gather('id', [-1], { missing: 'none' })).toThrow(/missing cannot stand/)
  expect(Array.from(store.scan(), row => [row.price, row.flags, row.what])).toEqual(
    all.map(({ price, flags, what }) => [price, flags, what]),
  )
  expect(store.index('byPrice').number(-0.93)).toBe(1)
  expect(store.index('byPrice').number(0.1 + 0.2)).toBe(-1)
  expect(store.index('byPrice').count({ gte: -0.005, lt: 1 })).toBe(
    all.filter(({ price }) => price >= 0 && price < 1).length,
  )
  expect(store.index('byAt').number(new Date(7000))).toBe(7)
  expect(store.index('byAt').number(new Date(7001))).toBe(-1)
  expect(store.index('byId').number(item(8).id)).toBe(8)
  expect(() => store.index('byId').number('none')).toThrow(TypeError)
  expect(Array.from(store.index('byWide').range({ prefix: ['w1'] }), row => row.small)).toEqual([
    1,
    ...Array.from({ length: 10 }, (_, i) => 10 + i),
  ])
  expect(store.index('byHigh').count({ gte: 31 })).toBe(all.filter(({ flags }) => flags.high === 31).length)
  expect(store.index('bySide').all(77)).toHaveLength(25)
  expect(codeOf(() => store.append({ ...item(5), id: item(200).id }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
})

test('a time that may be a code is no key', () => {
  const Entry = z.object({ id: u24(), day: field(dosDate(), { lenient: true }) })
  const open = (on: string) =>
    openStore('codes.stride', Entry, { backend: 'memory', indexes: { by: { on: on as 'id' } } })
  expect(() => open('day')).toThrow(/'day': a time that may be a code has no key/)
  using store = open('id')
  store.append({ id: 1, day: 0 })
  store.append({ id: 2, day: new Date(Date.UTC(2000, 0, 1)) })
  expect(store.gather('day')).toEqual([0, new Date(Date.UTC(2000, 0, 1))])
})

test('a migration turns what a field was into a kind of these', () => {
  const path = join(temporaryFolder(), 'x.stride')
  const Old = z.object({ at: z.date(), cents: z.int32() })
  const store = openStore(path, Old)
  for (let i = 0; i < 10; i++) store.append({ at: new Date(i * 1500), cents: i * 33 })
  store.commitSync()
  store.close()
  const New = z.object({ at: unixSeconds(u32()), euros: decimal(2, i32()) })
  migrateStore(path, New, old => {
    const { at, cents } = old as z.output<typeof Old>
    return { at: new Date(Math.floor(at.getTime() / 1000) * 1000), euros: cents / 100 }
  })
  using migrated = openStore(path, New)
  expect(migrated.get(9)).toEqual({ at: new Date(13_000), euros: 2.97 })
})
