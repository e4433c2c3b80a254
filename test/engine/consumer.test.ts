/**
 * Named consumers of a tail. What could go wrong: a record that is left out or given again after it was done, where a consumer or a writer
 * dies, or compact gives records other numbers; two tails of one name.
 * Rules: CN1 (src/engine/tail/consumer.ts), CF1 to CF3 (src/engine/tail/consumer-file.ts), CM3 (src/engine/maintenance/compact.ts).
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { migrateStore, openStore, type Store, type TailBatch } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { codeOfAsync, temporaryFolder } from './support.ts'

const Entry = z.object({ id: z.uint32(), value: z.uint32() })
const NEVER_MS = 24 * 3_600_000
const newPath = () => join(temporaryFolder(), 'log.stride')
const entries = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: first + i, value: 0 }))

type Batch = TailBatch<typeof Entry>
const idsOf = (batch: Batch): number[] => batch.records.map(({ id }) => id)

function consuming(store: Store<typeof Entry>, consumer = 'billing', batch = 10) {
  const tail = store.tail({ consumer, from: 'start', batch, pollMs: NEVER_MS })
  return { tail, next: async (): Promise<Batch> => (await tail.next()).value as Batch }
}

test('a consumer goes on behind the last batch that is done, and sees others again', async () => {
  const path = newPath()
  using store = openStore(path, Entry)
  store.appendMany(entries(0, 50))
  store.commitSync()
  const first = consuming(store)
  await (await first.next()).done()
  expect(idsOf(await first.next())[0]).toBe(10)
  await first.tail.return()
  using reader = openStore(path, Entry, { readOnly: true })
  const second = consuming(reader)
  const again = await second.next()
  expect(idsOf(again)[0]).toBe(10)
  const later = await second.next()
  await later.done()
  // An earlier batch moves nothing back.
  await again.done()
  await second.tail.return()
  const third = consuming(store)
  expect(idsOf(await third.next())[0]).toBe(30)
  const other = consuming(store, 'audit')
  expect(idsOf(await other.next())[0]).toBe(0)
  expect(await codeOfAsync(consuming(reader).tail.next())).toBe('ERR_STRIDE_BUSY')
  await third.tail.return()
  expect(idsOf(await consuming(reader).next())[0]).toBe(30)
  await other.tail.return()
  expect(() => store.tail({ consumer: 'a/b' })).toThrow(RangeError)
})

test('positions go through compacts with nobody there, and through a batch that is done afterwards', async () => {
  const path = newPath()
  using store = openStore(path, Entry)
  store.appendMany(entries(0, 50))
  store.commitSync()
  const before = consuming(store)
  await (await before.next()).done()
  const open = await before.next()
  for (const n of [0, 9, 10, 19, 20]) store.delete(n)
  store.commitSync()
  await store.compact()
  await open.done()
  await before.tail.return()
  // Now at the former number 20, which is deleted: two more compacts.
  store.delete(0)
  store.commitSync()
  await store.compact()
  store.delete(0)
  store.commitSync()
  await store.compact()
  const after = consuming(store)
  expect(idsOf(await after.next())).toEqual(entries(21, 10).map(({ id }) => id))
  await after.tail.return()
})

test('positions go through a migration', async () => {
  const path = newPath()
  const store = openStore(path, Entry)
  store.appendMany(entries(0, 30))
  store.commitSync()
  const before = consuming(store)
  await (await before.next()).done()
  store.close()
  const Wider = Entry.extend({ more: z.uint32().default(1) })
  migrateStore(path, Wider)
  using wider = openStore(path, Wider)
  for await (const batch of wider.tail({ consumer: 'billing' })) {
    expect(batch.records[0]?.id).toBe(10)
    break
  }
})

test('bytes of another store, and torn ones, are never taken for a position', async () => {
  const path = newPath()
  using store = openStore(path, Entry)
  store.appendMany(entries(0, 30))
  store.commitSync()
  writeFileSync(`${path}-consumers`, Buffer.alloc(4096, 7))
  const tail = consuming(store)
  expect(idsOf(await tail.next())[0]).toBe(0)
  await tail.tail.return()
})

const CONSUMER = `import { appendFileSync } from 'node:fs'
  import { openStore } from 'src/index.ts'
  import { z } from 'zod'
  const [path, out] = process.argv.slice(2)
  using store = openStore(path, z.object({ id: z.uint32(), value: z.uint32() }), { readOnly: true })
  for await (const batch of store.tail({ consumer: 'one', from: 'start', batch: 100 })) {
    console.log(JSON.stringify({ seen: batch.records.map(({ id }) => id) }))
    await batch.done()
    console.log(JSON.stringify({ done: batch.records.at(-1).id }))
  }`

test('none is lost and none that was done is seen again, with consumers killed amid appends, deletions and compacts', async () => {
  const path = newPath()
  using store = openStore(path, Entry)
  let appended = 0
  const grow = async (round: number): Promise<void> => {
    store.appendMany(entries(appended, 40))
    appended += 40
    await store.commit()
    if (round % 3 === 0) await store.compact()
  }
  await grow(1)
  const seen = new Set<number>()
  let done = -1
  const script = childScript(CONSUMER)
  for (let life = 0; life < 5; life++) {
    const child: ChildProcess = spawn(process.execPath, [script, path, ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    const doneBefore = done
    let isFirst = true
    let lines = 0
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      const told = JSON.parse(line) as { seen?: number[]; done?: number }
      for (const id of told.seen ?? []) {
        if (isFirst) expect(id).toBeGreaterThan(doneBefore)
        isFirst = false
        expect(id).toBeGreaterThan(done)
        seen.add(id)
      }
      done = told.done ?? done
      // Numbers below shift at the next compact.
      if (told.done !== undefined && store.size > 50)
        for (let i = 0; i < 5; i++) if (store.has(i) && store.field(i, 'id') <= done) store.delete(i)
      await grow(lines++)
      if (lines > 8 + life) child.kill('SIGKILL')
    }
    await exited
  }
  expect(appended).toBeGreaterThan(1000)
  using reader = openStore(path, Entry, { readOnly: true })
  for await (const batch of reader.tail({ consumer: 'one' })) {
    for (const { id } of batch) seen.add(id)
    await batch.done()
    if (seen.has(appended - 1)) break
  }
  expect(seen.size).toBe(appended)
})
