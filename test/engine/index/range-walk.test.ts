/**
 * What could go wrong while a range is walked: a reader skips what it read while a commit came between, a walk goes on over an
 * index that is no longer there, or by numbers that records had before a compact.
 */

import { join } from 'node:path'
import { ascii, openStore } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Numbering } from '../../../src/engine/read/numbering.ts'
import { readingOf } from '../../../src/engine/read/point-reader.ts'
import { BACKENDS, codeOf, isWindows, temporaryFolder } from '../support.ts'

const Item = z.object({ id: z.uint32(), group: z.uint32(), count: z.uint32(), text: ascii(20) })
const INDEXES = {
  byId: { on: 'id', kind: 'ordered' },
  byGroup: { on: 'group', kind: 'ordered' },
} as const
/** More than a page of an index has. */
const SIZE = 3_000
const GROUPS = 7

const item = (id: number): z.output<typeof Item> => ({ id, group: id % GROUPS, count: 0, text: `t${id}` })

function filled(path: string, options = {}) {
  const store = openStore(path, Item, { ...options, indexes: INDEXES })
  store.appendMany(Array.from({ length: SIZE }, (_, i) => item(i)))
  store.commitSync()
  return store
}

type Items = ReturnType<typeof filled>

const below = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Commits right behind some readings of a reader, before it has seen that nobody did. Counts the readings. */
function commitWithin(reader: Items, commit: (reading: number) => void): { readings: number } {
  const reading = readingOf(reader as never)
  const consistently = reading.consistently.bind(reading)
  const counted = { readings: 0 }
  reading.consistently = read => {
    const number = counted.readings++
    let isFirst = true
    return consistently(() => {
      const value = read()
      if (isFirst) commit(number)
      isFirst = false
      return value
    })
  }
  return counted
}

describe.each(BACKENDS)('a range that a reader walks beside a writer, $name', ({ options }) => {
  it('has every number, whatever is committed while they are read', () => {
    const path = join(temporaryFolder(), 'x.stride')
    using writer = filled(path)
    using reader = openStore(path, Item, { ...options, readOnly: true, indexes: INDEXES })
    commitWithin(reader, reading => {
      writer.update(reading, { count: reading })
      writer.commitSync()
    })
    const byId = reader.index('byId')
    expect([...byId.range().numbers()]).toEqual(below(SIZE))
    expect([...byId.range({ limit: 300, offset: 100 }).numbers()]).toEqual(below(400).slice(100))
    expect([...byId.range({ reverse: true, limit: 5 }).numbers()]).toEqual(below(SIZE).reverse().slice(0, 5))
    const walk = byId.range({ limit: 2_500 })
    for (let id = 0; id < 20; id++) expect(walk.next().value.id).toBe(id)
    expect([...walk.numbers()]).toEqual(below(2_500).slice(20))
  })

  it.each([false, true])('gives every record once, backwards: %s', async reverse => {
    const path = join(temporaryFolder(), 'x.stride')
    using writer = filled(path, { journalBytes: 65_536 })
    await writer.checkpoint()
    using reader = openStore(path, Item, { ...options, readOnly: true, indexes: INDEXES })
    const counted = commitWithin(reader, reading => {
      if (reading % 8 > 1) return
      const n = (reading * 37) % SIZE
      writer.update(n, reading % 8 === 0 ? { count: reading } : { text: `u${reading}` })
      writer.commitSync()
      if (reading % 80 !== 0) return
      // A key that was elsewhere between two readings.
      for (const id of [SIZE + n, n]) {
        writer.update(n, { id })
        writer.commitSync()
      }
    })
    const seen: number[] = []
    for (const row of reader.index('byId').range({ reverse, offset: 3, limit: 2_000 })) seen.push(row.id)
    expect(counted.readings).toBeGreaterThanOrEqual(2_000)
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual([...seen].sort((a, b) => (reverse ? b - a : a - b)))
    expect(seen.length).toBe(2_000)

    const plain: number[] = []
    for (const row of reader.index('byGroup').range({ reverse })) plain.push(row.number)
    const expected = below(SIZE).sort((a, b) => (a % GROUPS) - (b % GROUPS) || a - b)
    expect(plain).toEqual(reverse ? expected.reverse() : expected)
  })

  it('stays where it was when a step fails', () => {
    const path = join(temporaryFolder(), 'x.stride')
    using writer = filled(path)
    using reader = openStore(path, Item, { ...options, readOnly: true, indexes: INDEXES })
    let fails = 0
    commitWithin(reader, () => {
      if (fails-- > 0) throw new Error('not now')
    })
    const walk = reader.index('byId').range()
    expect(walk.next().value.id).toBe(0)
    for (let id = 1; id < 520; id++) {
      fails = 1
      expect(() => walk.next()).toThrow('not now')
      expect(walk.next().value.id).toBe(id)
    }
    fails = 1
    expect(() => walk.numbers()).toThrow('not now')
    expect([...walk.numbers()]).toEqual(below(SIZE).slice(520))
    expect(writer.count).toBe(SIZE)
  })

  // Windows replaces no file that a reader has open.
  it.skipIf(isWindows)('says that it cannot go on once another opener compacted', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    using writer = filled(path)
    using reader = openStore(path, Item, { ...options, readOnly: true, indexes: INDEXES })
    const begun = reader.index('byGroup').range()
    for (let i = 0; i < 100; i++) begun.next()
    const fresh = reader.index('byGroup').range({ gte: 1 })
    writer.delete(0)
    writer.commitSync()
    await writer.compact()
    expect(codeOf(() => begun.next())).toBe('ERR_STRIDE_REPLACED')
    expect(codeOf(() => begun.numbers())).toBe('ERR_STRIDE_REPLACED')
    expect(fresh.next().value.id).toBe(1)
    expect(fresh.numbers().length).toBe(writer.index('byGroup').count({ gte: 1 }) - 1)
  })
})

describe.each(BACKENDS)('a walk over an index that does not stay, $name', ({ options }) => {
  it('throws once the index is dropped, and goes on where it is rebuilt over the same fields', async () => {
    using store = filled(join(temporaryFolder(), 'x.stride'), options)
    await store.checkpoint()
    const walk = store.index('byId').range()
    for (let id = 0; id < 10; id++) expect(walk.next().value.id).toBe(id)
    await store.dropIndex('byId')
    expect(() => walk.next()).toThrow(RangeError)
    // Their pages lie where those of the other one did.
    for (const name of ['a', 'b']) await store.createIndex(name, { on: 'text', kind: 'ordered' })
    expect(() => walk.next()).toThrow("there is no index 'byId'")
    expect(() => walk.numbers()).toThrow("there is no index 'byId'")
    await store.createIndex('byId', { on: 'id', kind: 'ordered' })
    expect(walk.next().value.id).toBe(10)
    store.update(SIZE - 1, { id: SIZE + 5 })
    expect([...walk.numbers()]).toEqual(below(SIZE).slice(11))
  })

  it('throws where the index is rebuilt over other fields', async () => {
    using store = filled(join(temporaryFolder(), 'x.stride'), options)
    const walk = store.index('byId').range()
    const fresh = store.index('byId').range({ gte: 5 })
    walk.next()
    await store.dropIndex('byId')
    await store.createIndex('byId', { on: 'text', kind: 'ordered' })
    for (let i = 0; i < 2; i++) {
      expect(() => walk.next()).toThrow('rebuilt over text: a walk over id cannot go on')
      expect(() => fresh.next()).toThrow(RangeError)
      expect(() => walk.numbers()).toThrow(RangeError)
      store.update(SIZE - 1, { count: i + 1 })
    }
    expect(store.index('byId').range().next().value.text).toBe('t0')
    store.commitSync()
    await store.dropIndex('byId')
    await store.createIndex('byId', { on: 'id' })
    expect(() => walk.next()).toThrow("kind: 'ordered'")
  })

  it.each([false, true])(
    'goes on behind the record given last through compacts, backwards: %s',
    async reverse => {
      using store = filled(join(temporaryFolder(), 'x.stride'), options)
      const walk = store.index('byGroup').range({ reverse })
      const seen: number[] = []
      const gone = new Set<number>()
      for (let round = 0; round < 12; round++) {
        for (let i = 0; i < 150; i++) seen.push(walk.next().value.id)
        const given = new Set(seen)
        const last = seen.at(-1) as number
        for (let n = store.size - 1; n >= 0; n--) {
          const { id } = store.get(n) ?? { id: 49 }
          // The one given last and its neighbours, too, in some rounds.
          const isNear = Math.abs(id - last) <= GROUPS && round % 3 === 1
          if (!isNear && (id * 31 + round * 17) % 23 !== 0) continue
          if (id % 50 === 49) continue
          store.delete(n)
          if (!given.has(id)) gone.add(id)
        }
        store.commitSync()
        // Twice in one step of the walk, and once with nothing deleted.
        if (round !== 5) await store.compact()
        if (round === 7) await store.compact()
      }
      for (const row of walk) seen.push(row.id)
      const expected = below(SIZE).sort((a, b) => (a % GROUPS) - (b % GROUPS) || a - b)
      if (reverse) expected.reverse()
      expect(gone.size).toBeGreaterThan(100)
      expect(seen).toEqual(expected.filter(id => !gone.has(id)))
    },
  )

  it('gives nothing that was appended since it began, also after a compact', async () => {
    using store = filled(join(temporaryFolder(), 'x.stride'), options)
    const walk = store.index('byGroup').range({ gte: 3, lte: 3 })
    const count = store.index('byGroup').count({ gte: 3, lte: 3 })
    for (let i = 0; i < count; i++) walk.next()
    for (let n = 0; n < 1_000; n++) store.delete(n)
    store.commitSync()
    await store.compact()
    store.append({ ...item(SIZE), group: 3 })
    expect(Array.from(walk, row => row.id)).toEqual([])
  })
})

describe('the numbers of records', () => {
  it('are told through any compacts, and not through one that is not known', () => {
    const first = new Numbering()
    const moved = Float64Array.from({ length: 100 }, (_, n) => (n % 3 === 0 ? -1 : n - Math.ceil((n + 1) / 3)))
    const second = first.end(moved)
    for (let n = 0; n <= 100; n++) expect(first.placeNow(n)).toBe(n - Math.ceil(n / 3))
    expect(first.placeNow(0xffffffff)).toBe(0xffffffff)
    const third = second.end(Float64Array.from({ length: 66 }, (_, n) => n))
    expect([first.placeNow(50), second.placeNow(50), second.placeNow(70)]).toEqual([33, 50, 66])
    third.end(undefined)
    expect([0, 2, 50, 0xffffffff].map(n => first.placeNow(n))).toEqual([0, -1, -1, 0xffffffff])
  })
})
