/**
 * Do `get` and `field` keep up with what happens between two reads of one record? What could go wrong: hot records that
 * outlive a staged change, a rollback, a commit, another process's commit, a slide, a turn of the event loop, the store.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openFlatFile, openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { BACKENDS, codeOf, Point, Trade, temporaryFolder, trade } from './support.ts'

const COUNT = 3000

describe.each(BACKENDS)('reading by number on the $name backend', ({ options }) => {
  const pathOfFilled = (): string => {
    const path = join(temporaryFolder(), 'trades.stride')
    using store = openStore(path, Trade, options)
    store.appendMany(Array.from({ length: COUNT }, (_, i) => trade(i)))
    store.commitSync()
    return path
  }
  const seen = (store: Store<typeof Trade>, n: number): unknown[] => [store.get(n)?.qty, store.field(n, 'qty')]

  test('follows staged changes, rollback and commit', () => {
    using store = openStore(pathOfFilled(), Trade, options)
    expect(seen(store, 10)).toEqual([70, 70])
    store.update(10, { qty: 1 })
    expect(seen(store, 10)).toEqual([1, 1])
    expect(seen(store, 11)).toEqual([77, 77])
    store.rollback()
    expect(seen(store, 10)).toEqual([70, 70])
    store.update(10, { qty: 2 })
    store.commitSync()
    expect(seen(store, 10)).toEqual([2, 2])
    store.delete(10)
    expect(store.get(10)).toBeUndefined()
    expect(codeOf(() => store.field(10, 'qty'))).toBe('ERR_STRIDE_NO_RECORD')
    store.commitSync()
    expect(seen(store, 9)).toEqual([63, 63])
    expect(store.get(10)).toBeUndefined()
    expect(codeOf(() => store.field(10, 'qty'))).toBe('ERR_STRIDE_NO_RECORD')
  })

  test('takes nothing but a whole number from 0 for a record number, cold or hot', () => {
    const path = pathOfFilled()
    const flatPath = join(temporaryFolder(), 'points')
    writeFileSync(flatPath, Buffer.alloc(9 * 20))
    using store = openStore(path, Trade, options)
    using reader = openStore(path, Trade, { ...options, readOnly: true })
    using flat = openFlatFile(flatPath, Point, options)
    const wrong = [
      '5',
      '',
      null,
      undefined,
      true,
      false,
      [3],
      new Date(4),
      1n,
      Object(5),
      { valueOf: () => 6 },
      Symbol('7'),
    ]
    const sets: readonly [
      { get(n: number): unknown; field(n: number, name: never): unknown; trim(): void },
      string,
    ][] = [
      [store, 'qty'],
      [reader, 'qty'],
      [flat, 'tag'],
    ]
    for (const [set, name] of sets) {
      const calls = [
        (n: unknown) => set.get(n as number),
        (n: unknown) => set.field(n as number, name as never),
      ]
      for (const isHot of [false, true]) {
        for (const call of calls) {
          const warm = (): void => {
            if (!isHot) set.trim()
            else for (let n = 0; n < 10; n++) call(n)
          }
          for (const n of wrong) {
            warm()
            expect(() => call(n), `${typeof n} ${isHot}`).toThrow(TypeError)
          }
          for (const n of [1.5, Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 53]) {
            warm()
            expect(() => call(n), `${n} ${isHot}`).toThrow(RangeError)
          }
          warm()
          expect(call(-0)).toEqual(call(0))
        }
      }
    }
  })

  test('finds appended records beside those of the file', () => {
    using store = openStore(pathOfFilled(), Trade, options)
    expect(seen(store, COUNT - 1)).toEqual([20_993, 20_993])
    expect(store.get(COUNT)).toBeUndefined()
    store.append({ ...trade(0), qty: 5 })
    for (let i = 0; i < 3; i++) {
      expect(seen(store, COUNT)).toEqual([5, 5])
      expect(seen(store, COUNT - 1)).toEqual([20_993, 20_993])
    }
    store.rollback()
    expect(store.get(COUNT)).toBeUndefined()
    expect(codeOf(() => store.field(COUNT, 'qty'))).toBe('ERR_STRIDE_NO_RECORD')
  })

  test('goes on after slides, later turns and trim', async () => {
    using store = openStore(pathOfFilled(), Trade, options)
    for (let i = 0; i < 2000; i++) {
      const n = (i * 7919) % COUNT
      expect(seen(store, n)).toEqual([trade(n).qty, trade(n).qty])
      if (i % 500 === 0) await nextTurn()
      if (i % 700 === 0) store.trim()
    }
  })

  test('refuses what is no record number while records are hot', () => {
    using store = openStore(pathOfFilled(), Trade, options)
    for (const n of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(seen(store, 5)).toEqual([35, 35])
      expect(codeOf(() => store.get(n))).toContain('RangeError')
      expect(codeOf(() => store.field(n, 'qty'))).toContain('RangeError')
    }
    expect(store.get(2 ** 32 + 5)).toBeUndefined()
    expect(codeOf(() => store.field(5, 'quantity' as 'qty'))).toContain('RangeError')
  })

  test('is over with the store', () => {
    const store = openStore(pathOfFilled(), Trade, options)
    expect(seen(store, 5)).toEqual([35, 35])
    store.close()
    expect(codeOf(() => store.get(5))).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => store.field(5, 'qty'))).toBe('ERR_STRIDE_CLOSED')
  })

  test('sees the commits of another opener', () => {
    const path = pathOfFilled()
    using writer = openStore(path, Trade, options)
    using reader = openStore(path, Trade, { ...options, readOnly: true })
    for (const qty of [1, 2, 3]) {
      seen(reader, 5)
      writer.update(5, { qty })
      writer.commitSync()
      expect(seen(reader, 5)).toEqual([qty, qty])
    }
    writer.delete(5)
    writer.commitSync()
    expect(reader.get(5)).toBeUndefined()
    expect(codeOf(() => reader.field(5, 'qty'))).toBe('ERR_STRIDE_NO_RECORD')
  })
})

test('keeps to a stride that is longer than the record', () => {
  const path = join(temporaryFolder(), 'points.raw')
  const bytes = Buffer.alloc(50 * 13)
  for (let n = 0; n < 50; n++) bytes.writeDoubleLE(n / 4, n * 13)
  writeFileSync(path, bytes)
  using flat = openFlatFile(path, Point, { stride: 13 })
  for (let n = 0; n < 50; n++) expect([flat.get(n)?.x, flat.field(n, 'x')]).toEqual([n / 4, n / 4])
})

test('a store is an instance of its class whatever its schema', () => {
  using store = openStore(join(temporaryFolder(), 'points.stride'), Point)
  expect(store.constructor.name).toBe('Store')
})
