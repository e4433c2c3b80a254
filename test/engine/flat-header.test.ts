/**
 * What could go wrong where a header says where the records lie: a header that is believed, a function that throws and leaves the file
 * open, rows from the end of a file read as if they came from its beginning, records added meanwhile that are not seen, or seen before
 * they are whole.
 */

import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decimal, field, i32, openFlatFile, u8, u16 } from 'stridedb'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { codeOf, temporaryFolder } from './support.ts'

const Header = z.object({ magic: u16(), count: u16(), at: z.uint64(), step: i32() })
const HEADER = 16
const Item = z.object({ id: z.uint32(), kind: u8() })
const ITEM = 5

/** A file of items behind a header and a gap, `step` bytes apart. */
function file(count: number, { at = HEADER + 4, step = ITEM, more = 0, says = count } = {}): string {
  const path = join(temporaryFolder(), 'header.bin')
  const bytes = Buffer.alloc(Math.max(HEADER, at + Math.abs(step) * count) + more, 0xee)
  bytes.writeUInt16LE(0x4242, 0)
  bytes.writeUInt16LE(says, 2)
  bytes.writeBigUInt64LE(BigInt(step < 0 ? at + (count - 1) * -step : at), 4)
  bytes.writeInt32LE(step, 12)
  for (let i = 0; i < count; i++) {
    const from = at + (step < 0 ? count - 1 - i : i) * Math.abs(step)
    bytes.writeUInt32LE(i, from)
    bytes[from + 4] = i % 7
  }
  writeFileSync(path, bytes)
  return path
}

const header = {
  schema: Header,
  offset: (h: z.output<typeof Header>) => h.at,
  count: (h: z.output<typeof Header>) => h.count,
  stride: (h: z.output<typeof Header>) => h.step,
}
const item = (i: number): z.output<typeof Item> => ({ id: i, kind: i % 7 })

describe.each([{ backend: 'mapped' as const }, { backend: 'file' as const }])(
  'a flat file with a header ($backend)',
  base => {
    test.each([
      { count: 0, step: ITEM },
      { count: 1, step: 9 },
      { count: 20_000, step: ITEM },
      { count: 20_000, step: 12 },
      { count: 1, step: -ITEM },
      { count: 20_000, step: -ITEM },
      { count: 20_000, step: -11 },
    ])('has its records where that says: %o', ({ count, step }) => {
      const path = file(count, { step, more: 3 })
      using flat = openFlatFile(path, Item, { ...base, header, readOnly: true, windowBytes: 65_536 })
      expect(flat.header).toMatchObject({ magic: 0x4242, count, step })
      expectTypeOf(flat.header.at).toEqualTypeOf<bigint>()
      expect([flat.count, flat.size]).toEqual([count, count])
      const all = Array.from({ length: count }, (_, i) => item(i))
      expect([...flat]).toEqual(all)
      const some = [count - 1, 0, Math.floor(count / 2), 1].filter(n => n >= 0 && n < count)
      expect(flat.getMany(some)).toEqual(some.map(item))
      // Twice, so that the second is hot.
      for (const n of [...some, ...some]) expect([flat.get(n), flat.field(n, 'id')]).toEqual([item(n), n])
      expect(flat.get(count)).toBeUndefined()
      expect([...flat.gather('id')]).toEqual(all.map(({ id }) => id))
      expect([...flat.gather('id', some)]).toEqual(some)
      let sum = 0
      for (const row of flat.scan()) sum += row.id
      expect(sum).toBe(Math.abs(count * (count - 1)) / 2)
      const many = Array.from({ length: 300 }, (_, i) => (i * 7919) % Math.max(1, count)).filter(n => n < count)
      expect([...flat.gather('id', many)]).toEqual(many)
      if (count > 0) expect(flat.row(count - 1).toObject()).toEqual(item(count - 1))
    })

    test.each([{ step: -ITEM }, { step: -11 }])('is prefetched, and changed in place: %o', async ({ step }) => {
      const path = file(500, { step })
      const before = readFileSync(path)
      using flat = openFlatFile(path, Item, { ...base, header })
      await flat.prefetch()
      await flat.prefetch([3, 400, 3, 499, 0])
      flat.update(3, { kind: 99 })
      flat.put(499, { id: 7, kind: 8 })
      expect([flat.get(3), flat.get(499), flat.get(4)]).toEqual([
        { id: 3, kind: 99 },
        { id: 7, kind: 8 },
        item(4),
      ])
      await flat.commit()
      const after = readFileSync(path)
      const at = (n: number): number => HEADER + 4 + (499 - n) * -step
      before[at(3) + 4] = 99
      before.writeUInt32LE(7, at(499))
      before[at(499) + 4] = 8
      expect(after.equals(before)).toBe(true)
    })

    test('sees records that another process adds, once it is told to look', async () => {
      const path = file(3)
      using flat = openFlatFile(path, Item, {
        ...base,
        header: { schema: Header, offset: h => h.at },
        tail: 'ignore',
      })
      const walk = flat.scan()
      flat.update(1, { kind: 77 })
      expect(flat.refresh()).toBe(0)
      appendFileSync(path, Buffer.from('0300000003040000', 'hex'))
      expect(flat.size).toBe(3)
      expect(flat.refresh()).toBe(1)
      expect([flat.size, flat.count, flat.get(3)]).toEqual([4, 4, item(3)])
      expect(flat.get(1)).toEqual({ id: 1, kind: 77 })
      expect([...walk].length).toBe(3)
      // The part of a record gets its end.
      appendFileSync(path, Buffer.from('0004', 'hex'))
      expect([flat.refresh(), flat.get(4)]).toEqual([1, item(4)])
      appendFileSync(
        path,
        Buffer.concat(Array.from({ length: 30_000 }, (_, i) => Buffer.of(i, i >> 8, 0, 0, i % 7))),
      )
      expect(flat.refresh()).toBe(30_000)
      expect([...flat.gather('id', [5, 30_004])]).toEqual([0, 29_999])
      flat.rollback()
      expect([flat.size, flat.get(1)]).toEqual([30_005, item(1)])
      flat.update(30_004, { kind: 1 })
      await flat.commit()
      expect(readFileSync(path).at(-1)).toBe(1)
    })

    test('looks at the header again, and refuses one that says fewer records, or another place', () => {
      const path = file(3, { more: 2 * ITEM })
      using flat = openFlatFile(path, Item, { ...base, header })
      const bytes = readFileSync(path)
      bytes.writeUInt16LE(5, 2)
      writeFileSync(path, bytes)
      expect([flat.refresh(), flat.header.count, flat.size]).toEqual([2, 5, 5])
      bytes.writeUInt16LE(4, 2)
      writeFileSync(path, bytes)
      expect(codeOf(() => flat.refresh())).toBe('ERR_STRIDE_TRUNCATED')
      bytes.writeUInt16LE(6, 2)
      writeFileSync(path, bytes)
      expect(codeOf(() => flat.refresh())).toBe('ERR_STRIDE_TRUNCATED')
      bytes.writeUInt16LE(5, 2)
      bytes.writeBigUInt64LE(16n, 4)
      writeFileSync(path, bytes)
      expect(codeOf(() => flat.refresh())).toBe('ERR_STRIDE_REPLACED')
      expect([flat.size, flat.get(2)]).toEqual([5, item(2)])
      truncateSync(path, 7)
      expect(codeOf(() => flat.refresh())).toBe('ERR_STRIDE_TRUNCATED')
      flat.close()
      expect(codeOf(() => flat.refresh())).toBe('ERR_STRIDE_CLOSED')
    })

    test('refuses a header that cannot be right, and one that the file is too short for', () => {
      const open = (more: object, path = file(3)) =>
        codeOf(() => openFlatFile(path, Item, { ...base, header: { ...header, ...more } }).close())
      expect(open({}, file(3, { says: 4 }))).toBe('ERR_STRIDE_TRUNCATED')
      const short = join(temporaryFolder(), 'short.bin')
      writeFileSync(short, Buffer.alloc(HEADER - 1))
      expect(open({}, short)).toBe('ERR_STRIDE_TRUNCATED')
      writeFileSync(short, '')
      expect(open({}, short)).toBe('ERR_STRIDE_TRUNCATED')
      expect(open({ at: 1000 })).toBe('ERR_STRIDE_TRUNCATED')
      for (const nonsense of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, -(2n ** 70n)]) {
        for (const name of ['offset', 'count'])
          expect(open({ [name]: () => nonsense })).toBe('ERR_STRIDE_CORRUPT')
      }
      for (const stride of [0, 4, -4, 0.5, Number.NaN])
        expect(open({ stride: () => stride })).toBe('ERR_STRIDE_CORRUPT')
      expect(open({ offset: () => 2 ** 50 })).toBe('ERR_STRIDE_TRUNCATED')
      // Record 2 would lie in front of the file.
      expect(open({ offset: () => 9, stride: () => -ITEM })).toBe('ERR_STRIDE_TRUNCATED')
      for (const none of [undefined, null, '3', {}, Promise.resolve(3), true]) {
        expect(() =>
          openFlatFile(file(3), Item, { ...base, header: { ...header, count: () => none as never } }),
        ).toThrow(/header.count must answer a number/)
      }
    })

    test('lets what a function of the header throws through, and closes the file', () => {
      const mine = new Error('not today')
      const path = file(3)
      const throwing = (): number => {
        throw mine
      }
      expect(() => openFlatFile(path, Item, { ...base, header: { ...header, stride: throwing } })).toThrow(mine)
      using flat = openFlatFile(path, Item, {
        ...base,
        header: { schema: Header, offset: h => (h.count === 3 ? h.at : throwing()) },
      })
      expect(flat.size).toBe(3)
    })

    test('is read in its own byte order, wherever it lies, and its end is where records begin', () => {
      const path = join(temporaryFolder(), 'order.bin')
      writeFileSync(path, Buffer.from('ffff0002ffff0100000005', 'hex'))
      using flat = openFlatFile(path, Item, {
        ...base,
        header: { schema: z.object({ n: u16() }), at: 2, endian: 'big', count: h => h.n - 1 },
        offset: 6,
      })
      expect([flat.header, [...flat]]).toEqual([{ n: 2 }, [{ id: 1, kind: 5 }]])
      using behind = openFlatFile(path, z.object({ n: u8() }), {
        ...base,
        header: { schema: z.object({ n: u16(), price: decimal(1, field(u8(), { endian: 'big' })) }) },
      })
      expect([behind.header.price, behind.size]).toEqual([0, 8])
    })
  },
)

test('a part of a record at the end is ignored where that is asked for', () => {
  const path = join(temporaryFolder(), 'tail.bin')
  for (const [length, count] of [
    [0, 0],
    [4, 0],
    [5, 1],
    [9, 1],
    [10, 2],
  ] as const) {
    writeFileSync(path, Buffer.alloc(length))
    using flat = openFlatFile(path, Item, { tail: 'ignore', readOnly: true })
    expect(flat.size).toBe(count)
  }
})

test('a function of the header that closes the file ends a refresh', () => {
  const path = file(3)
  let isOver = false
  const flat = openFlatFile(path, Item, {
    header: {
      schema: Header,
      offset: h => {
        if (isOver) flat.close()
        return h.at
      },
    },
  })
  isOver = true
  expect(codeOf(() => flat.refresh())).toBe('ERR_STRIDE_CLOSED')
})

test('what is said twice, or not at all, is refused', () => {
  const path = file(3)
  expect(() => openFlatFile(path, Item, { header, count: 3 })).toThrow(/takes count once/)
  expect(() => openFlatFile(path, Item, { header, offset: 0 })).toThrow(/takes offset once/)
  expect(() => openFlatFile(path, Item, { offset: 20, stride: -5 })).toThrow(/count says how many/)
  expect(() => openFlatFile(path, Item, { offset: 20, stride: -4, count: 1 })).toThrow(RangeError)
  expect(() => openFlatFile(path, Item, { offset: 20, stride: 4, count: 1 })).toThrow(RangeError)
  expect(() => openFlatFile(path, Item, { header: { schema: z.object({ x: z.string() }) } })).toThrow(
    /no layout/,
  )
  using flat = openFlatFile(path, Item, { offset: 20 })
  expect(flat.header).toBeUndefined()
})
