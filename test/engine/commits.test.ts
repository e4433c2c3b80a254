/**
 * What could go wrong with commits: one that resolves before it is on disk, or takes what was staged after it; staged
 * changes that survive a close; a transaction that half happens.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store, StrideError, type Transaction } from 'stridedb'
import { beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../src/engine/open.ts'
import type { DiskObserver } from '../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { childScript } from '../child-scripts.ts'
import { BACKENDS, codeOf, codeOfAsync, isWindows, Trade, temporaryFolder, trade } from './support.ts'

let path: string
let store: Store<typeof Trade>
beforeEach(() => {
  path = join(temporaryFolder(), 'trades.stride')
  store = openStore(path, Trade)
  store.appendMany([0, 1, 2, 3, 4].map(trade))
  store.commitSync()
  return () => store.close()
})

function reopened<T>(look: (store: Store<typeof Trade>) => T): T {
  store.close()
  const again = openStore(path, Trade, { readOnly: true })
  try {
    return look(again)
  } finally {
    again.close()
  }
}

describe('a commit', () => {
  test('an empty blocking one answers the number of those before it, and as durable as asked', async () => {
    store.update(0, { qty: 5 })
    const process = store.commit({ durability: 'process' })
    expect(store.commitSync({ durability: 'process' })).toBe(2)
    expect(await process).toBe(2)
    store.update(0, { qty: 6 })
    expect(store.commitSync({ durability: 'process' })).toBe(3)
    expect(store.commitSync({ durability: 'full' })).toBe(3)
    expect(store.durableCommitNumber).toBe(3)
  })

  test.skipIf(isWindows).each(BACKENDS)(
    'is refused where the data file was cut short, which stays as it is: $name',
    async ({ options }) => {
      const cut = join(temporaryFolder(), 'cut.stride')
      const writer = openStore(cut, Trade, options)
      writer.appendMany([0, 1, 2, 3, 4].map(trade))
      writer.commitSync()
      const whole = readFileSync(cut)
      for (const length of [16_384 + 200, 0]) {
        truncateSync(cut, length)
        await new Promise(resolve => setImmediate(resolve))
        writer.append(trade(5))
        expect(await codeOfAsync(writer.commit())).toBe('ERR_STRIDE_TRUNCATED')
        expect(codeOf(() => writer.commitSync())).toBe('ERR_STRIDE_TRUNCATED')
        expect(statSync(cut).size).toBe(length)
        writer.rollback()
      }
      // Whoever did it puts it back.
      writeFileSync(cut, whole)
      await new Promise(resolve => setImmediate(resolve))
      writer.append(trade(6))
      expect(await writer.commit()).toBe(2)
      writer.close()
      using again = openStore(cut, Trade, { readOnly: true })
      expect([again.size, again.get(5)]).toEqual([6, trade(6)])
    },
  )

  test('counts up from 1, and an empty one keeps the number without a sync', async () => {
    expect(store.commitNumber).toBe(1)
    const { syncs } = store.stats()
    expect(await store.commit()).toBe(1)
    expect(store.commitSync()).toBe(1)
    expect(store.stats().syncs).toBe(syncs)
    store.update(0, { qty: 5 })
    expect(await store.commit()).toBe(2)
    expect([store.commitNumber, store.durableCommitNumber]).toEqual([2, 2])
  })

  test('takes what is staged at the call, not what is staged later', async () => {
    store.update(0, { qty: 1 })
    const first = store.commit()
    store.update(0, { qty: 2 })
    store.update(1, { qty: 3 })
    await first
    store.rollback()
    expect([store.field(0, 'qty'), store.field(1, 'qty')]).toEqual([1, trade(1).qty])
  })

  test('shares its syncs with those asked for in the same turn', async () => {
    const { syncs } = store.stats()
    const commits = Array.from({ length: 100 }, (_, i) => {
      store.append(trade(i + 5))
      return store.commit()
    })
    expect(await Promise.all(commits)).toEqual(Array.from({ length: 100 }, (_, i) => i + 2))
    expect(store.stats().syncs - syncs).toBeLessThanOrEqual(4)
    expect(reopened(again => again.count)).toBe(105)
  })

  test('may be asked for 150,000 times in one turn', async () => {
    const many = openStore('many', z.object({ a: z.uint32() }), { backend: 'memory' })
    for (let i = 0; i < 10; i++) many.append({ a: 0 })
    const commits = Array.from({ length: 150_000 }, (_, i) => {
      many.update(i % 10, { a: i })
      return many.commit()
    })
    const numbers = await Promise.all(commits)
    expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([150_000, 1, 150_000])
    expect([many.commitNumber, many.field(9, 'a')]).toEqual([150_000, 149_999])
    many.close()
  })

  test('fails alike where 150,000 of one turn wait for a sync that fails', async () => {
    let fails = false
    let journal = 0
    const observer: DiskObserver = event => {
      if (event.kind === 'create' && event.path.includes('-journal')) journal = event.file
      if (fails && event.kind === 'sync-begin' && event.file === journal)
        throw new StrideError('ERR_STRIDE_IO', 'the disk fails')
    }
    const platform = createSimulatedPlatform({ observer })
    const Many = z.object({ a: z.uint32() })
    // All of them are one group of frames.
    const many = openStoreOn(platform, '/many', Many, { journalBytes: 64 * 1024 * 1024 })
    for (let i = 0; i < 10; i++) many.append({ a: i })
    many.commitSync()
    fails = true
    const commits = Array.from({ length: 150_000 }, (_, i) => {
      many.update(i % 10, { a: 100 + i })
      return many.commit()
    })
    const ends = await Promise.allSettled(commits)
    expect(new Set(ends.map(end => (end.status === 'rejected' ? end.reason.code : end.status)))).toEqual(
      new Set(['ERR_STRIDE_IO']),
    )
    expect([many.commitNumber, many.field(9, 'a')]).toEqual([1, 9])
    expect(codeOf(() => many.append({ a: 1 }))).toBe('ERR_STRIDE_POISONED')
    many.close()
  })

  test('in flight is finished by commitSync and by close', async () => {
    store.append(trade(5))
    const first = store.commit()
    store.append(trade(6))
    expect(store.commitSync()).toBe(3)
    store.append(trade(7))
    const second = store.commit()
    store.append(trade(8))
    store.close()
    expect(await first).toBe(2)
    expect(await second).toBe(4)
    expect(reopened(again => [...again])).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(trade))
  })

  test('makes empty ones wait their turn', async () => {
    const order: string[] = []
    store.append(trade(5))
    const first = store.commit().then(() => order.push('full'))
    const second = store.commit().then(() => order.push('empty'))
    await Promise.all([first, second])
    expect(order).toEqual(['full', 'empty'])
  })

  test('is there after the process ends without closing', () => {
    const child = spawnSync(process.execPath, [childScript(CHILD), path], {
      encoding: 'utf8',
      cwd: process.cwd(),
    })
    store.close()
    expect(child.stderr).toContain('ERR_STRIDE_BUSY')
    const second = spawnSync(process.execPath, [childScript(CHILD), path], {
      encoding: 'utf8',
      cwd: process.cwd(),
    })
    expect(second.stderr).toBe('')
    expect(second.stdout.trim()).toBe('committed 2')
    expect(reopened(again => [again.count, again.commitNumber])).toEqual([6, 2])
  })
})

/** Appends one record and commits, appends another, and ends without closing. */
const CHILD = `
import { openStore } from 'src/index.ts'
const store = openStore(process.argv[2])
store.append(store.get(0))
console.log('committed', store.commitSync())
store.append(store.get(1))
`

describe('what is staged', () => {
  test('is dropped by close and by rollback', () => {
    store.update(0, { qty: 9 })
    store.delete(1)
    store.append(trade(5))
    store.rollback()
    expect([...store]).toEqual([0, 1, 2, 3, 4].map(trade))
    store.update(0, { qty: 9 })
    expect(reopened(again => again.get(0))).toEqual(trade(0))
  })

  test('is seen by every read of the writer', () => {
    store.update(0, { qty: 77 })
    store.delete(1)
    store.put(2, trade(20))
    store.append(trade(5))
    expect(store.get(0)?.qty).toBe(77)
    expect(store.field(0, 'qty')).toBe(77)
    expect(store.row(2).toObject()).toEqual(trade(20))
    expect([store.count, store.size, store.has(1)]).toEqual([5, 6, false])
    expect(store.gather('qty')).toEqual(
      Uint32Array.of(77, trade(20).qty, trade(3).qty, trade(4).qty, trade(5).qty),
    )
    expect([...store].map(record => record.id)).toEqual([0, 20, 3, 4, 5])
  })
})

describe('a transaction', () => {
  test('commits what its callback staged and answers what it returned', async () => {
    const answer = await store.transaction(tx => {
      const n = tx.append(trade(5))
      tx.update(0, { qty: 1 })
      tx.delete(1)
      expect(tx.get(0)?.qty).toBe(1)
      expect([tx.count, tx.size, tx.has(1)]).toEqual([5, 6, false])
      return n
    })
    expect(answer).toBe(5)
    expect(reopened(again => [...again].map(record => record.id))).toEqual([0, 2, 3, 4, 5])
  })

  test('leaves nothing when its callback throws', async () => {
    const failing = store.transaction(tx => {
      tx.append(trade(5))
      tx.update(0, { qty: 1 })
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect([...store]).toEqual([0, 1, 2, 3, 4].map(trade))
  })

  test('is refused nested, beside staged changes, with a promise and with a generator; writes through the store throw inside', async () => {
    // @ts-expect-error: nor do these compile.
    const nested = store.transaction(() => store.transaction(() => 1))
    expect(await codeOfAsync(nested)).toBe('ERR_STRIDE_TRANSACTION')
    // @ts-expect-error
    const promising = store.transaction(async tx => {
      tx.update(0, { qty: 1 })
    })
    expect(await codeOfAsync(promising)).toBe('ERR_STRIDE_TRANSACTION')
    // The bodies of generators have not run when they return.
    const generators: readonly (() => unknown)[] = [function* () {}, async function* () {}]
    for (const generator of generators) {
      expect(await codeOfAsync(store.transaction(generator))).toBe('ERR_STRIDE_TRANSACTION')
    }
    await store.transaction(tx => {
      for (const call of [
        () => store.append(trade(5)),
        () => store.update(0, {}),
        () => store.put(0, trade(0)),
        () => store.delete(0),
        () => store.commitSync(),
        () => store.rollback(),
      ]) {
        expect(codeOf(call)).toBe('ERR_STRIDE_TRANSACTION')
      }
      expect(store.get(0)).toEqual(tx.get(0))
    })
    expect([...store]).toEqual([0, 1, 2, 3, 4].map(trade))
    store.update(0, { qty: 3 })
    expect(await codeOfAsync(store.transaction(() => 1))).toBe('ERR_STRIDE_TRANSACTION')
    expect(store.field(0, 'qty')).toBe(3)
  })

  test('ends with its callback', async () => {
    let kept: Transaction<typeof Trade> | undefined
    await store.transaction(tx => {
      kept = tx
    })
    expect(codeOf(() => kept?.append(trade(5)))).toBe('ERR_STRIDE_TRANSACTION')
    expect(store.size).toBe(5)
  })
})
