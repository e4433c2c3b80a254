/**
 * Patches: the ranges of a record that a commit changes. What could go wrong: a range is left out, or laid over the wrong place; a
 * record that is old in one sector and new in the next is not mended; a key is torn apart, and an index misses it; many patches of one
 * record are laid in the wrong order, or take for ever; a reader that is held at a commit takes bytes of a later one for its own.
 * Rules: J2 and J4 of src/engine/journal/frame-encode.ts, PA1 of patch.ts, NE3 of net-changes.ts, HC5 of recovery/held-commit.ts.
 */

import fc from 'fast-check'
import { ascii } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readIdentity } from '../../src/engine/format/identity.ts'
import { FRAME_HEADER } from '../../src/engine/format/journal-format.ts'
import { readRoot } from '../../src/engine/format/root.ts'
import { ChangeReader } from '../../src/engine/journal/change-reader.ts'
import { WholeBytes } from '../../src/engine/journal/frame-bytes.ts'
import {
  type ByteSpan,
  FrameEncoder,
  FrameGroup,
  frameBytesMax,
} from '../../src/engine/journal/frame-encode.ts'
import { readJournalHeader } from '../../src/engine/journal/journal-header.ts'
import { framesBehind, scanJournal } from '../../src/engine/journal/journal-scan.ts'
import { collapse } from '../../src/engine/journal/net-changes.ts'
import { eachRange, layNew, layReplaced } from '../../src/engine/journal/patch.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import { HeapBytes } from '../../src/engine/staging/heap-bytes.ts'
import { allSteps, type QuietSteps } from '../../src/engine/steps/steps.ts'
import type { Platform, PlatformFile } from '../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { propertyOptions } from '../property.ts'

const CHECKSUM = 0x12345678

/** One update as a frame has it. */
function encoded(old: Buffer, now: Buffer, keys: readonly (readonly ByteSpan[])[]) {
  const size = old.length
  const encoder = new FrameEncoder(size)
  const group = new FrameGroup()
  encoder.begin(group, frameBytesMax(1, 0, size), keys)
  encoder.update(7, new HeapBytes(now), 0, new HeapBytes(old), 0, CHECKSUM)
  const length = encoder.end({
    commitNumber: 1,
    size: 8,
    deletedCount: 0,
    appendStart: 8,
    inPlaceCrc: undefined,
  })
  const bytes = new WholeBytes(group.bytes.subarray(0, length))
  const change = new ChangeReader(bytes, size)
  const end = change.read(FRAME_HEADER.size, length)
  return { bytes, change, payloadBytes: end - FRAME_HEADER.size }
}

const pair = fc.integer({ min: 1, max: 300 }).chain(size =>
  fc.record({
    old: fc.uint8Array({ minLength: size, maxLength: size }).map(bytes => Buffer.from(bytes)),
    changes: fc.array(
      fc.record({ at: fc.nat(size - 1), length: fc.nat(20), by: fc.integer({ min: 1, max: 255 }) }),
      {
        maxLength: 6,
      },
    ),
    keys: fc.array(fc.array(fc.record({ start: fc.nat(size - 1), length: fc.integer({ min: 1, max: 12 }) })), {
      maxLength: 3,
    }),
    isNew: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
  }),
)

describe('a patch', () => {
  test('makes the record before and after out of any mixture of both, and has changed keys whole', () => {
    fc.assert(
      fc.property(pair, ({ old, changes, keys, isNew }) => {
        const now = Buffer.from(old)
        for (const { at, length, by } of changes) {
          for (let i = at; i < Math.min(now.length, at + length); i++) now[i] = (now[i] as number) ^ by
        }
        const spans = keys.map(key =>
          key.map(({ start, length }) => ({ start, end: Math.min(old.length, start + length) })),
        )
        const { bytes, change, payloadBytes } = encoded(old, now, spans)
        expect(change).toMatchObject({ recordNumber: 7, isDeleted: false })
        expect(payloadBytes).toBeLessThanOrEqual(8 + 8 + 2 * old.length)
        const mixture = Buffer.from(old.map((byte, i) => (isNew[i] ? (now[i] as number) : byte)))
        const after = Buffer.from(mixture)
        layNew(bytes, change, after)
        expect(after.equals(now)).toBe(true)
        const before = Buffer.from(mixture)
        expect(layReplaced(bytes, change, before)).toBe(true)
        expect(before.equals(old)).toBe(true)
        if (change.patchAt < 0) return
        const isIn = new Set<number>()
        eachRange(bytes, change.patchAt, (start, length) => {
          for (let i = start; i < start + length; i++) isIn.add(i)
        })
        for (const key of spans) {
          const places = key.flatMap(({ start, end }) =>
            Array.from({ length: end - start }, (_, i) => start + i),
          )
          if (places.some(i => now[i] !== old[i])) expect(places.every(i => isIn.has(i))).toBe(true)
        }
      }),
      propertyOptions(600),
    )
  })

  test('is written where it is shorter than the record, and only there', () => {
    const old = Buffer.alloc(125, 1)
    const now = Buffer.from(old)
    now.fill(2, 40, 48)
    expect(encoded(old, now, [])).toMatchObject({ payloadBytes: 8 + 8 + 8 + 2 * 8 })
    expect(encoded(old, old, [])).toMatchObject({ payloadBytes: 8 + 8 })
    now.fill(2)
    const whole = encoded(old, now, [])
    expect(whole.change.patchAt).toBe(-1)
    expect(whole.payloadBytes).toBe(8 + 125 + 8 + 125)
  })
})

test('whatever bytes a change is read from, it ends within them or is none', () => {
  const bytesOf = fc.record({
    kind: fc.integer({ min: 0, max: 6 }),
    words: fc.array(fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 2 ** 32 - 1 })), { maxLength: 24 }),
  })
  fc.assert(
    fc.property(bytesOf, fc.integer({ min: 1, max: 40 }), ({ kind, words }, recordSize) => {
      const bytes = Buffer.alloc(8 + words.length * 4)
      bytes.writeUInt32LE(kind * 2 ** 24, 4)
      for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 8 + i * 4)
      const source = new WholeBytes(bytes)
      const change = new ChangeReader(source, recordSize)
      const end = change.read(0, bytes.length)
      if (end < 0) return
      expect(end).toBeLessThanOrEqual(bytes.length)
      const record = Buffer.alloc(recordSize)
      if (change.patchAt >= 0) layNew(source, change, record)
      layReplaced(source, change, record)
    }),
    propertyOptions(600),
  )
})

const Item = z.object({ id: z.uint32(), a: z.uint32(), text: ascii(600), b: z.uint32() })
const PATH = '/patches/x.stride'
const COUNT = 40
const INDEXES = { byA: { on: 'a', kind: 'ordered' }, byBoth: { on: ['b', 'a'], kind: 'hash' } } as const

/** What a process leaves that died after many small commits, and the states of its files before them. */
function left() {
  const platform = createSimulatedPlatform()
  const first = openStoreOn(platform, PATH, Item, { indexes: INDEXES })
  first.appendMany(Array.from({ length: COUNT }, (_, id) => ({ id, a: 0, text: `text ${id}`, b: 0 })))
  first.commitSync()
  first.close()
  const before = Buffer.from(platform.files().get(PATH) as Uint8Array)
  const store = openStoreOn(platform, PATH, Item, { indexes: INDEXES })
  for (let i = 1; i <= 300; i++) {
    store.update(5, i % 2 === 0 ? { a: i } : { b: i })
    if (i % COUNT !== 7) store.update(i % COUNT, { text: `text of ${i}` })
    if (i === 250) store.delete(7)
    if (i % 100 === 0) store.put(9, { id: 9, a: i, text: 'z'.repeat(600), b: i })
    store.commitSync()
  }
  const files = new Map([...platform.files()].map(([path, bytes]) => [path, Buffer.from(bytes)]))
  const expected = Array.from({ length: COUNT }, (_, n) => store.get(n))
  store.close()
  return { files, before, expected }
}

describe('many patches of one record, in a journal that was left', () => {
  const { files, before, expected } = left()
  const identity = readIdentity(
    createSimulatedPlatform({ files }).open(PATH, { access: 'read', create: 'never' }),
  )

  test.each([
    ['a reader', { readOnly: true }, {}],
    ['recovery at once', {}, {}],
    ['recovery in turns', {}, { changesAtOnce: 0, journalBytesAtOnce: 0, journalBytesKept: 0 }],
  ] as const)('%s makes its last version out of any mixture of sectors', (_, options, limits) => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.boolean()), isOld => {
        const torn = Buffer.from(files.get(PATH) as Buffer)
        for (let at = identity.dataOffset; at < Math.min(torn.length, before.length); at += 512) {
          if (isOld.next().value) before.copy(torn, at, at, at + 512)
        }
        const platform = createSimulatedPlatform({ files: new Map(files).set(PATH, torn) })
        const store = openStoreOn(platform, PATH, Item, { indexes: INDEXES, ...options }, limits)
        const all = () => Array.from({ length: COUNT }, (_item, n) => store.get(n))
        expect(all()).toEqual(expected)
        for (const item of expected) {
          if (item === undefined) continue
          expect([...store.index('byA').all(item.a)]).toContain(item.id)
          expect([...store.index('byBoth').all([item.b, item.a])]).toContain(item.id)
        }
        expect(store.index('byA').count()).toBe(COUNT - 1)
        expect(all()).toEqual(expected)
        store.close()
      }),
      propertyOptions(9),
    )
  })
})

test('a reader that is held takes no byte of a commit that came while it looked', () => {
  const platform = createSimulatedPlatform()
  const writer = openStoreOn(platform, PATH, Item)
  writer.append({ id: 0, a: 0, text: 'text', b: 0 })
  writer.commitSync()
  const states = new Map<number, string>()
  const keep = () => states.set(writer.commitNumber, JSON.stringify(writer.get(0)))
  keep()
  let count = 0
  /** Commits in turn to one field and to the other. */
  const commit = () => {
    count++
    writer.update(0, count % 2 === 0 ? { a: count } : { b: count })
    writer.commitSync()
    keep()
  }
  const { recordSize } = writer.layout
  let disturbances = 0
  const reader = openStoreOn(
    readsDisturbed(platform, length => {
      if (length !== recordSize || disturbances === 0) return
      disturbances--
      commit()
    }),
    PATH,
    Item,
    { readOnly: true },
  )
  let heldRounds = 0
  let rounds = 0
  for (let i = 0; i < 5; i++) {
    const seen = reader.read(() => {
      rounds++
      const first = JSON.stringify(reader.get(0))
      commit()
      disturbances = 3
      const before = disturbances
      const second = JSON.stringify(reader.get(0))
      if (disturbances < before) heldRounds++
      disturbances = 0
      return [first, second, states.get(reader.commitNumber)]
    })
    expect(new Set(seen).size).toBe(1)
  }
  expect(rounds).toBeGreaterThan(5)
  expect(heldRounds).toBeGreaterThan(0)
  reader.close()
  writer.close()
})

const Wide = z.object({ count: z.uint32(), rest: ascii(60_000) })

test('commits that wait for no sync pile up no images in memory, however short their frames are', () => {
  const options = { durability: 'process', stagedBytesMax: 8 * 1024 * 1024 } as const
  using store = openStoreOn(createSimulatedPlatform(), PATH, Wide, options)
  store.append({ count: 0, rest: '' })
  store.commitSync()
  for (let count = 1; count <= 400; count++) {
    store.update(0, { count })
    store.commitSync()
  }
  expect(store.field(0, 'count')).toBe(400)
})

test('many short frames are looked through, and many patches of a record are laid, in many steps', async () => {
  const platform = createSimulatedPlatform()
  using store = openStoreOn(platform, PATH, Item)
  store.append({ id: 0, a: 0, text: 'text', b: 0 })
  store.commitSync()
  for (let a = 1; a <= 6000; a++) {
    store.update(0, { a })
    void store.commit()
  }
  await store.flush()
  let readings = 0
  const counting = readsDisturbed(platform, () => {
    readings++
  })
  const identity = readIdentity(platform.open(PATH, { access: 'read', create: 'never' }))
  const file = counting.open(`${PATH}-journal`, { access: 'read', create: 'never' })
  /** What is read at most between two steps, in pieces of 64 KiB; the frames take 800 KiB. */
  function readingsOf<T>(steps: QuietSteps<T>): readonly [T, number] {
    let most = 0
    for (;;) {
      readings = 0
      const step = steps.next()
      most = Math.max(most, readings)
      if (step.done === true) return [step.value, most]
    }
  }
  const [frames, most] = readingsOf(framesBehind(file, readJournalHeader(file, identity), 0))
  expect(frames?.length).toBe(6001)
  expect(most).toBeLessThan(5)
  file.close()
  const records = {
    file: platform.open(PATH, { access: 'read', create: 'never' }),
    addressing: { ...identity, stride: identity.recordSize },
  }
  const root = readRoot(records.file, records.addressing)
  const scan = allSteps(scanJournal(counting, PATH, identity, root, 0, 0))
  const [net, mostOfNet] = readingsOf(collapse(scan, records, PATH, root))
  expect(net.commitNumber).toBe(store.commitNumber)
  expect(mostOfNet).toBeLessThan(8)
  net.close()
})

test('of records with many patches those with the most are kept, and no more than memory allows', () => {
  const platform = createSimulatedPlatform()
  const wideCount = 20
  const first = openStoreOn(platform, PATH, Wide)
  first.appendMany(Array.from({ length: wideCount }, () => ({ count: 0, rest: '' })))
  first.commitSync()
  first.close()
  const store = openStoreOn(platform, PATH, Wide)
  for (let count = 1; count <= 200; count++) {
    for (let n = 0; n < wideCount; n++) if (count <= 70 || n === 17) store.update(n, { count })
    store.commitSync()
  }
  const files = new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
  store.close()
  const { recordSize } = store.layout
  for (const [keptCount, limits] of [
    [wideCount, {}],
    [1, { journalBytesKept: 3 * recordSize }],
  ] as const) {
    let readings = 0
    const counting = readsDisturbed(createSimulatedPlatform({ files: new Map(files) }), length => {
      if (length === recordSize) readings++
    })
    using reader = openStoreOn(counting, PATH, Wide, { readOnly: true }, limits)
    readings = 0
    expect(reader.field(17, 'count')).toBe(200)
    expect(readings).toBe(0)
    expect(reader.gather('count')).toEqual(
      Uint32Array.from({ length: wideCount }, (_, n) => (n === 17 ? 200 : 70)),
    )
    expect(readings).toBe(wideCount - keptCount)
  }
})

test('a reader that is held keeps a bounded number of images, however short the frames are', () => {
  const Large = z.object({ id: z.uint32(), text: ascii(60_000) })
  const platform = createSimulatedPlatform()
  const writer = openStoreOn(platform, PATH, Large)
  writer.appendMany(Array.from({ length: 40 }, (_, id) => ({ id, text: 'text' })))
  writer.commitSync()
  let changes = 0
  const changeAll = () => {
    changes++
    for (let n = 0; n < 40; n++) writer.update(n, { text: `text ${changes}` })
    writer.commitSync()
  }
  const readTwice = (limits = {}) => {
    using reader = openStoreOn(platform, PATH, Large, { readOnly: true }, limits)
    return reader.read(() => {
      const first = reader.get(0)?.text
      changeAll()
      return first === reader.get(0)?.text
    })
  }
  expect(readTwice()).toBe(true)
  expect(() => readTwice({ journalBytesKept: 0 })).toThrow(expect.objectContaining({ code: 'ERR_STRIDE_BUSY' }))
  writer.close()
})

/** The same platform, whose files call before each reading of bytes. */
function readsDisturbed(platform: Platform, disturb: (length: number) => void): Platform {
  const over = (file: PlatformFile): PlatformFile =>
    new Proxy(file, {
      get(target, name) {
        const value = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        if (name !== 'read') return value.bind(target)
        return (bytes: Uint8Array, offset: number) => {
          disturb(bytes.length)
          return target.read(bytes, offset)
        }
      },
    })
  return new Proxy(platform, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'open') return value.bind(target)
      return (...given: Parameters<Platform['open']>) => over(target.open(...given))
    },
  })
}
