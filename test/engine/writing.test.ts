/**
 * What could go wrong when writing: a refused record that leaves a trace, a batch half staged, a number accepted that
 * is none, a write inside another write.
 */

import { join } from 'node:path'
import { openStore, type Store, StrideError } from 'stridedb'
import { beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, Trade, type TradeRecord, temporaryFolder, trade } from './support.ts'

let store: Store<typeof Trade>
beforeEach(() => {
  store = openStore(join(temporaryFolder(), 'trades.stride'), Trade)
  store.appendMany([0, 1, 2, 3, 4].map(trade))
  store.commitSync()
  return () => store.close()
})

describe('a refused record', () => {
  test.each([
    { what: 'text too long', change: { symbol: 'ABCDEFGHI' }, field: 'symbol' },
    { what: 'text of too many bytes', change: { name: '\u00e9'.repeat(17) }, field: 'name' },
    { what: 'NUL in padded text', change: { note: 'a\0b' }, field: 'note' },
    { what: 'a lone surrogate', change: { note: '\ud800' }, field: 'note' },
    { what: 'text that is no ASCII', change: { symbol: '\u00fc' }, field: 'symbol' },
    { what: 'an integer out of range', change: { id: 2 ** 32 }, field: 'id' },
    { what: 'a negative unsigned integer', change: { qty: -1 }, field: 'qty' },
    { what: 'a fraction for an integer', change: { flags: 1.5 }, field: 'flags' },
    { what: 'NaN', change: { price: Number.NaN }, field: 'price' },
    { what: 'a text for a number', change: { price: '1' }, field: 'price' },
  ])('for $what changes nothing and names the field', ({ change, field }) => {
    const bad = { ...trade(9), ...change } as unknown as TradeRecord
    for (const call of [
      () => store.append(bad),
      () => store.put(1, bad),
      () => store.update(1, change as unknown as Partial<TradeRecord>),
      () => store.appendMany([trade(5), bad]),
    ]) {
      let refusal: unknown
      try {
        call()
      } catch (error) {
        refusal = error
      }
      expect(refusal).toBeInstanceOf(StrideError)
      expect(refusal).toMatchObject({ code: 'ERR_STRIDE_RECORD', field })
      expect((refusal as StrideError).issues?.length).toBeGreaterThan(0)
    }
    expect(store.size).toBe(5)
    expect(store.get(1)).toEqual(trade(1))
    expect(store.stats().stagedRecords).toBe(0)
  })

  test('with an unknown or a missing field is named', () => {
    const { price: _, ...missing } = trade(9)
    expect(() => store.append(missing as TradeRecord)).toThrow(/price/)
    expect(() => store.append({ ...trade(9), prise: 1 } as TradeRecord)).toThrow(/prise/)
    expect(() => store.update(0, { prise: 1 } as Partial<TradeRecord>)).toThrow(/prise/)
  })

  test('tells its position in the batch, and nothing of the batch is staged', () => {
    const batch = Array.from({ length: 20_000 }, (_, i) => trade(i + 5))
    batch[17_007] = { ...trade(0), id: -1 }
    expect(() => store.appendMany(batch)).toThrow(expect.objectContaining({ batchIndex: 17_007 }))
    expect(store.size).toBe(5)
    expect([...store]).toEqual([0, 1, 2, 3, 4].map(trade))
    expect(store.append(trade(5))).toBe(5)
    store.commitSync()
    expect([...store]).toEqual([0, 1, 2, 3, 4, 5].map(trade))
  })

  test('tells its record number', () => {
    expect(() => store.put(3, { ...trade(0), id: -1 })).toThrow(expect.objectContaining({ recordNumber: 3 }))
  })
})

describe('a record number', () => {
  test.each([-2, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%d is refused as misuse', n => {
    for (const call of [
      () => store.get(n),
      () => store.has(n),
      () => store.field(n, 'id'),
      () => store.update(n, {}),
      () => store.put(n, trade(1)),
      () => store.delete(n),
      () => store.row(n),
      () => store.getMany([0, n]),
      () => store.gather('id', [0, n]),
    ]) {
      expect(call).toThrow(RangeError)
    }
  })

  test('of another type is refused as misuse', () => {
    expect(() => store.get('1' as unknown as number)).toThrow(TypeError)
    expect(() => store.field('1' as unknown as number, 'id')).toThrow(TypeError)
  })

  test('past the end or deleted reads as undefined, and throws where a value is needed', () => {
    store.delete(2)
    for (const n of [2, 5, 1_000_000]) {
      expect(store.get(n)).toBeUndefined()
      expect(store.has(n)).toBe(false)
      expect(store.delete(n)).toBe(false)
      expect(store.getMany([n, 0])).toEqual([undefined, trade(0)])
      for (const call of [
        () => store.field(n, 'id'),
        () => store.update(n, { qty: 1 }),
        () => store.put(n, trade(n)),
        () => store.row(n),
        () => store.gather('id', [0, n]),
      ]) {
        expect(codeOf(call)).toBe('ERR_STRIDE_NO_RECORD')
      }
      expect(store.gather('id', [0, n, 1], { missing: 99 })).toEqual(Uint32Array.of(0, 99, 1))
    }
  })
})

describe('a write inside another', () => {
  test('from the iterable of appendMany is refused, and nothing stays', () => {
    function* records(): Generator<TradeRecord> {
      yield trade(5)
      store.append(trade(6))
      yield trade(7)
    }
    expect(codeOf(() => store.appendMany(records()))).toBe('ERR_STRIDE_TRANSACTION')
    expect(store.size).toBe(5)
  })

  test('from a getter of the record is refused', () => {
    const sly = {
      ...trade(5),
      get id(): number {
        store.append(trade(6))
        return 5
      },
    }
    expect(codeOf(() => store.append(sly))).toBe('ERR_STRIDE_TRANSACTION')
    expect(store.size).toBe(5)
  })

  test('reading from the iterable is fine', () => {
    function* copies(): Generator<TradeRecord> {
      for (let n = 0; n < 5; n++) yield store.get(n) as TradeRecord
    }
    expect(store.appendMany(copies())).toEqual({ first: 5, count: 5 })
    expect(store.get(9)).toEqual(trade(4))
  })

  test('an iterable that throws leaves nothing', () => {
    function* broken(): Generator<TradeRecord> {
      yield trade(5)
      throw new Error('out of records')
    }
    expect(() => store.appendMany(broken())).toThrow('out of records')
    expect(store.size).toBe(5)
    expect(store.appendMany([])).toEqual({ first: 5, count: 0 })
  })
})

describe('numbers of deleted records', () => {
  test('are reused by append alone, lowest first, when asked for', () => {
    const path = join(temporaryFolder(), 'reuse.stride')
    const reusing = openStore(path, Trade, { reuseNumbers: true })
    reusing.appendMany([0, 1, 2, 3].map(trade))
    reusing.commitSync()
    reusing.delete(2)
    reusing.delete(1)
    expect(reusing.appendMany([trade(10)])).toEqual({ first: 4, count: 1 })
    expect(reusing.append(trade(11))).toBe(1)
    reusing.rollback()
    expect(reusing.count).toBe(4)
    reusing.delete(3)
    reusing.commitSync()
    expect(reusing.append(trade(12))).toBe(3)
    expect(reusing.append(trade(13))).toBe(4)
    reusing.commitSync()
    expect([...reusing]).toEqual([0, 1, 2, 12, 13].map(trade))
    reusing.close()
  })

  test('stay free without it', () => {
    store.delete(1)
    store.commitSync()
    expect(store.append(trade(9))).toBe(5)
    expect([store.count, store.size]).toEqual([5, 6])
  })
})

test('stagedBytesMax bounds staged bytes in memory', () => {
  const path = join(temporaryFolder(), 'bounded.stride')
  const bounded = openStore(path, Trade, { stagedBytesMax: 3 * 1024 * 1024 })
  bounded.appendMany(Array.from({ length: 40_000 }, (_, i) => trade(i)))
  bounded.commitSync()
  let staged = 0
  const stageAll = (): void => {
    for (; staged < 40_000; staged++) bounded.update(staged, { qty: 1 })
  }
  expect(codeOf(stageAll)).toBe('ERR_STRIDE_LIMIT')
  expect(staged).toBeGreaterThan(10_000)
  bounded.commitSync()
  expect(bounded.field(staged - 1, 'qty')).toBe(1)
  expect(bounded.field(staged, 'qty')).toBe(trade(staged).qty)
  bounded.close()
})

test('refinements are checked on write, unless validate is false, which still checks the layout', () => {
  const Even = z.object({ n: z.uint32().refine(n => n % 2 === 0, 'must be even') })
  const path = join(temporaryFolder(), 'even.stride')
  const even = openStore(path, Even)
  expect(() => even.append({ n: 3 })).toThrow(/must be even/)
  even.append({ n: 4 })
  expect(() => even.update(0, { n: 5 })).toThrow(/must be even/)
  even.commitSync()
  even.close()
  const lax = openStore(path, Even, { validate: false })
  expect(lax.append({ n: 3 })).toBe(1)
  expect(codeOf(() => lax.append({ n: -1 }))).toBe('ERR_STRIDE_RECORD')
  lax.close()
})
