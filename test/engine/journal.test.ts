/**
 * The journal: what could go wrong is a commit that is lost, half there, replayed twice with another result, or taken
 * from a journal that belongs to something else; and an error that loses more than what it concerns.
 *
 * A copy of the simulated disk's files while the store is open is what a killed process leaves. What a loss of power
 * leaves: test/crash.
 * Rules of docs/durability.md: D1, D2, D5, D8.
 */

import { describe, expect, test } from 'vitest'
import { openStoreOn } from '../../src/engine/open.ts'
import type { StoreOptions } from '../../src/engine/opening/options.ts'
import type { Store } from '../../src/engine/store.ts'
import { StrideError } from '../../src/errors.ts'
import type { DiskEvent, DiskObserver } from '../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform, type SimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { codeOf, codeOfAsync, Trade, trade } from './support.ts'

const PATH = '/store/trades.stride'
const JOURNAL = `${PATH}-journal`

type Files = ReadonlyMap<string, Uint8Array>

function on(platform: SimulatedPlatform, options: StoreOptions = {}): Store<typeof Trade> {
  return openStoreOn(platform, PATH, Trade, { journalBytes: 64 * 1024, ...options })
}

/** A new machine with these files. */
function opened(
  files: Files,
  options: StoreOptions = {},
): { store: Store<typeof Trade>; platform: SimulatedPlatform } {
  const platform = createSimulatedPlatform({ files })
  return { store: on(platform, options), platform }
}

function quantities(store: Store<typeof Trade>): (number | undefined)[] {
  return Array.from({ length: store.size }, (_, n) => store.get(n)?.qty)
}

/** A store with ten committed records, and its disk. */
function ten(observer?: DiskObserver): { store: Store<typeof Trade>; platform: SimulatedPlatform } {
  const platform = createSimulatedPlatform(observer === undefined ? {} : { observer })
  const store = on(platform)
  store.appendMany(Array.from({ length: 10 }, (_, i) => ({ ...trade(i), qty: i })))
  store.commitSync()
  return { store, platform }
}

describe('after a killed process', () => {
  test('opening replays what the file does not hold yet, and says so', async () => {
    const { store, platform } = ten()
    store.update(3, { qty: 33 })
    store.delete(4)
    store.append({ ...trade(10), qty: 10 })
    await store.commit()
    store.update(5, { qty: 55 })
    const expected = [0, 1, 2, 33, undefined, 5, 6, 7, 8, 9, 10]
    const { store: again, platform: disk } = opened(platform.files())
    expect(quantities(again)).toEqual(expected)
    expect([again.recovery.commitsReplayed, again.recovery.bytesDropped]).toEqual([2, 0])
    expect([again.commitNumber, again.count]).toEqual([2, 10])
    expect(await again.verify()).toMatchObject({ ok: true })
    expect([...disk.files().keys()]).not.toContain(JOURNAL)
    again.update(0, { qty: 100 })
    await again.commit()
    again.close()
    const third = opened(disk.files()).store
    expect(third.field(0, 'qty')).toBe(100)
    expect(third.recovery).toEqual({ commitsReplayed: 0, bytesDropped: 0 })
  })

  test('a reader sees the commits without writing anything', () => {
    const { store, platform } = ten()
    store.update(3, { qty: 33 })
    store.delete(4)
    store.append({ ...trade(10), qty: 10 })
    store.commitSync()
    const files = platform.files()
    const { store: reader, platform: disk } = opened(files, { readOnly: true })
    expect(quantities(reader)).toEqual([0, 1, 2, 33, undefined, 5, 6, 7, 8, 9, 10])
    expect([reader.count, reader.size, reader.commitNumber]).toEqual([10, 11, 2])
    expect(reader.recovery.commitsReplayed).toBe(2)
    reader.close()
    const left = disk.files()
    left.delete(`${PATH}-lock`)
    files.delete(`${PATH}-lock`)
    for (const [path, bytes] of files) expect(Buffer.compare(left.get(path) ?? Buffer.alloc(0), bytes)).toBe(0)
    expect(left.size).toBe(files.size)
  })

  test('a reader goes over from the journal to the writer that recovers, and to its commits', () => {
    const { platform } = ten()
    const { store: reader, platform: disk } = opened(platform.files(), { readOnly: true })
    expect(reader.field(3, 'qty')).toBe(3)
    const writer = on(disk)
    writer.update(3, { qty: 33 })
    writer.commitSync()
    expect([reader.field(3, 'qty'), reader.commitNumber]).toEqual([33, 2])
    writer.close()
    expect(reader.field(3, 'qty')).toBe(33)
  })

  test.each([1, 7, 40])('%i commits larger and smaller than the journal are all there', async count => {
    const { store, platform } = ten()
    store.appendMany(Array.from({ length: 3000 }, (_, i) => ({ ...trade(i), qty: 0 })))
    await store.commit()
    for (let i = 1; i <= count; i++) {
      const changed = i % 5 === 0 ? 2000 : i
      for (let n = 0; n < changed; n++) store.update(n, { qty: i * 10_000 + n })
      if (i % 2 === 0) await store.commit()
      else store.commitSync()
    }
    const expected = quantities(store)
    const again = opened(platform.files()).store
    expect(quantities(again)).toEqual(expected)
    expect(again.commitNumber).toBe(count + 2)
    expect(await again.verify()).toMatchObject({ ok: true })
  })
})

test('large commits one after the other, then small ones, are all there after a kill', async () => {
  const { store, platform } = ten()
  store.appendMany(Array.from({ length: 2000 }, (_, i) => trade(i)))
  store.commitSync()
  for (let round = 0; round < 24; round++) {
    const changed = round % 4 < 2 ? 2000 : 3
    for (let n = 0; n < changed; n++) store.update(n, { qty: round * 10_000 + n })
    if (round % 3 === 0) await store.commit()
    else store.commitSync()
    if (round % 5 === 4) await store.checkpoint()
    const { store: again } = opened(platform.files())
    expect(again.commitNumber).toBe(store.commitNumber)
    expect(quantities(again)).toEqual(quantities(store))
  }
})

describe('a checkpoint', () => {
  test('leaves nothing to replay', async () => {
    const { store, platform } = ten()
    store.update(1, { qty: 11 })
    await store.commit()
    await store.checkpoint()
    expect(store.stats()).toMatchObject({ journalBytes: 0, checkpoints: 1 })
    const again = opened(platform.files()).store
    expect([again.field(1, 'qty'), again.recovery.commitsReplayed]).toEqual([11, 0])
  })

  test('runs by itself, commits go on meanwhile, and blocking ones wait for it where the journal is full', async () => {
    const { store, platform } = ten()
    for (let i = 0; i < 100; i++) {
      store.update(i % 10, { qty: 1000 + i })
      await store.commit()
    }
    for (let i = 100; i < 200; i++) {
      store.update(i % 10, { qty: 1000 + i })
      store.commitSync()
    }
    expect(store.stats().checkpoints).toBeGreaterThan(5)
    expect(store.stats().commitWaits).toBeGreaterThan(0)
    expect(store.stats().journalBytes).toBeLessThanOrEqual(2 * 64 * 1024)
    const again = opened(platform.files()).store
    expect(again.commitNumber).toBe(201)
    expect(quantities(again)).toEqual(Array.from({ length: 10 }, (_, n) => 1190 + n))
  })

  test('closing ends the journal: the file alone is the store', () => {
    const { store, platform } = ten()
    expect([...platform.files().keys()]).toContain(JOURNAL)
    store.close()
    const files = platform.files()
    expect([...files.keys()].sort()).toEqual([PATH, `${PATH}-lock`])
    expect(opened(new Map([[PATH, files.get(PATH) as Uint8Array]])).store.count).toBe(10)
  })
})

describe('the journal of something else', () => {
  test('is an error that names it: missing, foreign, of another generation, cut, damaged', () => {
    const { store, platform } = ten()
    const files = platform.files()
    const open = (change: (files: Map<string, Uint8Array>) => void): string | undefined => {
      const changed = new Map([...files].map(([path, bytes]) => [path, bytes.slice()]))
      change(changed)
      return codeOf(() => opened(changed)) as string | undefined
    }
    const foreign = ten().platform.files().get(JOURNAL) as Uint8Array
    expect(open(each => each.delete(JOURNAL))).toBe('ERR_STRIDE_JOURNAL_MISSING')
    expect(open(each => each.set(JOURNAL, foreign))).toBe('ERR_STRIDE_CORRUPT')
    expect(open(each => each.set(JOURNAL, (files.get(JOURNAL) as Uint8Array).slice(0, 100)))).toBe(
      'ERR_STRIDE_CORRUPT',
    )
    expect(open(each => each.set(JOURNAL, (files.get(JOURNAL) as Uint8Array).slice(0, 4096)))).toBe(
      'ERR_STRIDE_CORRUPT',
    )
    store.close()
    const closed = platform.files()
    closed.set(JOURNAL, files.get(JOURNAL) as Uint8Array)
    expect(opened(closed).store.count).toBe(10)
    const older = createSimulatedPlatform()
    on(older).close()
    const empty = older.files()
    empty.set(JOURNAL, foreign)
    expect(codeOf(() => opened(empty))).toBe('ERR_STRIDE_CORRUPT')
  })

  test('a frame that was synced and is damaged is an error with its offset; a torn last one is dropped', () => {
    const { store, platform } = ten()
    for (let i = 0; i < 3; i++) {
      store.update(i, { qty: 100 + i })
      store.commitSync()
    }
    const files = platform.files()
    const damaged = (block: number): ReadonlyMap<string, Uint8Array> => {
      const journal = (files.get(JOURNAL) as Uint8Array).slice()
      const at = block * 4096 + 100
      journal[at] = (journal[at] as number) ^ 0x40
      return new Map([...files, [JOURNAL, journal]])
    }
    // The last one is known from the shared words, which a killed process leaves behind.
    for (const block of [1, 2, 3, 4]) {
      let error: unknown
      try {
        opened(damaged(block))
      } catch (caught) {
        error = caught
      }
      expect(error).toMatchObject({ code: 'ERR_STRIDE_CORRUPT', offset: block * 4096, path: JOURNAL })
    }
    // A loss of power may leave them as they were before.
    ;(files.get(PATH) as Uint8Array).fill(0, 3 * 4096, 4 * 4096)
    const { store: again } = opened(damaged(4))
    expect(again.commitNumber).toBe(3)
    expect(again.recovery).toMatchObject({
      commitsReplayed: 3,
      bytesDropped: 4096,
      dropped: { offset: 4 * 4096, frames: 1 },
    })
    expect(quantities(again).slice(0, 3)).toEqual([100, 101, 2])
  })
})

describe('durability', () => {
  test("'process' returns before a sync, is read at once, survives the process, and is synced later", async () => {
    const { store, platform } = ten()
    const { syncs } = store.stats()
    store.update(1, { qty: 11 })
    expect(store.commitSync({ durability: 'process' })).toBe(2)
    expect(store.stats().syncs).toBe(syncs)
    expect([store.commitNumber, store.durableCommitNumber]).toEqual([2, 1])
    expect(store.field(1, 'qty')).toBe(11)
    expect(opened(platform.files()).store.field(1, 'qty')).toBe(11)
    await store.flush()
    expect([store.commitNumber, store.durableCommitNumber]).toEqual([2, 2])
  })

  test('of the store holds for each commit that does not say otherwise', async () => {
    const store = on(createSimulatedPlatform(), { durability: 'process' })
    store.append(trade(0))
    await store.commit()
    expect(store.durableCommitNumber).toBe(0)
    store.append(trade(1))
    await store.commit({ durability: 'full' })
    expect(store.durableCommitNumber).toBe(2)
    expect(() => store.commitSync({ durability: 'none' as never })).toThrow(TypeError)
  })

  test('a thousand commits from a thousand tasks share a few syncs, and each has its number', async () => {
    const { store } = ten()
    const { syncs } = store.stats()
    const numbers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        store.update(i % 10, { qty: i })
        return store.commit()
      }),
    )
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => 2 + i))
    expect(store.stats().syncs - syncs).toBeLessThanOrEqual(20)
    expect(store.durableCommitNumber).toBe(1001)
  })

  test('an empty commit resolves with the present number, in order, without a sync', async () => {
    const { store } = ten()
    const order: number[] = []
    store.update(1, { qty: 11 })
    const first = store.commit().then(number => order.push(number))
    const second = store.commit().then(number => order.push(-number))
    await Promise.all([first, second])
    expect(order).toEqual([2, -2])
    const { syncs } = store.stats()
    expect(await store.commit()).toBe(2)
    expect(store.commitSync()).toBe(2)
    expect(store.stats().syncs).toBe(syncs)
  })
})

describe('what is given to a commit', () => {
  test('stays when the rest is rolled back, and is changed again without harm', async () => {
    const { store, platform } = ten()
    store.update(1, { qty: 11 })
    const committing = store.commit()
    store.update(1, { qty: 12 })
    store.append(trade(10))
    expect([store.field(1, 'qty'), store.size]).toEqual([12, 11])
    store.rollback()
    expect([store.field(1, 'qty'), store.size]).toEqual([11, 10])
    store.delete(1)
    const deleting = store.commit()
    expect(store.has(1)).toBe(false)
    await Promise.all([committing, deleting])
    expect([store.has(1), store.count]).toEqual([false, 9])
    expect(opened(platform.files()).store.has(1)).toBe(false)
  })
})

/** Fails the calls that `matches` says, from now until `heal`. */
function failing(): {
  observer: DiskObserver
  fail: (matches: (event: DiskEvent) => boolean, code?: string) => void
} {
  let matches: (event: DiskEvent) => boolean = () => false
  let code = 'ERR_STRIDE_IO'
  return {
    observer: event => {
      if (matches(event)) throw new StrideError(code as 'ERR_STRIDE_IO', 'the disk fails')
    },
    fail: (which, what = 'ERR_STRIDE_IO') => {
      matches = which
      code = what
    },
  }
}

describe('a failing disk', () => {
  test.each(['commit', 'commitSync'] as const)(
    'poisons at %s: reads show the last acknowledged commit',
    async how => {
      const disk = failing()
      const { store, platform } = ten(disk.observer)
      store.update(1, { qty: 11 })
      await store.commit()
      disk.fail(event => event.kind === 'sync-begin')
      store.update(1, { qty: 12 })
      store.delete(2)
      store.append(trade(10))
      const code = how === 'commit' ? await codeOfAsync(store.commit()) : codeOf(() => store.commitSync())
      expect(code).toBe('ERR_STRIDE_IO')
      expect([store.field(1, 'qty'), store.has(2), store.size, store.count]).toEqual([11, true, 10, 10])
      expect(store.commitNumber).toBe(2)
      disk.fail(() => false)
      expect(codeOf(() => store.append(trade(1)))).toBe('ERR_STRIDE_POISONED')
      expect(await codeOfAsync(store.commit())).toBe('ERR_STRIDE_POISONED')
      store.close()
      const again = opened(platform.files()).store
      expect([11, 12]).toContain(again.field(1, 'qty'))
      expect(again.has(2)).toBe(again.field(1, 'qty') === 11)
    },
  )

  test('that refuses a change after its sync poisons too, and reads do not show half of it', async () => {
    const disk = failing()
    const { store, platform } = ten(disk.observer)
    let isSynced = false
    let stores = 0
    disk.fail(event => {
      if (event.kind === 'sync-end') isSynced = true
      // Records 0 and 9 go into the file with one call, record 105 with another.
      return isSynced && event.kind === 'store' && !event.mapped && ++stores === 2
    })
    store.update(0, { qty: 100 })
    store.update(9, { qty: 109 })
    store.appendMany(Array.from({ length: 100 }, (_, i) => trade(i)))
    store.update(105, { qty: 205 })
    expect(await codeOfAsync(store.commit())).toBe('ERR_STRIDE_IO')
    expect([store.field(0, 'qty'), store.field(9, 'qty'), store.size]).toEqual([0, 9, 10])
    disk.fail(() => false)
    store.close()
    const again = opened(platform.files()).store
    expect([again.field(0, 'qty'), again.field(9, 'qty'), again.field(105, 'qty')]).toEqual([100, 109, 205])
  })

  test('poisons when the journal is made: no later commit of the turn takes in what an earlier one refused', async () => {
    const disk = failing()
    const platform = createSimulatedPlatform({ observer: disk.observer })
    const store = on(platform)
    let syncs = 0
    disk.fail(event => event.kind === 'sync-end' && ++syncs === 1)
    store.append(trade(0))
    const first = codeOfAsync(store.commit())
    expect(codeOf(() => store.append(trade(1)))).toBe('ERR_STRIDE_POISONED')
    expect([await first, await codeOfAsync(store.commit())]).toEqual(['ERR_STRIDE_IO', 'ERR_STRIDE_POISONED'])
    expect([store.size, store.commitNumber]).toEqual([0, 0])
    store.close()
    expect(opened(platform.files()).store.size).toBe(0)
  })

  test('that is full when the journal is made leaves everything staged', async () => {
    const disk = failing()
    const platform = createSimulatedPlatform({ observer: disk.observer })
    const store = on(platform)
    store.append(trade(0))
    disk.fail(event => event.kind === 'create', 'ERR_STRIDE_NO_SPACE')
    expect(await codeOfAsync(store.commit())).toBe('ERR_STRIDE_NO_SPACE')
    expect(store.get(0)).toEqual(trade(0))
    disk.fail(() => false)
    expect(await store.commit()).toBe(1)
    expect(opened(platform.files()).store.get(0)).toEqual(trade(0))
  })
})

describe('checksums', () => {
  test('are kept through updates, growth, deletions, reuse, recovery, compact, backup and migration', async () => {
    const platform = createSimulatedPlatform()
    const store = on(platform, { checksums: true, reuseNumbers: true })
    store.appendMany(Array.from({ length: 5000 }, (_, i) => trade(i)))
    await store.commit()
    for (let i = 0; i < 300; i++) {
      store.update((i * 37) % 4000, { qty: i })
      if (i % 3 === 0) store.delete(4000 + i)
      if (i % 7 === 0) store.append(trade(i))
      if (i % 10 === 0) await store.commit()
    }
    store.commitSync()
    store.appendMany(Array.from({ length: 20_000 }, (_, i) => trade(i)))
    await store.commit()
    expect((await store.verify()).findings.slice(0, 4)).toEqual([])
    const { store: again } = opened(platform.files(), { verifyReads: true })
    expect(await again.verify()).toMatchObject({ ok: true, findings: [] })
    expect(again.gather('id')).toEqual(store.gather('id'))
    await again.backup('/store/copy.stride')
    await again.compact()
    expect(await again.verify()).toMatchObject({ ok: true, findings: [] })
    expect(again.gather('id')).toEqual(store.gather('id'))
  })

  test('find any flipped bit of a record, and name it, by verify and by reading', async () => {
    const platform = createSimulatedPlatform()
    const store = on(platform, { checksums: true })
    store.appendMany(Array.from({ length: 1000 }, (_, i) => trade(i)))
    store.commitSync()
    const { recordSize } = store
    store.close()
    const files = platform.files()
    const bytes = files.get(PATH) as Uint8Array
    const dataOffset = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(16, true))
    for (const bit of [0, 77, recordSize * 8 - 1]) {
      const offset = dataOffset + 500 * recordSize
      const at = offset + (bit >> 3)
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
      const { store: damaged } = opened(files, { verifyReads: true })
      const { findings } = await damaged.verify()
      expect(findings).toMatchObject([{ code: 'ERR_STRIDE_CORRUPT', recordNumber: 500, offset }])
      expect(codeOf(() => damaged.get(500))).toBe('ERR_STRIDE_CORRUPT')
      expect(codeOf(() => damaged.field(500, 'id'))).toBe('ERR_STRIDE_CORRUPT')
      expect(codeOf(() => damaged.gather('id'))).toBe('ERR_STRIDE_CORRUPT')
      expect(damaged.get(499)).toEqual(trade(499))
      expect(await codeOfAsync(damaged.backup('/store/copy.stride'))).toBe('ERR_STRIDE_CORRUPT')
      expect(await codeOfAsync(damaged.compact())).toBe('ERR_STRIDE_CORRUPT')
      bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7))
    }
  })
})
