/**
 * The life of a snapshot: what it holds, when it ends, and what ends with it. Its answers beside a changing store: snapshot-model.test.ts.
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { migrateStore, openStore, type Snapshot } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../../child-scripts.ts'
import { codeOf, descriptorsOf, temporaryFolder } from '../support.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const Item = z.object({ id: z.uint32(), value: z.uint32() })
const INDEXES = { byId: { on: 'id', unique: true }, byValue: { on: 'value', kind: 'ordered' } } as const
const items = (count: number) => Array.from({ length: count }, (_, id) => ({ id, value: id * 10 }))

describe.each(['mapped', 'file', 'memory'] as const)('a snapshot, %s', backend => {
  const path = () => (backend === 'memory' ? 'memory' : join(temporaryFolder(), 'items.stride'))
  const filled = (options = {}) => {
    const store = openStore(path(), Item, { backend, indexes: INDEXES, ...options })
    store.appendMany(items(100))
    store.commitSync()
    return store
  }

  test('of an empty store has no records, and never gets any', () => {
    using store = openStore(path(), Item, { backend, indexes: INDEXES })
    using snapshot = store.snapshot()
    store.append({ id: 1, value: 1 })
    store.commitSync()
    expect([snapshot.count, snapshot.size, snapshot.commitNumber]).toEqual([0, 0, 0])
    expect([[...snapshot], snapshot.get(0), snapshot.index('byId').number(1)]).toEqual([[], undefined, -1])
    expect(snapshot.index('byValue').range().toArray()).toEqual([])
  })

  test('does not see what is staged, also from inside a transaction', async () => {
    using store = filled()
    store.update(3, { value: 1 })
    store.append({ id: 200, value: 200 })
    const snapshot = store.snapshot()
    expect([snapshot.field(3, 'value'), snapshot.size, snapshot.count]).toEqual([30, 100, 100])
    store.rollback()
    const seen = await store.transaction(tx => {
      tx.update(3, { value: 2 })
      return store.snapshot().field(3, 'value')
    })
    expect([seen, snapshot.field(3, 'value'), store.field(3, 'value')]).toEqual([30, 30, 2])
  })

  test('keeps its records in a hot loop while each of them is changed and committed', async () => {
    using store = filled()
    using snapshot = store.snapshot()
    for (let round = 1; round <= 30; round++) {
      for (let n = 0; n < 100; n++) expect(snapshot.field(n, 'value')).toBe(n * 10)
      const row = snapshot.row(round)
      store.update(round, { value: round })
      for (let n = 0; n < 100; n++) expect(snapshot.field(n, 'value')).toBe(n * 10)
      const committed = store.commit()
      for (let n = 0; n < 100; n++) expect(snapshot.get(n)).toEqual({ id: n, value: n * 10 })
      await committed
      expect([row.value, row.seek(1).value, store.field(round, 'value')]).toEqual([round * 10, 10, round])
    }
  })

  test('cannot change anything, and knows the indexes of its store', () => {
    using store = filled()
    using snapshot = store.snapshot()
    expect(codeOf(() => snapshot.index('byId').delete(3))).toBe('ERR_STRIDE_READ_ONLY')
    expect('update' in snapshot).toBe(false)
    expect(snapshot.indexes).toEqual(store.indexes)
    expect(() => snapshot.index('byNothing' as 'byId')).toThrow(RangeError)
    expect(() => store.snapshot({ kep: true } as never)).toThrow(TypeError)
  })

  test('throws after its close, and after that of its store', () => {
    const store = filled()
    const closed = store.snapshot()
    const open = store.snapshot()
    const held = (snapshot: Snapshot<typeof Item, typeof INDEXES>) => {
      const row = snapshot.row(0)
      const walk = snapshot.scan()
      const index = snapshot.index('byId')
      for (let i = 0; i < 50; i++) expect([snapshot.field(1, 'value'), index.number(2)]).toEqual([10, 2])
      walk.next()
      return [
        () => snapshot.get(1),
        () => snapshot.field(1, 'value'),
        () => snapshot.count,
        () => snapshot.size,
        () => snapshot.has(1),
        () => snapshot.gather('value', [1]),
        () => snapshot.getMany([1]),
        () => snapshot.scan(),
        () => snapshot.index('byId'),
        () => snapshot.indexes,
        () => snapshot.row(1),
        () => row.value,
        () => walk.next(),
        () => index.number(2),
        () => index.get(2),
      ].map(call => () => codeOf(call))
    }
    const [ofClosed, ofOpen] = [held(closed), held(open)]
    closed.close()
    closed.close()
    expect(ofClosed.map(code => code())).toEqual(ofClosed.map(() => 'ERR_STRIDE_CLOSED'))
    expect(ofOpen.map(code => code())).toEqual(ofOpen.map(() => 'nothing was thrown'))
    store.close()
    expect(ofOpen.map(code => code())).toEqual(ofOpen.map(() => 'ERR_STRIDE_CLOSED'))
    open.close()
    expect([closed.commitNumber, open.commitNumber]).toEqual([1, 1])
    expect(codeOf(() => store.snapshot())).toBe('ERR_STRIDE_CLOSED')
  })

  test('ends when the store keeps more for it than stagedBytesMax, and is counted until then', () => {
    using store = filled({ stagedBytesMax: 1_100_000 })
    const snapshot = store.snapshot()
    expect(store.stats()).toMatchObject({ openSnapshots: 1, openTransactions: 0, versionBytes: 0 })
    store.update(1, { value: 1 })
    store.commitSync()
    expect(store.stats().versionBytes).toBeGreaterThan(0)
    expect(snapshot.field(1, 'value')).toBe(10)
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 100; n++) store.update(n, { value: round })
      store.commitSync()
    }
    for (let i = 0; i < 3; i++)
      expect(codeOf(() => snapshot.field(50, 'value'))).toBe('ERR_STRIDE_SNAPSHOT_GONE')
    expect(store.stats()).toMatchObject({ openSnapshots: 0, versionBytes: 0 })
  })

  test('is gone after a compact, also if it was opened while the compact ran', async () => {
    using store = filled()
    const before = store.snapshot()
    const compacting = store.compact()
    const snapshots = [before]
    let isOver = false
    void compacting.finally(() => (isOver = true))
    while (!isOver) {
      const snapshot = store.snapshot()
      expect(snapshot.gather('value')).toHaveLength(100)
      snapshots.push(snapshot)
      await new Promise(done => setImmediate(done))
    }
    await compacting
    // The last ones may have been opened after it.
    expect(snapshots.length).toBeGreaterThan(2)
    for (const snapshot of snapshots) {
      const calls = [
        () => snapshot.gather('value'),
        () => snapshot.field(3, 'value'),
        () => [...snapshot],
        () => snapshot.index('byId').number(3),
      ]
      for (const call of calls)
        expect(['ERR_STRIDE_SNAPSHOT_GONE', 'nothing was thrown']).toContain(codeOf(call))
    }
    expect(codeOf(() => before.gather('value'))).toBe('ERR_STRIDE_SNAPSHOT_GONE')
    expect(store.stats().openSnapshots).toBeLessThanOrEqual(1)
  })

  test('gives back what was kept for it at its close', () => {
    using store = filled()
    const [older, newer] = [store.snapshot(), store.snapshot()]
    for (let n = 0; n < 10; n++) store.update(n, { value: 1 })
    store.commitSync()
    older.close()
    expect(store.stats().versionBytes).toBeGreaterThan(0)
    expect(newer.field(3, 'value')).toBe(30)
    newer.close()
    expect(store.stats()).toMatchObject({ openSnapshots: 0, versionBytes: 0 })
  })
})

test('a snapshot that nobody holds ends, and gives back its memory', () => {
  const program = `
    import { openStore } from 'stridedb'
    import { z } from 'zod'
    const store = openStore('memory', z.object({ id: z.uint32() }), { backend: 'memory' })
    store.append({ id: 1 })
    store.commitSync()
    const use = () => {
      const snapshot = store.snapshot()
      for (let i = 0; i < 10; i++) if (snapshot.field(0, 'id') !== 1) throw new Error('another record')
    }
    for (let i = 0; i < 20; i++) use()
    store.update(0, { id: 2 })
    store.commitSync()
    const row = store.snapshot().row(0)
    store.update(0, { id: 3 })
    store.commitSync()
    for (let turn = 0; turn < 1000 && store.stats().openSnapshots > 1; turn++) {
      globalThis.gc()
      await new Promise(resolve => setImmediate(resolve))
    }
    console.log(JSON.stringify([store.stats().openSnapshots, row.id, store.field(0, 'id')]))
  `
  const run = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  expect(JSON.parse(run.stdout)).toEqual([1, 2, 3])
})

test('a snapshot of a reader outlives a writer that is killed, and the next one until that resets the journal', async () => {
  const path = join(temporaryFolder(), 'items.stride')
  const script = childScript(`import { openStore } from 'src/index.ts'
    import { z } from 'zod'
    const store = openStore(process.argv[2], z.object({ id: z.uint32(), value: z.uint32() }))
    if (store.count === 0) store.appendMany(Array.from({ length: 1000 }, (_, id) => ({ id, value: 100 })))
    store.commitSync()
    console.log('ready')
    process.stdin.on('data', () => {
      // The sum stays the same.
      for (let k = 0; k < 50; k++) {
        store.update(k, { value: store.field(k, 'value') + 1 })
        store.update(999 - k, { value: store.field(999 - k, 'value') - 1 })
        store.commitSync()
      }
      console.log('committed')
    })`)
  const begin = async () => {
    const child = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('ready')
    return { child, lines }
  }
  const first = await begin()
  using reader = openStore(path, Item, { readOnly: true })
  using snapshot = reader.snapshot()
  first.child.stdin.write('x')
  expect((await first.lines.next()).value).toBe('committed')
  expect([snapshot.field(0, 'value'), reader.field(0, 'value')]).toEqual([100, 101])
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const sum = (values: Iterable<number>) => [...values].reduce((all, each) => all + each, 0)
  expect([snapshot.field(1, 'value'), reader.field(1, 'value')]).toEqual([100, 101])
  expect(snapshot.gather('value').every(value => value === 100)).toBe(true)
  expect(sum(reader.gather('value'))).toBe(100_000)
  const next = await begin()
  // The new writer has replayed the journal and begun another one.
  const after = codeOf(() => snapshot.gather('value'))
  expect(after === 'nothing was thrown' || after === 'ERR_STRIDE_SNAPSHOT_GONE').toBe(true)
  if (after === 'nothing was thrown') expect(snapshot.gather('value').every(value => value === 100)).toBe(true)
  using fresh = reader.snapshot()
  next.child.stdin.write('x')
  expect((await next.lines.next()).value).toBe('committed')
  expect([fresh.field(0, 'value'), reader.field(0, 'value'), sum(fresh.gather('value'))]).toEqual([
    101, 102, 100_000,
  ])
  next.child.kill('SIGKILL')
  await once(next.child, 'exit')
})

test('a snapshot ends with a reader that cannot open the migrated file', () => {
  const path = join(temporaryFolder(), 'items.stride')
  const writer = openStore(path, Item)
  writer.appendMany(items(10))
  writer.commitSync()
  writer.close()
  using reader = openStore(path, { readOnly: true })
  using snapshot = reader.snapshot()
  migrateStore(path, Item.extend({ more: z.uint32() }), ({ id, value }) => ({ id, value, more: 0 }) as never)
  expect(codeOf(() => reader.get(0))).toBe('ERR_STRIDE_SCHEMA_MISMATCH')
  expect(codeOf(() => snapshot.get(0))).toBe('ERR_STRIDE_CLOSED')
  if (process.platform === 'linux') expect(descriptorsOf(path)).toEqual([])
})
