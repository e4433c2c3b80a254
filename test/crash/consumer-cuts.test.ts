/**
 * The file of consumers' positions under a loss of power. What could go wrong: both copies of a position torn, a file whose name is
 * not durable, a position of the next generation in the file of the old one, a record given again that was done, one left out.
 * Rules: CN1 and CN2 (src/engine/tail/consumer.ts), CF2 and CF4 (src/engine/tail/consumer-file.ts), CM3 (src/engine/maintenance/compact.ts).
 */

import { expect, test } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../src/engine/open.ts'
import type { Store } from '../../src/engine/store.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import type { DiskEvent } from '../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { type CrashImage, seededImages, systematicImages } from './crash-images.ts'
import { DiskModel } from './disk-model.ts'
import { runSeed, seededRandom } from './random.ts'
import { SyncFailure } from './sync-failure.ts'
import { dieThenCut, failThenCut } from './two-lives.ts'
import { during, Violation } from './violation.ts'

const PATH = '/log.stride'
const Entry = z.object({ id: z.uint32() })
type EntryStore = Store<typeof Entry>
const OPTIONS = { journalBytes: 64 * 1024, windowBytes: 64 * 1024 }
const MIXTURES = 6
const LATER = 100
const LATER_ID = 1_000_000

/** What the program knows of the consumer: it continues behind one of these ids. */
interface Told {
  /** The last id of the last batch whose `done` has resolved. */
  readonly done: number
  /** The last one of a batch whose `done` was called. */
  readonly asked: number
  /** The highest id that was committed. */
  readonly committed: number
}

interface Recorded {
  readonly events: { readonly event: DiskEvent; readonly told: Told }[]
  told: Told
}

const opened = (platform: Platform): EntryStore => openStoreOn(platform, PATH, Entry, OPTIONS)

const consuming = (store: EntryStore) => store.tail({ consumer: 'one', from: 'start', batch: 5 })

/** Appends, consumes, deletes and compacts, with `done` of two batches at once now and then. */
async function live(platform: Platform, recorded: Recorded): Promise<void> {
  const store = opened(platform)
  let next = 0
  const tell = (told: Partial<Told>): void => {
    recorded.told = { ...recorded.told, ...told }
  }
  const append = async (count: number, durability: 'full' | 'process' = 'full'): Promise<void> => {
    store.appendMany(Array.from({ length: count }, () => ({ id: next++ })))
    await store.commit({ durability })
    if (durability === 'full') tell({ committed: next - 1 })
  }
  try {
    await append(25)
    let tail = consuming(store)
    const take = async () => {
      const { value: batch } = await tail.next()
      if (batch === undefined) throw new Violation('the tail has ended')
      const last = batch.records.at(-1)?.id ?? -1
      return async (): Promise<void> => {
        tell({ asked: Math.max(recorded.told.asked, last) })
        await batch.done()
        tell({ done: Math.max(recorded.told.done, last) })
      }
    }
    await (await take())()
    const both = [await take(), await take()]
    await Promise.all(both.map(done => done()))
    for (const n of [0, 3, 12, 16]) store.delete(n)
    store.commitSync()
    await store.compact()
    await (await take())()
    await append(10, 'process')
    const [first, second] = [await take(), await take()]
    await Promise.all([second(), first()])
    await tail.return()
    store.delete(0)
    await append(4)
    await store.compact()
    tail = consuming(store)
    await (await take())()
    await tail.return()
  } finally {
    store.close()
  }
}

async function recordedLife(failing: number): Promise<{ readonly recorded: Recorded; readonly syncs: number }> {
  const recorded: Recorded = { events: [], told: { done: -1, asked: -1, committed: -1 } }
  const failure = new SyncFailure(failing, event => {
    const kept = event.kind === 'store' ? { ...event, bytes: new Uint8Array(event.bytes) } : event
    recorded.events.push({ event: kept, told: recorded.told })
  })
  failure.arm()
  try {
    await live(createSimulatedPlatform({ observer: failure.observer }), recorded)
  } catch (error) {
    failure.assertExplains(error)
  }
  return { recorded, syncs: failure.count }
}

/** Opens what a power cut left: the consumer is given every live record behind what was done, and none before. */
async function look(image: Pick<CrashImage, 'files'>, told: Told): Promise<void> {
  const files = image.files()
  if (!files.has(PATH) && told.committed < 0) return
  const store = opened(createSimulatedPlatform({ files }))
  try {
    // Records that come later are given, too, whatever the position was.
    store.appendMany(Array.from({ length: LATER }, (_, i) => ({ id: LATER_ID + i })))
    store.commitSync()
    const live = [...store.gather('id')]
    const given: number[] = []
    for await (const batch of consuming(store)) {
      given.push(...batch.records.map(({ id }) => id))
      if (given.at(-1) === live.at(-1)) break
    }
    const behind = live.slice(live.length - given.length)
    if (String(given) !== String(behind)) throw new Violation(`gave ${given} of ${live}`)
    const before = live[live.length - given.length - 1] ?? -1
    if (before > told.asked) throw new Violation(`left out ${before}: only ${told.asked} was asked for`)
    const again = given[0] ?? told.done + 1
    if (again <= told.done) throw new Violation(`gave ${again} again: ${told.done} was done`)
  } finally {
    store.close()
  }
}

async function cutEverywhere({ events, told }: Recorded): Promise<number> {
  const random = seededRandom(runSeed())
  const disk = new DiskModel()
  const seen = new Set<string>()
  for (const [count, each] of [...events, undefined].entries()) {
    const known = each?.told ?? told
    // The event before may have been the last of a `done`.
    const asked = Math.max(known.asked, events[count - 1]?.told.asked ?? -1)
    for (const image of [...systematicImages(disk, random), ...seededImages(disk, random, MIXTURES)]) {
      const key = `${image.key} ${known.done} ${asked}`
      if (seen.has(key)) continue
      seen.add(key)
      const place = `seed ${runSeed()}: the power is cut before event ${count} (${each?.event.kind ?? 'the end'})`
      await during(`${place}, ${image.label}`, () => look(image, { ...known, asked }))
    }
    if (each !== undefined) disk.apply(each.event)
  }
  return seen.size
}

test('wherever the power is cut, none that was done is given again, and none is left out', async () => {
  const { recorded } = await recordedLife(0)
  expect(await cutEverywhere(recorded)).toBeGreaterThan(1000)
})

test('nor after a sync that failed, or a process that died, and another process that went on', async () => {
  const platform = createSimulatedPlatform()
  const store = opened(platform)
  store.appendMany(Array.from({ length: 30 }, (_, id) => ({ id })))
  store.commitSync()
  store.close()
  let done = -1
  const consume = async (on: Platform, batches: number): Promise<void> => {
    const store = opened(on)
    try {
      for await (const batch of consuming(store)) {
        await batch.done()
        done = batch.records.at(-1)?.id ?? -1
        if (--batches === 0) return
      }
    } finally {
      store.close()
    }
  }
  await consume(platform, 1)
  const doneBefore = done
  let doneFirst = done
  const lives = {
    files: platform.files(),
    async first(on: Platform): Promise<void> {
      done = doneBefore
      try {
        await consume(on, 2)
      } finally {
        doneFirst = done
      }
    },
    second: (on: Platform) => consume(on, 2),
    look: (files: ReadonlyMap<string, Uint8Array>) =>
      look({ files: () => new Map(files) }, { done: doneFirst, asked: 29, committed: 29 }),
  }
  const failed = await failThenCut({
    ...lives,
    imagesOf: disk => systematicImages(disk, seededRandom(runSeed())),
  })
  expect(failed.lives).toBeGreaterThan(3)
  expect(failed.images).toBeGreaterThan(20)
  // Of a process that dies at an event, only what was done before it began is known.
  const died = await dieThenCut({
    ...lives,
    async first(on) {
      await lives.first(on)
      doneFirst = doneBefore
    },
  })
  expect(died.images).toBeGreaterThan(100)
})

test('nor are later records, where the consumer has passed commits of a dead writer that the power cut took', async () => {
  const platform = createSimulatedPlatform()
  opened(platform).close()
  const { lives, images } = await dieThenCut({
    files: platform.files(),
    async first(on) {
      const store = opened(on)
      for (const first of [0, 7]) {
        store.appendMany(Array.from({ length: 7 }, (_, i) => ({ id: first + i })))
        await store.commit()
      }
    },
    async second(on) {
      using reader = openStoreOn(on, PATH, Entry, { ...OPTIONS, readOnly: true })
      if (reader.size === 0) return
      for await (const batch of consuming(reader)) {
        await batch.done()
        if (batch.end === reader.size) return
      }
    },
    look: files => look({ files: () => new Map(files) }, { done: -1, asked: 13, committed: -1 }),
  })
  expect(lives).toBeGreaterThan(10)
  expect(images).toBeGreaterThan(100)
})
