/**
 * Watching commits. What could go wrong: a commit that is left out silently or given twice; wrong numbers, above all for large batches,
 * reused numbers and the first commit; a watcher that does not learn that its journal was reset or that the file was replaced.
 * Rules: JW1, JW2 (src/engine/tail/watch.ts).
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { migrateStore, openStore, type Store, type StoreOptions, type WatchedCommit } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { seededRandom } from '../crash/random.ts'
import { codeOfAsync, temporaryFolder } from './support.ts'

const Item = z.object({ id: z.uint32(), value: z.uint32() })
const NEVER_MS = 24 * 3_600_000
const newPath = () => join(temporaryFolder(), 'items.stride')
const items = (count: number) => Array.from({ length: count }, (_, id) => ({ id, value: 0 }))

/** An entry as plain values. */
const plain = ({ commitNumber, appended, changed, missed }: WatchedCommit) => ({
  commitNumber,
  first: appended.first,
  count: appended.count,
  changed: [...changed],
  missed,
})

async function next(watch: AsyncGenerator<WatchedCommit>): Promise<ReturnType<typeof plain>> {
  const { value } = await watch.next()
  return plain(value as WatchedCommit)
}

/** Makes a commit of random changes. @returns the entry that a watcher gets */
function randomCommit(store: Store<typeof Item>, below: (end: number) => number): ReturnType<typeof plain> {
  const first = store.size
  const changed = new Set<number>()
  for (let i = below(6); i > 0 && first > 0; i--) {
    const n = below(first)
    if (!store.has(n)) continue
    if (below(3) === 0) store.delete(n)
    else store.update(n, { value: below(2 ** 32) })
    changed.add(n)
  }
  const many = below(8) === 0 ? 20_000 : below(4)
  if (many > 0) store.appendMany(items(many))
  // A record that the same commit appends and changes is an appended one.
  if (many > 0 && below(2) === 0) store.update(first + below(many), { value: 7 })
  for (let i = below(4); i > 0; i--) {
    const n = store.append({ id: 0, value: below(2 ** 32) })
    if (n < first) changed.add(n)
  }
  if (store.size === first && changed.size === 0) store.append({ id: 0, value: 0 })
  const count = store.size - first
  const numbers = [...changed].sort((a, b) => a - b)
  return { commitNumber: store.commitSync(), first, count, changed: numbers, missed: false }
}

describe.each(['mapped', 'file', 'memory'] as const)('in the writing process, %s', backend => {
  const opened = (options: StoreOptions = {}) =>
    openStore(backend === 'memory' ? 'items' : newPath(), Item, { backend, ...options })

  test('each commit is given once, with what it appended and changed', async () => {
    const seed = 20261201
    const { below } = seededRandom(seed)
    using store = opened({ reuseNumbers: true })
    randomCommit(store, below)
    const watch = store.watch({ pollMs: NEVER_MS })
    const begun = watch.next()
    const expected = Array.from({ length: 60 }, () => randomCommit(store, below))
    expect(plain((await begun).value as WatchedCommit), `seed ${seed}`).toEqual(expected[0])
    for (const commit of expected.slice(1)) expect(await next(watch), `seed ${seed}`).toEqual(commit)
    const waiting = next(watch)
    store.append({ id: 1, value: 1 })
    store.rollback()
    const commit = randomCommit(store, below)
    expect(await waiting).toEqual(commit)
    await watch.return()
  })

  test('commits in flight together are given one by one, and process durability too', async () => {
    using store = opened()
    const watch = store.watch({ pollMs: NEVER_MS })
    const first = next(watch)
    const commits = [0, 1, 2, 3].map(i => {
      store.append({ id: i, value: 0 })
      return store.commit(i % 2 === 0 ? { durability: 'process' } : undefined)
    })
    await Promise.all(commits)
    const seen = [await first, await next(watch), await next(watch), await next(watch)]
    expect(seen.map(entry => [entry.commitNumber, entry.first, entry.count])).toEqual([
      [1, 0, 1],
      [2, 1, 1],
      [3, 2, 1],
      [4, 3, 1],
    ])
    await watch.return()
  })

  test('compact is one entry that says that numbers are missing, and later commits follow', async () => {
    using store = opened()
    store.appendMany(items(10))
    store.commitSync()
    const watch = store.watch({ pollMs: NEVER_MS })
    const entry = next(watch)
    await store.compact()
    expect(await entry).toEqual({ commitNumber: 1, first: 0, count: 0, changed: [], missed: true })
    const later = next(watch)
    store.update(3, { value: 1 })
    store.commitSync()
    expect(await later).toEqual({ commitNumber: 2, first: 10, count: 0, changed: [3], missed: false })
    await watch.return()
  })

  test('ends with its store, its signal and its loop', async () => {
    const store = opened()
    const abort = new AbortController()
    const aborted = codeOfAsync(store.watch({ signal: abort.signal, pollMs: NEVER_MS }).next())
    abort.abort(new RangeError('enough'))
    expect(await aborted).toContain('enough')
    expect(await codeOfAsync(store.watch({ signal: abort.signal }).next())).toContain('enough')
    const loop = (async () => {
      for await (const { commitNumber } of store.watch({ pollMs: NEVER_MS })) return commitNumber
      return 0
    })()
    store.append({ id: 0, value: 0 })
    store.commitSync()
    expect(await loop).toBe(1)
    const closed = codeOfAsync(store.watch({ pollMs: NEVER_MS }).next())
    store.close()
    expect(await closed).toBe('ERR_STRIDE_CLOSED')
    expect(() => store.watch()).toThrow('closed')
  })
})

describe.each(['mapped', 'file'] as const)('beside the writer, %s', backend => {
  test('a watcher whose frames are gone is told so once, and goes on', async () => {
    const path = newPath()
    using writer = openStore(path, Item, { journalBytes: 65_536 })
    writer.appendMany(items(1000))
    writer.commitSync()
    using reader = openStore(path, Item, { readOnly: true, backend })
    const watch = reader.watch({ pollMs: 1 })
    const first = next(watch)
    writer.update(5, { value: 1 })
    writer.commitSync()
    expect(await first).toMatchObject({ commitNumber: 2, changed: [5], missed: false })
    for (let i = 0; i < 400; i++) {
      for (let n = 0; n < 50; n++) writer.update(n, { value: i + n + 1 })
      writer.commitSync()
    }
    expect(await next(watch)).toEqual({ commitNumber: 402, first: 0, count: 0, changed: [], missed: true })
    const later = next(watch)
    writer.append({ id: 1, value: 1 })
    writer.commitSync()
    expect(await later).toMatchObject({ commitNumber: 403, first: 1000, count: 1, missed: false })
    await watch.return()
  })

  test('compact and migrateStore wake it, without a commit', async () => {
    const path = newPath()
    const writer = openStore(path, Item)
    writer.appendMany(items(10))
    writer.commitSync()
    using reader = openStore(path, Item, { readOnly: true, backend })
    const watch = reader.watch({ pollMs: NEVER_MS })
    const entry = next(watch)
    await writer.compact()
    expect(await entry).toMatchObject({ commitNumber: 1, missed: true })
    const later = codeOfAsync(watch.next())
    writer.close()
    migrateStore(path, Item.extend({ more: z.uint32().default(1) }))
    expect(await later).toBe('ERR_STRIDE_SCHEMA_MISMATCH')
  })

  test('no commit is left out beside writers of other processes that are killed, compact and checkpoint', async () => {
    const path = newPath()
    openStore(path, Item).close()
    using reader = openStore(path, Item, { readOnly: true, backend })
    const abort = new AbortController()
    const seen: ReturnType<typeof plain>[] = []
    const ended = (async () => {
      for await (const commit of reader.watch({ signal: abort.signal })) seen.push(plain(commit))
    })().catch(error => String(error))
    const script = childScript(`import { openStore } from 'src/index.ts'
      import { z } from 'zod'
      const store = openStore(process.argv[2], z.object({ id: z.uint32(), value: z.uint32() }), { lockTimeoutMs: 60_000 })
      for (let round = 1; ; round++) {
        // Record 0 has the number of the commit before, so that a gap shows.
        if (store.size > 0) store.update(0, { id: store.commitNumber, value: round })
        store.appendMany(Array.from({ length: round % 4 }, () => ({ id: round, value: 0 })))
        if (store.size === 0) store.append({ id: 0, value: 0 })
        await store.commit()
        if (round % 30 === 0) { store.delete(1); await store.commit(); await store.compact() }
        if (round % 17 === 0) await store.checkpoint()
        if (round % 10 === 0) console.log('round')
      }`)
    for (let life = 0; life < 3; life++) {
      const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      for (let rounds = 3 + life; rounds > 0; rounds--) await lines.next()
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    using writer = openStore(path, Item, { lockTimeoutMs: 60_000 })
    writer.update(0, { value: 1 })
    const last = writer.commitSync()
    while ((seen.at(-1)?.commitNumber ?? 0) < last) await new Promise(resolve => setImmediate(resolve))
    abort.abort(new Error('the test is over'))
    expect(await ended).toContain('the test is over')
    expect(seen.some(({ missed }) => !missed)).toBe(true)
    for (const [i, entry] of seen.entries()) {
      const before = seen[i - 1]?.commitNumber ?? 0
      // An entry that stands for what is missing may stand for compact alone.
      if (entry.missed) expect(entry.commitNumber).toBeGreaterThanOrEqual(before)
      else expect(entry.commitNumber).toBe(before + 1)
      // The size goes on where the commit before left it.
      const previous = seen[i - 1]
      if (!entry.missed && previous !== undefined && !previous.missed)
        expect(entry.first).toBe(previous.first + previous.count)
    }
  })
})
