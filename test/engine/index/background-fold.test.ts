/**
 * What could go wrong where index entries get into the pages by themselves: they never do, or all at once; an answer is wrong between two
 * steps, to a transaction, to a reader, or after a crash; a checkpoint waits for a pause that nothing ends; closing, a full disk or a
 * failed sync in the middle loses entries or rejects a promise that nobody holds; the process does not end.
 *
 * Pauses end by hand, so that nothing depends on a clock.
 */

import { execFile } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { ascii, u8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { FoldPace } from '../../../src/engine/indexes/lifecycle/background-fold.ts'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Later } from '../../../src/engine/steps/pauses.ts'
import type { DiskObserver } from '../../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { errnoError } from '../../../src/mmap/system-errors.ts'
import { childScript } from '../../child-scripts.ts'
import { propertyOptions } from '../../property.ts'
import { codeOf, codeOfAsync, isWindows, temporaryFolder } from '../support.ts'

const Item = z.object({ id: z.uint32(), group: u8(), name: ascii(6) })
const indexes = {
  byId: { on: 'id', unique: true },
  byName: { on: ['name', 'group'] },
  inOrder: { on: ['group', 'id'], kind: 'ordered' },
} as const
const PATH = '/fold/x.stride'

const idOf = (n: number): number => Math.imul(n + 1, 0x9e3779b1) >>> 0
const item = (n: number, id = idOf(n)) => ({ id, group: id % 7, name: `n${id % 1000}` })

/** Pauses that end when they are told to, the oldest first. */
class Hand {
  readonly #waiting = new Set<() => void>()
  /** Pauses that were ended. */
  turns = 0

  readonly later: Later = run => {
    this.#waiting.add(run)
    return () => this.#waiting.delete(run)
  }
  get isIdle(): boolean {
    return this.#waiting.size === 0
  }
  /** Ends a pause, and gives what follows the turns that its syncs take. */
  async turn(): Promise<void> {
    const [run] = this.#waiting
    if (run !== undefined) {
      this.#waiting.delete(run)
      this.turns++
      run()
    }
    for (let i = 0; i < 3; i++) await nextTurn()
  }
  /** Ends pauses until there are none. */
  async finish(): Promise<void> {
    while (!this.isIdle) await this.turn()
  }
}

type ItemStore = ReturnType<typeof openStoreOn<typeof Item>>

interface Opened {
  readonly store: ItemStore
  readonly hand: Hand
  readonly platform: ReturnType<typeof createSimulatedPlatform>
}

function opened(pace: Partial<FoldPace> = {}, observer?: DiskObserver): Opened {
  const platform = createSimulatedPlatform(observer === undefined ? {} : { observer })
  const hand = new Hand()
  const store = openStoreOn(platform, PATH, Item, { indexes }, {}, { later: hand.later, ...pace })
  return { store, hand, platform }
}

/** The store as the disk would have it if the process ended now. */
const afterKill = ({ platform }: Opened) =>
  openStoreOn(createSimulatedPlatform({ files: platform.files() }), PATH, Item, { indexes })

const append = (store: ItemStore, from: number, count: number) =>
  store.appendMany(Array.from({ length: count }, (_, i) => item(from + i)))

const pending = (store: ItemStore): number => store.stats().pendingIndexEntries

/** Whether some keys of the records below `size`, and some that nobody has, are found as they are. */
function expectFound(store: ItemStore, size: number): void {
  const some = Array.from({ length: 40 }, (_, i) => Math.floor((i * (size - 1)) / 39))
  const byId = store.index('byId')
  expect(byId.numbers(some.map(n => idOf(n)))).toEqual(Float64Array.from(some))
  for (const n of some) expect(byId.number(idOf(n))).toBe(n)
  expect(byId.number(idOf(size + 5))).toBe(-1)
  const { group, id, name } = item(some[7] as number)
  expect(store.index('inOrder').number([group, id])).toBe(some[7])
  expect([...store.index('byName').all([name, group])]).toContain(some[7])
  expect(store.index('inOrder').count()).toBe(size)
}

describe('pending entries', () => {
  it('of a bulk load are built into pages without a checkpoint, in steps, and found all the while', async () => {
    const opening = opened({ pagesPublished: 64 })
    const { store, hand } = opening
    append(store, 0, 30_000)
    await store.commit()
    expect(pending(store)).toBe(90_000)
    const seen = new Set<number>()
    while (!hand.isIdle) {
      await hand.turn()
      seen.add(pending(store))
      expectFound(store, 30_000)
    }
    // One index after the other.
    expect([...seen]).toEqual([90_000, 60_000, 30_000, 0])
    expect(hand.turns).toBeGreaterThan(15)
    expect(await store.verify()).toMatchObject({ ok: true })
    const killed = afterKill(opening)
    expect(killed.recovery.indexesBuilt).toBeUndefined()
    // A root was published, so that recovery need not note the keys of what was loaded.
    expect(pending(killed)).toBe(0)
    expectFound(killed, 30_000)
    expect(await killed.verify()).toMatchObject({ ok: true })
    killed.close()
    store.close()
  })

  it('are merged in steps where pages hold most keys; each disk between two steps is right', async () => {
    const opening = opened()
    const { store, hand } = opening
    append(store, 0, 20_000)
    await store.commit()
    await store.checkpoint()
    await hand.finish()
    expect(pending(store)).toBe(0)
    append(store, 20_000, 6_000)
    await store.commit()
    hand.turns = 0
    while (!hand.isIdle) {
      await hand.turn()
      expectFound(store, 26_000)
      if (hand.turns % 4 !== 0) continue
      const killed = afterKill(opening)
      expect(killed.recovery.indexesBuilt).toBeUndefined()
      expectFound(killed, 26_000)
      expect(await killed.verify()).toMatchObject({ ok: true })
      killed.close()
    }
    expect(hand.turns).toBeGreaterThan(9)
    expect(pending(store)).toBe(0)
    expect(await store.verify()).toMatchObject({ ok: true })
    store.close()
  })

  it('that are few wait until no commit has come for a moment', async () => {
    const { store, hand } = opened()
    append(store, 0, 2)
    await store.commit()
    append(store, 2, 1)
    await store.commit()
    expect(pending(store)).toBe(9)
    // The moment ends, but a commit came within it.
    await hand.turn()
    expect(pending(store)).toBe(9)
    await hand.finish()
    expect(pending(store)).toBe(0)
    expectFound(store, 3)
    store.close()
  })

  it('of a blocking bulk load are in the pages when the commit returns', () => {
    const { store } = opened()
    append(store, 0, 5_000)
    store.commitSync()
    expect(pending(store)).toBe(0)
    expectFound(store, 5_000)
    store.close()
  })

  it('that a rollback leaves go, too, and those of staged records stay', async () => {
    const { store, hand } = opened()
    append(store, 0, 3_000)
    store.rollback()
    await hand.finish()
    expect(pending(store)).toBe(0)
    append(store, 0, 3_000)
    await store.commit()
    append(store, 3_000, 2_000)
    for (let n = 0; n < 500; n++) store.update(n, { id: 1_000_000 + n })
    await hand.finish()
    expect(store.index('byId').number(1_000_007)).toBe(7)
    expect(store.index('byId').number(idOf(4_999))).toBe(4_999)
    expect(store.index('byId').number(idOf(7))).toBe(-1)
    store.rollback()
    await hand.finish()
    expect(pending(store)).toBe(0)
    expectFound(store, 3_000)
    expect(await store.verify()).toMatchObject({ ok: true })
    store.close()
  })

  it('that recovery leaves are folded by the next writer', async () => {
    const first = opened()
    append(first.store, 0, 4_000)
    await first.store.commit()
    const platform = createSimulatedPlatform({ files: first.platform.files() })
    const hand = new Hand()
    const store = openStoreOn(platform, PATH, Item, { indexes }, {}, { later: hand.later })
    expect(pending(store)).toBe(12_000)
    await hand.finish()
    expect(pending(store)).toBe(0)
    expectFound(store, 4_000)
    store.close()
    first.store.close()
  })

  it('that an open transaction sees otherwise are kept for it, and folding them ends', async () => {
    const { store, hand } = opened({ pendingMin: 8, bulkMin: 8 })
    append(store, 0, 2_000)
    await store.commit()
    await hand.finish()
    const tx = store.begin()
    tx.update(3, { id: 77 })
    tx.append(item(9_000))
    for (let n = 100; n < 1_600; n++) store.update(n, { id: 5_000_000 + n })
    await store.commit()
    hand.turns = 0
    await hand.finish()
    expect(hand.turns).toBeLessThan(200)
    expect(store.index('byId').number(5_000_100)).toBe(100)
    expect(store.index('byId').number(idOf(100))).toBe(-1)
    expect(tx.index('byId').number(idOf(100))).toBe(100)
    expect(tx.index('byId').number(5_000_100)).toBe(-1)
    expect(tx.index('byId').number(77)).toBe(3)
    expect(tx.index('byId').number(idOf(9_000))).toBeGreaterThan(0)
    expect(tx.index('inOrder').count()).toBe(2_001)
    tx.rollback()
    store.update(1, { name: 'other' })
    await store.commit()
    await hand.finish()
    expect(pending(store)).toBe(0)
    expect(store.index('byId').number(77)).toBe(-1)
    expect(store.index('inOrder').count()).toBe(2_000)
    expect(await store.verify()).toMatchObject({ ok: true })
    store.close()
  })
})

type Step =
  | { readonly do: 'append'; readonly count: number }
  | { readonly do: 'update' | 'delete'; readonly at: number; readonly count: number }
  | { readonly do: 'commit' | 'commitSync' | 'rollback' | 'turn' | 'finish' | 'checkpoint' | 'kill' | 'reader' }
const counts = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_500 }))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: counts }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('update' as const, 'delete' as const),
      at: fc.nat(5_000),
      count: counts,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('commit' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'commitSync' as const,
        'rollback' as const,
        'finish' as const,
        'checkpoint' as const,
        'kill' as const,
        'reader' as const,
      ),
    }),
  },
)

/** What is in a store: the id of each record, by number; undefined where it is deleted. */
type Ids = (number | undefined)[]

function expectIds(store: ItemStore, ids: Ids, what: string): void {
  const byId = store.index('byId')
  const live = ids.flatMap((id, n) => (id === undefined ? [] : [{ id, n }]))
  const found = byId.numbers(live.map(({ id }) => id))
  expect(found, what).toEqual(Float64Array.from(live, ({ n }) => n))
  expect(store.index('inOrder').count(), what).toBe(live.length)
  expect(store.count).toBe(live.length)
}

describe('folds between any changes', () => {
  it('answer as a model does, in this process, to a reader, and after a kill', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
        const opening = opened({ pendingMin: 200, bulkMin: 200, pagesPublished: 3 })
        const { store, hand, platform } = opening
        const reader = openStoreOn(platform, PATH, Item, { readOnly: true })
        let committed: Ids = []
        let staged: Ids = []
        let next = 0
        try {
          for (const s of steps) {
            if (s.do === 'append') {
              const ids = Array.from({ length: s.count }, () => idOf(next++))
              store.appendMany(ids.map(id => item(0, id)))
              staged.push(...ids)
            } else if (s.do === 'update' || s.do === 'delete') {
              for (let n = s.at; n < Math.min(s.at + s.count, staged.length); n++) {
                if (staged[n] === undefined) continue
                if (s.do === 'update') store.put(n, item(0, (staged[n] = idOf(next++))))
                else store.delete(n)
                if (s.do === 'delete') staged[n] = undefined
              }
            } else if (s.do === 'rollback') {
              store.rollback()
              staged = [...committed]
            } else if (s.do === 'commit' || s.do === 'commitSync') {
              if (s.do === 'commit') await store.commit()
              else store.commitSync()
              committed = [...staged]
            } else if (s.do === 'turn') await hand.turn()
            else if (s.do === 'finish') await hand.finish()
            else if (s.do === 'checkpoint') await store.checkpoint()
            else if (s.do === 'reader') expectIds(reader, committed, 'a reader')
            else {
              const killed = afterKill(opening)
              expect(killed.recovery.indexesBuilt).toBeUndefined()
              expectIds(killed, committed, 'after a kill')
              killed.close()
            }
            expectIds(store, staged, s.do)
          }
          await hand.finish()
          expectIds(store, staged, 'at last')
          store.rollback()
          await hand.finish()
          expectIds(store, committed, 'after a rollback')
          expect(pending(store)).toBe(0)
          expect(await store.verify()).toMatchObject({ ok: true })
        } finally {
          reader.close()
          store.close()
        }
      }),
      propertyOptions(60),
    )
  })
})

describe('in the middle of a fold', () => {
  /** A store of which a fold has begun and waits in a pause; by building, or by merging. */
  async function folding(kind: 'building' | 'merging', observer?: DiskObserver): Promise<Opened> {
    const opening = opened({ pagesPublished: 1 }, observer)
    const { store, hand } = opening
    append(store, 0, 12_000)
    await store.commit()
    if (kind === 'merging') {
      await hand.finish()
      append(store, 12_000, 6_000)
      await store.commit()
    }
    for (let i = 0; i < 3; i++) await hand.turn()
    expect(pending(store)).toBeGreaterThan(0)
    expect(hand.isIdle).toBe(false)
    return opening
  }
  const sizeOf = { building: 12_000, merging: 18_000 } as const

  // The hand does not move: nothing may wait for the end of a pause.
  const calls = {
    checkpoint: store => store.checkpoint(),
    compact: store => store.compact(),
    createIndex: store => store.createIndex('byGroup', { on: 'group' }),
    dropIndex: store => store.dropIndex('byName').then(() => store.createIndex('byName', indexes.byName)),
    closeAsync: store => store.closeAsync(),
    close: async store => store.close(),
    'two checkpoints': store => Promise.all([store.checkpoint(), store.checkpoint()]),
    'commits and a checkpoint': store => {
      store.update(5, { name: 'other' })
      return Promise.all([store.commit(), store.checkpoint()])
    },
    backup: store => store.backup('/fold/copy.stride'),
    clear: async store => {
      store.clear()
      store.rollback()
    },
  } satisfies Record<string, (store: ItemStore) => Promise<unknown>>
  for (const kind of ['building', 'merging'] as const) {
    for (const [name, call] of Object.entries(calls)) {
      it(`${name} ends, and leaves right answers: ${kind}`, async () => {
        const opening = await folding(kind)
        const { store, hand } = opening
        await call(store)
        const isClosed = name.startsWith('close')
        if (!isClosed) {
          expectFound(store, sizeOf[kind])
          await hand.finish()
          expectFound(store, sizeOf[kind])
          expect(pending(store)).toBe(0)
          expect(await store.verify()).toMatchObject({ ok: true })
        }
        const again = afterKill(opening)
        expect(again.recovery.indexesBuilt).toBeUndefined()
        expectFound(again, sizeOf[kind])
        expect(await again.verify()).toMatchObject({ ok: true })
        again.close()
        await hand.finish()
        store.close()
      })
    }

    // Windows has other numbers for it.
    it.skipIf(isWindows)(`a full disk leaves the entries in memory until a checkpoint: ${kind}`, async () => {
      let isFull = false
      const opening = await folding(kind, ({ kind: event }) => {
        if (isFull && event === 'allocate') throw errnoError('posix_fallocate', constants.errno.ENOSPC, PATH)
      })
      const { store, hand } = opening
      isFull = true
      await hand.finish()
      expect(pending(store)).toBeGreaterThan(0)
      expectFound(store, sizeOf[kind])
      // No attempt before a checkpoint.
      store.update(3, { name: 'other' })
      await store.commit()
      expect(hand.isIdle).toBe(true)
      isFull = false
      await store.checkpoint()
      expectFound(store, sizeOf[kind])
      store.update(3, { name: 'again' })
      await store.commit()
      await hand.finish()
      expect(pending(store)).toBe(0)
      expect(await store.verify()).toMatchObject({ ok: true })
      store.close()
    })

    it(`a sync that fails poisons, as in a checkpoint, and is not asked again: ${kind}`, async () => {
      let isFailing = false
      let failed = 0
      const opening = await folding(kind, ({ kind: event }) => {
        if (!isFailing || event !== 'sync-end') return
        failed++
        throw errnoError('fdatasync', constants.errno.EIO, PATH)
      })
      const { store, hand } = opening
      isFailing = true
      await hand.finish()
      expect(failed).toBe(1)
      expect(codeOf(() => store.append(item(1)))).toBe('ERR_STRIDE_POISONED')
      expect(await codeOfAsync(store.checkpoint())).toBe('ERR_STRIDE_POISONED')
      expectFound(store, sizeOf[kind])
      store.close()
      expect(failed).toBe(1)
      const again = afterKill(opening)
      expectFound(again, sizeOf[kind])
      expect(await again.verify()).toMatchObject({ ok: true })
      again.close()
    })
  }
})

const CHILD = `
  import { openStore } from 'src/engine/open.ts'
  import { z } from 'zod'
  const store = openStore(process.argv[2], z.object({ id: z.uint32() }), { indexes: { byId: { on: 'id', unique: true } } })
  const load = from => store.appendMany(Array.from({ length: 50_000 }, (_, n) => ({ id: from + n })))
  load(0)
  await store.commit()
  console.log('committed')
  await store.checkpoint()
  console.log('checkpointed', store.stats().pendingIndexEntries)
  load(50_000)
  await store.commit()
  process.on('exit', () => console.log('ends', store.stats().pendingIndexEntries))
`

describe('a process', () => {
  it('ends though a fold goes on, and not while a checkpoint is awaited', async () => {
    const args = [childScript(CHILD), join(temporaryFolder(), 'x.stride')]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout.trim().split('\n')).toEqual(['committed', 'checkpointed 0', 'ends 50000'])
  })
})
