/**
 * Writers by turns: `lock: 'transaction'`. What could go wrong: two that write at once, a change that is lost or made twice when a writer
 * dies in its turn, an opener that never gets its turn, waiting that blocks the event loop.
 * Rules: TU1, TU2 (src/engine/sharing/turn-queue.ts), TA1, TA2, TA3 (src/engine/sharing/writer-turns.ts), OB1.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openStore, openStoreAsync, type StoreOptions, StrideError } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { WRITER_BYTE } from '../../src/engine/format/lock-file.ts'
import { TurnQueue } from '../../src/engine/sharing/turn-queue.ts'
import { WriterTurns } from '../../src/engine/sharing/writer-turns.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { childScript } from '../child-scripts.ts'
import { codeOf, codeOfAsync, descriptorsOf, temporaryFolder } from './support.ts'

const Counter = z.object({ id: z.uint32(), value: z.uint32() })
const INDEXES = { byId: { on: 'id', unique: true } } as const
const newPath = () => join(temporaryFolder(), 'counters.stride')
const byTurns = (path: string, options: StoreOptions = {}) =>
  openStore(path, Counter, { lock: 'transaction', indexes: INDEXES, ...options })

/** Appends a record with its own number, and counts in record 0. */
const count = (store: ReturnType<typeof byTurns>) =>
  store.transaction(tx => {
    if (tx.size === 0) tx.append({ id: 0, value: 0 })
    tx.update(0, { value: tx.field(0, 'value') + 1 })
    return tx.append({ id: tx.size, value: 0 })
  })

const queuesOn = (platform: Platform, many: number): TurnQueue[] =>
  Array.from({ length: many }, () => new TurnQueue(platform, 'x.stride'))

describe('the queue', () => {
  const queues = (many: number): TurnQueue[] => queuesOn(createSimulatedPlatform(), many)

  test('gives turns in the order of joining, past those who left or died', () => {
    const [a, b, c, d] = queues(4) as [TurnQueue, TurnQueue, TurnQueue, TurnQueue]
    expect([c, a, d, b].map(each => each.tryJoin())).toEqual([true, true, true, true])
    expect([a, b, c, d].map(each => each.isFirst())).toEqual([false, false, true, false])
    expect([a, b, c, d].map(each => each.isWaitedFor())).toEqual([true, false, true, true])
    c.leave()
    expect(a.isFirst()).toBe(true)
    // Joining again is joining last.
    expect([c.tryJoin(), c.isFirst(), b.isWaitedFor()]).toEqual([true, false, true])
    // A close ends the locks, as death does.
    a.close()
    d.close()
    expect([b.isFirst(), c.isFirst()]).toEqual([true, false])
    b.leave()
    b.leave()
    expect([c.isFirst(), c.isWaitedFor()]).toEqual([true, false])
  })

  test('has places for 64, and further ones join later', () => {
    const all = queues(66)
    const last = all.pop() as TurnQueue
    const late = all.pop() as TurnQueue
    for (const each of all) expect(each.tryJoin()).toBe(true)
    expect([late.tryJoin(), last.tryJoin()]).toEqual([false, false])
    all[5]?.close()
    expect([late.tryJoin(), last.tryJoin(), all[0]?.isFirst(), late.isFirst()]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  test('gives a place back if its number cannot be stored', () => {
    let isFull = false
    const platform = createSimulatedPlatform({
      observer: () => {
        if (isFull) throw new StrideError('ERR_STRIDE_NO_SPACE', 'The disk is full')
      },
    })
    const [full, waiting] = queuesOn(platform, 2)
    // The numbers of earlier owners stay in the table.
    for (let i = 0; i < 2; i++) {
      waiting?.tryJoin()
      waiting?.leave()
    }
    isFull = true
    expect(codeOf(() => full?.tryJoin())).toBe('ERR_STRIDE_NO_SPACE')
    isFull = false
    expect([waiting?.tryJoin(), waiting?.isFirst()]).toEqual([true, true])
  })

  test('is not harmed by foreign numbers in the table', () => {
    const platform = createSimulatedPlatform()
    const [a, b] = queuesOn(platform, 2)
    const file = platform.open('x.stride-lock', { access: 'readwrite', create: 'missing' })
    file.store(new Uint8Array(new Float64Array([Number.NaN, -1, 0, 0, 2 ** 52 - 1]).buffer), 0)
    expect([a?.tryJoin(), b?.tryJoin(), a?.isFirst(), b?.isFirst()]).toEqual([true, true, true, false])
  })

  test('looks whether a writer has the store before it opens it, since opening blocks', async () => {
    const platform = createSimulatedPlatform()
    const [queue] = queuesOn(platform, 1) as [TurnQueue]
    const lock = platform.open('x.stride-lock', { access: 'readwrite', create: 'missing' })
    lock.tryLock(WRITER_BYTE, 'exclusive')
    let opened = 0
    const open = async () => {
      opened++
      return {
        store: 7,
        close: () => undefined,
        release: () => undefined,
        handOver: async () => true,
        takeTurn: () => 'busy' as const,
        hadLastTurn: () => false,
      }
    }
    const turns = new WriterTurns({ path: 'x.stride', lockTimeoutMs: 1, queue, open })
    expect(await codeOfAsync(turns.run(async () => 0))).toBe('ERR_STRIDE_BUSY')
    expect(opened).toBe(0)
    lock.unlock(WRITER_BYTE)
    expect([await turns.run(async store => store), opened]).toEqual([7, 1])
    turns.close()
  })
})

test('a turn never makes another file, whatever happens to the name', async () => {
  const path = newPath()
  using store = byTurns(path)
  await count(store)
  // The same turn goes on for calls that follow at once.
  await store.closeAsync()
  using again = byTurns(path)
  for (const end of ['', '-index', '-journal']) rmSync(path + end, { force: true })
  expect(await codeOfAsync(count(again))).toBe('ERR_STRIDE_NOT_FOUND')
  expect(existsSync(path)).toBe(false)
})

test.skipIf(process.platform !== 'linux')('an opening by turns that fails leaves no descriptor', () => {
  const path = newPath()
  openStore(path, Counter).close()
  rmSync(`${path}-lock`)
  mkdirSync(`${path}-lock`)
  expect(codeOf(() => openStore(path, Counter, { lock: 'transaction' }))).toBe('ERR_STRIDE_IS_DIRECTORY')
  expect(descriptorsOf(path)).toEqual([])
})

describe.each(['mapped', 'file'] as const)('by turns, %s', backend => {
  test('two openers write one store, and read what each other wrote', async () => {
    const path = newPath()
    using one = byTurns(path, { backend })
    using two = byTurns(path, { backend })
    expect([one.readOnly, two.count]).toEqual([false, 0])
    const numbers = await Promise.all(Array.from({ length: 20 }, (_, i) => count(i % 2 === 0 ? one : two)))
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect([one.field(0, 'value'), two.field(0, 'value'), one.count]).toEqual([20, 20, 21])
    expect([one.index('byId').number(7), two.index('byId').number(20)]).toEqual([7, 20])
  })

  test('changes go through a transaction alone', async () => {
    using store = byTurns(newPath(), { backend })
    await count(store)
    const refused = [
      () => store.append({ id: 5, value: 5 }),
      () => store.appendMany([]),
      () => store.update(0, { value: 5 }),
      () => store.put(0, { id: 0, value: 5 }),
      () => store.delete(0),
      () => store.upsert('byId', { id: 0, value: 5 }),
      () => store.clear(),
      () => store.begin(),
      () => store.commitSync(),
      () => store.rollback(),
      () => store.index('byId').delete(0),
    ]
    for (const call of refused) expect(codeOf(call)).toBe('ERR_STRIDE_TRANSACTION')
    expect(await codeOfAsync(store.commit())).toBe('ERR_STRIDE_TRANSACTION')
    expect(store.get(0)).toEqual({ id: 0, value: 1 })
  })

  test('a callback that throws, nests or closes changes nothing, and the next turn comes', async () => {
    using store = byTurns(newPath(), { backend })
    await count(store)
    const thrown = store.transaction(tx => {
      tx.update(0, { value: 99 })
      throw new RangeError('never mind')
    })
    expect(await codeOfAsync(thrown)).toContain('never mind')
    let inner: Promise<unknown> | undefined
    const nested = store.transaction(tx => {
      tx.update(0, { value: 1 })
      inner = codeOfAsync(store.transaction(other => other.update(0, { value: 50 })))
      return codeOf(() => store.close())
    })
    expect([await nested, await inner]).toEqual(['ERR_STRIDE_TRANSACTION', 'ERR_STRIDE_TRANSACTION'])
    const promised = store.transaction((async () => 0) as never)
    expect(await codeOfAsync(promised)).toBe('ERR_STRIDE_TRANSACTION')
    expect([await count(store), store.field(0, 'value')]).toEqual([2, 2])
  })

  test('indexes, checkpoints and compact have their turns', async () => {
    const path = newPath()
    using store = byTurns(path, { backend })
    using other = byTurns(path, { backend })
    for (let i = 0; i < 5; i++) await count(store)
    const byValue = await store.createIndex('byValue', { on: 'value', kind: 'ordered' })
    expect([byValue.number(5), other.index('byValue' as 'byId').number(5)]).toEqual([0, 0])
    await other.dropIndex('byValue')
    expect(store.indexes.map(({ name }) => name)).toEqual(['byId'])
    await store.transaction(tx => tx.delete(1))
    await store.checkpoint()
    expect([...(await other.compact())]).toEqual([0, -1, 1, 2, 3, 4])
    expect([store.count, store.size, await store.transaction(tx => tx.append({ id: 9, value: 9 }))]).toEqual([
      5, 5, 5,
    ])
  })

  test('opening makes what is missing, and takes no lock where nothing is', async () => {
    const path = newPath()
    expect(codeOf(() => byTurns(path, { backend, create: false }))).toBe('ERR_STRIDE_NOT_FOUND')
    byTurns(path, { backend }).close()
    using writer = openStore(path, Counter, { backend })
    using store = byTurns(path, { backend, lockTimeoutMs: 30 })
    writer.append({ id: 0, value: 3 })
    writer.commitSync()
    expect(store.field(0, 'value')).toBe(3)
    expect(await codeOfAsync(count(store))).toBe('ERR_STRIDE_BUSY')
    const another = { lock: 'transaction', lockTimeoutMs: 0, indexes: { byValue: { on: 'value' } } } as const
    expect(codeOf(() => openStore(path, Counter, another))).toBe('ERR_STRIDE_BUSY')
    writer.close()
    expect(await count(store)).toBe(1)
    using more = await openStoreAsync(path, Counter, { ...another, lockTimeoutMs: 600_000 })
    expect(more.index('byValue').number(4)).toBe(0)
  })

  test('close refuses what waits, and closeAsync lets it end', async () => {
    const path = newPath()
    const writer = openStore(path, Counter, { backend, indexes: INDEXES })
    const waiting = byTurns(path, { backend, lockTimeoutMs: 60_000 })
    const refused = count(waiting)
    waiting.close()
    waiting.close()
    expect([await codeOfAsync(refused), await codeOfAsync(count(waiting))]).toEqual([
      'ERR_STRIDE_CLOSED',
      'ERR_STRIDE_CLOSED',
    ])
    writer.close()
    const store = byTurns(path, { backend })
    const begun = [count(store), count(store)]
    await store.closeAsync()
    expect(await Promise.all(begun)).toEqual([1, 2])
    using again = openStore(path, Counter, { backend })
    expect(again.field(0, 'value')).toBe(2)
  })
})

test('a store in memory, or opened for reading, has no turns', async () => {
  using store = openStore('counters', Counter, { backend: 'memory', lock: 'transaction' })
  store.append({ id: 1, value: 1 })
  expect(store.commitSync()).toBe(1)
  const path = newPath()
  byTurns(path).close()
  using reader = openStore(path, Counter, { readOnly: true, lock: 'transaction' })
  expect(reader.readOnly).toBe(true)
  expect(codeOf(() => reader.append({ id: 1, value: 1 }))).toBe('ERR_STRIDE_READ_ONLY')
  expect(await codeOfAsync(reader.transaction(() => 0))).toBe('ERR_STRIDE_READ_ONLY')
})

test('waiting leaves the event loop free', async () => {
  const path = newPath()
  const writer = openStore(path, Counter, { indexes: INDEXES })
  using store = byTurns(path, { lockTimeoutMs: 600_000 })
  const done = count(store)
  // The turn can only come if the timer that closes the writer runs meanwhile.
  setTimeout(() => writer.close(), 20)
  expect(await done).toBe(1)
})

describe('in several processes', () => {
  const script = (): string =>
    childScript(`import { openStore } from 'src/index.ts'
    import { z } from 'zod'
    const Counter = z.object({ id: z.uint32(), value: z.uint32() })
    const [path, kind, times] = process.argv.slice(2)
    const store = openStore(path, Counter, { lock: 'transaction', lockTimeoutMs: 600_000 })
    for (let i = 0; i < Number(times); i++) {
      const number = await store.transaction(tx => {
        if (tx.size === 0) tx.append({ id: 0, value: 0 })
        tx.update(0, { value: tx.field(0, 'value') + 1 })
        return tx.append({ id: tx.size, value: Number(kind) * 1_000_000 + i })
      })
      console.log(number)
    }
    store.close()`)

  /** The numbers that the child was given, as far as it told them, once it has ended. */
  const run = (
    path: string,
    kind: number,
    times: number,
  ): { child: ChildProcess; numbers: Promise<number[]> } => {
    const child = spawn(process.execPath, [script(), path, String(kind), String(times)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const numbers: number[] = []
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', line =>
      numbers.push(Number(line)),
    )
    return { child, numbers: once(child, 'close').then(() => numbers) }
  }

  test('each acknowledged transaction is there once, whoever is killed meanwhile', async () => {
    const path = newPath()
    byTurns(path).close()
    const victims = [1, 2].map(kind => run(path, kind, 100_000))
    const workers = [3, 4].map(kind => run(path, kind, 150))
    for (const { child } of victims) {
      // Each dies after some of its transactions.
      for (let lines = 0; lines < 25; lines++) await once(child.stdout as NodeJS.ReadableStream, 'data')
      child.kill('SIGKILL')
    }
    const told = await Promise.all([...victims, ...workers].map(({ numbers }) => numbers))
    using store = byTurns(path)
    const all = told.flat()
    expect(new Set(all).size).toBe(all.length)
    told.forEach((numbers, i) => {
      for (const [k, n] of numbers.entries())
        expect(store.get(n)).toEqual({ id: n, value: (i + 1) * 1_000_000 + k })
    })
    expect(told.slice(2).map(numbers => numbers.length)).toEqual([150, 150])
    // Each transaction counted once and appended once, also those that were not acknowledged.
    expect(store.count).toBe(store.field(0, 'value') + 1)
    expect(store.field(0, 'value')).toBeGreaterThanOrEqual(all.length)
    expect(store.field(0, 'value')).toBeLessThanOrEqual(all.length + 2 * 64)
    expect(await store.verify()).toMatchObject({ ok: true })
  })

  test('nobody starves beside one that never stops', async () => {
    const path = newPath()
    byTurns(path).close()
    const busy = run(path, 9, 1_000_000)
    await once(busy.child.stdout as NodeJS.ReadableStream, 'data')
    using store = byTurns(path, { lockTimeoutMs: 600_000 })
    for (let i = 0; i < 5; i++) await count(store)
    expect(busy.child.exitCode).toBe(null)
    busy.child.kill('SIGKILL')
    await busy.numbers
    expect(store.index('byId').number(store.size - 1)).toBeGreaterThan(0)
  })
})
