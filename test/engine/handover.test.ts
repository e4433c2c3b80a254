/**
 * Handing an open store from one writer by turns to the next. What could go wrong: a turn that continues where nothing may be continued,
 * frames or zeros over frames of another writer, an index that lacks what others committed, a store that nobody closes.
 * Rules: HV1 to HV5, RY1, JP1, TA4, TA5.
 */

import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { openStore, openStoreAsync, type StoreOptions } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { HANDOVER_OFFSET } from '../../src/engine/format/lock-file.ts'
import { SHARED_WORDS } from '../../src/engine/format/store-format.ts'
import { areWordsOf, HandoverRecord } from '../../src/engine/sharing/handover.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { propertyOptions } from '../property.ts'
import { temporaryFolder } from './support.ts'

const Item = z.object({ key: z.uint32(), value: z.uint32() })
const INDEXES = { byKey: { on: 'key', unique: true }, byValue: { on: 'value', kind: 'ordered' } } as const
const newPath = () => join(temporaryFolder(), 'items.stride')
const byTurns = (path: string, options: StoreOptions = {}) =>
  openStore(path, Item, { lock: 'transaction', indexes: INDEXES, lockTimeoutMs: 60_000, ...options })
type Turns = ReturnType<typeof byTurns>

const add = (store: Turns) => store.transaction(tx => tx.append({ key: tx.size, value: tx.size % 7 }))

const everythingIn = (store: Turns) =>
  Array.from({ length: store.size }, (_, n) => store.get(n)).filter(each => each !== undefined)

/** Resolves once the last turn has been handed over. */
async function turnOver(path: string): Promise<void> {
  const isHandedOver = (): boolean =>
    readFileSync(`${path}-lock`)
      .subarray(HANDOVER_OFFSET)
      .some(byte => byte !== 0)
  while (!isHandedOver()) await new Promise(done => setImmediate(done))
}

describe('a record', () => {
  const opener = (platform: ReturnType<typeof createSimulatedPlatform>) =>
    platform.open('x.stride-lock', { access: 'readwrite', create: 'missing' })
  const slot = { segment: 1, end: 8192, prepared: 65536 }
  const free = { segment: 0, end: 0, prepared: 0 }
  const handover = {
    commitNumber: 2 ** 40,
    rootNumber: 7,
    sequence: -2,
    writerGeneration: -1,
    journal: {
      salt: '0102030405060708',
      activeSlot: 0,
      slots: [slot, free, free],
      largeBytes: 0,
      reach: 4096,
      changes: 3,
      inPlaceBytes: 99,
    },
  }

  test('counts while its holder lives, and until it is removed', () => {
    const platform = createSimulatedPlatform()
    const [mine, other] = [opener(platform), opener(platform)]
    const [holder, reader] = [new HandoverRecord(mine), new HandoverRecord(other)]
    expect(reader.read()).toBeUndefined()
    holder.store(handover)
    expect([holder.read(), reader.read(), holder.isOwn, reader.isOwn]).toEqual([
      handover,
      handover,
      true,
      false,
    ])
    reader.remove()
    expect([holder.read(), reader.read()]).toEqual([undefined, undefined])
    holder.store({ ...handover, journal: undefined })
    expect(reader.read()).toEqual({ ...handover, journal: undefined })
    mine.close()
    expect(reader.read()).toBeUndefined()
  })

  test('counts only for the words that it names', () => {
    const words = new Map<number, number>([
      [SHARED_WORDS.sequence, -2],
      [SHARED_WORDS.writerGeneration, -1],
      [SHARED_WORDS.superseded, 0],
    ])
    const shared = { load: (word: number) => words.get(word) ?? 0 } as Parameters<typeof areWordsOf>[1]
    expect(areWordsOf(handover, shared)).toBe(true)
    for (const word of words.keys()) {
      const value = words.get(word) as number
      words.set(word, value + 2)
      expect(areWordsOf(handover, shared)).toBe(false)
      words.set(word, value)
    }
  })

  test('does not count if it is torn', () => {
    const platform = createSimulatedPlatform()
    const file = opener(platform)
    const record = new HandoverRecord(file)
    record.store(handover)
    const byte = new Uint8Array(1)
    for (const at of [0, 8, 24, 40, 100, 190]) {
      file.read(byte, HANDOVER_OFFSET + at)
      file.store(new Uint8Array([(byte[0] as number) ^ 1]), HANDOVER_OFFSET + at)
      expect(record.read()).toBeUndefined()
      file.store(byte, HANDOVER_OFFSET + at)
      expect(record.read()).toEqual(handover)
    }
  })
})

describe.each(['mapped', 'file'] as const)('turns, %s', backend => {
  test('follow the name to a file that replaced theirs, and leave it no journal of the old one', async () => {
    const path = newPath()
    const copy = `${path}-copy`
    const store = byTurns(path, { backend })
    await add(store)
    await store.backup(copy)
    await add(store)
    await turnOver(path)
    renameSync(copy, path)
    await store.transaction(tx => tx.append({ key: 77, value: 77 }))
    await store.closeAsync()
    expect(existsSync(`${path}-journal`)).toBe(false)
    using after = openStore(path, Item)
    expect(after.gather('key')).toEqual(Uint32Array.of(0, 77))
    expect(await after.verify()).toMatchObject({ ok: true })
  })

  test('that were closed after their file was replaced leave it no journal', async () => {
    const path = newPath()
    const copy = `${path}-copy`
    const store = byTurns(path, { backend })
    await add(store)
    await store.backup(copy)
    await add(store)
    await turnOver(path)
    renameSync(copy, path)
    await store.closeAsync()
    expect(existsSync(`${path}-journal`)).toBe(false)
    using after = openStore(path, Item)
    expect(after.gather('key')).toEqual(Uint32Array.of(0))
  })

  test('continue one journal, which whoever had the last turn ends', async () => {
    const path = newPath()
    const [one, two] = [byTurns(path, { backend }), byTurns(path, { backend })]
    await add(one)
    expect(existsSync(`${path}-journal`)).toBe(true)
    for (let i = 0; i < 10; i++) await add(i % 2 === 0 ? two : one)
    // A turn of each has followed the other's, and none has recovered or closed anything.
    expect([one.commitNumber, two.count]).toEqual([11, 11])
    two.close()
    expect(existsSync(`${path}-journal`)).toBe(true)
    one.close()
    expect(existsSync(`${path}-journal`)).toBe(false)
    using after = openStore(path, Item, { lockTimeoutMs: 60_000 })
    expect(after.recovery).toEqual({ commitsReplayed: 0, bytesDropped: 0 })
    expect([after.count, await after.verify()]).toMatchObject([11, { ok: true }])
  })

  test('see what a writer with lock store did between them', async () => {
    const path = newPath()
    using one = byTurns(path, { backend })
    using two = byTurns(path, { backend })
    await add(one)
    await add(two)
    {
      using writer = await openStoreAsync(path, Item, { backend, lockTimeoutMs: 60_000 })
      expect(writer.count).toBe(2)
      writer.append({ key: 50, value: 1 })
      writer.commitSync()
    }
    expect([await add(one), await add(two)]).toEqual([3, 4])
    expect([one.count, two.index('byKey').number(50)]).toEqual([5, 2])
    expect(await one.verify()).toMatchObject({ ok: true })
  })

  test('are read beside, and recovered from a copy as after a crash', async () => {
    const path = newPath()
    using one = byTurns(path, { backend })
    using two = byTurns(path, { backend })
    using reader = openStore(path, Item, { backend, readOnly: true })
    for (let i = 0; i < 9; i++) {
      await add(i % 3 === 0 ? two : one)
      expect([reader.count, reader.index('byKey').number(i)]).toEqual([i + 1, i])
    }
    const copy = join(temporaryFolder(), 'items.stride')
    for (const end of ['', '-journal', '-index', '-lock']) copyFileSync(path + end, copy + end)
    using after = openStore(copy, Item)
    expect([after.count, after.recovery.commitsReplayed]).toEqual([9, 9])
    expect(await after.verify()).toMatchObject({ ok: true })
  })

  test('open the indexes again after a checkpoint of another, which committed nothing', async () => {
    const path = newPath()
    const [one, two] = [byTurns(path, { backend }), byTurns(path, { backend })]
    // Readers keep the pages of the root that they have found.
    const found = (): unknown => [one, two].map(store => store.index('byKey').number(0))
    await one.transaction(
      tx => void tx.appendMany(Array.from({ length: 2000 }, (_, key) => ({ key, value: 0 }))),
    )
    expect(found()).toEqual([0, 0])
    await two.checkpoint()
    expect(found()).toEqual([0, 0])
    await add(one)
    await one.checkpoint()
    for (let i = 0; i < 5; i++) {
      await add(one)
      expect(found()).toEqual([0, 0])
    }
    for (const store of [one, two]) {
      expect(await store.verify()).toMatchObject({ ok: true })
      store.close()
    }
  })

  test('agree with a model, through checkpoints, growth, deletions, compact and other openers', async () => {
    const step = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom('append', 'many', 'update', 'delete', 'checkpoint', 'compact', 'reopen', 'large'),
      n: fc.nat(10_000),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async steps => {
        const path = newPath()
        // Segments of 64 KiB, so that turns leave them.
        const open = () => byTurns(path, { backend, journalBytes: 65_536 })
        const stores = [open(), open(), open()]
        let model: { key: number; value: number }[] = []
        let next = 0
        try {
          for (const { who, what, n } of steps) {
            const store = stores[who] as Turns
            const count = what === 'append' ? 1 : what === 'many' ? 50 : what === 'large' ? 2000 : 0
            const added = Array.from({ length: count }, (_, i) => ({ key: next + i, value: n }))
            next += count
            const at = model.length === 0 ? -1 : n % model.length
            if (count > 0) await store.transaction(tx => void tx.appendMany(added))
            else if (what === 'checkpoint') await store.checkpoint()
            else if (what === 'compact') await store.compact()
            else if (what === 'reopen') {
              store.close()
              stores[who] = open()
            } else if (at >= 0) {
              const { key } = model[at] as (typeof model)[0]
              await store.transaction(tx => {
                const number = tx.index('byKey').number(key) as number
                if (what === 'update') tx.update(number, { value: n })
                else tx.delete(number)
              })
            }
            model.push(...added)
            if (what === 'update' && at >= 0) model[at] = { key: model[at]?.key as number, value: n }
            if (what === 'delete' && at >= 0) model = model.filter((_, i) => i !== at)
            const seen = stores[(who + 1) % 3] as Turns
            expect(seen.count).toBe(model.length)
            const some = model[n % Math.max(1, model.length)]
            if (some !== undefined) expect(seen.index('byKey').get(some.key)).toEqual(some)
          }
          const byKey = (a: { key: number }, b: { key: number }): number => a.key - b.key
          for (const store of stores) {
            expect(everythingIn(store).sort(byKey)).toEqual(model.toSorted(byKey))
          }
          expect(await stores[0]?.verify()).toMatchObject({ ok: true })
        } finally {
          for (const store of stores) store.close()
        }
        using after = openStore(path, Item, { lockTimeoutMs: 60_000 })
        expect([after.count, await after.verify()]).toMatchObject([model.length, { ok: true }])
      }),
      propertyOptions(60),
    )
  })
})
