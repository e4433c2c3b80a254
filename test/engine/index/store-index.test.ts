/**
 * What could go wrong between a store and its indexes: something staged that is not found or found after a rollback, a
 * duplicate that gets in, an index that is behind after a checkpoint, a reopening, a crash or a compaction.
 */

import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { ascii, latin1, migrateStore, openStore, type Store, StrideError, u8 } from 'stridedb'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { PageView } from '../../../src/engine/indexes/pages/page-view.ts'
import type { WindowPool } from '../../../src/mmap/window-pool/window.ts'
import { propertyOptions } from '../../property.ts'
import {
  BACKENDS,
  codeOf,
  codeOfAsync,
  isWindows,
  Trade,
  type TradeRecord,
  temporaryFolder,
  trade,
} from '../support.ts'

const INDEXES = {
  byId: { on: 'id', unique: true },
  bySymbol: { on: 'symbol' },
  bySymbolTime: { on: ['symbol', 'time'], kind: 'ordered' },
  byPrice: { on: 'price', kind: 'ordered' },
} as const

type Indexed = Store<typeof Trade, typeof INDEXES>

function open(path: string, options = {}): Indexed {
  return openStore(path, Trade, { ...options, indexes: INDEXES })
}

/** Compares all that indexes answer with a look at every record. */
function expectAgreement(store: Indexed): void {
  const live: [number, TradeRecord][] = []
  for (let n = 0; n < store.size; n++) {
    const record = store.get(n)
    if (record !== undefined) live.push([n, record])
  }
  const byId = store.index('byId')
  expect([...byId.numbers(live.map(([, { id }]) => id))]).toEqual(live.map(([n]) => n))
  expect(byId.get(4_123_456_789)).toBeUndefined()
  const bySymbol = store.index('bySymbol')
  for (const symbol of new Set(live.map(([, record]) => record.symbol))) {
    const numbers = live.filter(([, record]) => record.symbol === symbol).map(([n]) => n)
    expect([...bySymbol.all(symbol)]).toEqual(numbers)
  }
  const ordered = [...live].sort(
    ([a, x], [b, y]) =>
      Buffer.compare(Buffer.from(x.symbol), Buffer.from(y.symbol)) || x.time - y.time || a - b,
  )
  expect([...store.index('bySymbolTime').range().numbers()]).toEqual(ordered.map(([n]) => n))
  const byPrice = [...live].sort(([a, x], [b, y]) => x.price - y.price || a - b).map(([n]) => n)
  expect([...store.index('byPrice').range().numbers()]).toEqual(byPrice)
  expect([...store.index('byPrice').range({ reverse: true }).numbers()]).toEqual([...byPrice].reverse())
  expect(store.index('byPrice').count()).toBe(live.length)
}

describe('a store with indexes', () => {
  for (const { name, options } of BACKENDS) {
    it(`finds records by key, ${name}`, async () => {
      const path = join(temporaryFolder(), 'trades.stride')
      {
        using store = open(path, options)
        store.appendMany(Array.from({ length: 3_000 }, (_, i) => trade(i)))
        const byId = store.index('byId')
        expect(byId.get(17)).toEqual(trade(17))
        expect(byId.has(17)).toBe(true)
        expect(byId.field(17, 'symbol')).toBe('S17')
        expect(byId.number(5_000)).toBe(-1)
        expect(byId.getMany([3, 9_999, 1])).toEqual([trade(3), undefined, trade(1)])
        expect(codeOf(() => byId.field(9_999, 'symbol'))).toBe('ERR_STRIDE_NO_RECORD')
        await store.commit()
        expect([...byId.numbers([5, -1, 4])]).toEqual([5, -1, 4])
        expect(byId.unique).toBe(true)
        expectAgreement(store)
      }
      using store = openStore(path, options)
      expect(store.indexes.map(index => index.name)).toEqual(Object.keys(INDEXES))
      expect(store.recovery).toEqual({ commitsReplayed: 0, bytesDropped: 0 })
      expectAgreement(store as unknown as Indexed)
      expect((await store.verify()).findings).toEqual([])
    })
  }

  it('walks ranges as rows, in order, with bounds of whole keys and of their beginnings', () => {
    using store = open(join(temporaryFolder(), 'x.stride'))
    for (let i = 0; i < 50; i++)
      store.append({ ...trade(i), symbol: 'ABC'[i % 3] as string, time: 100 - i, price: i })
    const index = store.index('bySymbolTime')
    const times = (range: Parameters<typeof index.range>[0]): number[] =>
      Array.from(index.range(range), row => row.time as number)
    const ofB = Array.from({ length: 17 }, (_, k) => 100 - (1 + 3 * (16 - k)))
    expect(times({ prefix: ['B'] })).toEqual(ofB)
    expect(times({ gte: ['B'], lte: ['B'] })).toEqual(ofB)
    expect(times({ gt: ['A'], lt: ['C'] })).toEqual(ofB)
    expect(times({ gte: ['B', 60], lt: ['B', 70] })).toEqual(ofB.filter(time => time >= 60 && time < 70))
    expect(times({ prefix: ['B'], reverse: true, offset: 2, limit: 3 })).toEqual([...ofB].reverse().slice(2, 5))
    expect(store.index('byPrice').count({ gt: 10.5, lte: 20 })).toBe(10)
    expect(store.index('byPrice').first({ gte: 7.25 })?.price).toBe(8)
    expect(store.index('byPrice').last({ lt: 7 })?.price).toBe(6)
    // @ts-expect-error: an index without order has no ranges
    expect(() => store.index('byId').range()).toThrow("kind: 'ordered'")
    // @ts-expect-error
    expect(() => store.index('byIdd')).toThrow("did you mean 'byId'?")
    expect(() => index.range({ limit: -1 })).toThrow('limit')
  })

  it('sees what changes ahead of a walk, and nothing that was appended since it began', () => {
    using store = open(join(temporaryFolder(), 'x.stride'))
    for (let i = 0; i < 2_000; i++) store.append({ ...trade(i), price: i })
    store.commitSync()
    const seen: number[] = []
    for (const row of store.index('byPrice').range({ gte: 500 })) {
      seen.push(row.price as number)
      if (row.number === 600) store.delete(700)
      if (row.number === 601) store.update(702, { price: 5_000 })
      if (row.number === 602) store.update(602, { qty: 1 })
      if (row.number === 603) store.append({ ...trade(9_000), price: 650.5 })
      if (row.number === 604) store.commitSync()
    }
    const expected = Array.from({ length: 1_500 }, (_, i) => i + 500).filter(
      price => price !== 700 && price !== 702,
    )
    expect(seen).toEqual([...expected, 5_000])
  })

  it('finds what is staged, and not what was rolled back', async () => {
    using store = open(join(temporaryFolder(), 'x.stride'))
    store.appendMany([trade(1), trade(2), trade(3)])
    await store.commit()
    const byId = store.index('byId')
    store.update(0, { id: 77 })
    store.delete(1)
    store.append(trade(4))
    expect([byId.number(1), byId.number(77), byId.number(2), byId.number(4)]).toEqual([-1, 0, -1, 3])
    expectAgreement(store)
    store.rollback()
    expect([byId.number(1), byId.number(77), byId.number(2), byId.number(4)]).toEqual([0, -1, 1, -1])
    expectAgreement(store)
    await store.transaction(tx => {
      tx.append(trade(8))
      expect(tx.index('byId').get(8)?.id).toBe(8)
    })
    expect(
      await codeOfAsync(
        store.transaction(tx => {
          tx.append(trade(9))
          throw new StrideError('ERR_STRIDE_LIMIT', 'enough')
        }),
      ),
    ).toBe('ERR_STRIDE_LIMIT')
    expect([byId.number(8), byId.number(9)]).toEqual([3, -1])
  })

  it('refuses a duplicate in a unique index, names both records, and changes nothing', () => {
    using store = open(join(temporaryFolder(), 'x.stride'), { reuseNumbers: true })
    store.appendMany([trade(1), trade(2)])
    const refused = (call: () => unknown): void => {
      let error: unknown
      try {
        call()
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(StrideError)
      expect(error).toMatchObject({ code: 'ERR_STRIDE_DUPLICATE_KEY', recordNumber: 0, field: 'id' })
      expect((error as Error).message).toMatch(
        /unique index 'byId' has 1 for record 0 already: record \d cannot/,
      )
    }
    refused(() => store.append(trade(1)))
    refused(() => store.appendMany([trade(5), trade(1)]))
    refused(() => store.update(1, { id: 1 }))
    refused(() => store.put(1, trade(1)))
    expect(store.size).toBe(2)
    expectAgreement(store)
    store.update(0, { qty: 5 })
    store.delete(1)
    refused(() => store.append(trade(1)))
    expect(store.append(trade(6))).toBe(1)
    store.commitSync()
    refused(() => store.append(trade(1)))
    store.delete(0)
    expect(store.append(trade(1))).toBe(0)
    expectAgreement(store)
  })

  it('finds what was asked where reading a key asks for another one', () => {
    using store = open(join(temporaryFolder(), 'x.stride'))
    for (let i = 0; i < 100; i++) store.append(trade(i))
    store.commitSync()
    const byId = store.index('byId')
    const asking = <T>(list: T[], ask: () => unknown): T[] => {
      const last = list.length - 1
      const value = list[last] as T
      Object.defineProperty(list, last, {
        get: () => {
          ask()
          return value
        },
      })
      return list
    }
    const others = (): unknown => byId.numbers([50, 51, 52])
    expect([...byId.numbers(asking([1, 2, 3], others))]).toEqual([1, 2, 3])
    expect(byId.getMany(asking([1, 2, 3], others))).toEqual([trade(1), trade(2), trade(3)])
    const pairs = store.index('bySymbolTime')
    const { symbol, time } = trade(7)
    const pair = (): [string, number] =>
      asking<string | number>([symbol, time], () => pairs.number(['other', 0])) as [string, number]
    expect(pairs.number(pair())).toBe(7)
    expect(pairs.first({ gte: pair() })).toEqual(trade(7))
  })

  it('lets many records have a key with a null inside, in whatever way a unique index hears of them', async () => {
    const Place = z.object({ id: u8(), at: z.object({ x: u8(), y: u8().nullish() }) })
    for (const kind of ['hash', 'ordered'] as const) {
      using store = openStore(join(temporaryFolder(), 'x.stride'), Place)
      for (let id = 0; id < 4; id++) store.append({ id, at: { x: 1, y: null } })
      store.append({ id: 4, at: { x: 1 } })
      store.append({ id: 5, at: { x: 1, y: 2 } })
      store.commitSync()
      const building = store.createIndex('place', { on: 'at', kind, unique: true })
      await new Promise(setImmediate)
      store.append({ id: 6, at: { x: 1, y: null } })
      await building
      store.append({ id: 7, at: { x: 1 } })
      store.update(5, { at: { x: 1, y: null } })
      store.append({ id: 8, at: { x: 1, y: 2 } })
      expect(codeOf(() => store.append({ id: 9, at: { x: 1, y: 2 } }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
      const place = store.index('place')
      expect([...place.all({ x: 1, y: null })]).toEqual([0, 1, 2, 3, 5, 6])
      expect([...place.all({ x: 1 })]).toEqual([4, 7])
      expect(place.number({ x: 1, y: 2 })).toBe(8)
    }
  })

  it('is what a model is, through commits, checkpoints, reopenings and lost processes', async () => {
    const folder = temporaryFolder()
    let runs = 0
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 300 }) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('update' as const), n: fc.nat(2_000), to: fc.nat(50) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), n: fc.nat(2_000) }) },
      { weight: 3, arbitrary: fc.constant({ do: 'commit' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'rollback' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'checkpoint' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'lose' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'compact' as const }) },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 20 }),
        fc.boolean(),
        async (steps, reuseNumbers) => {
          let path = join(folder, `${runs++}.stride`)
          const options = { reuseNumbers, journalBytes: 65_536 }
          let store = open(path, options)
          let next = 0
          try {
            for (const s of steps) {
              if (s.do === 'append')
                for (let i = 0; i < s.count; i++)
                  store.append({ ...trade(next), id: next++, symbol: `S${next % 7}` })
              else if (s.do === 'update' && store.has(s.n))
                store.update(s.n, { price: s.to, id: 1_000_000 + next++, symbol: `S${s.to % 5}` })
              else if (s.do === 'delete') store.delete(s.n)
              else if (s.do === 'commit') await store.commit()
              else if (s.do === 'rollback') store.rollback()
              else if (s.do === 'checkpoint') await store.checkpoint()
              else if (s.do === 'compact') {
                await store.commit()
                await store.compact()
                expect(store.recovery.indexesBuilt).toBeUndefined()
              } else if (s.do === 'reopen') {
                store.close()
                store = open(path, options)
                expect(store.recovery.indexesBuilt).toBeUndefined()
              } else if (s.do === 'lose') {
                await store.flush()
                // What a killed process leaves: the files as they are.
                const lost = join(folder, `${runs++}.stride`)
                for (const ending of ['', '-journal', '-index']) {
                  if (existsSync(path + ending)) copyFileSync(path + ending, lost + ending)
                }
                store.close()
                path = lost
                store = open(path, options)
                expect(store.recovery.indexesBuilt).toBeUndefined()
              }
            }
            expectAgreement(store)
            await store.commit()
            await store.checkpoint()
            expectAgreement(store)
            expect((await store.verify()).findings).toEqual([])
          } finally {
            store.close()
          }
        },
      ),
      propertyOptions(40),
    )
  })
})

describe('an index file that is of no use', () => {
  const filled = (path: string): void => {
    using store = open(path)
    store.appendMany(Array.from({ length: 500 }, (_, i) => trade(i)))
    store.commitSync()
  }
  const reasons = (path: string): string[] => {
    using store = open(path)
    expectAgreement(store)
    return [...new Set((store.recovery.indexesBuilt ?? []).map(({ reason }) => reason))]
  }

  it('is rebuilt from the records, and recovery says why', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x.stride')
    filled(path)
    expect(reasons(path)).toEqual([])
    copyFileSync(`${path}-index`, join(folder, 'old'))
    rmSync(`${path}-index`)
    expect(reasons(path)).toEqual(['there is no index file'])
    {
      using store = open(path)
      store.append(trade(1_000))
      store.commitSync()
    }
    copyFileSync(join(folder, 'old'), `${path}-index`)
    expect(reasons(path)).toEqual(["it is of commit 1, the store's root of 2"])
  })
})

describe('lookups of plain u32 keys, which go straight to the pages', () => {
  it('answer as of the call, whatever happened since the last one', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const store = open(path)
    store.appendMany(Array.from({ length: 5_000 }, (_, i) => trade(i)))
    store.commitSync()
    await store.checkpoint()
    const byId = store.index('byId')
    const warm = (): void => {
      for (let n = 10; n < 4_000; n++) expect(byId.number(n)).toBe(n)
    }
    const expectFound = (...pairs: readonly (readonly [id: number, n: number])[]): void => {
      expect(pairs.map(([id]) => byId.number(id))).toEqual(pairs.map(([, n]) => n))
    }
    warm()
    store.update(1, { id: 70_001 })
    store.delete(2)
    expectFound([1, -1], [70_001, 1], [2, -1], [3, 3])
    store.rollback()
    expectFound([1, 1], [70_001, -1], [2, 2])
    warm()
    await new Promise(setImmediate)
    expectFound([4_999, 4_999], [5_000, -1])
    store.append(trade(5_000))
    expectFound([5_000, 5_000])
    store.update(1, { id: 70_001 })
    store.delete(2)
    await store.commit()
    expectFound([1, -1], [70_001, 1], [2, -1])
    // So many entries are pending that pages are rebuilt while lookups go on.
    for (let n = 4_000; n < 5_000; n++) store.update(n, { id: 80_000 + n })
    store.commitSync()
    const folding = store.checkpoint()
    for (let turn = 0; turn < 20; turn++) {
      expectFound([4_100, -1], [84_100, 4_100], [70_001, 1], [2, -1], [0xffffffff, -1], [0, 0])
      await new Promise(setImmediate)
    }
    await folding
    warm()
    expectFound([4_100, -1], [84_100, 4_100], [1, -1], [70_001, 1])
    expect([byId.field(84_100, 'id'), byId.get(70_001)?.id]).toEqual([84_100, 70_001])
    expect(byId.get(2)).toBeUndefined()
    expect(codeOf(() => byId.field(2, 'id'))).toBe('ERR_STRIDE_NO_RECORD')
    expect(() => byId.number('7' as never)).toThrow(TypeError)
    expectFound([-1, -1], [0.5, -1], [2 ** 32, -1], [Number.NaN, -1])
    await store.compact()
    expectFound([4_100, -1], [70_001, 1], [2, -1], [3, 2])
    await store.dropIndex('byId')
    expect(() => byId.number(3)).toThrow(RangeError)
    await store.createIndex('byId', { on: 'price' })
    expectFound([3, store.index('byId').number(3 as never)])
    store.close()
    expect(codeOf(() => byId.number(3))).toBe('ERR_STRIDE_CLOSED')
  })

  it('find signed keys, and none that only looks like one', async () => {
    const Signed = z.object({ id: z.int32() })
    const ids = [-1, 0, 1, -(2 ** 31), 2 ** 31 - 1, ...Array.from({ length: 3_000 }, (_, i) => 7 * i - 9_999)]
    using store = openStore(join(temporaryFolder(), 'x.stride'), Signed, {
      indexes: { byId: { on: 'id', unique: true } },
    })
    const distinct = [...new Set(ids)]
    store.appendMany(distinct.map(id => ({ id })))
    await store.commit()
    await store.checkpoint()
    const byId = store.index('byId')
    for (let round = 0; round < 2; round++) {
      expect(distinct.map(id => byId.number(id))).toEqual(distinct.map((_, n) => n))
      expect([0xffffffff, 2 ** 31, 5].map(id => byId.number(id))).toEqual([-1, -1, distinct.indexOf(5)])
    }
  })
})

describe('compact', () => {
  it('keeps the indexes, under the new numbers, without building them', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const seedOf = (): string => readFileSync(`${path}-index`).subarray(36, 52).toString('hex')
    const store = open(path)
    // Of two symbols there are pages full, with the same key.
    store.appendMany(
      Array.from({ length: 6_000 }, (_, i) => ({
        ...trade(i),
        symbol: i % 3 === 0 ? 'SAME' : trade(i).symbol,
      })),
    )
    await store.commit()
    await store.checkpoint()
    const seed = seedOf()
    for (let n = 0; n < 6_000; n++) if (n % 5 === 0 || (n > 1_000 && n < 4_500)) store.delete(n)
    store.append({ ...trade(9_000), symbol: 'SAME' })
    await store.commit()
    const moved = await store.compact()
    expect(seedOf()).toBe(seed)
    expect(readdirSync(dirname(path)).filter(name => name.includes('next'))).toEqual([])
    expect(moved[4_501]).toBe(store.index('byId').number(4_501))
    expectAgreement(store)
    expect((await store.verify()).findings).toEqual([])
    store.update(0, { id: 77_777, symbol: 'SAME' })
    await store.commit()
    await store.checkpoint()
    expectAgreement(store)
    for (let n = 0; n < store.size; n++) store.delete(n)
    await store.commit()
    await store.compact()
    expectAgreement(store)
    store.append(trade(1))
    await store.commit()
    expectAgreement(store)
    store.close()
    using again = open(path)
    expect(again.recovery.indexesBuilt).toBeUndefined()
    expect(seedOf()).toBe(seed)
    expectAgreement(again)
  })

  it('that is aborted leaves the indexes as they were', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    using store = open(path)
    store.appendMany(Array.from({ length: 3_000 }, (_, i) => trade(i)))
    await store.commit()
    const controller = new AbortController()
    const compacting = store.compact({
      signal: controller.signal,
      // All records are copied; what is left are the indexes.
      progress: (done, total) => {
        if (done === total) setImmediate(() => controller.abort(new Error('no more')))
      },
    })
    await expect(compacting).rejects.toThrow('no more')
    expect(readdirSync(dirname(path)).filter(name => /next|new/.test(name))).toEqual([])
    expectAgreement(store)
  })
})

describe('a damaged page of an index', () => {
  it('is found by verify, and rebuilt by the checkpoint that needs it', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    {
      using store = open(path)
      store.appendMany(Array.from({ length: 3_000 }, (_, i) => trade(i)))
      store.commitSync()
    }
    const bytes = readFileSync(`${path}-index`)
    let damaged = 0
    for (let page = 3 * 4096; page < bytes.length; page += 4096) {
      if (bytes.readUInt32LE(page) !== 0x47505849) continue
      bytes[page + 100] = (bytes[page + 100] as number) ^ 1
      damaged++
    }
    expect(damaged).toBeGreaterThan(20)
    writeFileSync(`${path}-index`, bytes)
    using store = open(path)
    const before = await store.verify()
    expect(before.findings.length).toBeGreaterThan(20)
    expect(before.findings[0]).toMatchObject({ code: 'ERR_STRIDE_CORRUPT' })
    expect(before.findings[0]?.message).toContain('fails its checksum')
    // Wrong answers are worse than none: each index says that it is damaged, and is rebuilt.
    expect(codeOf(() => store.index('byId').number(7))).toBe('ERR_STRIDE_CORRUPT')
    expect(codeOf(() => store.index('bySymbolTime').count())).toBe('ERR_STRIDE_CORRUPT')
    expect(codeOf(() => store.update(7, { id: 60_000 }))).toBe('ERR_STRIDE_CORRUPT')
    await store.checkpoint()
    for (let n = 0; n < 3_000; n += 2) store.update(n, { id: 50_000 + n, price: n, symbol: 'NEW', time: n })
    await store.commit()
    await store.checkpoint()
    expectAgreement(store)
    expect((await store.verify()).findings).toEqual([])
  })
})

describe('a prefix that no text can begin with', () => {
  for (const [name, text] of Object.entries({ ascii, latin1 })) {
    it(`finds nothing, ${name}`, () => {
      const Item = z.object({ k: text(4) })
      const indexes = { k: { on: 'k', kind: 'ordered' } } as const
      using store = openStore(join(temporaryFolder(), 'x.stride'), Item, { indexes })
      for (const k of ['a', 'b', 'bcde']) store.append({ k })
      const counts = ['\u4e2d', 'b\u4e2d', 'bcdef', 'b\0'].map(prefix => store.index('k').count({ prefix }))
      expect(counts).toEqual([0, 0, 0, 0])
    })
  }
})

describe('createIndex and dropIndex', () => {
  for (const kind of ['hash', 'ordered'] as const) {
    it(`is told of what is staged right behind the call, ${kind}`, async () => {
      const path = join(temporaryFolder(), 'x.stride')
      const store = openStore(path, Trade)
      store.appendMany(Array.from({ length: 100 }, (_, i) => trade(i)))
      await store.commit()
      const creating = store.createIndex('byId', { on: 'id', kind })
      const n = store.append(trade(777))
      store.update(3, { id: 1_003 })
      store.delete(5)
      await creating
      const ids = [777, 3, 1_003, 5]
      const numbers = (): number[] => ids.map(id => store.index('byId').number(id as never))
      expect(numbers()).toEqual([n, -1, 3, -1])
      store.rollback()
      expect(numbers()).toEqual([-1, 3, -1, 5])
      expect(store.append(trade(777))).toBe(n)
      store.update(3, { id: 1_003 })
      await store.commit()
      expect(numbers()).toEqual([n, -1, 3, 5])
      expect((await store.verify()).findings).toEqual([])
      store.close()
      using again = openStore(path, Trade)
      expect(again.index('byId').number(777)).toBe(n)
      expect((await again.verify()).findings).toEqual([])
    })
  }

  it('leaves out of a compacted file what was declared, and dropped since', async () => {
    using store = open(join(temporaryFolder(), 'x.stride'))
    store.appendMany(Array.from({ length: 100 }, (_, i) => trade(i)))
    await store.commit()
    await store.dropIndex('byId')
    await store.compact()
    expect(store.indexes.map(({ name }) => name)).toEqual(['bySymbol', 'bySymbolTime', 'byPrice'])
  })

  it('builds from the records while changes go on, tells progress, and forgets again', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    {
      using store = openStore(path, Trade)
      store.appendMany(Array.from({ length: 30_000 }, (_, i) => trade(i)))
      await store.commit()
      const told: number[] = []
      const building = store.createIndex(
        'byId',
        { on: 'id', unique: true },
        { progress: done => told.push(done) },
      )
      await new Promise(setImmediate)
      store.append(trade(40_000))
      store.update(5, { id: 50_000 })
      store.delete(6)
      await building
      expect(told.length).toBeGreaterThan(1)
      const byId = store.index('byId')
      expect([40_000, 50_000, 5, 6, 7].map(id => byId.number(id))).toEqual([30_000, 5, -1, -1, 7])
      store.rollback()
      expect([40_000, 50_000, 5, 6, 7].map(id => byId.number(id))).toEqual([-1, -1, 5, 6, 7])
      expect(await codeOfAsync(store.createIndex('byId', { on: 'qty' }))).toBe('ERR_STRIDE_EXISTS')
      expect(await codeOfAsync(store.createIndex('bySymbol', { on: 'symbol', unique: true }))).toBe(
        'ERR_STRIDE_DUPLICATE_KEY',
      )
      const signal = AbortSignal.abort(new Error('no more'))
      await expect(store.createIndex('byQty', { on: 'qty' }, { signal })).rejects.toThrow('no more')
      const controller = new AbortController()
      const stopped = store.createIndex(
        'byQty',
        { on: 'qty' },
        {
          signal: controller.signal,
          progress: () => controller.abort(new Error('enough')),
        },
      )
      await expect(stopped).rejects.toThrow('enough')
      expect(store.indexes.map(({ name }) => name)).toEqual(['byId'])
      await store.createIndex('byQty', { on: 'qty' })
      expect(store.index('byQty').number(trade(9).qty)).toBe(9)
      await store.dropIndex('byQty')
      await store.createIndex('byTime', { on: 'time', kind: 'ordered' })
      expect(store.index('byTime').first()).toEqual(trade(0))
    }
    {
      using store = openStore(path, Trade)
      expect(store.recovery.indexesBuilt).toBeUndefined()
      expect(store.index('byId').number(29_999)).toBe(29_999)
      await store.dropIndex('byId')
      expect(() => store.index('byId')).toThrow('known are byTime')
      expect((await store.verify()).findings).toEqual([])
    }
    using store = openStore(path, Trade)
    expect(store.indexes.map(({ name }) => name)).toEqual(['byTime'])
  })

  it('leave nothing of an index that is dropped, refused or aborted with the pages of the others', async () => {
    const { watch } = PageView.prototype
    let watching = 0
    const spy = vi.spyOn(PageView.prototype, 'watch').mockImplementation(function (this: PageView, gone) {
      const end = watch.call(this, gone)
      watching++
      return () => {
        watching--
        end()
      }
    })
    try {
      using store = openStore(join(temporaryFolder(), 'x.stride'), Trade, { indexes: { byId: { on: 'id' } } })
      store.appendMany(Array.from({ length: 30_000 }, (_, i) => ({ ...trade(i), qty: 7 })))
      await store.commit()
      expect(watching).toBe(1)
      await store.createIndex('byQty', { on: 'qty' })
      expect(watching).toBe(2)
      await store.dropIndex('byQty')
      expect(watching).toBe(1)
      expect(await codeOfAsync(store.createIndex('byQty', { on: 'qty', unique: true }))).toBe(
        'ERR_STRIDE_DUPLICATE_KEY',
      )
      const controller = new AbortController()
      const progress = (): void => controller.abort(new Error('enough'))
      const stopped = store.createIndex('byQty', { on: 'qty' }, { signal: controller.signal, progress })
      await expect(stopped).rejects.toThrow('enough')
      expect(watching).toBe(1)
      expect(store.index('byId').number(29_999)).toBe(29_999)
    } finally {
      spy.mockRestore()
    }
  })

  it('end a watch of pages without ending another of the same function', () => {
    let letGo = (): void => {}
    const watch = (gone: () => void): void => {
      letGo = gone
    }
    const pages = new PageView('x', { watch } as WindowPool)
    let told = 0
    const gone = (): void => {
      told++
    }
    const end = pages.watch(gone)
    pages.watch(gone)
    letGo()
    expect(told).toBe(2)
    end()
    end()
    letGo()
    expect(told).toBe(3)
  })
})

describe('migrateStore', () => {
  it('keeps the indexes whose fields are still there', () => {
    const path = join(temporaryFolder(), 'x.stride')
    {
      using store = open(path)
      store.appendMany(Array.from({ length: 300 }, (_, i) => trade(i)))
      store.commitSync()
    }
    migrateStore(path, Trade.omit({ symbol: true }))
    using store = openStore(path)
    expect(store.indexes.map(({ name }) => name)).toEqual(['byId', 'byPrice'])
    expect(store.recovery.indexesBuilt?.map(({ index }) => index)).toEqual(['byId', 'byPrice'])
    expect(store.index('byId').number(200)).toBe(200)
  })
})

describe('a read-only opener', () => {
  for (const { name, options } of BACKENDS) {
    it(`finds what the writer beside it committed, and what one that was killed left, ${name}`, async () => {
      const folder = temporaryFolder()
      const path = join(folder, 'x.stride')
      const writer = open(path, { journalBytes: 65_536 })
      writer.appendMany(Array.from({ length: 500 }, (_, i) => trade(i)))
      await writer.commit()
      using reader = openStore(path, Trade, { ...options, readOnly: true, indexes: INDEXES })
      expectAgreement(reader)
      for (let round = 0; round < 30; round++) {
        for (let i = 0; i < 40; i++)
          writer.update((round * 37 + i) % 400, { id: 10_000 + round * 100 + i, price: i })
        writer.append(trade(600 + round))
        writer.delete(450 + round)
        expect(reader.index('byId').number(600 + round)).toBe(-1)
        await writer.commit()
        expect(reader.index('byId').number(600 + round)).toBe(500 + round)
        if (round % 7 === 3) await writer.checkpoint()
        if (round % 10 === 5) expectAgreement(reader)
      }
      expectAgreement(reader)
      expect((await reader.verify()).findings).toEqual([])
      const left = join(folder, 'left.stride')
      for (const ending of ['', '-journal', '-index']) copyFileSync(path + ending, left + ending)
      using beside = openStore(left, Trade, { ...options, readOnly: true, indexes: INDEXES })
      expectAgreement(beside)
      // Windows replaces no file that a reader has open.
      if (!isWindows) await writer.compact()
      expectAgreement(reader)
      const byQty = await writer.createIndex('byQty', { on: 'qty' })
      const name: string = byQty.name
      expect([...reader.index(name).all(7)]).toEqual([...byQty.all(7)])
      writer.close()
      expectAgreement(reader)
    })
  }

  it('says so where the store has no index', () => {
    const path = join(temporaryFolder(), 'x.stride')
    openStore(path, Trade).close()
    using reader = openStore(path, Trade, { readOnly: true })
    expect(() => reader.index('byId')).toThrow('the store has none')
    expect(reader.indexes).toEqual([])
  })
})
