/**
 * Many changes in a journal that was left go into the file while the store is open. What could go wrong: a reading in
 * between sees an older state or a mixture, a change gets lost under what is replayed, a reader beside waits for ever, the
 * journal goes too early or stays.
 * Rules of docs/durability.md: D1, D2; of docs/concurrency.md: S2.
 */

import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Backend, openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { codeOf, Trade, temporaryFolder, trade } from './support.ts'

const COUNT = 30_000
const CHANGED = 10_000
const OPTIONS = { journalBytes: 16 * 1024 * 1024 }

/** The files of a store whose process died: of 30,000 records every third has its own number as qty, one is deleted. */
function left(): string {
  const folder = temporaryFolder()
  const path = join(folder, 'first.stride')
  const store = openStore(path, Trade, OPTIONS)
  store.appendMany(Array.from({ length: COUNT }, (_, i) => ({ ...trade(i), qty: 0 })))
  store.delete(7)
  store.commitSync()
  store.commitSync()
  for (let i = 0; i < CHANGED; i++) store.update(i * 3, { qty: i * 3 })
  store.delete(4)
  store.commitSync()
  const copy = join(folder, 'trades.stride')
  for (const suffix of ['', '-journal']) copyFileSync(path + suffix, copy + suffix)
  store.close()
  return copy
}

function expectAll(store: Store<typeof Trade>): void {
  const expected = Uint32Array.from({ length: COUNT }, (_, n) => (n % 3 === 0 ? n : 0))
  const live = [...expected.keys()].filter(n => n !== 4 && n !== 7)
  expect(store.gather('qty')).toEqual(Uint32Array.from(live, n => expected[n] as number))
  expect([store.size, store.count, store.commitNumber]).toEqual([COUNT, COUNT - 2, 2])
  expect([store.has(4), store.has(7), store.field(2997, 'qty'), store.get(2998)?.qty]).toEqual([
    false,
    false,
    2997,
    0,
  ])
}

async function replayed(path: string): Promise<void> {
  for (let tries = 0; tries < 500 && existsSync(`${path}-journal`); tries++) await sleep(10)
  expect(existsSync(`${path}-journal`)).toBe(false)
}

describe.each<Backend>(['mapped', 'file'])('on the %s backend', backend => {
  const options = { ...OPTIONS, backend }

  test('opening shows every commit at once, and the journal goes when the file has them', async () => {
    const path = left()
    using store = openStore(path, Trade, options)
    expect(existsSync(`${path}-journal`)).toBe(true)
    expect([store.recovery.commitsReplayed, store.readOnly, store.durableCommitNumber]).toEqual([2, false, 2])
    expectAll(store)
    await sleep(1)
    expectAll(store)
    const row = store.row(9)
    await replayed(path)
    expectAll(store)
    expect(row.qty).toBe(9)
    expect(store.recovery.commitsReplayed).toBe(2)
    expect(await store.verify()).toMatchObject({ ok: true })
  })

  test('the first change comes after what is replayed', async () => {
    const path = left()
    const store = openStore(path, Trade, options)
    store.update(3, { qty: 1_000_003 })
    expect(existsSync(`${path}-journal`)).toBe(false)
    await store.commit()
    expect([store.field(3, 'qty'), store.field(6, 'qty'), store.commitNumber]).toEqual([1_000_003, 6, 3])
    await sleep(20)
    expect(store.field(3, 'qty')).toBe(1_000_003)
    store.close()
    using again = openStore(path, Trade, options)
    expect([again.field(3, 'qty'), again.recovery.commitsReplayed]).toEqual([1_000_003, 0])
  })

  test('a reader in the same process sees the same meanwhile, without waiting, and follows later', async () => {
    const path = left()
    using writer = openStore(path, Trade, options)
    using reader = openStore(path, Trade, { readOnly: true, backend })
    expect(existsSync(`${path}-journal`)).toBe(true)
    expectAll(reader)
    await replayed(path)
    expectAll(reader)
    writer.update(0, { qty: 77 })
    await writer.commit()
    expect(reader.field(0, 'qty')).toBe(77)
  })

  test.each(['close', 'backup', 'compact', 'transaction', 'checkpoint'] as const)(
    '%s finishes it first',
    async call => {
      const path = left()
      const store = openStore(path, Trade, options)
      if (call === 'backup') await store.backup(`${path}.copy`)
      else if (call === 'transaction') await store.transaction(tx => expect(tx.field(9, 'qty')).toBe(9))
      else if (call === 'close') store.close()
      else await store[call]()
      expect(existsSync(`${path}-journal`)).toBe(false)
      store.close()
      using again = openStore(call === 'backup' ? `${path}.copy` : path, Trade, { readOnly: true })
      if (call === 'compact') expect([again.size, again.field(7, 'qty')]).toEqual([COUNT - 2, 9])
      else expectAll(again)
    },
  )

  test('closing while it goes on in turns', async () => {
    const path = left()
    const store = openStore(path, Trade, options)
    await new Promise(setImmediate)
    store.close()
    await sleep(20)
    expect(existsSync(`${path}-journal`)).toBe(false)
    expect(codeOf(() => store.get(0))).toBe('ERR_STRIDE_CLOSED')
    using again = openStore(path, Trade, { readOnly: true })
    expectAll(again)
  })
})
