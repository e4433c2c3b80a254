/**
 * What recovery has to do is bounded, and so are its steps. What could go wrong: much that was stored in place, or many changes, wait for
 * the next opening; the journal is made durable in turns, and the file is touched, or the journal gone, before it is; pieces of the
 * journal that were released come back as other records.
 * Rules of docs/durability.md: D1, D2, D5; of src/engine/recovery/replay.ts: R1, R4; of src/engine/journal/journal.ts: JO6.
 */

import { copyFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ascii, openStore, openStoreAsync } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readIdentity } from '../../src/engine/format/identity.ts'
import { BLOCK_BYTES } from '../../src/engine/format/journal-format.ts'
import { readRoot } from '../../src/engine/format/root.ts'
import { scanJournal } from '../../src/engine/journal/journal-scan.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import type { IndexedStoreOptions } from '../../src/engine/opening/options.ts'
import type { RecoveryLimits } from '../../src/engine/recovery/recovery-limits.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import type { DiskEvent } from '../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { temporaryFolder } from './support.ts'

const Item = z.object({ id: z.uint32(), group: z.uint32(), text: ascii(1000) })
const PATH = '/bounds/x.stride'
const JOURNAL = `${PATH}-journal`
const COUNT = 600
const TURNS_MAX = 100_000
/** Everything in turns, and of the journal two pieces in memory. */
const IN_TURNS: Partial<RecoveryLimits> = { changesAtOnce: 0, journalBytesAtOnce: 0, journalBytesKept: 0 }

type Files = Map<string, Uint8Array>

const open = (platform: Platform, options: IndexedStoreOptions = {}, limits?: Partial<RecoveryLimits>) =>
  openStoreOn(platform, PATH, Item, options, limits)
type ItemStore = ReturnType<typeof open>

const item = (id: number) => ({ id, group: id % 7, text: `text of ${id}` })
/** Most bytes of the record differ, so that its frame has the whole image. */
const changed = (n: number, round: number) => ({ group: n * 10 + round, text: `${round} of ${n}, `.repeat(60) })
const copyOf = (files: ReadonlyMap<string, Uint8Array>): Files =>
  new Map([...files].map(([path, bytes]) => [path, bytes.slice()]))

/** The files of a store whose process died after commits of many changes: of each record the last round counts. */
function left(options: IndexedStoreOptions = {}): Files {
  const platform = createSimulatedPlatform()
  const filled = open(platform, options)
  filled.appendMany(Array.from({ length: COUNT }, (_, n) => item(n)))
  filled.commitSync()
  filled.close()
  const store = open(platform, { journalBytes: 4 * 1024 * 1024, ...options })
  for (let round = 1; round <= 3; round++) {
    for (let n = round; n < COUNT; n += round) store.update(n, changed(n, round))
    if (round === 3) for (const n of [10, 20, 30]) store.delete(n)
    store.commitSync()
  }
  const files = copyOf(platform.files())
  store.close()
  return files
}

function expected(n: number): ReturnType<typeof item> | undefined {
  if ([10, 20, 30].includes(n)) return undefined
  const round = [3, 2, 1].find(step => n >= step && n % step === 0)
  return round === undefined ? item(n) : { ...item(n), ...changed(n, round) }
}

function expectAll(store: ItemStore): void {
  const found = Array.from({ length: store.size }, (_, n) => store.get(n))
  expect(found).toEqual(Array.from({ length: COUNT }, (_, n) => expected(n)))
  expect(Array.from(store.scan(), row => row.number)).toEqual(
    Array.from({ length: COUNT }, (_, n) => n).filter(n => expected(n) !== undefined),
  )
}

async function turnsUntil(isOver: () => boolean): Promise<number> {
  let turns = 0
  for (; !isOver(); turns++) {
    expect(turns).toBeLessThan(TURNS_MAX)
    await nextTurn()
  }
  return turns
}

describe('a journal that is read piece by piece', () => {
  const indexes = { byGroup: { on: 'group' } } as const

  test.each([true, false])('shows each record as it was committed, read-only %s', async readOnly => {
    const platform = createSimulatedPlatform({ files: left({ indexes }) })
    const store = open(platform, readOnly ? { readOnly } : { indexes }, IN_TURNS)
    expectAll(store)
    expect(store.recovery.commitsReplayed).toBe(3)
    for (let n = 31; n < COUNT; n += 50) {
      expect([...store.index('byGroup').all(expected(n)?.group ?? 0)]).toContain(n)
    }
    if (!readOnly) await turnsUntil(() => !platform.exists(JOURNAL))
    expectAll(store)
    if (!readOnly) expect(await store.verify()).toMatchObject({ ok: true })
    store.close()
  })

  test('of records larger than a piece', () => {
    const Large = z.object({ id: z.uint32(), text: ascii(200_000) })
    const platform = createSimulatedPlatform()
    const textOf = (n: number) => String.fromCharCode(65 + n).repeat(150_000 + n)
    const on = (place: Platform, limits = {}) => openStoreOn(place, PATH, Large, {}, limits)
    const store = on(platform)
    for (let n = 0; n < 5; n++) store.append({ id: n, text: '' })
    store.commitSync()
    for (let n = 0; n < 5; n++) store.update(n, { text: textOf(n) })
    store.commitSync()
    const again = on(createSimulatedPlatform({ files: platform.files() }), IN_TURNS)
    const check = () =>
      expect(Array.from({ length: 5 }, (_, n) => again.get(n)?.text)).toEqual([0, 1, 2, 3, 4].map(textOf))
    check()
    again.update(0, { id: 77 })
    check()
    again.close()
    store.close()
  })

  test('is refused where it changed while it was open', () => {
    const platform = createSimulatedPlatform({ files: left() })
    const store = open(platform, { readOnly: true }, IN_TURNS)
    const file = platform.open(JOURNAL, { access: 'readwrite', create: 'never' })
    const bytes = Buffer.alloc(file.size())
    file.read(bytes, 0)
    for (let at = BLOCK_BYTES; at < bytes.length; at += BLOCK_BYTES)
      file.store(Uint8Array.of((bytes[at + 99] as number) ^ 1), at + 99)
    const codes = new Set<unknown>()
    for (let n = 0; n < COUNT; n++) {
      try {
        store.get(n)
      } catch (error) {
        codes.add((error as { code?: unknown }).code)
      }
    }
    expect([...codes]).toEqual(['ERR_STRIDE_CORRUPT'])
    file.close()
    store.close()
  })
})

describe('a journal that is made durable in turns', () => {
  test('is stored again whole and synced before the file is touched, and goes when the file is synced', async () => {
    const files = left()
    const journal = Buffer.from(files.get(JOURNAL) as Uint8Array)
    const events: DiskEvent[] = []
    const platform = createSimulatedPlatform({
      files,
      observer: event => {
        events.push(event.kind === 'store' ? { ...event, bytes: event.bytes.slice() } : event)
      },
    })
    const root = rootOf(platform)
    const store = open(platform, {}, IN_TURNS)
    expect(store.commitNumber).toBe(root.commitNumber + 3)
    expect(store.durableCommitNumber).toBe(root.commitNumber)
    await turnsUntil(() => store.durableCommitNumber === store.commitNumber)
    await turnsUntil(() => !platform.exists(JOURNAL))
    store.close()

    const stores = events.flatMap((event, i) =>
      event.kind === 'store' && !event.mapped ? [{ ...event, i }] : [],
    )
    // The files that were there have numbers, but no create: the journal is the one whose own bytes are stored.
    const again = stores.filter(
      ({ bytes, offset }) =>
        bytes.length > 512 && journal.subarray(offset, offset + bytes.length).equals(bytes),
    )
    const journalFile = again[0]?.file
    const ofJournal = stores.filter(({ file }) => file === journalFile)
    const synced = events.findIndex(event => event.kind === 'sync-end' && event.file === journalFile)
    // Each block with a frame in it was stored again, with the same bytes, before the one sync.
    const image = Buffer.alloc(journal.length)
    for (const { bytes, offset, i } of ofJournal) {
      expect(i).toBeLessThan(synced)
      image.set(bytes, offset)
    }
    for (let at = BLOCK_BYTES; at < journal.length; at += BLOCK_BYTES) {
      const block = journal.subarray(at, at + BLOCK_BYTES)
      if (!block.every(byte => byte === 0))
        expect(image.subarray(at, at + BLOCK_BYTES).equals(block)).toBe(true)
    }
    expect(ofJournal.length).toBeGreaterThan(1)
    // No record before that sync, and no removal before a sync of the file behind the last record.
    const { dataOffset } = identityOf(files)
    const records = stores.filter(({ file, offset }) => file !== journalFile && offset >= dataOffset)
    expect(Math.min(...records.map(({ i }) => i))).toBeGreaterThan(synced)
    const removed = events.findIndex(event => event.kind === 'remove' && event.path === JOURNAL)
    const lastRecord = Math.max(...records.map(({ i }) => i))
    const dataFile = records[0]?.file
    const syncs = events.flatMap((event, i) =>
      event.kind === 'sync-begin' && event.file === dataFile && i > lastRecord && i < removed ? [i] : [],
    )
    const rootStored = stores.find(
      ({ file, offset, i }) => file === dataFile && offset < dataOffset && i > (syncs[0] ?? removed),
    )
    expect(rootStored?.i).toBeLessThan(syncs.at(-1) ?? 0)
  })

  test('is durable once flush resolved, however far the turns had come', async () => {
    const platform = createSimulatedPlatform({ files: left() })
    const store = open(platform, {}, IN_TURNS)
    await nextTurn()
    await store.flush()
    expect(store.durableCommitNumber).toBe(store.commitNumber)
    expectAll(store)
    store.close()
  })

  test('a sync of it that fails poisons the store: nothing is written, reads go on', async () => {
    const files = left()
    let isFailing = false
    const platform = createSimulatedPlatform({
      files,
      observer: event => {
        if (isFailing && event.kind === 'sync-end') throw new Error('EIO of the test')
      },
    })
    const before = copyOf(files)
    const store = open(platform, {}, IN_TURNS)
    isFailing = true
    for (let turns = 0; turns < 50; turns++) await nextTurn()
    expect(store.durableCommitNumber).toBeLessThan(store.commitNumber)
    expectAll(store)
    expect(() => store.update(0, { group: 1 })).toThrow()
    store.close()
    expect(platform.exists(JOURNAL)).toBe(true)
    const { dataOffset } = identityOf(before)
    const [was, is] = [before, platform.files()].map(all =>
      Buffer.from(all.get(PATH) as Uint8Array).subarray(dataOffset),
    )
    expect(is?.equals(was as Buffer)).toBe(true)
  })
})

describe('a writer leaves little to recovery', () => {
  const BULK = 300

  test('bytes that are stored in place count for the checkpoint, though their frame is small', async () => {
    const platform = createSimulatedPlatform()
    const store = open(platform, { journalBytes: 64 * 1024 })
    store.appendMany(Array.from({ length: BULK }, (_, n) => item(n)))
    await store.commit()
    await turnsUntil(() => rootOf(platform).commitNumber === 1)
    const again = open(createSimulatedPlatform({ files: platform.files() }))
    expect([again.recovery.commitsReplayed, again.size, again.get(BULK - 1)]).toEqual([0, BULK, item(BULK - 1)])
    again.close()
    store.close()
  })

  test('the same where commits block, so that no checkpoint in the background gets its turn', () => {
    const platform = createSimulatedPlatform()
    const store = open(platform, { journalBytes: 64 * 1024 })
    for (let round = 0; round < 10; round++) {
      store.appendMany(Array.from({ length: BULK }, (_, n) => item(round * BULK + n)))
      store.commitSync()
      const root = rootOf(platform)
      expect(store.commitNumber - root.commitNumber).toBeLessThanOrEqual(2)
    }
    const again = open(createSimulatedPlatform({ files: platform.files() }))
    expect(again.recovery.commitsReplayed).toBeLessThanOrEqual(2)
    expect([again.size, again.get(10 * BULK - 1)?.id]).toEqual([10 * BULK, 10 * BULK - 1])
    again.close()
    store.close()
  })

  test.each(['commit', 'commitSync'] as const)(
    'changes count, too, however few bytes they take: %s',
    async how => {
      const platform = createSimulatedPlatform()
      const store = open(platform, { journalBytes: 2 ** 20 }, { changesPerSegment: 100 })
      for (let n = 0; n < 40; n++) store.append(item(n))
      store.commitSync()
      let most = 0
      for (let round = 0; round < 20; round++) {
        for (let n = 0; n < 40; n++) store.update(n, { group: round })
        await store[how]()
        most = Math.max(most, store.commitNumber - rootOf(platform).commitNumber)
      }
      // Two segments of three commits each, and one that is on its way.
      expect(most).toBeLessThanOrEqual(7)
      expect(store.stats().checkpoints).toBeGreaterThan(1)
      const again = open(createSimulatedPlatform({ files: platform.files() }))
      expect(again.recovery.commitsReplayed).toBeLessThanOrEqual(7)
      expect([again.commitNumber, again.get(39)?.group]).toEqual([21, 19])
      again.close()
      store.close()
    },
  )
})

test('openStoreAsync reads a journal in turns of the event loop, for writing and for reading', async () => {
  const folder = temporaryFolder()
  const [path, copy] = [`${folder}/first.stride`, `${folder}/x.stride`]
  const store = openStore(path, Item)
  store.appendMany(Array.from({ length: 3000 }, (_, n) => item(n)))
  store.commitSync()
  for (let n = 0; n < 3000; n++) store.update(n, changed(n, 1))
  store.commitSync()
  for (const suffix of ['', '-journal']) copyFileSync(path + suffix, copy + suffix)
  store.close()
  for (const options of [{ readOnly: true }, {}]) {
    let turns = 0
    let isOpen = false
    const counting = turnsUntil(() => isOpen).then(count => {
      turns = count
    })
    const opened = await openStoreAsync(copy, Item, options)
    isOpen = true
    await counting
    // Six megabytes of frames: each step takes half a megabyte at the most.
    expect(turns).toBeGreaterThan(12)
    expect(opened.get(2999)).toEqual({ ...item(2999), ...changed(2999, 1) })
    opened.close()
  }
})

test('a journal that goes on while it is scanned is no damaged one', () => {
  const platform = createSimulatedPlatform()
  const store = open(platform, { journalBytes: 2 ** 20 })
  store.appendMany(Array.from({ length: 150 }, (_, n) => item(n)))
  store.commitSync()
  const commit = (count: number) => {
    for (let n = 0; n < count; n++) store.update(n, changed(n, store.commitNumber))
    store.commitSync()
  }
  // The first slot is full, but for a rest of some pieces; what follows is written into the second one.
  for (let i = 0; i < 9; i++) commit(150)
  const root = rootOf(platform)
  const before = store.commitNumber
  const steps = scanJournal(platform, PATH, identityOf(platform.files()), root, before, 0)
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) {
      expect(step.value.commits).toBeGreaterThanOrEqual(before - root.commitNumber)
      expect([...step.value.frames()].length).toBe(step.value.commits)
      step.value.close()
      break
    }
    // The second one says that the first one was synced.
    for (let i = 0; i < 2; i++) commit(1)
  }
  expect(store.commitNumber).toBeGreaterThan(before)
  expect(rootOf(platform).rootNumber).toBe(root.rootNumber)
  store.close()
})

function rootOf(platform: Platform) {
  const file = platform.open(PATH, { access: 'read', create: 'never' })
  try {
    const { recordSize, dataOffset } = readIdentity(file)
    return readRoot(file, { recordSize, stride: recordSize, dataOffset })
  } finally {
    file.close()
  }
}

function identityOf(files: ReadonlyMap<string, Uint8Array>) {
  const platform = createSimulatedPlatform({ files })
  const file = platform.open(PATH, { access: 'read', create: 'never' })
  try {
    return readIdentity(file)
  } finally {
    file.close()
  }
}
