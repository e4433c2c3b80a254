/**
 * Stores with checksums whose deletion bitmap was damaged on the disk. What could go wrong: a deleted record returns, or a living
 * one disappears, without an error; whole-file work loses a record that only looks deleted; a damaged bit keeps neighbours from
 * being read, or can never be put right; a file of before the rule is called damaged. Rules CR3 and Q2.
 */

import { spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ascii, migrateStore, openStore, type Store, type StoreOptions, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { DELETED_ENTRY } from '../../src/engine/data-file/checksums.ts'
import { IDENTITY } from '../../src/engine/format/store-format.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import { readingOf } from '../../src/engine/read/point-reader.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { childScript } from '../child-scripts.ts'
import { codeOf, codeOfAsync, temporaryFolder } from './support.ts'

const Item = z.object({ key: z.uint32(), value: z.float64(), name: ascii(12), flag: u8() })
const item = (i: number): z.output<typeof Item> => ({
  key: i * 7,
  value: i / 4,
  name: `item ${i}`,
  flag: i % 2,
})
const INDEXES = { byKey: { on: 'key', unique: true }, byName: { on: 'name', kind: 'ordered' } } as const
type ItemStore = Store<typeof Item>
type IndexedOptions = typeof INDEXES | Record<string, never>

const isDeleted = (n: number): boolean => n % 3 === 1 || (n >= 8 && n < 16)

interface Made {
  readonly path: string
  readonly bitsOffset: number
  readonly checksumsOffset: number
}

/** A closed store of so many records, some of them deleted. */
function madeStore(count: number, options: StoreOptions = {}, indexes: IndexedOptions = INDEXES): Made {
  const path = join(temporaryFolder(), 'items.stride')
  const store = openStore(path, Item, { checksums: true, indexes, ...options })
  store.appendMany(Array.from({ length: count }, (_, i) => item(i)))
  store.commitSync()
  for (let n = 0; n < count; n++) if (isDeleted(n)) store.delete(n)
  store.commitSync()
  const { deletionBits, checksums } = readingOf(store as never).source.locator
  const made = { path, bitsOffset: deletionBits.offset, checksumsOffset: checksums.offset }
  store.close()
  return made
}

/** In place: Windows lets nobody cut a file that is mapped, as writing it whole begins. */
function flipBit(path: string, offset: number, n: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  const at = offset + (n >> 3)
  readSync(file, byte, 0, 1, at)
  writeSync(file, Buffer.of((byte[0] as number) ^ (1 << (n & 7))), 0, 1, at)
  closeSync(file)
}

/** Every call that reads: what it answers about a store of `count` records, and about record n above all. */
const READINGS: Readonly<Record<string, (store: ItemStore, n: number, count: number) => unknown>> = {
  get: (store, n) => store.get(n),
  has: (store, n) => store.has(n),
  field: (store, n) => (store.has(n) ? store.field(n, 'value') : undefined),
  'get of all': (store, _, count) => Array.from({ length: count }, (_, i) => store.get(i)),
  getMany: (store, n) => store.getMany([0, n, n + 1]),
  gather: store => [...store.gather('value')],
  'gather of texts': store => store.gather('name'),
  'gather of numbers': (store, n) => [...store.gather('value', [0, n], { missing: -5 })],
  scan: store => Array.from(store.scan(), row => row.value),
  'a part of a scan': (store, n) => Array.from(store.scan({ from: n, to: n + 1 }), row => row.name),
  'the rest of a scan': (store, n) => Array.from(store.scan({ from: n }), row => row.number),
  'for-of': store => [...store],
  row: (store, n) => (store.has(n) ? store.row(n).name : undefined),
  'row.seek': (store, n) => (store.has(n) ? store.row(0).seek(n).toObject() : undefined),
  read: (store, n) => store.read(() => store.get(n)),
  count: store => [store.count, store.size],
  'index get': (store, n) => store.index('byKey').get(n * 7),
  'index has': (store, n) => store.index('byKey').has(n * 7),
  'index number': (store, n) => store.index('byKey').number(n * 7),
  'index numbers': (store, n) => [...store.index('byKey').numbers([0, n * 7])],
  'index field': (store, n) =>
    store.index('byKey').has(n * 7) ? store.index('byKey').field(n * 7, 'name') : undefined,
  'index getMany': (store, n) => store.index('byKey').getMany([n * 7, 0]),
  'index all': (store, n) => Array.from(store.index('byName').all([`item ${n}`])),
  'index range': store => Array.from(store.index('byName').range(), row => row.name),
  'index range numbers': store => [...store.index('byName').range().numbers()],
  'index count': store => store.index('byName').count(),
  'index first': store => store.index('byName').first(),
}

/** The same with the error's code in the place of an answer. */
function answerOf(name: string, store: ItemStore, n: number, count: number): unknown {
  const read = READINGS[name] as (store: ItemStore, n: number, count: number) => unknown
  let answer: unknown
  const code = codeOf(() => {
    answer = read(store, n, count)
  })
  return code === 'nothing was thrown' ? answer : code
}

const OPENINGS: readonly { readonly name: string; readonly open: (path: string) => ItemStore }[] = [
  { name: 'mapped, writer', open: path => openStore(path, Item, { backend: 'mapped' }) },
  { name: 'mapped, reader', open: path => openStore(path, Item, { backend: 'mapped', readOnly: true }) },
  { name: 'file, reader', open: path => openStore(path, Item, { backend: 'file', readOnly: true }) },
  {
    name: 'mapped, each read compared',
    open: path => openStore(path, Item, { backend: 'mapped', readOnly: true, verifyReads: true }),
  },
  { name: 'memory, writer', open: path => inMemory(path, {}) },
  { name: 'memory, each read compared', open: path => inMemory(path, { verifyReads: true }) },
]

function inMemory(path: string, options: StoreOptions): ItemStore {
  const files = [path, `${path}-index`].map(name => [name, readFileSync(name)] as const)
  return openStoreOn(createSimulatedPlatform({ files }), path, Item, options) as never
}

const SMALL = 18
const NAMES = Object.keys(READINGS)

describe.each(OPENINGS)('$name', ({ name: opening, open }) => {
  test('with any one bit of the bitmap flipped, every reading call answers right or says what is damaged', () => {
    const { path, bitsOffset } = madeStore(SMALL)
    const intact = readFileSync(path)
    const right = open(path)
    const expected = Array.from({ length: SMALL }, (_, n) => NAMES.map(name => answerOf(name, right, n, SMALL)))
    right.close()
    // Cold in one opening: each call of each bit on a store that read nothing before. In the others the calls take turns.
    const coldCalls = opening === 'mapped, reader' ? NAMES.length : 1
    let refused = 0
    for (let n = 0; n < SMALL; n++) {
      writeFileSync(path, intact)
      flipBit(path, bitsOffset, n)
      for (let cold = 0; cold < coldCalls; cold++) {
        const store = open(path)
        for (let i = 0; i < NAMES.length; i++) {
          const call = (n + cold + i) % NAMES.length
          const answer = answerOf(NAMES[call] as string, store, n, SMALL)
          if (answer === 'ERR_STRIDE_CORRUPT') refused++
          else expect(answer, `bit ${n}, ${NAMES[call]}`).toEqual(expected[n]?.[call])
          if (coldCalls > 1) break
        }
        expect(codeOf(() => store.get(n))).toBe('ERR_STRIDE_CORRUPT')
        store.close()
      }
    }
    expect(refused).toBeGreaterThan(SMALL * 12)
  })

  test('with any one byte of an entry of a deleted record damaged, the record is an error, and others are read', () => {
    const { path, checksumsOffset } = madeStore(SMALL)
    const intact = readFileSync(path)
    for (const n of [1, 9, SMALL - 2]) {
      for (let byte = 0; byte < 4; byte++) {
        writeFileSync(path, intact)
        flipBit(path, checksumsOffset + n * 4 + byte, 3)
        const store = open(path)
        expect(codeOf(() => store.get(n))).toBe('ERR_STRIDE_CORRUPT')
        expect(store.get(0)).toEqual(item(0))
        expect(codeOf(() => [...store.scan()])).toBe('ERR_STRIDE_CORRUPT')
        store.close()
      }
    }
  })

  test('neighbours of a damaged bit are read, in its block and in others', () => {
    const count = 3000
    const { path, bitsOffset } = madeStore(count)
    flipBit(path, bitsOffset, 1234)
    flipBit(path, bitsOffset, 12)
    const store = open(path)
    for (let n = 0; n < count; n += n > 1100 && n < 1300 ? 1 : 3) {
      if (n === 1234 || n === 12) expect(codeOf(() => store.get(n))).toBe('ERR_STRIDE_CORRUPT')
      else expect(store.get(n)).toEqual(isDeleted(n) ? undefined : item(n))
    }
    expect(Array.from(store.scan({ from: 16, to: 1233 }), row => row.value).length).toBe(811)
    expect(codeOf(() => [...store.scan({ from: 1233 })])).toBe('ERR_STRIDE_CORRUPT')
    store.close()
  })
})

const READER = `
  import { openStore } from 'src/index.ts'
  const store = openStore(process.argv[2], { readOnly: true })
  const codes = [4, 5, 6].map(n => () => store.get(n))
  const calls = [...codes, () => [...store.scan()], () => store.gather('value')]
  console.log(calls.map(call => { try { call(); return 'read' } catch (error) { return error.code } }).join())`

test('a reader of another process refuses a bit that is flipped while the writer has the store open', () => {
  const { path, bitsOffset } = madeStore(SMALL)
  using _writer = openStore(path, Item)
  for (const n of [4, 5]) flipBit(path, bitsOffset, n)
  const run = spawnSync(process.execPath, [childScript(READER), path], {
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  const corrupt = 'ERR_STRIDE_CORRUPT'
  expect(run.stdout.trim().split(',')).toEqual([corrupt, corrupt, 'read', corrupt, corrupt])
})

describe.each([4, 5])('work on the whole file with bit %i flipped', n => {
  const damaged = (): Made => {
    const made = madeStore(SMALL)
    flipBit(made.path, made.bitsOffset, n)
    return made
  }

  test('verify names the record', async () => {
    const { path } = damaged()
    for (const readOnly of [false, true]) {
      using store = openStore(path, Item, { readOnly })
      const { ok, findings } = await store.verify()
      expect(ok).toBe(false)
      expect(findings.map(({ recordNumber }) => recordNumber)).toContain(n)
    }
  })

  test('compact, backup and migrate refuse, and leave the store as it was', async () => {
    const { path } = damaged()
    const before = readFileSync(path)
    using store = openStore(path, Item, { verifyReads: false })
    await expect(store.compact()).rejects.toMatchObject({ code: 'ERR_STRIDE_CORRUPT', recordNumber: n })
    await expect(store.backup(`${path}.copy`)).rejects.toMatchObject({ code: 'ERR_STRIDE_CORRUPT' })
    store.close()
    using reader = openStore(path, Item, { readOnly: true })
    await expect(reader.backup(`${path}.copy`)).rejects.toMatchObject({ code: 'ERR_STRIDE_CORRUPT' })
    reader.close()
    expect(codeOf(() => migrateStore(path, Item.extend({ more: u8().default(1) })))).toBe('ERR_STRIDE_CORRUPT')
    // Identity, records and tables; roots and shared words were written by opening.
    const after = readFileSync(path)
    expect(after.subarray(16_384).equals(before.subarray(16_384))).toBe(true)
  })
})

test('a store without checksums refuses to compact and to migrate where more or fewer records look deleted than are counted', async () => {
  for (const n of [4, 5]) {
    const { path, bitsOffset } = madeStore(SMALL, { checksums: false }, {})
    flipBit(path, bitsOffset, n)
    expect(codeOf(() => migrateStore(path, Item.extend({ more: u8().default(1) })))).toBe('ERR_STRIDE_CORRUPT')
    using store = openStore(path, Item)
    expect(await codeOfAsync(store.compact())).toBe('ERR_STRIDE_CORRUPT')
    expect(store.size).toBe(SMALL)
  }
})

describe('putting a damaged bit right', () => {
  const live = Array.from({ length: SMALL }, (_, n) => n).filter(n => !isDeleted(n))

  test('put stores a record that looks deleted again, and delete deletes it', async () => {
    for (const deletes of [false, true]) {
      const { path, bitsOffset } = madeStore(SMALL, {}, {})
      flipBit(path, bitsOffset, 5)
      using store = openStore(path, Item)
      if (deletes) expect(store.delete(5)).toBe(true)
      else store.put(5, item(5))
      await store.commit()
      const left = live.filter(n => n !== 5 || !deletes)
      expect(Array.from(store.scan(), row => row.number)).toEqual(left)
      expect(store.count).toBe(left.length)
      expect(await store.verify()).toMatchObject({ ok: true, recordsChecked: left.length })
    }
  })

  test('delete deletes a deleted record that looks live again, and put refuses it', async () => {
    const { path, bitsOffset } = madeStore(SMALL, {}, {})
    flipBit(path, bitsOffset, 4)
    using store = openStore(path, Item)
    expect(codeOf(() => store.put(4, item(4)))).toBe('ERR_STRIDE_NO_RECORD')
    expect(store.delete(4)).toBe(false)
    await store.commit()
    expect(Array.from(store.scan(), row => row.number)).toEqual(live)
    expect(store.count).toBe(live.length)
    expect(await store.verify()).toMatchObject({ ok: true, recordsChecked: live.length })
  })

  test('a damaged entry of a deleted record is put right by delete', async () => {
    const { path, checksumsOffset } = madeStore(SMALL, {}, {})
    flipBit(path, checksumsOffset + 4 * 4, 0)
    using store = openStore(path, Item)
    expect(codeOf(() => store.get(4))).toBe('ERR_STRIDE_CORRUPT')
    expect(store.delete(4)).toBe(false)
    await store.commit()
    expect([store.get(4), store.count]).toEqual([undefined, live.length])
    expect(await store.verify()).toMatchObject({ ok: true })
  })

  test('a number that only looks free is not reused', () => {
    const { path, bitsOffset } = madeStore(SMALL, {}, {})
    flipBit(path, bitsOffset, 0)
    using store = openStore(path, Item, { reuseNumbers: true })
    expect(store.append(item(100))).toBe(1)
  })
})

test('nothing is called damaged of what is deleted, reused, appended and deleted, recovered, grown, compacted or copied', async () => {
  const { path } = madeStore(2000, {}, {})
  const expected = new Map(Array.from({ length: 2000 }, (_, n) => [n, item(n)]))
  for (const n of expected.keys()) if (isDeleted(n)) expected.delete(n)
  let store = openStore(path, Item, { reuseNumbers: true })
  using reader = openStore(path, Item, { readOnly: true })
  for (let round = 0; round < 40; round++) {
    const n = (round * 173) % 2000
    if (store.delete(n)) expected.delete(n)
    const added = item(10_000 + round)
    expected.set(store.append(added), added)
    const short = store.appendMany([item(0)]).first
    expect(store.delete(short)).toBe(true)
    if (round === 20) {
      const { first } = store.appendMany(Array.from({ length: 20_000 }, (_, i) => item(i)))
      for (let i = 0; i < 20_000; i++) expected.set(first + i, item(i))
    }
    store.commitSync()
    if (round === 30) {
      copyFileSync(path, `${path}.left`)
      copyFileSync(`${path}-journal`, `${path}.left-journal`)
      using left = openStore(`${path}.left`, Item)
      expect(left.recovery.commitsReplayed).toBeGreaterThan(0)
      expect(new Map(Array.from(left.scan(), row => [row.number, row.toObject()]))).toEqual(expected)
      expect(await left.verify()).toMatchObject({ ok: true })
    }
  }
  await store.backup(`${path}.copy`)
  using copy = openStore(`${path}.copy`, Item, { verifyReads: true })
  store.close()
  store = openStore(path, Item, { verifyReads: true })
  for (const one of [store, reader, copy]) {
    expect(new Map(Array.from(one.scan(), row => [row.number, row.toObject()]))).toEqual(expected)
    for (let n = 0; n < one.size; n += 7) expect(one.get(n)).toEqual(expected.get(n))
    expect(await one.verify()).toMatchObject({ ok: true })
  }
  // Windows replaces no file that another opener holds.
  reader.close()
  await store.compact()
  expect([...store]).toEqual([...expected].sort(([a], [b]) => a - b).map(([, value]) => value))
  expect(await store.verify()).toMatchObject({ ok: true })
  store.close()
})

describe('a file of before the rule', () => {
  /** Its identity says nothing of marks, and entries of deleted records are what was left there. */
  const oldStore = (): Made => {
    const made = madeStore(SMALL, {}, {})
    const bytes = readFileSync(made.path)
    const page = bytes.subarray(0, IDENTITY.size)
    page.writeUInt32LE(0, 96)
    page.writeUInt32LE(crc32(page.subarray(0, IDENTITY.size - 4)), IDENTITY.size - 4)
    for (let n = 0; n < SMALL; n++) {
      if (isDeleted(n)) bytes.writeUInt32LE(n * 99_991, made.checksumsOffset + n * 4)
    }
    writeFileSync(made.path, bytes)
    return made
  }
  const live = Array.from({ length: SMALL }, (_, n) => n).filter(n => !isDeleted(n))

  test('reads and writes as ever', async () => {
    const { path } = oldStore()
    using store = openStore(path, Item, { verifyReads: true, reuseNumbers: true })
    expect([...store]).toEqual(live.map(item))
    expect(store.delete(0)).toBe(true)
    expect(store.append(item(0))).toBe(0)
    store.commitSync()
    expect([...store]).toEqual(live.map(item))
    expect([store.has(1), store.get(4)]).toEqual([false, undefined])
    expect(await store.verify()).toMatchObject({ ok: true })
  })

  test.each(['backup', 'compact'])('keeps the rule from a %s on', async how => {
    const { path } = oldStore()
    const target = how === 'backup' ? `${path}.copy` : path
    {
      using store = openStore(path, Item)
      if (how === 'backup') await store.backup(target)
      else await store.compact()
      if (how === 'compact') store.delete(4)
      store.commitSync()
    }
    const store = openStore(target, Item)
    const { deletionBits, checksums } = readingOf(store as never).source.locator
    const { offset } = deletionBits
    expect([checksums.marksDeleted, checksums.stored(4)]).toEqual([true, DELETED_ENTRY])
    expect(await store.verify()).toMatchObject({ ok: true })
    store.close()
    flipBit(target, offset, 4)
    using damaged = openStore(target, Item)
    expect(codeOf(() => damaged.get(4))).toBe('ERR_STRIDE_CORRUPT')
  })
})

describe.each([false, true])('with room for one window, checksums %s', checksums => {
  test('a scan shows each window once or twice, whatever is deleted in between', () => {
    const path = join(temporaryFolder(), 'items.stride')
    const count = 20_000
    {
      using store = openStore(path, Item, { checksums })
      store.appendMany(Array.from({ length: count }, (_, n) => item(n)))
      store.commitSync()
      for (let n = 0; n < count; n += 5) store.delete(n)
      store.commitSync()
    }
    using store = openStore(path, Item, { backend: 'mapped', windowBytes: 65_536, maxMappedBytes: 65_536 })
    const windows = Math.ceil(readFileSync(path).length / 65_536)
    // The first walk compares each block of 16 KiB with the table of checksums.
    expect(Array.from(store.scan(), row => row.number).length).toBe(count * 0.8)
    for (const walk of [() => [...store.scan()], () => store.gather('value'), () => [...store]]) {
      const before = store.stats().slides
      walk()
      expect(store.stats().slides - before).toBeLessThan(windows * 3)
    }
    // What is deleted ahead of a walk is passed over, though its bits were read before.
    const seen: number[] = []
    for (const row of store.scan({ to: 100 })) {
      seen.push(row.number)
      if (row.number === 11) {
        for (const n of [12, 13, 51]) store.delete(n)
        store.commitSync()
      }
    }
    const gone = (n: number): boolean => n % 5 === 0 || [12, 13, 51].includes(n)
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n).filter(n => !gone(n)))
  })
})

describe.each([false, true])('a bit that is flipped behind the end, checksums %s', checksums => {
  test.each(OPENINGS.filter(({ name }) => name.endsWith('writer')))(
    'is named by verify, and does not make a record deleted that is appended there, $name',
    async ({ open }) => {
      const { path, bitsOffset } = madeStore(SMALL, { checksums })
      for (const n of [SMALL, SMALL + 1, SMALL + 9]) flipBit(path, bitsOffset, n)
      const store = open(path)
      expect((await store.verify()).findings.map(({ recordNumber }) => recordNumber)).toContain(SMALL)
      store.append(item(1000))
      store.commitSync()
      store.appendMany(Array.from({ length: 30_000 }, (_, i) => item(1001 + i)))
      store.commitSync()
      for (let i = 0; i < 30_001; i += i < 20 ? 1 : 997) expect(store.get(SMALL + i)).toEqual(item(1000 + i))
      expect(store.delete(SMALL + 1)).toBe(true)
      store.commitSync()
      expect(store.gather('value').length).toBe(store.count)
      expect(await store.verify()).toMatchObject({ ok: true })
      store.close()
    },
  )
})
