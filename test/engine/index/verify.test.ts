/**
 * Comparing an index with its records. What could go wrong: an entry that the pages have is said to be missing, or the other way
 * round; a lookup decodes a whole page, so that verifying takes a page for each record; a page is missed where pages are replaced
 * while they are visited, or while another process commits without pause. Rules VI1 and VI2.
 */

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { IndexOptions } from '../../../src/engine/indexes/keys/index-options.ts'
import { verifyIndexes } from '../../../src/engine/indexes/lifecycle/verify-indexes.ts'
import { temporaryFolder } from '../support.ts'
import { HeapRecords } from './heap-records.ts'
import { IndexUnderTest } from './index-under-test.ts'

const Item = z.object({ id: z.uint32(), group: u8(), name: z.float64() })
const COUNT = 6000

const KINDS: readonly IndexOptions[] = [
  { on: 'id', unique: true },
  { on: 'id', kind: 'ordered' },
  // Equal hashes over many pages: packed ones.
  { on: 'group' },
  { on: ['group', 'name'], kind: 'ordered' },
]

describe.each(KINDS)('%o', options => {
  const filled = (): IndexUnderTest => {
    const records = new HeapRecords(Item, COUNT)
    for (let n = 0; n < COUNT; n++) {
      records.set(n, { id: Math.imul(n, 0x9e3779b1) >>> 0, group: n % 3, name: n / 7 })
    }
    const subject = new IndexUnderTest(records, options, join(temporaryFolder(), 'index'))
    subject.build()
    subject.publish()
    return subject
  }

  test('finds each entry that the pages have, and none that they do not have, without decoding a page', () => {
    const subject = filled()
    const { index, records, tree } = subject
    const { format } = tree
    const entry = new Uint32Array(format.entryWords)
    const read = format.readEntries
    let decoded = 0
    Object.assign(format, {
      readEntries: (...of: Parameters<typeof read>) => {
        decoded++
        read.apply(format, of)
      },
    })
    try {
      for (let n = 0; n < COUNT; n++) {
        const source = records.find(n)
        index.entryOf(n, source?.view as DataView, records.at, entry)
        expect(index.isInPages(entry)).toBe(true)
        // The same key with a number that does not have it, and another key with the number.
        entry[format.entryWords - 1] = n + COUNT
        expect(index.isInPages(entry)).toBe(false)
        entry[format.entryWords - 1] = n
        entry[0] = ((entry[0] as number) ^ 0x00010000) >>> 0
        expect(index.isInPages(entry)).toBe(false)
      }
    } finally {
      Object.assign(format, { readEntries: read })
      subject.close()
    }
    expect(decoded).toBe(0)
  })
})

test('visits every page though pages are replaced between two pieces, and says nothing wrong', async () => {
  using store = openStore(join(temporaryFolder(), 'items.stride'), Item, {
    journalBytes: 65_536,
    indexes: { byId: { on: 'id', unique: true }, byName: { on: 'name', kind: 'ordered' } },
  })
  const item = (n: number) => ({ id: Math.imul(n, 0x9e3779b1) >>> 0, group: n % 3, name: n / 7 })
  for (let from = 0; from < 200_000; from += 100_000) {
    store.appendMany(Array.from({ length: 100_000 }, (_, i) => item(from + i)))
    await store.commit()
  }
  await store.checkpoint()
  let isOver = false
  const writing = (async () => {
    for (let round = 0; !isOver; round++) {
      for (let i = 0; i < 3000; i++) store.update((round * 3000 + i * 97) % 200_000, { name: round + i / 5000 })
      await store.commit()
      await store.checkpoint()
      await nextTurn()
    }
  })()
  expect(await store.verify()).toMatchObject({ ok: true, recordsChecked: 200_000 })
  isOver = true
  await writing
})

test('an index that is dropped in the middle ends its verification', async () => {
  using store = openStore(join(temporaryFolder(), 'items.stride'), Item, { indexes: { byId: { on: 'id' } } })
  store.appendMany(Array.from({ length: 200_000 }, (_, n) => ({ id: n, group: 1, name: n })))
  await store.commit()
  const verifying = store.verify()
  await nextTurn()
  await store.dropIndex('byId')
  expect(await verifying).toMatchObject({ ok: true })
})

test('a store without indexes has nothing to verify of them', () => {
  const once = <T>(read: () => T): T => read()
  const store = { indexes: () => undefined, locator: () => expect.fail('nothing to look at'), once }
  expect([...verifyIndexes(store, () => expect.fail('nothing to report'))]).toEqual([])
})
