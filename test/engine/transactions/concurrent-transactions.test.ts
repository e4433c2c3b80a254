/**
 * What could go wrong with a transaction of `begin()`: it is used after its end; it outlives its store; a refused commit changes
 * something; memory of dropped ones does not come back; the wait for a commit loses an update; a crash leaves half of one.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openFlatFile, openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { BACKENDS, codeOf, codeOfAsync, Point, Trade, temporaryFolder, trade } from '../support.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

const Account = z.object({ id: z.uint32(), balance: z.int32() })
const INDEXES = { byId: { on: 'id', unique: true } } as const
type Accounts = Store<typeof Account, typeof INDEXES>

function accounts(count: number, options = {}): Accounts {
  const path = join(temporaryFolder(), 'accounts.stride')
  const store = openStore(path, Account, { durability: 'process', ...options, indexes: INDEXES })
  store.appendMany(Array.from({ length: count }, (_, id) => ({ id, balance: 100 })))
  store.commitSync()
  return store
}

describe.each(BACKENDS)('a transaction of begin(), $name', ({ options }) => {
  test('shows the commit at which it began, in every call that reads', async () => {
    using store = accounts(3, options)
    const tx = store.begin()
    const row = tx.row(1)
    const walk = tx.scan()
    walk.next()
    store.update(1, { balance: 1 })
    store.append({ id: 9, balance: 9 })
    store.delete(2)
    await store.commit()
    await store.checkpoint()
    store.update(0, { balance: -1 })
    expect(row.balance).toBe(100)
    expect(walk.next().value?.balance).toBe(100)
    expect(tx.get(1)).toEqual({ id: 1, balance: 100 })
    expect(tx.field(2, 'balance')).toBe(100)
    expect([tx.has(2), tx.has(3), tx.size, tx.count]).toEqual([true, false, 3, 3])
    expect(tx.getMany([0, 3, 2]).map(each => each?.balance)).toEqual([100, undefined, 100])
    expect([...tx.gather('balance')]).toEqual([100, 100, 100])
    expect([...tx.gather('balance', [2, 0])]).toEqual([100, 100])
    expect([...tx].map(({ id }) => id)).toEqual([0, 1, 2])
    expect(tx.index('byId').number(9)).toBe(-1)
    expect(tx.index('byId').get(2)).toEqual({ id: 2, balance: 100 })
    expect(tx.read(() => tx.count)).toBe(3)
    expect([store.get(1)?.balance, store.get(0)?.balance, store.count]).toEqual([1, -1, 3])
  })

  test('keeps its changes apart until its commit', async () => {
    using store = accounts(2, options)
    const one = store.begin()
    const two = store.begin()
    one.update(0, { balance: 1 })
    two.update(1, { balance: 2 })
    store.append({ id: 50, balance: 50 })
    const three = store.begin()
    expect([one.get(0)?.balance, three.get(0)?.balance, store.get(0)?.balance]).toEqual([1, 100, 100])
    await one.commit()
    expect([three.get(0)?.balance, store.get(0)?.balance]).toEqual([100, 1])
    await two.commit()
    expect([...store.gather('balance')]).toEqual([1, 2, 50])
    store.rollback()
    expect([...store.gather('balance')]).toEqual([1, 2])
  })

  test('commits a number that it read only where nobody changed it', async () => {
    using store = accounts(3, options)
    const tx = store.begin()
    expect(tx.get(0)?.balance).toBe(100)
    tx.update(1, { balance: 7 })
    store.update(0, { balance: 8 })
    await store.commit()
    const error = await tx.commit().catch(refused => refused)
    expect(error).toMatchObject({ code: 'ERR_STRIDE_CONFLICT', recordNumber: 0 })
    expect(error.message).toMatch(/^Record 0 of .* commit 2 changed it/)
    expect(store.get(1)?.balance).toBe(100)
    expect(codeOf(() => tx.get(1))).toBe('ERR_STRIDE_CONFLICT')
    expect(store.stats().openTransactions).toBe(0)
    expect(await codeOfAsync(tx.commit())).toBe('ERR_STRIDE_CONFLICT')
    tx.rollback()
    const again = store.begin()
    again.update(1, { balance: again.field(0, 'balance') })
    expect(await again.commit()).toBe(3)
    expect(store.get(1)?.balance).toBe(8)
  })

  test('is no conflict where only other records changed, or what it read without changing anything', async () => {
    using store = accounts(4, options)
    const writing = store.begin()
    const reading = store.begin()
    writing.update(1, { balance: writing.field(0, 'balance') + 1 })
    expect([...reading.gather('balance')]).toEqual([100, 100, 100, 100])
    store.update(2, { balance: 0 })
    await store.commit()
    expect(await writing.commit()).toBe(3)
    expect(await reading.commit()).toBe(1)
  })

  test('gives each appended record a number that nobody else gets', async () => {
    using store = accounts(1, options)
    const first = store.begin()
    const second = store.begin()
    expect(first.append({ id: 11, balance: 11 })).toBe(1)
    expect(
      second.appendMany([
        { id: 21, balance: 21 },
        { id: 22, balance: 22 },
      ]),
    ).toEqual({ first: 2, count: 2 })
    expect(store.append({ id: 31, balance: 31 })).toBe(4)
    await second.commit()
    expect([store.has(1), store.get(2)?.id, store.get(3)?.id, store.count, store.size]).toEqual([
      false,
      21,
      22,
      4,
      5,
    ])
    await first.commit()
    await store.commit()
    expect([...store.gather('id')]).toEqual([0, 11, 21, 22, 31])
    const dropped = store.begin()
    expect(dropped.append({ id: 41, balance: 0 })).toBe(5)
    dropped.rollback()
    expect(store.append({ id: 42, balance: 0 })).toBe(5)
    expect((await store.verify()).findings).toEqual([])
  })

  test('refuses a key that a unique index has, and one that was taken since is a conflict', async () => {
    using store = accounts(2, options)
    const tx = store.begin()
    expect(codeOf(() => tx.append({ id: 1, balance: 0 }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
    expect(codeOf(() => tx.update(0, { id: 1 }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
    expect(tx.index('byId').has(7)).toBe(false)
    tx.append({ id: 7, balance: 0 })
    store.append({ id: 7, balance: 1 })
    expect(await codeOfAsync(tx.commit()), 'staged in the store').toBe('ERR_STRIDE_CONFLICT')
    await store.commit()
    expect(await codeOfAsync(tx.commit()), 'committed').toBe('ERR_STRIDE_CONFLICT')
    expect(store.index('byId').get(7)).toEqual({ id: 7, balance: 1 })
    const swap = store.begin()
    swap.update(0, { id: 99 })
    swap.update(1, { id: 0 })
    swap.update(0, { id: 1 })
    await swap.commit()
    expect([store.get(0)?.id, store.get(1)?.id]).toEqual([1, 0])
  })

  test('upserts and deletes by a unique key', async () => {
    using store = accounts(2, options)
    expect(store.upsert('byId', { id: 1, balance: 5 })).toEqual({ number: 1, inserted: false })
    expect(store.upsert('byId', { id: 5, balance: 6 })).toEqual({ number: 2, inserted: true })
    expect(store.index('byId').delete(0)).toBe(true)
    expect(store.index('byId').delete(0)).toBe(false)
    await store.commit()
    await store.transaction(tx => {
      expect(tx.upsert('byId', { id: 5, balance: 7 })).toEqual({ number: 2, inserted: false })
      expect(tx.index('byId').delete(1)).toBe(true)
    })
    const tx = store.begin()
    expect(tx.upsert('byId', { id: 5, balance: 8 })).toEqual({ number: 2, inserted: false })
    expect(tx.upsert('byId', { id: 6, balance: 9 })).toEqual({ number: 3, inserted: true })
    expect(tx.index('byId').delete(6)).toBe(true)
    await tx.commit()
    expect([...store].map(({ id, balance }) => [id, balance])).toEqual([[5, 8]])
    expect(store.clear()).toBe(1)
    expect([store.count, store.size]).toEqual([0, 4])
    store.rollback()
    expect(store.count).toBe(1)
  })

  test('throws after its end, after close and after compact, with a code that says which', async () => {
    const store = accounts(2, options)
    const over = store.begin()
    const row = over.row(0)
    const index = over.index('byId')
    const walk = over.scan()
    over.rollback()
    over.rollback()
    const calls = [
      () => over.get(0),
      () => over.field(0, 'balance'),
      () => over.has(0),
      () => over.count,
      () => over.size,
      () => over.getMany([0]),
      () => over.gather('balance'),
      () => over.scan(),
      () => over[Symbol.iterator](),
      () => over.row(0),
      () => over.index('byId'),
      () => over.append({ id: 3, balance: 0 }),
      () => over.appendMany([]),
      () => over.update(0, { balance: 0 }),
      () => over.put(0, { id: 0, balance: 0 }),
      () => over.delete(0),
      () => over.upsert('byId', { id: 0, balance: 0 }),
      () => over.commitSync(),
      () => row.balance,
      () => index.number(0),
      () => index.get(0),
      () => walk.next(),
    ]
    for (const call of calls) expect(codeOf(call), call.toString()).toBe('ERR_STRIDE_TRANSACTION')
    expect(await codeOfAsync(over.commit())).toBe('ERR_STRIDE_TRANSACTION')
    const beside = store.begin()
    const kept = beside.row(1)
    await store.compact()
    expect(codeOf(() => beside.get(0))).toBe('ERR_STRIDE_CONFLICT')
    expect(codeOf(() => kept.balance)).toBe('ERR_STRIDE_CONFLICT')
    expect(await codeOfAsync(beside.commit())).toBe('ERR_STRIDE_CONFLICT')
    const last = store.begin()
    last.update(0, { balance: 3 })
    store.close()
    expect(codeOf(() => last.get(0))).toBe('ERR_STRIDE_CLOSED')
    expect(await codeOfAsync(last.commit())).toBe('ERR_STRIDE_CLOSED')
    last.rollback()
    expect(codeOf(() => store.begin())).toBe('ERR_STRIDE_CLOSED')
  })

  test('is a conflict where an absent record that it asked for is there by now, whichever call asked', async () => {
    using store = accounts(3, { ...options, reuseNumbers: true })
    store.delete(2)
    await store.commit()
    const asks: ((tx: ReturnType<Accounts['begin']>, n: number) => unknown)[] = [
      (tx, n) => tx.get(n),
      (tx, n) => tx.has(n),
      (tx, n) => tx.delete(n),
      (tx, n) => tx.getMany(Array.from({ length: 40 }, (_, i) => n + i)),
      (tx, n) => Array.from({ length: 40 }, (_, i) => tx.has(Math.max(0, n - 20) + i)),
    ]
    for (const ask of asks) {
      const free = store.has(2) ? store.size : 2
      const tx = store.begin()
      ask(tx, free)
      tx.get(0)
      tx.update(1, { balance: 5 })
      expect(store.append({ id: 50 + tx.commitNumber, balance: 0 })).toBe(free)
      await store.commit()
      expect(await codeOfAsync(tx.commit()), ask.toString()).toBe('ERR_STRIDE_CONFLICT')
    }
  })

  test('is a conflict where a record changed that a range of an index named', async () => {
    const path = join(temporaryFolder(), 'accounts.stride')
    const indexes = { byBalance: { on: 'balance', kind: 'ordered' } } as const
    using store = openStore(path, Account, { ...options, indexes })
    store.appendMany(Array.from({ length: 5 }, (_, id) => ({ id, balance: id })))
    await store.commit()
    const tx = store.begin()
    expect([...tx.index('byBalance').range({ gte: 2, lte: 3 }).numbers()]).toEqual([2, 3])
    tx.update(0, { balance: 2 })
    store.update(4, { balance: 9 })
    await store.commit()
    store.update(3, { balance: 9 })
    await store.commit()
    expect(await tx.commit().catch(refused => refused)).toMatchObject({
      code: 'ERR_STRIDE_CONFLICT',
      recordNumber: 3,
    })
  })

  test('is not ended by code of the caller in the middle of its own write', () => {
    using store = accounts(3, options)
    const tx = store.begin()
    const hostile = {
      get id(): number {
        tx.rollback()
        return 9
      },
      balance: 0,
    }
    for (const write of [
      () => tx.append(hostile),
      () => tx.put(0, hostile),
      () => tx.update(0, hostile),
      () => tx.upsert('byId', hostile),
      () => tx.appendMany([hostile]),
    ]) {
      expect(codeOf(write)).toBe('ERR_STRIDE_TRANSACTION')
    }
    expect(tx.append({ id: 9, balance: 0 })).toBe(3)
  })

  test('says so where code of the caller closed the store in the middle of a write', () => {
    const writes: ((tx: ReturnType<Accounts['begin']>, record: { id: number; balance: number }) => unknown)[] =
      [
        (tx, record) => tx.append(record),
        (tx, record) => tx.put(0, record),
        (tx, record) => tx.update(0, record),
        (tx, record) => tx.upsert('byId', record),
        (tx, record) => tx.appendMany([{ id: 8, balance: 0 }, record]),
      ]
    for (const write of writes) {
      const store = accounts(3, options)
      const tx = store.begin()
      const hostile = {
        get id(): number {
          store.close()
          return 2
        },
        balance: 0,
      }
      expect(
        codeOf(() => write(tx, hostile)),
        write.toString(),
      ).toBe('ERR_STRIDE_CLOSED')
    }
  })

  test('gives its numbers back also while the store reads a batch', () => {
    using store = accounts(3, options)
    const tx = store.begin()
    tx.append({ id: 10, balance: 0 })
    function* batch() {
      tx.rollback()
      yield { id: 11, balance: 1 }
      yield { id: 12, balance: 2 }
    }
    const { first, count } = store.appendMany(batch())
    expect([first, count, store.get(first)?.id, store.size]).toEqual([3, 2, 11, 5])
  })

  test('deletes by key only where a change is allowed, whether there is such a key or not', async () => {
    using store = accounts(3, options)
    const tx = store.begin()
    await store.transaction(inner => {
      for (const index of [store.index('byId'), tx.index('byId')]) {
        for (const key of [1, 99]) expect(codeOf(() => index.delete(key))).toBe('ERR_STRIDE_TRANSACTION')
      }
      expect([inner.index('byId').delete(99), inner.index('byId').delete(1)]).toEqual([false, true])
    })
    const { path } = store
    using reader = openStore(path, Account, { ...options, readOnly: true, indexes: INDEXES })
    for (const key of [0, 99])
      expect(codeOf(() => reader.index('byId').delete(key))).toBe('ERR_STRIDE_READ_ONLY')
  })

  test('finds in no index what was appended later, also once that is in the pages of the index', async () => {
    const path = join(temporaryFolder(), 'accounts.stride')
    const indexes = {
      byId: { on: 'id', unique: true },
      byKey: { on: ['balance', 'id'], kind: 'hash' },
      byBalance: { on: 'balance', kind: 'ordered' },
      inOrder: { on: 'id', unique: true, kind: 'ordered' },
    } as const
    using store = openStore(path, Account, { ...options, indexes })
    store.appendMany(Array.from({ length: 20 }, (_, id) => ({ id, balance: 1 })))
    await store.commit()
    await store.checkpoint()
    const tx = store.begin()
    expect(tx.append({ id: 900, balance: 1 })).toBe(20)
    const half = tx.index('byBalance').range()
    for (let i = 0; i < 10; i++) half.next()
    store.appendMany(Array.from({ length: 200 }, (_, i) => ({ id: 20 + i, balance: i % 3 })))
    await store.commit()
    await store.checkpoint()
    await store.createIndex('late', { on: 'balance', kind: 'ordered' })
    const seen = [...Array.from({ length: 20 }, (_, i) => i), 20]
    for (const name of ['byId', 'inOrder'] as const) {
      expect([...tx.index(name).numbers([0, 19, 20, 150, 219, 900])]).toEqual([0, 19, -1, -1, -1, 20])
      expect(tx.index(name).number(100)).toBe(-1)
      expect(tx.index(name).get(100)).toBeUndefined()
      expect([...tx.index(name).all(100)]).toEqual([])
    }
    expect(tx.index('byKey').number([1, 21])).toBe(-1)
    expect([...tx.index('byBalance').all(1)]).toEqual(seen)
    expect([...tx.index('byBalance').all(2)]).toEqual([])
    expect(tx.index('byBalance').count()).toBe(21)
    for (const index of [tx.index('byBalance'), tx.index('late' as string)]) {
      expect([...index.range().numbers()]).toEqual(seen)
      expect(Array.from(index.range({ reverse: true }), row => row.number)).toEqual([...seen].reverse())
      expect(index.last({ gte: 2 })).toBeUndefined()
    }
    expect(Array.from(half, row => row.number)).toEqual(seen.slice(10))
    expect(tx.append({ id: 100, balance: 5 })).toBeGreaterThan(20)
    expect(await codeOfAsync(tx.commit())).toBe('ERR_STRIDE_CONFLICT')
  })

  test('is refused inside a callback, and where the store is only read', async () => {
    using store = accounts(1, options)
    const tx = store.begin()
    tx.update(0, { balance: 1 })
    await store.transaction(() => {
      expect(codeOf(() => store.begin())).toBe('ERR_STRIDE_TRANSACTION')
      expect(codeOf(() => tx.commitSync())).toBe('ERR_STRIDE_TRANSACTION')
      expect(codeOf(() => tx.update(0, { balance: 2 }))).toBe('ERR_STRIDE_TRANSACTION')
    })
    // @ts-expect-error there is no such option
    expect(() => store.begin({ isolation: 'serializable' })).toThrow(TypeError)
    expect(await codeOfAsync(tx.commit())).toBe('nothing was thrown')
    using reader = openStore(store.path, Account, { ...options, readOnly: true })
    expect(codeOf(() => reader.begin())).toBe('ERR_STRIDE_READ_ONLY')
  })

  test('a batch with a refused record changes nothing', () => {
    using store = accounts(1, options)
    const tx = store.begin()
    expect(
      codeOf(() =>
        tx.appendMany([
          { id: 5, balance: 0 },
          { id: 0, balance: 0 },
        ]),
      ),
    ).toBe('ERR_STRIDE_DUPLICATE_KEY')
    expect(
      codeOf(() =>
        tx.appendMany([
          { id: 5, balance: 0 },
          { id: 6, balance: 2 ** 40 },
        ]),
      ),
    ).toBe('ERR_STRIDE_RECORD')
    expect([tx.size, tx.count, tx.index('byId').number(5)]).toEqual([1, 1, -1])
    expect(tx.append({ id: 5, balance: 0 })).toBe(1)
  })

  test('what it wrote survives reopening, and its numbers with it', async () => {
    const store = accounts(2, { ...options, checksums: true })
    const tx = store.begin()
    const other = store.begin()
    other.append({ id: 70, balance: 0 })
    expect(tx.append({ id: 71, balance: 1 })).toBe(3)
    tx.delete(0)
    await tx.commit({ durability: 'full' })
    store.close()
    using again = openStore(store.path, Account, { ...options, indexes: INDEXES })
    expect([...again].map(({ id }) => id)).toEqual([1, 71])
    expect([again.size, again.has(2), again.index('byId').number(71)]).toEqual([4, false, 3])
    expect((await again.verify()).findings).toEqual([])
  })
})

test('the records of a flat file are in no transaction', () => {
  const path = join(temporaryFolder(), 'points')
  openStore(path, Point).close()
  using flat = openFlatFile(path, Point, { count: 1 })
  expect('begin' in flat).toBe(false)
})

test('many handlers that read, wait and write lose no update', async () => {
  using store = accounts(20)
  let done = 0
  let conflicts = 0
  const handler = async (i: number): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      for (;;) {
        const tx = store.begin()
        const [from, to] = [(i * 7 + round) % 20, (i * 11 + round * 3 + 1) % 20]
        if (from === to) break
        const source = tx.field(from, 'balance')
        await sleep(0)
        tx.update(to, { balance: tx.field(to, 'balance') + 1 })
        tx.update(from, { balance: source - 1 })
        try {
          await tx.commit()
          done++
          break
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_STRIDE_CONFLICT') throw error
          conflicts++
        }
      }
    }
  }
  await Promise.all(Array.from({ length: 40 }, (_, i) => handler(i)))
  expect(done).toBeGreaterThan(100)
  expect(conflicts).toBeGreaterThan(0)
  expect(store.gather('balance').reduce((sum, each) => sum + each, 0)).toBe(2000)
  expect([store.stats().openTransactions, store.stats().versionBytes]).toEqual([0, 0])
})

test('one that changes more records than there is memory for ends the oldest, not the commit', async () => {
  const path = join(temporaryFolder(), 'trades.stride')
  using store = openStore(path, Trade, { durability: 'process', stagedBytesMax: 4 * 1024 * 1024 })
  store.appendMany(Array.from({ length: 20_000 }, (_, i) => trade(i)))
  await store.commit()
  const old = store.begin()
  const before = old.get(5)
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 4000; n++) store.update(n, { qty: round })
    await store.commit()
  }
  expect(before).toEqual(trade(5))
  expect(codeOf(() => old.get(5))).toBe('ERR_STRIDE_CONFLICT')
  expect([store.stats().openTransactions, store.stats().versionBytes]).toEqual([0, 0])
  const large = store.begin()
  expect(codeOf(() => large.appendMany(Array.from({ length: 60_000 }, (_, i) => trade(i))))).toBe(
    'ERR_STRIDE_LIMIT',
  )
  expect(large.size).toBe(20_000)
})

test('what the store has staged is staged again, however much a commit in flight holds', async () => {
  const path = join(temporaryFolder(), 'trades.stride')
  using store = openStore(path, Trade, { stagedBytesMax: 2.5 * 1024 * 1024 })
  store.appendMany(Array.from({ length: 20_000 }, (_, i) => trade(i)))
  await store.commit()
  for (let n = 0; n < 8000; n++) store.update(n, { qty: 1 })
  store.appendMany(Array.from({ length: 8000 }, (_, i) => trade(i)))
  const tx = store.begin()
  for (let n = 10_000; n < 18_000; n++) tx.update(n, { qty: 2 })
  const committing = tx.commit()
  const qtys = (): number[] => [0, 7999, 8000, 10_000, 17_999, 27_999].map(n => store.field(n, 'qty'))
  const expected = [1, 1, trade(8000).qty, 2, 2, trade(7999).qty]
  expect([store.size, ...qtys()]).toEqual([28_000, ...expected])
  await committing
  await store.commit()
  expect([store.size, ...qtys()]).toEqual([28_000, ...expected])
})

test('what dropped ones hold comes back once they are garbage: their memory, and their numbers', () => {
  const program = `
    import { openStore } from 'stridedb'
    import { z } from 'zod'
    const store = openStore(process.argv[1], z.object({ id: z.uint32() }), { durability: 'process' })
    store.append({ id: 0 })
    await store.commit()
    const drop = i => {
      const tx = store.begin()
      tx.update(0, { id: tx.field(0, 'id') })
      tx.append({ id: i })
    }
    for (let i = 0; i < 200; i++) drop(i)
    store.update(0, { id: 1 })
    await store.commit()
    const row = store.begin().row(0)
    for (let turn = 0; turn < 1000 && store.stats().openTransactions > 1; turn++) {
      globalThis.gc()
      await new Promise(resolve => setImmediate(resolve))
    }
    const { openTransactions, versionBytes } = store.stats()
    console.log(JSON.stringify({ openTransactions, versionBytes, id: row.id, next: store.append({ id: 9 }) }))
    store.close()
  `
  const path = join(temporaryFolder(), 'ids.stride')
  const run = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program, path], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  expect(JSON.parse(run.stdout)).toEqual({ openTransactions: 1, versionBytes: 0, id: 1, next: 1 })
})
