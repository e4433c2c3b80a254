/**
 * Rows as programs keep, print and serialise them. What could go wrong: one row that was kept at each step passes for many records; a
 * row that a loop found shows nothing after `break`; JSON.stringify gives `{}`; console.log shows what a row is made of, or throws.
 */

import { inspect } from 'node:util'
import { bytes, openStore, StrideError } from 'stridedb'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf } from './support.ts'
import { COUNT, type ItemRow, item, OPENERS, type Opened } from './walk-openers.ts'

const opened: Opened[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})

describe.each(Object.entries(OPENERS))('%s', (_name, make) => {
  async function open(): Promise<Opened> {
    const each = await make()
    opened.push(each)
    return each
  }

  test.each<[string, (items: Iterable<ItemRow>) => readonly ItemRow[] | Promise<readonly ItemRow[]>]>([
    ['a spread', items => [...items]],
    ['Array.from', items => Array.from(items)],
    ['a Set', items => [...new Set(items)]],
    ['Promise.all', items => Promise.all(items)],
    [
      'an array that a loop fills',
      items => {
        const rows: ItemRow[] = []
        for (const row of items) rows.push(row)
        return rows
      },
    ],
    [
      'the last variable of a loop',
      items => {
        let last: ItemRow | undefined
        for (const row of items) last = row
        return [last as ItemRow]
      },
    ],
    ['a function that returns its argument', items => Array.from(items, row => row)],
    [
      'destructuring of all',
      items => {
        const [...rows] = items
        return rows
      },
    ],
  ])('%s keeps rows that say that they were one', async (_way, keep) => {
    for (const count of [1, COUNT]) {
      const { firstOnes } = await open()
      const rows = await keep(firstOnes(count))
      expect(rows.length).toBeGreaterThan(0)
      for (const row of rows) {
        for (const read of [
          () => row.key,
          () => row.half,
          () => row.number,
          () => row.toObject(),
          () => JSON.stringify(row),
        ]) {
          expect(codeOf(read)).toBe('ERR_STRIDE_ROW_ENDED')
        }
        expect(inspect(row)).toContain('toArray()')
      }
      // A row can be pointed at a record at any time.
      expect((rows[0] as ItemRow).seek(0).toObject()).toEqual(item(0))
    }
  })

  test('a loop that ends early leaves its row on its record', async () => {
    const { walk } = await open()
    for (const wanted of [0, 4, COUNT - 1]) {
      const items = walk()
      let found: ItemRow | undefined
      for (const row of items) {
        if (row.key !== wanted) continue
        found = row
        break
      }
      expect([found?.number, found?.key, found?.toObject()]).toEqual([wanted, wanted, item(wanted)])
      // Whoever goes on asking gets nothing, and changes nothing.
      expect([...items]).toEqual([])
      expect(found?.key).toBe(wanted)
    }
    const [first] = walk()
    expect(first?.half).toBe(0)
  })

  test('a walk over nothing ends', async () => {
    const { firstOnes } = await open()
    const items = firstOnes(0)
    expect([[...items], items.next().done, items.next().done]).toEqual([[], true, true])
  })

  test('a row is its record for JSON, and for console.log its record and number', async () => {
    const each = await open()
    const { walk } = each
    const rows = [each.row(3), walk().find(row => row.key === 3) as ItemRow]
    for (const row of rows) {
      expect(JSON.stringify(row)).toBe('{"key":3,"half":1.5}')
      expect(JSON.stringify({ rows: [row] })).toBe('{"rows":[{"key":3,"half":1.5}]}')
      expect(inspect(row)).toBe('{ number: 3, key: 3, half: 1.5 }')
      expect(inspect([{ row }])).toBe('[ { row: { number: 3, key: 3, half: 1.5 } } ]')
      expect(inspect({ a: { b: { row } } }, { depth: 2 })).toContain('row: [Object]')
      expect(inspect({ row }, { depth: Number.POSITIVE_INFINITY, showHidden: true })).toBe(
        '{ row: { number: 3, key: 3, half: 1.5 } }',
      )
    }
    expect(inspect(walk())).toBe('Walk {}')
    each.close()
    for (const row of rows) {
      expect(inspect(row)).toContain('is closed')
      expect(codeOf(() => JSON.stringify(row))).toBe('ERR_STRIDE_CLOSED')
    }
  })
})

describe('JSON of a row', () => {
  const Wide = z.object({
    big: z.int64(),
    at: z.date(),
    raw: bytes(2),
    place: z.object({ x: z.float64(), tags: z.tuple([z.uint32(), z.uint32()]) }),
    none: z.uint32().nullable(),
  })
  const wide = {
    big: 2n ** 60n,
    at: new Date(0),
    raw: new Uint8Array([1, 255]),
    place: { x: 0.5, tags: [1, 2] as [number, number] },
    none: null,
  }
  const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)

  test('is that of its record, bigint, Date and bytes as JSON.stringify has them', () => {
    using store = openStore('wide.stride', Wide, { backend: 'memory' })
    store.append(wide)
    const row = store.row(0)
    expect(() => JSON.stringify(row)).toThrow(TypeError)
    expect(JSON.stringify(row, text)).toBe(
      '{"big":"1152921504606846976","at":"1970-01-01T00:00:00.000Z","raw":{"0":1,"1":255},"place":{"x":0.5,"tags":[1,2]},"none":null}',
    )
    expect(JSON.stringify(row, text)).toBe(JSON.stringify(row.toObject(), text))
  })

  test('is right where a field is named toJSON: the field has the name', () => {
    using store = openStore('odd.stride', z.object({ id: z.uint32(), toJSON: z.uint32() }), {
      backend: 'memory',
    })
    store.appendMany([
      { id: 1, toJSON: 5 },
      { id: 2, toJSON: 6 },
    ])
    const row = store.row(1)
    expect([row.toJSON, JSON.stringify(row), JSON.stringify(store.get(0))]).toEqual([
      6,
      '{"id":2,"toJSON":6}',
      '{"id":1,"toJSON":5}',
    ])
    expect(inspect(row)).toBe('{ number: 1, id: 2, toJSON: 6 }')
    expect(Array.from(store.scan(), each => JSON.stringify(each))).toEqual([
      '{"id":1,"toJSON":5}',
      '{"id":2,"toJSON":6}',
    ])
  })
})

test('a row of a deleted record is shown with its number, and so is the prototype of rows', () => {
  using store = openStore('items.stride', z.object({ id: z.uint32() }), { backend: 'memory' })
  store.append({ id: 1 })
  const row = store.row(0)
  store.delete(0)
  expect(inspect(row)).toMatch(/^\{\s+number: 0,\s+unreadable:\s+'StrideError: .*'\s+\}$/s)
  expect(inspect(Object.getPrototypeOf(row))).toMatch(/^\w+ \{\}$/)
  expect(() => JSON.stringify(row)).toThrow(StrideError)
})
