/**
 * Everything that a store or a flat file hands out, used after close. What could go wrong: an object that still answers, from
 * memory that is not its file's any more; a walk that ends as if it had seen everything; a promise that never settles. The
 * tables name every member of each class, so that a new one has to be entered.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FlatFile, openFlatFile, openStore } from 'stridedb'
import { FileMapping, SharedMemory } from 'stridedb/mmap'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, codeOfAsync, isWindows, temporaryFolder } from './support.ts'

const Item = z.object({ key: z.uint32(), value: z.uint32() })
const INDEXES = {
  byKey: { on: 'key', kind: 'ordered' },
  byValue: { on: 'value', kind: 'hash', unique: true },
} as const
const items = (count: number): z.output<typeof Item>[] =>
  Array.from({ length: count }, (_, i) => ({ key: i, value: i }))

const open = (path: string, options = {}) => openStore(path, Item, { ...options, indexes: INDEXES })
type ItemStore = ReturnType<typeof open>
type Calls<T> = Readonly<Record<string, (of: T) => unknown>>

/** Names of an object's class and of those it extends, getters included. */
function membersOf(object: object): string[] {
  const names = new Set<string>()
  for (let at = Object.getPrototypeOf(object); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at)) names.add(String(name))
  }
  return [...names].sort()
}

/** The code that a call ends with, at once or later. */
async function endOf(call: () => unknown): Promise<string> {
  try {
    const result = call()
    return result instanceof Promise ? await codeOfAsync(result) : `answered ${String(result)}`
  } catch (error) {
    return codeOf(() => {
      throw error
    })
  }
}

async function expectAllClosed<T>(of: T, calls: Calls<T>): Promise<void> {
  const ends: Record<string, string> = {}
  for (const [name, call] of Object.entries(calls)) ends[name] = await endOf(() => call(of))
  expect(ends).toEqual(Object.fromEntries(Object.keys(calls).map(name => [name, 'ERR_STRIDE_CLOSED'])))
}

/** What may be asked of anything that is closed, and what is not for programs. */
const QUIET = [
  ...['constructor', 'path', 'recordSize', 'layout', 'backend', 'backendReason', 'readOnly', 'recovery'],
  ...['close', 'closeAsync', 'share', 'Symbol(nodejs.util.inspect.custom)'],
  ...[String(Symbol.dispose), String(Symbol.asyncDispose)],
  ...[],
]

const READS: Calls<ItemStore | FlatFile<typeof Item>> = {
  count: set => set.count,
  size: set => set.size,
  get: set => set.get(0),
  field: set => set.field(0, 'value'),
  has: set => set.has(0),
  getMany: set => set.getMany([0, 1]),
  gather: set => [set.gather('value'), set.gather('value', [0])],
  scan: set => set.scan(),
  'Symbol(Symbol.iterator)': set => set[Symbol.iterator](),
  row: set => set.row(0),
  query: set => set.query(),
  prepare: set => set.prepare({}),
  aggregate: set => set.aggregate({ select: { n: { count: true } } }),
  histogram: set => set.histogram('value'),
  prefetch: set => set.prefetch([0]),
  read: set => set.read(() => 1),
  trim: set => set.trim(),
  stats: set => set.stats(),
  update: set => set.update(0, { value: 1 }),
  put: set => set.put(0, { key: 1, value: 1 }),
  append: set => set.append({ key: 1, value: 1 }),
  appendMany: set => set.appendMany([]),
  delete: set => set.delete(0),
  commit: set => set.commit(),
  commitSync: set => set.commitSync(),
  rollback: set => set.rollback(),
}

const FLAT_ONLY: Calls<FlatFile<typeof Item>> = { refresh: file => file.refresh() }

const STORE_ONLY: Calls<ItemStore> = {
  commitNumber: store => store.commitNumber,
  durableCommitNumber: store => store.durableCommitNumber,
  index: store => store.index('byKey'),
  indexes: store => store.indexes,
  upsert: store => store.upsert('byValue', { key: 1, value: 1 }),
  clear: store => store.clear(),
  begin: store => store.begin(),
  snapshot: store => store.snapshot(),
  refresh: store => store.refresh(),
  changed: store => store.changed(),
  tail: store => store.tail(),
  watch: store => store.watch(),
  createIndex: store => store.createIndex('other', { on: 'value' }),
  dropIndex: store => store.dropIndex('byKey'),
  updateWhere: store => store.updateWhere({ key: 1 }, { value: 1 }),
  deleteWhere: store => store.deleteWhere({ key: 1 }),
  transaction: store => store.transaction(() => 0),
  flush: store => store.flush(),
  checkpoint: store => store.checkpoint(),
  verify: store => store.verify(),
  compact: store => store.compact(),
  backup: store => store.backup(`${store.path}-copy`),
}

type ItemIndex = ReturnType<ItemStore['index']>
const INDEX: Calls<ItemIndex> = {
  on: index => index.on,
  kind: index => index.kind,
  unique: index => index.unique,
  number: index => index.number(1),
  get: index => index.get(1),
  has: index => index.has(1),
  field: index => index.field(1, 'value'),
  getMany: index => index.getMany([1]),
  numbers: index => index.numbers([1]),
  all: index => index.all(1),
  delete: index => index.delete(1),
  range: index => index.range(),
  first: index => index.first(),
  last: index => index.last(),
  count: index => index.count(),
}

const ROW: Calls<ReturnType<ItemStore['row']>> = {
  key: row => row.key,
  value: row => row.value,
  seek: row => row.seek(0),
  toObject: row => row.toObject(),
}

type Tx = Parameters<Parameters<ItemStore['transaction']>[0]>[0]
const TRANSACTION: Calls<Tx> = {
  size: tx => tx.size,
  count: tx => tx.count,
  get: tx => tx.get(0),
  has: tx => tx.has(0),
  getMany: tx => tx.getMany([0]),
  field: tx => tx.field(0, 'value'),
  gather: tx => tx.gather('value'),
  scan: tx => tx.scan(),
  row: tx => tx.row(0),
  query: tx => tx.query(),
  aggregate: tx => tx.aggregate({ select: { n: { count: true } } }),
  index: tx => tx.index('byKey'),
  'Symbol(Symbol.iterator)': tx => tx[Symbol.iterator](),
  append: tx => tx.append({ key: 90, value: 90 }),
  appendMany: tx => tx.appendMany([]),
  update: tx => tx.update(0, { value: 1 }),
  put: tx => tx.put(0, { key: 1, value: 1 }),
  delete: tx => tx.delete(0),
  upsert: tx => tx.upsert('byValue', { key: 1, value: 1 }),
}

/** Where the records are that are held when the store is closed. */
const STATES: Readonly<Record<string, (store: ItemStore) => unknown>> = {
  committed: () => undefined,
  appended: store => store.appendMany([9, 10].map(key => ({ key, value: key + 100 }))),
  updated: store => [0, 1, 2].map(n => store.update(n, { value: n + 50 })),
  'in a commit that waits': store => {
    store.update(0, { value: 60 })
    store.append({ key: 9, value: 109 })
    return store.commit()
  },
  'deleted and rolled back': store => {
    store.delete(1)
    store.rollback()
  },
}

const BACKENDS = ['mapped', 'file', 'memory'] as const
const steps = (walk: Iterator<unknown>, count: number): Iterator<unknown> => {
  for (let i = 0; i < count; i++) expect(walk.next().done).not.toBe(true)
  return walk
}

describe.each(BACKENDS)('a closed store, %s', backend => {
  const opened = (): ItemStore => {
    const store = open(join(temporaryFolder(), 'items.stride'), { backend })
    store.appendMany(items(4))
    store.commitSync()
    return store
  }

  test('throws from every member but those that need no file', async () => {
    const store = opened()
    expect(membersOf(store)).toEqual([...QUIET, ...Object.keys(READS), ...Object.keys(STORE_ONLY)].sort())
    for (let i = 0; i < 50; i++) store.get(i % 4)
    store.close()
    await expectAllClosed(store, { ...READS, ...STORE_ONLY })
    store.close()
    await store.closeAsync()
    expect([store.recordSize, store.backend, store.readOnly]).toEqual([8, backend, false])
  })

  test.each(Object.keys(STATES))('ends rows and walks over records that are %s', async state => {
    const store = opened()
    const waiting = STATES[state]?.(store)
    const { size } = store
    const rows = Array.from({ length: size }, (_, n) => store.row(n))
    expect(rows.map(row => row.value)).toEqual([...store.gather('value')])
    const range = () => store.index('byKey').range()
    const walks = [0, 1, size].flatMap(count => [
      steps(store.scan(), count),
      steps(store[Symbol.iterator](), count),
      steps(range(), count),
    ])
    const walkedRows = [store.scan().next().value, range().next().value]
    const numbers = range()
    store.close()
    for (const row of [...rows, ...walkedRows]) await expectAllClosed(row, ROW)
    for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => numbers.numbers())).toBe('ERR_STRIDE_CLOSED')
    if (waiting instanceof Promise) expect(await waiting).toBe(2)
  })

  test('ends walks over nothing, and leaves ended ones ended', () => {
    const store = open(join(temporaryFolder(), 'none.stride'), { backend })
    const walks = [store.scan(), store[Symbol.iterator](), store.index('byKey').range()]
    const ended = [store.scan(), store[Symbol.iterator](), store.index('byKey').range()]
    for (const walk of ended) expect(walk.next().done).toBe(true)
    store.close()
    for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
    for (const walk of ended) expect(walk.next().done).toBe(true)
  })

  test('ends indexes, hot and cold', async () => {
    const store = opened()
    const ordered = store.index('byKey') as unknown as ItemIndex
    const hash = store.index('byValue') as unknown as ItemIndex
    expect(membersOf(ordered)).toEqual(['constructor', ...Object.keys(INDEX)].sort())
    await store.checkpoint()
    for (let i = 0; i < 500; i++) expect([ordered.number(i % 4), hash.number(i % 4)]).toEqual([i % 4, i % 4])
    store.close()
    await expectAllClosed(ordered, INDEX)
    const { range: _, first: __, last: ___, count: ____, ...ofHash } = INDEX
    await expectAllClosed(hash, ofHash)
  })

  test('ends a transaction that was kept, and what it gave', async () => {
    const store = opened()
    let kept: Tx | undefined
    const rows: ReturnType<ItemStore['row']>[] = []
    const walks: Iterator<unknown>[] = []
    const hold = (tx: Tx): void => {
      kept = tx
      tx.append({ key: 9, value: 99 })
      tx.update(0, { value: 70 })
      rows.push(tx.row(0), tx.row(4))
      walks.push(steps(tx.scan(), 4), steps(tx[Symbol.iterator](), 4), steps(tx.index('byKey').range(), 4))
    }
    await store.transaction(hold)
    expect(rows.map(row => row.value)).toEqual([70, 99])
    store.delete(4)
    store.update(0, { value: 0 })
    store.commitSync()
    // A record that was dropped with its transaction.
    const dropped = store.transaction(tx => {
      rows.push(tx.row(tx.append({ key: 10, value: 100 })))
      throw new RangeError('never mind')
    })
    expect(await codeOfAsync(dropped)).toContain('never mind')
    expect(codeOf(() => rows[2]?.value)).toBe('ERR_STRIDE_NO_RECORD')
    const tx = kept as Tx
    expect(membersOf(tx)).toEqual(['constructor', 'end', ...Object.keys(TRANSACTION)].sort())
    expect(codeOf(() => tx.delete(0))).toBe('ERR_STRIDE_TRANSACTION')
    store.close()
    await expectAllClosed(tx, TRANSACTION)
    for (const row of rows) await expectAllClosed(row, ROW)
    for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
  })

  test('settles everything that is in flight', async () => {
    const work: Calls<ItemStore> = {
      commit: store => store.commit(),
      transaction: store => store.transaction(tx => tx.append({ key: 11, value: 111 })),
      flush: store => store.flush(),
      checkpoint: store => store.checkpoint(),
      verify: store => store.verify(),
      compact: store => store.compact(),
      backup: store => store.backup(`${store.path}-copy`),
      upsert: store => store.upsert('byValue', { key: 1, value: 1 }),
      clear: store => store.clear(),
      begin: store => store.begin(),
      createIndex: store => store.createIndex('other', { on: 'key' }),
      dropIndex: store => store.dropIndex('byKey'),
      prefetch: store => store.prefetch(),
      changed: store => store.changed(),
    }
    for (const [name, begin] of Object.entries(work)) {
      const store = opened()
      if (name === 'commit') store.append({ key: 9, value: 99 })
      const begun = begin(store) as Promise<unknown>
      store.close()
      const end = await codeOfAsync(begun)
      expect([name, end]).toEqual([
        name,
        expect.stringMatching(/^(ERR_STRIDE_CLOSED|nothing was thrown)$/) as string,
      ])
      // What a commit was given before is not lost.
      if (name === 'commit' || name === 'transaction') expect(end).toBe('nothing was thrown')
      if (backend === 'memory') continue
      using again = open(store.path, { backend })
      expect(again.count).toBe(name === 'commit' || name === 'transaction' ? 5 : 4)
    }
  })

  test('ends rows and walks that lived through a compact', async () => {
    const store = opened()
    const row = store.row(3)
    const walks = [store.scan(), store[Symbol.iterator](), store.index('byKey').range()]
    for (const walk of walks) steps(walk, 1)
    store.delete(1)
    store.commitSync()
    await store.compact()
    expect([row.value, row.number]).toEqual([3, 2])
    for (const walk of walks) expect(walk.next().value.value).toBe(2)
    store.close()
    await expectAllClosed(row, ROW)
    for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
  })
})

test.each(['mapped', 'file'] as const)('a closed reader throws from every member, %s', async backend => {
  const path = join(temporaryFolder(), 'items.stride')
  using writer = open(path, { backend })
  writer.appendMany(items(4))
  writer.commitSync()
  const reader = open(path, { backend, readOnly: true })
  const row = reader.row(1)
  const walks = [reader.scan(), reader[Symbol.iterator](), reader.index('byKey').range()]
  for (const walk of walks) steps(walk, 1)
  const index = reader.index('byKey') as unknown as ItemIndex
  for (let i = 0; i < 50; i++) expect([reader.get(i % 4)?.value, index.number(i % 4)]).toEqual([i % 4, i % 4])
  reader.close()
  await expectAllClosed(reader, { ...READS, ...STORE_ONLY })
  await expectAllClosed(row, ROW)
  await expectAllClosed(index, INDEX)
  for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
})

// Windows replaces no file that a reader has open.
test.skipIf(isWindows)('rows and walks of a reader end where another opener compacted', async () => {
  const path = join(temporaryFolder(), 'items.stride')
  using writer = open(path)
  writer.appendMany(items(4))
  writer.commitSync()
  using reader = open(path, { readOnly: true })
  const row = reader.row(2)
  const walks = [reader.scan(), reader[Symbol.iterator](), reader.index('byKey').range()]
  for (const walk of walks) steps(walk, 1)
  writer.delete(1)
  writer.commitSync()
  await writer.compact()
  expect(reader.get(1)).toEqual({ key: 2, value: 2 })
  // Which record they were on is not known by its new number.
  expect([codeOf(() => row.value), codeOf(() => row.toObject())]).toEqual(Array(2).fill('ERR_STRIDE_REPLACED'))
  for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_REPLACED')
  expect(row.seek(1).value).toBe(2)
})

describe.each(['mapped', 'file'] as const)('a closed flat file, %s', backend => {
  const opened = (): FlatFile<typeof Item> => {
    const path = join(temporaryFolder(), 'items.bin')
    writeFileSync(path, Buffer.alloc(32, 1))
    return openFlatFile(path, Item, { backend })
  }

  test('throws from every member but those that need no file', async () => {
    const file = opened()
    const members = membersOf(file)
    const quiet = QUIET.filter(name => members.includes(name))
    expect(members).toEqual([...quiet, 'header', ...Object.keys(READS), ...Object.keys(FLAT_ONLY)].sort())
    file.close()
    await expectAllClosed(file, READS)
    await expectAllClosed(file, FLAT_ONLY)
    file.close()
    await file.closeAsync()
  })

  test('ends rows and walks, over records as they are and over changed ones, and a commit in flight', async () => {
    for (const isChanged of [false, true]) {
      const file = opened()
      if (isChanged) file.update(1, { value: 7 })
      const rows = [file.row(0), file.row(1)]
      expect(rows[1]?.value).toBe(isChanged ? 7 : 0x01010101)
      const walks = [0, 1, 4].flatMap(count => [
        steps(file.scan(), count),
        steps(file[Symbol.iterator](), count),
      ])
      const commit = file.commit()
      file.close()
      for (const row of rows) await expectAllClosed(row, ROW)
      for (const walk of walks) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
      await commit
      using again = openFlatFile(file.path, Item, { readOnly: true })
      expect(again.field(1, 'value')).toBe(isChanged ? 7 : 0x01010101)
    }
  })
})

describe('closed mappings and shared memory', () => {
  type View = ReturnType<FileMapping['view']>
  const VIEW: Calls<View> = {
    bytes: view => view.bytes,
    dataView: view => view.dataView,
    flush: view => view.flush(),
    flushAsync: view => view.flushAsync(),
    residency: view => view.residency(),
    lock: view => view.lock(),
    unlock: view => view.unlock(),
  }
  const QUIET_VIEW = ['constructor', 'offset', 'length', 'isMapped', 'unmap', String(Symbol.dispose)]

  test('throw from every member of theirs and of their views', async () => {
    const path = join(temporaryFolder(), 'bytes.bin')
    writeFileSync(path, Buffer.alloc(64, 1))
    const mapping = FileMapping.open(path, { access: 'readwrite' })
    const shared = SharedMemory.open(`after-close-${process.pid}`, { size: 4096 })
    const views = [mapping.view(0, 8), mapping.view(), shared.view(0, 8)]
    expect(membersOf(views[0] as View)).toEqual([...QUIET_VIEW, ...Object.keys(VIEW)].sort())
    const flushed = views.map(view => view.flushAsync())
    mapping.close()
    shared.close()
    for (const view of views) await expectAllClosed(view, VIEW)
    for (const flush of flushed) {
      expect(await codeOfAsync(flush)).toMatch(/^(ERR_STRIDE_CLOSED|nothing was thrown)$/)
    }
    await expectAllClosed(mapping, { view: m => m.view(0, 8), resize: m => m.resize(128) })
    expect(codeOf(() => shared.view(0, 8))).toBe('ERR_STRIDE_CLOSED')
    mapping.close()
    shared.close()
  })
})
