/**
 * Stores with checksums whose bytes were damaged on the disk. What could go wrong: a reading call gives a damaged record as if
 * nothing were wrong; damage of one record keeps its neighbours from being read, or the record from being replaced; a record is
 * called damaged that is not. Rules CR1 and CR2 of checked-records.ts.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, openStore, type Store, type StoreOptions, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readingOf } from '../../src/engine/read/point-reader.ts'
import { BACKENDS, codeOf, codeOfAsync, temporaryFolder } from './support.ts'

const Item = z.object({ key: z.uint32(), value: z.float64(), name: ascii(12), flag: u8() })
const item = (i: number): z.output<typeof Item> => ({
  key: i * 7,
  value: i / 4,
  name: `item ${i}`,
  flag: i % 2,
})
const COUNT = 5000
const INDEXES = { byKey: { on: 'key', unique: true }, byName: { on: 'name', kind: 'ordered' } } as const

type ItemStore = Store<typeof Item>

/** A closed store with checksums whose records `damaged` have another value than was stored. */
function damagedStore(damaged: readonly number[], options: StoreOptions = {}): string {
  const path = join(temporaryFolder(), 'items.stride')
  const store = openStore(path, Item, { checksums: true, indexes: INDEXES, ...options })
  store.appendMany(Array.from({ length: COUNT }, (_, i) => item(i)))
  store.commitSync()
  const { recordSize } = store
  store.close()
  for (const n of damaged) flip(path, 4096 * 5 + n * recordSize + 5)
  return path
}

function flip(path: string, offset: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, offset)
  writeSync(file, Buffer.of((byte[0] as number) ^ 0x41), 0, 1, offset)
  closeSync(file)
}

/** Every call that returns a record or a part of it: what it does with record n. */
const READINGS: Readonly<Record<string, (store: ItemStore, n: number) => unknown>> = {
  get: (store, n) => store.get(n),
  field: (store, n) => store.field(n, 'value'),
  'another field': (store, n) => store.field(n, 'flag'),
  getMany: (store, n) => store.getMany([0, n]),
  gather: store => store.gather('value'),
  'gather of numbers': (store, n) => store.gather('value', [0, n, 1]),
  'gather of texts': (store, n) => store.gather('name', [n]),
  scan: store => [...store.scan()].length,
  'a part of a scan': (store, n) => [...store.scan({ from: n, to: n + 1 })].length,
  'for-of': store => [...store].length,
  row: (store, n) => store.row(n).value,
  'row.seek': (store, n) => store.row(0).seek(n).value,
  read: (store, n) => store.read(() => store.field(n, 'value')),
  'index get': (store, n) => store.index('byKey').get(n * 7),
  'index field': (store, n) => store.index('byKey').field(n * 7, 'value'),
  'index getMany': (store, n) => store.index('byKey').getMany([n * 7]),
  'index range': store => Array.from(store.index('byName').range(), row => (row as { value: number }).value),
}

describe.each(BACKENDS)('on the $name backend', ({ options }) => {
  describe.each([
    ['a writer', {}],
    ['a reader', { readOnly: true }],
    ['a reader of every record each time', { readOnly: true, verifyReads: true }],
  ] as const)('%s', (_, kind) => {
    test.each(Object.keys(READINGS))(
      '%s refuses a damaged record, cold and once its neighbours were read',
      name => {
        const read = READINGS[name] as (store: ItemStore, n: number) => unknown
        const path = damagedStore([1234, COUNT - 1])
        for (const warm of [false, true]) {
          using store = openStore(path, Item, { ...options, ...kind })
          if (warm) for (let n = 1200; n < 1234; n++) expect(store.get(n)).toEqual(item(n))
          expect(
            codeOf(() => read(store, 1234)),
            warm ? 'warm' : 'cold',
          ).toBe('ERR_STRIDE_CORRUPT')
          expect(
            codeOf(() => read(store, 1234)),
            'again',
          ).toBe('ERR_STRIDE_CORRUPT')
        }
      },
    )
  })

  test('neighbours of a damaged record are read, by every call that reads only them', () => {
    const path = damagedStore([1234])
    using store = openStore(path, Item, options)
    for (const n of [1233, 1235, 0, COUNT - 1]) {
      expect(store.get(n)).toEqual(item(n))
      expect(store.gather('value', [n])).toEqual(Float64Array.of(n / 4))
      expect(store.index('byKey').get(n * 7)).toEqual(item(n))
      expect(Array.from(store.scan({ from: n, to: n + 1 }), row => row.value)).toEqual([n / 4])
    }
  })

  test('verify names each damaged record, and goes on behind it', async () => {
    const path = damagedStore([3, 1234, COUNT - 1])
    for (const readOnly of [false, true]) {
      using store = openStore(path, Item, { ...options, readOnly })
      const { findings } = await store.verify()
      const found = findings.map(({ recordNumber }) => recordNumber)
      expect(found.filter(n => n !== undefined)).toEqual(expect.arrayContaining([3, 1234, COUNT - 1]))
    }
  })

  test('a damaged record is put right by put, and everything reads it then', async () => {
    const path = damagedStore([1234])
    using store = openStore(path, Item, { ...options })
    expect(codeOf(() => store.update(1234, { value: 1 }))).toBe('ERR_STRIDE_CORRUPT')
    await store.dropIndex('byKey')
    await store.dropIndex('byName')
    store.put(1234, item(1234))
    await store.commit()
    expect(store.get(1234)).toEqual(item(1234))
    expect(store.gather('value').length).toBe(COUNT)
    expect(await store.verify()).toMatchObject({ ok: true })
  })

  test('compact keeps a damaged record as it is, with the checksum that names it', async () => {
    const path = damagedStore([1234])
    using store = openStore(path, Item, options)
    store.delete(0)
    await store.commit()
    await store.compact()
    expect(codeOf(() => store.get(1233))).toBe('ERR_STRIDE_CORRUPT')
    expect(store.get(1232)).toEqual(item(1233))
  })

  test('a backup of a damaged record is refused', async () => {
    const path = damagedStore([1234])
    using store = openStore(path, Item, options)
    expect(await codeOfAsync(store.backup(`${path}.copy`))).toBe('ERR_STRIDE_CORRUPT')
  })

  test('verifyReads: false reads past damage, which verify still finds', async () => {
    const path = damagedStore([1234])
    using store = openStore(path, Item, { ...options, verifyReads: false })
    expect(store.get(1234)?.name).toBe('item 1234')
    expect((await store.verify()).ok).toBe(false)
  })

  test('damage that comes after a record was read is found by verifyReads: true', () => {
    const path = damagedStore([])
    using store = openStore(path, Item, { ...options, verifyReads: true })
    expect(store.get(40)).toEqual(item(40))
    flip(path, 4096 * 5 + 40 * store.recordSize + 5)
    expect(codeOf(() => store.get(40))).toBe('ERR_STRIDE_CORRUPT')
  })

  test('nothing is called damaged that this store or another one changes, deletes, reuses or appends', async () => {
    const path = damagedStore([])
    using writer = openStore(path, Item, { ...options, reuseNumbers: true })
    using reader = openStore(path, Item, { ...options, readOnly: true })
    const expected = new Map(Array.from({ length: COUNT }, (_, i) => [i, item(i)]))
    for (let round = 0; round < 30; round++) {
      const n = (round * 173) % COUNT
      const changed = { ...item(n), value: -round }
      writer.update(n, { value: -round })
      expected.set(n, changed)
      const gone = (round * 311 + 1) % COUNT
      if (writer.delete(gone)) expected.delete(gone)
      const added = { ...item(100_000 + round), value: round }
      if (round % 3 === 0) expected.set(writer.append(added), added)
      writer.commitSync()
      for (const store of [writer, reader]) {
        for (const at of [n, gone, COUNT - 1, writer.size - 1]) expect(store.get(at)).toEqual(expected.get(at))
        if (round % 10 === 9) {
          expect(store.gather('value')).toEqual(
            Float64Array.from(
              [...expected].sort(([a], [b]) => a - b),
              ([, { value }]) => value,
            ),
          )
        }
      }
    }
  })

  test('a flipped live bit is damage to whoever gathers a whole column', () => {
    const path = damagedStore([])
    using writer = openStore(path, Item, options)
    writer.delete(7)
    writer.commitSync()
    const { deletionBits } = readingOf(writer as never).source.locator
    const { offset } = deletionBits
    writer.close()
    flip(path, offset + 100)
    using store = openStore(path, Item, { ...options, readOnly: true })
    expect(store.count).toBe(COUNT - 1)
    expect(codeOf(() => store.gather('value'))).toBe('ERR_STRIDE_CORRUPT')
  })
})
