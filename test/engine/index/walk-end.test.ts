/**
 * Where does a walk over a range end? What could go wrong: a loop that appends, or that moves the keys of what it is given, never
 * ends; a record comes twice, or is passed over though its key stays ahead. The contract: the end is fixed when the walk is
 * made, each record comes at most once, and changes of records ahead are seen.
 */

import { join } from 'node:path'
import { openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ReturnedNumbers } from '../../../src/engine/numbers/returned-numbers.ts'
import { temporaryFolder } from '../support.ts'

const Item = z.object({ key: z.uint32(), value: z.uint32() })
const INDEXES = { byKey: { on: 'key', kind: 'ordered' } } as const
/** Above every key that a test begins with. */
const FAR = 1_000_000

function filled(count: number, options = {}) {
  const store = openStore(join(temporaryFolder(), 'items.stride'), Item, { ...options, indexes: INDEXES })
  store.appendMany(Array.from({ length: count }, (_, i) => ({ key: 10 * i, value: 0 })))
  store.commitSync()
  return store
}
type Items = ReturnType<typeof filled>
type Row = ReturnType<Items['row']>

const below = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** The numbers that a walk gives to a loop, which must end within twice as many steps as there are records. */
function given(store: Items, range: object, loop: (row: Row) => void): number[] {
  const limit = 2 * store.size + 10
  const numbers: number[] = []
  for (const row of store.index('byKey').range(range)) {
    numbers.push(row.number)
    expect(numbers.length).toBeLessThan(limit)
    loop(row)
  }
  return numbers
}

const BACKENDS = ['mapped', 'file', 'memory'] as const

describe.each(BACKENDS)('a walk over a range, %s', backend => {
  // More than one page of an index has, where a step costs least.
  const COUNTS = backend === 'memory' ? [0, 1, 10, 700] : [0, 1, 10]
  const MANY = backend === 'memory' ? 6_000 : 1_200

  test.each(COUNTS)('of %i records ends though its loop appends behind or in front of it', count => {
    using store = filled(count, { backend })
    for (const reverse of [false, true]) {
      const expected = reverse ? below(store.size).reverse() : below(store.size)
      expected.sort((a, b) => (reverse ? -1 : 1) * (store.field(a, 'key') - store.field(b, 'key') || a - b))
      const seen = given(store, { reverse }, row => {
        store.append({ key: row.key + 5, value: 1 })
        store.append({ key: Math.max(0, row.key - 5), value: 1 })
      })
      expect(seen).toEqual(expected)
      store.rollback()
    }
  })

  test.each(COUNTS)('of %i records ends though its loop moves each key ahead', count => {
    using store = filled(count, { backend })
    expect(given(store, {}, row => store.update(row.number, { key: row.key + FAR }))).toEqual(below(count))
    expect(store.index('byKey').count({ gte: FAR })).toBe(count)
    const back = given(store, { reverse: true }, row => store.update(row.number, { key: row.key - FAR }))
    expect(back).toEqual(below(count).reverse())
    // Committed at each step, the keys move through the pages of the index too.
    const committed = given(store, { limit: 50 }, row => {
      store.put(row.number, { key: row.key + FAR, value: 2 })
      store.commitSync()
    })
    expect(committed).toEqual(below(Math.min(count, 50)))
  })

  test('gives what moves ahead of it at its new key, once, and nothing that moves behind it', () => {
    using store = filled(10, { backend })
    const seen = given(store, {}, row => {
      if (row.number !== 4) return
      store.update(8, { key: 45 })
      store.update(5, { key: 500 })
      store.update(6, { key: 0 })
      store.update(3, { key: 501 })
      store.delete(7)
      store.append({ key: 502, value: 0 })
    })
    expect(seen).toEqual([0, 1, 2, 3, 4, 8, 9, 5])
  })

  test('passes over what was appended before its first step, too, and its offset counts no such records', () => {
    using store = filled(10, { backend })
    const range = (options: object) => store.index('byKey').range(options)
    const walks = [range({ offset: 3 }), range({ offset: 3, limit: 2 }), range({})]
    const numbers = [range({ offset: 3 }), range({ offset: 3, limit: 2 }), range({})]
    for (let i = 0; i < 5; i++) store.append({ key: i, value: 1 })
    const expected = [below(10).slice(3), [3, 4], below(10)]
    expect(walks.map(walk => Array.from(walk, row => row.number))).toEqual(expected)
    expect(numbers.map(walk => [...walk.numbers()])).toEqual(expected)
    // A record that the offset passed over is not given either.
    const passed = given(store, { offset: 3, gte: 10 }, () => store.update(1, { key: FAR }))
    expect(passed).toEqual(below(10).slice(4))
  })

  test('gives the rest as numbers, without what was given and what was appended', () => {
    using store = filled(6_000, { backend })
    const walk = store.index('byKey').range()
    for (let i = 0; i < 5_000; i++) {
      const row = walk.next().value as Row
      if (i % 100 === 0) store.update(row.number, { key: FAR + i })
    }
    store.append({ key: FAR, value: 0 })
    store.update(5_999, { key: FAR + 1 })
    expect([...walk.numbers()]).toEqual([...below(5_999).slice(5_000), 5_999])
  })

  test('gives no record twice through compacts, however many were given', async () => {
    using store = filled(MANY, { backend })
    const walk = store.index('byKey').range()
    const keys: number[] = []
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < MANY / 4; i++) {
        const row = walk.next().value as Row | undefined
        if (row === undefined) break
        keys.push(row.key % FAR)
        // Every third comes again ahead, every fifth that was given goes.
        if (i % 3 === 0) store.update(row.number, { key: row.key + FAR })
        else if (i % 5 === 0) store.delete(row.number)
      }
      store.append({ key: 2 * FAR + round, value: 0 })
      store.commitSync()
      await store.compact()
    }
    expect(walk.next().done).toBe(true)
    expect(keys).toEqual(below(MANY).map(n => 10 * n))
  })

  test('takes an append into a freed number for a change of that number', () => {
    using store = filled(10, { backend, reuseNumbers: true })
    store.delete(8)
    const seen = given(store, {}, row => {
      if (row.number === 2) expect(store.append({ key: 35, value: 0 })).toBe(8)
      if (row.number === 4) store.delete(1)
      if (row.number === 5) expect(store.append({ key: 55, value: 0 })).toBe(1)
    })
    expect(seen).toEqual([0, 1, 2, 3, 8, 4, 5, 6, 7, 9])
  })
})

test.each(['mapped', 'file'] as const)('a reader walks to the end that it saw first, %s', backend => {
  using writer = filled(3_000, { backend })
  using reader = openStore(writer.path, Item, { backend, readOnly: true, indexes: INDEXES })
  const seen: number[] = []
  for (const row of reader.index('byKey').range()) {
    seen.push(row.number)
    expect(seen.length).toBeLessThan(4_000)
    if (row.number % 50 !== 0) continue
    writer.update(row.number, { key: row.key + FAR })
    writer.append({ key: row.key + 5, value: 0 })
    writer.commitSync()
  }
  expect(seen).toEqual(below(3_000))
})

test('the numbers of a walk are told apart, few and many, and through other numbers of records', () => {
  for (const count of [0, 1, 31, 32, 4_095, 4_096, 4_097, 9_000]) {
    const numbers = new ReturnedNumbers(20_000)
    for (let i = 0; i < count; i++) {
      numbers.add(2 * i)
      if (i % 1_000 === 0) expect([numbers.has(2 * i), numbers.has(2 * i + 1)]).toEqual([true, false])
    }
    expect(below(20_000).filter(n => numbers.has(n))).toEqual(below(count).map(i => 2 * i))
    numbers.renumber(n => (n % 4 === 0 ? n / 4 : -1), 5_000)
    expect(below(5_000).filter(n => numbers.has(n))).toEqual(below(Math.ceil(count / 2)))
    numbers.add(4_999)
    expect(numbers.has(4_999)).toBe(true)
    numbers.clear()
    expect(numbers.has(0)).toBe(false)
  }
})
