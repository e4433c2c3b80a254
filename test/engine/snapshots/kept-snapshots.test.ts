/**
 * Snapshots with `keep: true`. What could go wrong: one that ends although its journal was to be kept, through a checkpoint, a full
 * journal, a writer that closes, dies or is followed by another; frames that are kept for nobody, as for a process that died; a file
 * that grows although nobody needs its start; a store that is compacted or migrated under it.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { migrateStore, openStore, type Snapshot, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../../child-scripts.ts'
import { codeOf, descriptorsOf, temporaryFolder } from '../support.ts'

const Item = z.object({ id: z.uint32(), value: z.uint32() })
const INDEXES = { byId: { on: 'id', unique: true }, byValue: { on: 'value', kind: 'ordered' } } as const
const SMALL = { journalBytes: 65_536 }
const COUNT = 500
const items = Array.from({ length: COUNT }, (_, id) => ({ id, value: id * 10 }))
type Items = Store<typeof Item, typeof INDEXES>

function filled(path: string, options = {}): Items {
  const store = openStore(path, Item, { ...SMALL, indexes: INDEXES, ...options })
  if (store.count === 0) store.appendMany(items)
  store.commitSync()
  return store
}
const newPath = () => join(temporaryFolder(), 'items.stride')

/** Changes each record, in so many commits that the journal is reset several times. */
function churn(store: Items, rounds = 3): void {
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < COUNT; n += 5) {
      for (let i = n; i < n + 5; i++)
        if (store.has(i)) store.update(i, { value: 1_000_000 + round * COUNT + i })
      if (n % 100 === 0) store.append({ id: 1_000_000 + store.size, value: 3 })
      store.commitSync({ durability: 'process' })
    }
    store.delete(round * 7)
    store.commitSync()
  }
}

/** It shows the records as they were first. */
function checkFirst(snapshot: Snapshot<typeof Item, typeof INDEXES>, step = 1): void {
  for (let n = 0; n < COUNT; n += step) expect(snapshot.field(n, 'value')).toBe(n * 10)
  expect(snapshot.get(7)).toEqual({ id: 7, value: 70 })
  expect([snapshot.count, snapshot.size]).toEqual([COUNT, COUNT])
  expect([...snapshot.gather('value')]).toEqual(items.map(({ value }) => value))
  expect(snapshot.index('byId').number(14)).toBe(14)
  expect(snapshot.index('byValue').range({ gte: 100, lte: 120 }).toArray()).toEqual(items.slice(10, 13))
  expect(snapshot.index('byValue').count({ gte: 1_000_000 })).toBe(0)
}

describe.each(['mapped', 'file', 'memory'] as const)('a kept snapshot, %s', backend => {
  const open = (options = {}) => filled(backend === 'memory' ? 'memory' : newPath(), { backend, ...options })

  test('of the writing process lasts while the journal is reset', async () => {
    using store = open()
    const plain = store.snapshot()
    const kept = store.snapshot({ keep: true })
    expect(store.stats()).toMatchObject({ keptSnapshots: 1, keptSince: kept.commitNumber, keptBytes: 0 })
    for (let round = 0; round < 3; round++) {
      churn(store)
      await store.checkpoint()
      checkFirst(kept)
    }
    plain.close()
    expect(store.stats().keptBytes).toBeGreaterThan(50_000)
    const later = store.snapshot({ keep: true })
    expect([later.count, later.field(20, 'value')]).toEqual([store.count, store.field(20, 'value')])
    expect(store.stats()).toMatchObject({ keptSnapshots: 2, keptSince: kept.commitNumber })
    kept.close()
    expect(codeOf(() => kept.get(1))).toBe('ERR_STRIDE_CLOSED')
    expect(store.stats()).toMatchObject({ keptSnapshots: 1, keptSince: later.commitNumber })
    later.close()
    churn(store, 1)
    await store.checkpoint()
    expect(store.stats()).toMatchObject({ keptSnapshots: 0, keptSince: undefined, keptBytes: 0 })
  })

  test('is read for the first time long after its commit', async () => {
    using store = open()
    using kept = store.snapshot({ keep: true })
    churn(store)
    await store.checkpoint()
    churn(store)
    checkFirst(kept)
  })

  test('sees commits that were not durable yet, and nothing that is staged', () => {
    using store = open()
    store.update(1, { value: 5 })
    store.commitSync({ durability: 'process' })
    store.update(2, { value: 6 })
    using kept = store.snapshot({ keep: true })
    expect([kept.field(1, 'value'), kept.field(2, 'value'), store.field(2, 'value')]).toEqual([5, 20, 6])
    expect(kept.commitNumber).toBe(store.commitNumber)
  })

  test('ends with its store', async () => {
    const store = open()
    const kept = store.snapshot({ keep: true })
    churn(store, 1)
    store.close()
    expect(codeOf(() => kept.get(1))).toBe('ERR_STRIDE_CLOSED')
    kept.close()
  })

  test('refuses compact, and ends nothing by that', async () => {
    using store = open()
    const kept = store.snapshot({ keep: true })
    churn(store, 1)
    await expect(store.compact()).rejects.toMatchObject({ code: 'ERR_STRIDE_BUSY' })
    store.update(1, { value: 2 })
    store.commitSync()
    checkFirst(kept)
    kept.close()
    expect(await store.compact()).toHaveLength(store.size + 1)
  })

  test('refuses compact that was begun before', async () => {
    using store = open()
    churn(store, 1)
    const compacted = store.compact()
    let kept: Snapshot<typeof Item> | undefined
    const taken = codeOf(() => {
      kept = store.snapshot({ keep: true })
    })
    const value = store.field(20, 'value')
    const ended = await compacted.then(
      () => 'compacted',
      error => error.code,
    )
    expect([taken, ended]).toEqual(['nothing was thrown', 'ERR_STRIDE_BUSY'])
    store.update(20, { value: 2 })
    store.commitSync()
    expect(kept?.field(20, 'value')).toBe(value)
    kept?.close()
  })

  test('has a limit, beyond which commits are refused and nothing else', async () => {
    using store = open({ keptBytesMax: 40_000 })
    const kept = store.snapshot({ keep: true })
    let refused: unknown
    for (let round = 0; refused === undefined && round < 100; round++) {
      try {
        churn(store, 1)
      } catch (error) {
        refused = error
      }
    }
    expect(refused).toMatchObject({ code: 'ERR_STRIDE_LIMIT' })
    expect(store.stats().keptBytes).toBeLessThan(40_000 + 2 * 65_536)
    checkFirst(kept)
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_STRIDE_LIMIT' })
    expect(store.stats().stagedRecords).toBeGreaterThan(0)
    kept.close()
    store.commitSync()
    expect(store.stats()).toMatchObject({ stagedRecords: 0, keptBytes: 0 })
    churn(store, 1)
  })

  test('does not keep what only earlier ones needed', () => {
    using store = open()
    let kept = store.snapshot({ keep: true })
    let most = 0
    for (let round = 0; round < 8; round++) {
      churn(store, 2)
      const next = store.snapshot({ keep: true })
      const value = store.field(20, 'value')
      kept.close()
      kept = next
      churn(store, 2)
      expect(kept.field(20, 'value')).toBe(value)
      most = Math.max(most, store.stats().keptBytes)
    }
    kept.close()
    // All frames of these commits take more than a megabyte.
    expect(most).toBeLessThan(400_000)
  })

  test('goes on beside an index that was created since, with those from before', async () => {
    using store = open()
    using kept = store.snapshot({ keep: true })
    churn(store, 1)
    await store.createIndex('late', { on: 'value' })
    churn(store, 1)
    expect(kept.field(9, 'value')).toBe(90)
    const looked = codeOf(() => kept.index('byId').number(14))
    expect(['nothing was thrown', 'ERR_STRIDE_INDEX_NOT_BUILT']).toContain(looked)
    expect([kept.field(10, 'value'), kept.gather('value', [11])[0]]).toEqual([100, 110])
  })
})

test('a kept snapshot of a reader outlives writers that close, and what they rebuild', async () => {
  const path = newPath()
  filled(path).close()
  using reader = openStore(path, Item, { readOnly: true, indexes: INDEXES })
  using kept = reader.snapshot({ keep: true })
  using late = reader.snapshot({ keep: true })
  for (let round = 0; round < 4; round++) {
    using writer = filled(path)
    expect(writer.stats()).toMatchObject({ keptSnapshots: 2, keptSince: 1 })
    churn(writer, 1)
    if (round % 2 === 1) await writer.checkpoint()
    checkFirst(kept, 7)
    await writer.backup(`${path}-copy${round}`)
    using copy = openStore(`${path}-copy${round}`, { readOnly: true })
    expect([copy.count, copy.commitNumber]).toEqual([writer.count, writer.commitNumber])
  }
  checkFirst(kept)
  checkFirst(late)
  kept.close()
  late.close()
  filled(path).close()
  expect(existsSync(`${path}-kept`)).toBe(false)
})

test('a kept snapshot of a reader in a store that is written by turns', async () => {
  const path = newPath()
  filled(path).close()
  using reader = openStore(path, Item, { readOnly: true, indexes: INDEXES })
  using kept = reader.snapshot({ keep: true })
  using turns = openStore(path, Item, { lock: 'transaction' })
  using own = turns.snapshot({ keep: true })
  for (let i = 0; i < 6; i++) await turns.transaction(tx => tx.update(i, { value: 1 }))
  checkFirst(kept, 3)
  checkFirst(own as never, 3)
})

test('migrateStore refuses a store of which a reader keeps a snapshot', () => {
  const path = newPath()
  filled(path).close()
  using reader = openStore(path, Item, { readOnly: true, indexes: INDEXES })
  const kept = reader.snapshot({ keep: true })
  const Wider = Item.extend({ more: z.uint32() })
  const migrate = () => migrateStore(path, Wider, ({ id, value }) => ({ id, value, more: 0 }) as never)
  expect(codeOf(migrate)).toBe('ERR_STRIDE_BUSY')
  checkFirst(kept)
  kept.close()
  expect(migrate()).toBe(COUNT)
})

test('frames are given up where they cannot be kept, and commits go on', () => {
  const path = newPath()
  using store = filled(path)
  using kept = store.snapshot({ keep: true })
  writeFileSync(`${path}-kept`, 'a file of the user')
  churn(store)
  expect(codeOf(() => kept.gather('value'))).toBe('ERR_STRIDE_SNAPSHOT_GONE')
  expect(readFileSync(`${path}-kept`, 'utf8')).toBe('a file of the user')
  expect(store.stats()).toMatchObject({ keptSnapshots: 0 })
})

describe('beside other processes', () => {
  const WRITER = `import { openStore } from 'src/index.ts'
    import { z } from 'zod'
    const store = openStore(process.argv[2], z.object({ id: z.uint32(), value: z.uint32() }), { journalBytes: 65536 })
    console.log('ready')
    process.stdin.on('data', () => {
      for (let k = 0; k < 400; k++) {
        store.update(k, { value: store.field(k, 'value') + 1 })
        store.commitSync()
      }
      console.log('committed')
    })`
  const READER = `import { openStore } from 'src/index.ts'
    const reader = openStore(process.argv[2], { readOnly: true })
    const kept = reader.snapshot({ keep: true })
    console.log('ready')
    process.stdin.on('data', () => console.log(kept.field(5, 'value')))`
  const begin = async (source: string, path: string) => {
    const child = spawn(process.execPath, [childScript(source), path], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line = async () => (await lines.next()).value
    expect(await line()).toBe('ready')
    const ask = () => {
      child.stdin.write('x')
      return line()
    }
    const kill = async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    return { ask, kill }
  }

  test('it outlives writers that are killed', async () => {
    const path = newPath()
    filled(path).close()
    using reader = openStore(path, Item, { readOnly: true, indexes: INDEXES })
    using kept = reader.snapshot({ keep: true })
    for (let round = 0; round < 3; round++) {
      const writer = await begin(WRITER, path)
      expect(await writer.ask()).toBe('committed')
      if (round === 1) checkFirst(kept, 9)
      await writer.kill()
    }
    expect(reader.field(5, 'value')).toBe(53)
    checkFirst(kept)
    filled(path).close()
    checkFirst(kept)
  })

  test('one of a process that died keeps nothing', async () => {
    const path = newPath()
    using store = filled(path)
    const reader = await begin(READER, path)
    churn(store)
    expect(await reader.ask()).toBe('50')
    expect(store.stats()).toMatchObject({ keptSnapshots: 1, keptSince: 1 })
    expect(statSync(`${path}-kept`).size).toBe(store.stats().keptBytes)
    await reader.kill()
    expect(store.stats()).toMatchObject({ keptSnapshots: 0, keptSince: undefined })
    churn(store, 1)
    expect(existsSync(`${path}-kept`)).toBe(false)
    if (process.platform === 'linux') {
      store.close()
      expect(descriptorsOf(path)).toEqual([])
    }
  })
})
