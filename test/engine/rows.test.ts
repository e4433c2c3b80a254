/**
 * What could go wrong with rows: one that shows another record after its window slid, bytes from before an update, a
 * deleted record, or that crashes the process; a walk that skips, repeats or runs into appended records.
 */

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { BACKENDS, codeOf, Trade, temporaryFolder, trade } from './support.ts'

const COUNT = 3000

describe.each(BACKENDS)('a row on the $name backend', ({ options }) => {
  function filled(): Store<typeof Trade> {
    const store = openStore(join(temporaryFolder(), 'trades.stride'), Trade, options)
    store.appendMany(Array.from({ length: COUNT }, (_, i) => trade(i)))
    store.commitSync()
    return store
  }

  test('is pointed from record to record', () => {
    using store = filled()
    const row = store.row(5)
    expect([row.number, row.id, row.symbol]).toEqual([5, 5, 'S5'])
    expect(row.seek(2999)).toBe(row)
    expect(row.toObject()).toEqual(trade(2999))
    expect(codeOf(() => row.seek(COUNT))).toBe('ERR_STRIDE_NO_RECORD')
    expect(row.number).toBe(2999)
  })

  test('keeps showing its record while windows slide under it', () => {
    using store = filled()
    const rows = [0, 700, 1400, 2100, 2999].map(n => store.row(n))
    for (let i = 0; i < COUNT; i += 13) store.get((i * 7919) % COUNT)
    expect(rows.map(row => row.toObject())).toEqual([0, 700, 1400, 2100, 2999].map(trade))
  })

  test('keeps showing its record in later turns of the event loop', async () => {
    using store = filled()
    const row = store.row(1234)
    for (let turn = 0; turn < 3; turn++) {
      await nextTurn()
      expect(row.name).toBe(trade(1234).name)
    }
  })

  test('shows an update, a rollback, a commit and a deletion of its record at once', () => {
    using store = filled()
    const row = store.row(42)
    expect(row.qty).toBe(trade(42).qty)
    store.update(42, { qty: 1 })
    expect(row.qty).toBe(1)
    store.update(42, { qty: 2 })
    expect(row.qty).toBe(2)
    store.rollback()
    expect(row.qty).toBe(trade(42).qty)
    store.update(42, { qty: 3 })
    store.commitSync()
    expect(row.qty).toBe(3)
    store.delete(42)
    expect(codeOf(() => row.qty)).toBe('ERR_STRIDE_NO_RECORD')
    store.rollback()
    expect(row.qty).toBe(3)
  })

  test('on an appended record lives through spilling, commit and rollback', () => {
    using store = filled()
    const n = store.append(trade(COUNT))
    const row = store.row(n)
    store.appendMany(Array.from({ length: 20_000 }, (_, i) => trade(COUNT + 1 + i)))
    expect(row.toObject()).toEqual(trade(COUNT))
    store.commitSync()
    expect(row.toObject()).toEqual(trade(COUNT))
    const gone = store.row(store.append(trade(1)))
    store.rollback()
    expect(codeOf(() => gone.id)).toBe('ERR_STRIDE_NO_RECORD')
  })

  test('of a scan sees updates and deletions ahead, and no appends', () => {
    using store = filled()
    const seen: number[] = []
    for (const row of store.scan()) {
      if (row.number === 10) {
        store.delete(11)
        store.update(12, { qty: 1_234_567 })
        store.append(trade(COUNT))
      }
      if (row.number === 12) expect(row.qty).toBe(1_234_567)
      seen.push(row.number)
    }
    expect(seen).toEqual(Array.from({ length: COUNT }, (_, i) => i).filter(n => n !== 11))
  })

  test('of a scan may be moved, and each scan has its own', () => {
    using store = filled()
    const seen: number[] = []
    for (const row of store.scan({ to: 20 })) {
      for (const inner of store.scan({ from: 2990 })) expect(inner.id).toBe(inner.number)
      seen.push(row.id)
      row.seek(2000)
      expect(row.id).toBe(2000)
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('of a scan waits through awaits, commits and deletions of its own record', async () => {
    using store = filled()
    let sum = 0
    for (const row of store.scan({ to: 50 })) {
      if (row.number % 10 === 0) await nextTurn()
      if (row.number % 7 === 0) {
        store.delete(row.number)
        store.commitSync()
      } else {
        sum += row.id
      }
    }
    expect(sum).toBe(Array.from({ length: 50 }, (_, i) => i).reduce((a, n) => (n % 7 === 0 ? a : a + n), 0))
    expect(store.count).toBe(COUNT - 8)
  })

  test('ends early with break, and stays ended', () => {
    using store = filled()
    const scan = store.scan()
    for (const row of scan) if (row.number === 3) break
    expect(scan.next().done).toBe(true)
    const objects = store[Symbol.iterator]()
    expect(objects.next().value).toEqual(trade(0))
    objects.return?.()
    expect(objects.next().done).toBe(true)
  })
})

test('changing records while walking over them costs as much a record for many as for few', () => {
  const sortedPerRecord = (count: number): number => {
    const store = openStore('walked.stride', Trade, { backend: 'memory' })
    store.appendMany(Array.from({ length: count }, (_, i) => trade(i)))
    store.commitSync()
    // Sorting all changes after each one is what would make this quadratic: count the numbers sorted.
    let sorted = 0
    const { sort } = Float64Array.prototype
    Float64Array.prototype.sort = function (this: Float64Array, ...args) {
      sorted += this.length
      return sort.apply(this, args)
    }
    try {
      for (const row of store.scan()) if (row.number % 3 === 0) store.update(row.number, { qty: 7 })
      for (const row of store.scan()) if (row.number % 100 === 0) store.delete(row.number)
    } finally {
      Float64Array.prototype.sort = sort
    }
    expect([...store.scan({ to: 4 })].length).toBe(3)
    store.close()
    return sorted / count
  }
  expect(sortedPerRecord(40_000)).toBeLessThan(2 * sortedPerRecord(5000) + 10)
})
