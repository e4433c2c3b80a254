/**
 * What could go wrong with lists of record numbers and keys: -1, which an index writes for a key that is not there, is taken for
 * misuse; `missing` is converted into something else to fit a column; what is no list is taken for an empty one.
 * Rules: NR1 of record-numbers.ts; MV1 to MV3 of schema/missing-element.ts.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, openFlatFile, openStore, type StoreOptions, u8 } from 'stridedb'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codecOf } from '../../src/schema/index.ts'
import { codeOf, codeOfAsync, temporaryFolder } from './support.ts'

const COUNT = 40_000
const Item = z.object({ id: z.uint32(), v: z.float64(), name: ascii(4) })
const item = (i: number) => ({ id: i * 2, v: i / 4, name: `n${i % 100}` })
const DELETED = 17

const opened: { close(): void }[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.close()
})
const kept = <T extends { close(): void }>(one: T): T => {
  opened.push(one)
  return one
}

function filled(options: StoreOptions) {
  const path = join(temporaryFolder(), 'items.stride')
  const store = kept(openStore(path, Item, { ...options, indexes: { byId: { on: 'id', unique: true } } }))
  store.appendMany(Array.from({ length: COUNT }, (_, i) => item(i)))
  store.delete(DELETED)
  store.commitSync()
  return store
}

const SLIDING: StoreOptions = { windowBytes: 65_536, maxMappedBytes: 4 * 65_536 }
const SUBJECTS: Readonly<Record<string, () => ReturnType<typeof filled>>> = {
  mapped: () => filled({ backend: 'mapped' }),
  'mapped, sliding': () => filled({ backend: 'mapped', ...SLIDING }),
  file: () => filled({ backend: 'file', ...SLIDING }),
  memory: () => filled({ backend: 'memory' }),
  'read only': () => {
    const { path } = filled({})
    return kept(openStore(path, Item, { readOnly: true })) as unknown as ReturnType<typeof filled>
  },
  staged: () => {
    const store = filled({ backend: 'memory' })
    store.append(item(COUNT))
    store.update(3, { v: item(3).v })
    return store
  },
}

/** Every form in which a list of numbers may come. */
const FORMS: Readonly<Record<string, (numbers: readonly number[]) => Iterable<number> | ArrayLike<number>>> = {
  array: numbers => numbers,
  Float64Array: numbers => Float64Array.from(numbers),
  Int32Array: numbers => Int32Array.from(numbers),
  generator: function* (numbers) {
    yield* numbers
  },
  'array-like': numbers => Object.assign({ length: numbers.length }, numbers),
}

describe.each(Object.entries(SUBJECTS))('-1 among the numbers, %s', (_, make) => {
  test('is absent in gather, getMany and prefetch, in whatever form it comes', async () => {
    const store = make()
    const long = Array.from({ length: 300 }, (_, i) => (i % 3 === 1 ? -1 : (i * 7919) % COUNT))
    for (const numbers of [[], [-1], [0, -1], [-1, 0], [-1, 5, -1, -1, DELETED, COUNT - 1], long]) {
      const isThere = (n: number): boolean => n >= 0 && n !== DELETED
      const records = numbers.map(n => (isThere(n) ? item(n) : undefined))
      for (const [form, given] of Object.entries(FORMS)) {
        const what = `${form} of ${numbers.length}`
        expect(store.getMany(given(numbers)), what).toEqual(records)
        const ids = store.gather('id', given(numbers), { missing: 7 })
        expect(ids, what).toEqual(Uint32Array.from(numbers, n => (isThere(n) ? n * 2 : 7)))
        const values = store.gather('v', given(numbers), { missing: Number.NaN })
        expect(values, what).toEqual(Float64Array.from(numbers, n => (isThere(n) ? n / 4 : Number.NaN)))
        const names = store.gather('name', given(numbers), { missing: '' })
        expect(names, what).toEqual(numbers.map(n => (isThere(n) ? `n${n % 100}` : '')))
        await store.prefetch(given(numbers))
        if (!numbers.includes(-1)) continue
        expect(codeOf(() => store.gather('v', given(numbers)))).toBe('ERR_STRIDE_NO_RECORD')
      }
    }
  })

  test('comes from index.numbers as it is', async () => {
    const store = make()
    const numbers = store.index('byId').numbers([4, 5, 6, DELETED * 2])
    expect([...numbers]).toEqual([2, -1, 3, -1])
    expect(store.getMany(numbers)).toEqual([item(2), undefined, item(3), undefined])
    expect(store.gather('v', numbers, { missing: -1 })).toEqual(Float64Array.of(0.5, -1, 0.75, -1))
    await store.prefetch(numbers)
    expect(codeOf(() => store.gather('v', numbers))).toBe('ERR_STRIDE_NO_RECORD')
  })

  test('is the only number below 0 that is', async () => {
    const store = make()
    for (const n of [-2, -1.5, -0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5]) {
      for (const given of [[n], Float64Array.of(0, n)]) {
        expect(() => store.getMany(given), String(n)).toThrow(RangeError)
        expect(() => store.gather('v', given, { missing: 0 }), String(n)).toThrow(RangeError)
        expect(await codeOfAsync(store.prefetch(given)), String(n)).toContain('RangeError')
      }
    }
  })
})

test('-1 is absent in a flat file, in an empty store and inside a transaction', async () => {
  const path = join(temporaryFolder(), 'flat.bin')
  writeFileSync(path, new Uint8Array(9 * 3))
  const flat = kept(openFlatFile(path, z.object({ v: z.float64(), tag: u8() })))
  expect(flat.getMany([-1, 0])).toEqual([undefined, { v: 0, tag: 0 }])
  expect(flat.gather('tag', [-1, 0], { missing: 255 })).toEqual(Uint8Array.of(255, 0))
  await flat.prefetch([-1, 0])
  const empty = kept(openStore(join(temporaryFolder(), 'empty'), Item))
  expect(empty.getMany([-1])).toEqual([undefined])
  expect(empty.gather('v', [-1, 0], { missing: 1.5 })).toEqual(Float64Array.of(1.5, 1.5))
  await empty.prefetch(Float64Array.of(-1))
  await empty.transaction(tx => {
    tx.append(item(1))
    expect(tx.getMany([-1, 0])).toEqual([undefined, item(1)])
    expect(tx.gather('v', [-1, 0], { missing: 9 })).toEqual(Float64Array.of(9, 0.25))
  })
})

test('-1 is refused where one record is meant', () => {
  const store = SUBJECTS['memory']?.() as ReturnType<typeof filled>
  for (const call of [
    () => store.get(-1),
    () => store.has(-1),
    () => store.field(-1, 'v'),
    () => store.row(-1),
    () => store.row(0).seek(-1),
    () => store.update(-1, { v: 1 }),
    () => store.put(-1, item(1)),
    () => store.delete(-1),
  ]) {
    expect(call).toThrow(RangeError)
  }
})

describe('missing', () => {
  const Kinds = z.object({
    u8: u8(),
    u32: z.uint32(),
    int: z.int(),
    f32: z.float32(),
    f64: z.float64(),
    i64: z.int64(),
    u64: z.uint64(),
    flag: z.boolean(),
    when: z.date(),
    side: z.enum(['buy', 'sell']),
    text: ascii(4),
    maybe: z.uint32().nullable(),
    pair: z.tuple([z.uint32(), z.uint32()]),
    mixed: z.tuple([z.uint32(), z.float64()]),
    inner: z.object({ x: z.uint32() }),
    outer: z.object({ x: z.uint32() }).nullable(),
  })
  const TYPES = 'TypeError'
  const BOUNDS = 'RangeError'
  /** Column, value, and what an element of the column is then, or the error. */
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ['u8', 255, 255],
    ['u8', 256, BOUNDS],
    ['u32', 4294967295, 4294967295],
    ['u32', -1, BOUNDS],
    ['u32', 2 ** 32, BOUNDS],
    ['u32', 1.7, TYPES],
    ['u32', Number.NaN, TYPES],
    ['u32', 'none', TYPES],
    ['u32', null, TYPES],
    ['u32', 5n, TYPES],
    ['u32', true, TYPES],
    ['u32', [], TYPES],
    ['u32', {}, TYPES],
    ['int', -5, -5],
    ['int', 0.5, TYPES],
    ['f32', Number.NaN, Number.NaN],
    ['f32', 1e300, BOUNDS],
    ['f64', Number.NaN, Number.NaN],
    ['f64', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ['f64', -1, -1],
    ['f64', 'none', TYPES],
    ['f64', null, TYPES],
    ['i64', -1n, -1n],
    ['i64', 1n << 63n, BOUNDS],
    ['i64', -1, TYPES],
    ['u64', -1n, BOUNDS],
    ['flag', true, 1],
    ['flag', 0, 0],
    ['flag', 2, TYPES],
    ['flag', 'true', TYPES],
    ['when', new Date(5), 5],
    ['when', 5, 5],
    ['when', Number.NaN, Number.NaN],
    ['when', 1e20, TYPES],
    ['when', new Date(Number.NaN), TYPES],
    ['when', '2020', TYPES],
    ['side', 'buy', 'buy'],
    ['side', 'hold', TYPES],
    ['side', 0, TYPES],
    ['text', '', ''],
    ['text', 'none', 'none'],
    ['text', 'much too long', BOUNDS],
    ['text', 5, TYPES],
    ['text', null, TYPES],
    ['maybe', null, null],
    ['maybe', 3, 3],
    ['maybe', -1, BOUNDS],
    ['pair', 7, 7],
    ['pair', -1, BOUNDS],
    ['pair', [1, 2], TYPES],
    ['mixed', 7, 7],
    ['mixed', 0.5, TYPES],
    ['inner', { x: 5 }, { x: 5 }],
    ['inner', { x: -1 }, BOUNDS],
    ['inner', { y: 1 }, TYPES],
    ['inner.x', 5, 5],
    ['outer', null, null],
    ['outer.x', null, null],
    ['outer.x', 5, 5],
    ['outer.x', 'x', TYPES],
  ]
  test.each([true, false])('is checked against the field, compiled: %s', compile => {
    const codec = codecOf(Kinds, { compile })
    for (const [column, value, expected] of rows) {
      const what = `${column}: ${String(value)}`
      let element: unknown
      try {
        element = codec.column(column).missing(value)()
      } catch (error) {
        element = (error as Error).name
        expect((error as Error).message, what).toContain(`'${column}'`)
      }
      expect(element, what).toEqual(expected)
    }
  })

  test('stands in a store as it was checked, and each object by itself', () => {
    const store = kept(openStore(join(temporaryFolder(), 'kinds'), Kinds))
    for (const [column, value, expected] of rows) {
      if (expected === TYPES || expected === BOUNDS) {
        expect(() => store.gather(column as 'u32', [-1], { missing: value })).toThrow(
          expect.objectContaining({ name: expected }),
        )
        continue
      }
      const all = Array.from(store.gather(column as 'u32', [-1, 3], { missing: value }) as Iterable<unknown>)
      expect(all.slice(0, 2), `${column}: ${String(value)}`).toEqual([expected, expected])
      if (typeof expected === 'object' && expected !== null) expect(all[0]).not.toBe(all[1])
    }
  })

  test('that is undefined is none', () => {
    const store = kept(openStore(join(temporaryFolder(), 'kinds'), Kinds))
    expect(codeOf(() => store.gather('u32', [-1], { missing: undefined }))).toBe('ERR_STRIDE_NO_RECORD')
  })
})

describe('a list of keys', () => {
  const NO_LISTS: readonly unknown[] = [
    3,
    '3',
    '',
    true,
    null,
    undefined,
    5n,
    Symbol('s'),
    {},
    () => 1,
    new DataView(new ArrayBuffer(8)),
    new ArrayBuffer(8),
    new Date(),
    new String('ab'),
    { length: -1 },
    { length: 1.5 },
    { length: '2' },
    Promise.resolve([1]),
  ]
  test('is an array, a typed array or an iterable, and nothing else, as a list of numbers is', async () => {
    const store = kept(openStore(join(temporaryFolder(), 'x'), Item, { indexes: { byId: { on: 'id' } } }))
    store.appendMany([item(0), item(1)])
    const index = store.index('byId')
    for (const [i, given] of NO_LISTS.entries()) {
      for (const call of [
        () => index.numbers(given as number[]),
        () => index.getMany(given as number[]),
        () => store.getMany(given as number[]),
        ...(given === undefined ? [] : [() => store.gather('id', given as number[])]),
      ]) {
        expect(call, `NO_LISTS[${i}]`).toThrow(TypeError)
      }
    }
    for (const keys of [
      [0, 2, 3],
      new Set([0, 2, 3]),
      Uint32Array.of(0, 2, 3),
      { length: 3, 0: 0, 1: 2, 2: 3 },
    ]) {
      expect([...index.numbers(keys as number[])]).toEqual([0, 1, -1])
      expect(index.getMany(keys as number[])).toEqual([item(0), item(1), undefined])
    }
    expect([...index.numbers([])]).toEqual([])
  })
})
