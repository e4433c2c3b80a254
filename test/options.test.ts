/**
 * What could go wrong with options: a call that looks at none of them, takes an unknown name, a wrong type or a value out of
 * bounds, reads a getter twice, goes on with the caller's own object. Every option of every public call is walked: a call
 * that is listed in a table and not tried here fails, and so does a kind of option without samples.
 */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import {
  ascii,
  bits,
  bytes,
  type CommitOptions,
  decimal,
  describe as describeLayout,
  dosDate,
  dosDateTime,
  f16,
  f32,
  f64,
  field,
  filetime,
  guid,
  type IndexDeclaration,
  i8,
  i16,
  i24,
  i32,
  i48,
  i64,
  latin1,
  migrateStore,
  migrateStoreAsync,
  numberText,
  openFlatFile,
  openStore,
  openStoreAsync,
  type RangeOptions,
  type StoreOptions,
  sharedArray,
  sharedArrayAsync,
  sharedRecord,
  sharedRecordAsync,
  u8,
  u16,
  u24,
  u32,
  u48,
  u64,
  unixMs,
  unixSeconds,
  utf8,
  utf16be,
  utf16le,
  uuid,
} from 'stridedb'
import { FileMapping, SharedMemory } from 'stridedb/mmap'
import { codecFromCanonical, codecOf, layoutOf } from 'stridedb/schema'
import { exportCsv, importCsv } from 'stridedb/transfer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sentencesOf } from '../scripts/render-options.ts'
import { ENGINE_CALLS } from '../src/engine/opening/options.ts'
import { MMAP_CALLS } from '../src/mmap/options.ts'
import type { CallWithOptions, Option } from '../src/options/option-table.ts'
import { SCHEMA_CALLS } from '../src/schema/options.ts'
import { EXPORT_CALLS } from '../src/transfer/export-options.ts'
import { IMPORT_CALLS } from '../src/transfer/import-options.ts'
import { removeFolder } from './remove-folder.ts'

const Item = z.object({ id: z.uint32(), name: utf8(8) })

/** As JavaScript may call. */
// biome-ignore lint/suspicious/noExplicitAny: what is given here has no type on purpose
type Given = any

const folder = mkdtempSync(join(tmpdir(), 'stridedb-options-'))
let made = 0
const next = (): string => join(folder, `n${made++}`)
const flatPath = join(folder, 'flat.bin')
const storePath = join(folder, 'old.stride')

function newStore() {
  const store = openStore(next(), Item, {
    backend: 'memory',
    indexes: { byId: { on: 'id', kind: 'ordered', unique: true } },
  })
  store.appendMany([0, 1, 2, 3].map(id => ({ id, name: `n${id}` })))
  store.commitSync()
  return store
}
let store: ReturnType<typeof newStore>
let flat: ReturnType<typeof openFlatFile>

beforeAll(() => {
  writeFileSync(flatPath, new Uint8Array(4 * 12))
  const old = openStore(storePath, Item)
  old.append({ id: 1, name: 'one' })
  old.close()
  store = newStore()
  flat = openFlatFile(flatPath, Item)
})
afterAll(() => {
  store.close()
  flat.close()
  removeFolder(folder)
})

/** Closes what a call opened. */
function done(opened: { close(): void }): void {
  opened.close()
}

const INVOKE: Readonly<Record<string, (options: Given) => unknown>> = {
  'openStore(path, schema, options)': options => done(openStore(next(), Item, options)),
  'openStoreAsync(path, schema, options)': async options => done(await openStoreAsync(next(), Item, options)),
  'openFlatFile(path, schema, options)': options => done(openFlatFile(flatPath, Item, options)),
  'openFlatFile(path, schema, { header })': options => done(openFlatFile(flatPath, Item, { header: options })),
  'file.refresh()': options => flat.refresh(options),
  'migrateStore(path, schema, map, options)': options => migrateStore(storePath, Item, undefined, options),
  'migrateStoreAsync(path, schema, map, options)': options =>
    migrateStoreAsync(storePath, Item, undefined, options),
  'store.scan(range)': options => [...store.scan(options)],
  'store.query(options)': options => store.query(options).toArray(),
  'store.prepare(options)': options => store.prepare(options).run(),
  'query.batches(options)': async options => {
    for await (const batch of store.query().batches(options)) expect(batch.length).toBeGreaterThan(0)
  },
  'store.aggregate(options)': options => store.aggregate(options),
  'store.histogram(field, options)': options => store.histogram('id', options),
  'store.updateWhere(where, change, options)': options => store.updateWhere({ id: 99 }, { id: 98 }, options),
  'store.deleteWhere(where, options)': options => store.deleteWhere({ id: 99 }, options),
  'store.prefetch(range)': options => store.prefetch(options),
  'store.gather(name, numbers, options)': options => store.gather('id', [0, 9], options),
  'store.commit(options)': options => store.commit(options),
  'store.commitSync(options)': options => store.commitSync(options),
  'store.transaction(callback, options)': options => store.transaction(tx => tx.count, options),
  'store.getMany(numbers)': options => store.getMany([0], options),
  'store.appendMany(records)': options => store.appendMany([], options),
  'store.dropIndex(name)': options => store.dropIndex('gone', options).catch(onlyMissing),
  'store.snapshot(options)': options => done(store.snapshot(options)),
  'store.flush()': options => store.flush(options),
  'store.checkpoint()': options => store.checkpoint(options),
  'store.verify()': options => store.verify(options),
  'store.compact(options)': options => store.compact(options),
  'store.backup(path, options)': options => store.backup(next(), options),
  'store.createIndex(name, declaration)': options => store.createIndex(`i${made++}`, options),
  'store.createIndex(name, declaration, options)': options =>
    store.createIndex(`i${made++}`, { on: 'name' }, options),
  'index.range(range)': options => [...store.index('byId').range(options)],
  'index.first(range)': options => store.index('byId').first(options),
  'index.last(range)': options => store.index('byId').last(options),
  'index.count(range)': options => store.index('byId').count(options),
  'index.getMany(keys)': options => store.index('byId').getMany([0], options),
  'index.numbers(keys)': options => store.index('byId').numbers([0], options),
  'tx.getMany(numbers)': options => store.transaction(tx => void tx.getMany([0], options)),
  'tx.appendMany(records)': options => store.transaction(tx => void tx.appendMany([], options)),
  'tx.gather(name, numbers, options)': options =>
    store.transaction(tx => void tx.gather('id', [0, 9], options)),
  'tx.scan(range)': options => store.transaction(tx => void [...tx.scan(options)]),
  'file.commit()': options => flat.commit(options),
  'file.commitSync()': options => flat.commitSync(options),
  'field(schema, placement)': options => field(z.enum(['a', 'b']), options),
  'f16(options)': options => f16(options),
  'f32(options)': options => f32(options),
  'f64(options)': options => f64(options),
  'ascii(length, options)': options => ascii(4, options),
  'latin1(length, options)': options => latin1(4, options),
  'utf8(length, options)': options => utf8(4, options),
  'utf16le(length, options)': options => utf16le(4, options),
  'utf16be(length, options)': options => utf16be(4, options),
  'numberText(length, options)': options => numberText(9, options),
  'bits(widths, options)': options => bits({ a: 1 }, options),
  'decimal(digits, of)': options => decimal(2, i32(), options),
  'unixSeconds(of)': options => unixSeconds(i32(), options),
  'unixMs(of)': options => unixMs(i32(), options),
  'filetime()': options => filetime(options),
  'dosDateTime()': options => dosDateTime(options),
  'dosDate()': options => dosDate(options),
  'uuid()': options => uuid(options),
  'guid()': options => guid(options),
  'u24()': options => u24(options),
  'i24()': options => i24(options),
  'u48()': options => u48(options),
  'i48()': options => i48(options),
  'bytes(length)': options => bytes(4, options),
  'u8()': options => u8(options),
  'i8()': options => i8(options),
  'u16()': options => u16(options),
  'i16()': options => i16(options),
  'u32()': options => u32(options),
  'i32()': options => i32(options),
  'u64()': options => u64(options),
  'i64()': options => i64(options),
  'layoutOf(schema, options)': options => layoutOf(Item, options),
  'describe(schema, options)': options => describeLayout(Item, options),
  'codecOf(schema, options)': options => codecOf(Item, options),
  'codecFromCanonical(text, options)': options => codecFromCanonical(layoutOf(Item).canonical, options),
  'FileMapping.open(path, options)': options => done(FileMapping.open(flatPath, options)),
  'SharedMemory.open(name, options)': options => done(SharedMemory.open(`options-${process.pid}`, options)),
  'SharedMemory.openAsync(name, options)': async options =>
    done(await SharedMemory.openAsync(`options-async-${process.pid}`, options)),
  'sharedRecord(name, schema, options)': options =>
    done(sharedRecord(`options-record-${process.pid}`, Item, options)),
  'sharedArray(name, schema, count, options)': options =>
    done(sharedArray(`options-array-${process.pid}`, Item, 2, options)),
  'sharedRecordAsync(name, schema, options)': async options =>
    done(await sharedRecordAsync(`options-record-async-${process.pid}`, Item, options)),
  'sharedArrayAsync(name, schema, count, options)': async options =>
    done(await sharedArrayAsync(`options-array-async-${process.pid}`, Item, 2, options)),
  'exportCsv(records, target, options)': options => exportCsv(store, next(), options),
  'importCsv(store, source, options)': options => importCsv(store, Buffer.from('id,name\n7,x\n'), options),
}

/** There is no such index, and that is not the question. */
function onlyMissing(error: Error): void {
  if (!error.message.startsWith("there is no index 'gone'")) throw error
}

/** `map` and `forEach` add a position to what they call: these take numbers there, and refuse plain objects only. */
const AFTER_A_LIST = [
  'store.getMany(numbers)',
  'store.appendMany(records)',
  'store.dropIndex(name)',
  'index.getMany(keys)',
  'index.numbers(keys)',
  'tx.getMany(numbers)',
  'tx.appendMany(records)',
]

interface Samples {
  /** A value that is taken. */
  readonly right: unknown
  readonly wrong: readonly unknown[]
  /** Numbers of the right type that are out of bounds. */
  readonly outOfBounds: readonly number[]
}

const NO_NUMBERS = ['5', 5n, null, true, {}, [], () => 5]

/** Samples for each kind of option, told by how docs say it. */
function samplesOf(name: string, row: Option<unknown, unknown>): Samples {
  const { type } = row
  if (type === 'true or false') {
    return { right: false, wrong: [1, 0, 'false', null, {}, []], outOfBounds: [] }
  }
  const choices = /^one of (.*)$/.exec(type)?.[1]
  if (choices !== undefined) {
    const all = choices.split(', ').map(choice => choice.slice(1, -1))
    const right = name === 'backend' ? 'memory' : all.at(-1)
    return {
      right,
      wrong: [`${right}x`, '', 0, null, true, [right], { toString: () => right }],
      outOfBounds: [],
    }
  }
  const bounds = /^(a power of two|a whole number) from (\w+)(?: to (\w+))?(, or Infinity)?/.exec(type)
  if (bounds !== null) {
    const [, , from, to, orInfinity] = bounds
    const min = Number(from)
    const outOfBounds = [min - 1, min + 0.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53]
    if (orInfinity === undefined) outOfBounds.push(Number.POSITIVE_INFINITY)
    if (to !== undefined) outOfBounds.push(Number(to) + 1)
    if (type.startsWith('a power')) outOfBounds.push(min + 1)
    return { right: RIGHT_NUMBERS[name] ?? min, wrong: NO_NUMBERS, outOfBounds }
  }
  switch (type) {
    case 'an AbortSignal':
      return {
        right: new AbortController().signal,
        wrong: [true, null, {}, { aborted: false }, new AbortController(), () => false],
        outOfBounds: [],
      }
    case 'a function (header)':
      return { right: () => 12, wrong: [true, null, {}, 'f', 5], outOfBounds: [] }
    case 'a Zod object':
      return { right: Item, wrong: [true, null, {}, 'f', 5, () => Item], outOfBounds: [] }
    case 'an object: FlatFileHeader':
      return {
        right: { schema: Item },
        wrong: [true, null, {}, 'f', 5, Item, { schema: 5 }, { schema: Item, count: 5 }],
        outOfBounds: [],
      }
    case 'a function (number)':
      return {
        right: (n: number) => ({ id: n, name: 'n' }),
        wrong: [true, null, {}, 'f', 5, { id: 1, name: 'n' }],
        outOfBounds: [],
      }
    case 'an array of fields':
      return { right: ['id'], wrong: [5, null, true, {}, 'id', [], [''], [5]], outOfBounds: [] }
    case 'an iterable of record numbers':
      return { right: [0], wrong: [5, null, true, {}, '0', ['0'], [-1], [0.5]], outOfBounds: [] }
    case 'a path':
      return { right: next(), wrong: [5, null, true, {}, [], '', () => 'a'], outOfBounds: [] }
    case 'a name':
      return { right: 'byId', wrong: [5, null, true, {}, [], ''], outOfBounds: [] }
    case 'one ASCII character':
      return {
        right: name === 'quote' ? '|' : ';',
        wrong: [5, null, true, {}, [], '', ';;', 'é', '\n'],
        outOfBounds: [],
      }
    case 'an array of texts':
      return { right: ['', 'x'], wrong: [5, null, true, {}, 'x', [5], [undefined]], outOfBounds: [] }
    case 'an array of fields, or an object of columns and their fields':
      return {
        right: ['id', 'name'],
        wrong: [5, null, true, 'id', [], [5], { id: 5 }, new Map()],
        outOfBounds: [],
      }
    case 'a function (progress)':
    case 'a function (view)':
    case 'a function (done, total)':
      return { right: () => undefined, wrong: [true, null, {}, 'f', 5], outOfBounds: [] }
    case 'a key of the index, or its first values':
      return { right: 1, wrong: [() => 1, Symbol('s'), 'text', {}], outOfBounds: [] }
    case 'a text, or the first values of a key':
      return { right: 1, wrong: [() => 1, Symbol('s'), 'text', {}], outOfBounds: [] }
    case 'a value of the field':
      return { right: 5, wrong: ['5', 5n, null, true, 1.5, {}], outOfBounds: [-1, 2 ** 32] }
    case 'a text, or an array of texts':
      return { right: ['id'], wrong: [5, null, true, {}, [], ['id', 5], [undefined]], outOfBounds: [] }
    case 'an object of conditions':
    case 'an object of directions, or an array of them':
      return { right: {}, wrong: [5, null, 'id', true, new Map(), () => ({}), [5]], outOfBounds: [] }
    case 'an array of field paths':
      return { right: ['id'], wrong: [5, null, 'id', true, {}, [], ['id', 5], [undefined]], outOfBounds: [] }
    case 'an object of aggregates':
      return { right: { n: { count: true } }, wrong: [5, null, 'id', true, [], new Map()], outOfBounds: [] }
    case 'a finite number':
      return { right: 1, wrong: ['5', 5n, null, true, {}], outOfBounds: [Number.NaN, Number.POSITIVE_INFINITY] }
    case 'an array of whole numbers from 0':
      return { right: [0, 7], wrong: [5, null, {}, 'a', ['0', '1']], outOfBounds: [] }
    case 'an object: a name and IndexDeclaration for each index':
      return {
        right: { byId: { on: 'id' } },
        wrong: [
          5,
          null,
          [],
          'byId',
          new Map(),
          { byId: 'id' },
          { byId: undefined },
          { byId: { on: 'id', uniqe: true } },
          { byId: { on: 'id', unique: 1 } },
          { '': { on: 'id' } },
        ],
        outOfBounds: [],
      }
    default:
      throw new Error(`No samples for ${name}: ${type}`)
  }
}

const RIGHT_NUMBERS: Readonly<Record<string, number>> = {
  stride: 12,
  count: 4,
  recordSize: 12,
  size: 48,
  width: 1,
  mode: 0o600,
  maxMappedBytes: 2 ** 20,
  stagedBytesMax: 2 ** 20,
}

/** Options that may not be given together. */
const APART: Readonly<Record<string, readonly string[]>> = {
  Range: ['gt', 'lt', 'prefix'],
  RangeOptions: ['gt', 'lt', 'prefix'],
}

/** 'accepted', or the name of the error; one with a code is an operational failure: the options were taken. */
async function outcome(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    const { code, name } = error as { code?: string; name: string }
    // The options of queries are refused with a code.
    if (code !== undefined && (code !== 'ERR_STRIDE_QUERY' || name === 'StrideError')) return 'accepted'
    return (error as Error).name
  }
}

async function messageOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'it was accepted'
  } catch (error) {
    return (error as Error).message
  }
}

const calls: readonly CallWithOptions[] = [
  ...ENGINE_CALLS,
  ...SCHEMA_CALLS,
  ...MMAP_CALLS,
  ...IMPORT_CALLS,
  ...EXPORT_CALLS,
]

test('every call of the tables is tried here, and no other', () => {
  expect(Object.keys(INVOKE).sort()).toEqual(calls.map(({ call }) => call).sort())
})

test('every row has its sentence, which docs and editors show', () => {
  for (const { table } of calls) {
    const rows = Object.keys(table.rows)
    if (rows.length === 0) continue
    const sentences = sentencesOf(table.name)
    for (const name of rows) expect(sentences.get(name), `${table.name}.${name}`).toMatch(/^\S.*\.$/)
  }
})

describe.each(calls)('$call', ({ call, table }) => {
  const invoke = INVOKE[call] as (options: unknown) => unknown
  const rows = Object.entries(table.rows)
  const needed = Object.fromEntries(
    rows.filter(([, row]) => row.isRequired).map(([name, row]) => [name, samplesOf(name, row).right]),
  )
  const together = rows.filter(([name]) => !(APART[table.name] ?? []).includes(name))
  const rightOnes = (): Record<string, unknown> =>
    Object.fromEntries(together.map(([name, row]) => [name, samplesOf(name, row).right]))

  test.skipIf(AFTER_A_LIST.includes(call))('refuses what is no object of options', async () => {
    const isList = call === 'store.prefetch(range)'
    const wrong = [
      null,
      true,
      false,
      5,
      '',
      'text',
      5n,
      Symbol('s'),
      () => ({}),
      Promise.resolve({}),
      new Date(),
      /r/,
      ...(isList ? [] : [[], [1], new Map(), new Set(), new Uint8Array(1)]),
    ]
    for (const [i, given] of wrong.entries()) {
      expect(await outcome(() => invoke(given)), `wrong[${i}]`).toBe('TypeError')
    }
  })

  test('refuses unknown names, and says the nearest right one', async () => {
    expect(await messageOf(() => invoke({ ...needed, zzz: 1 }))).toContain("has no option 'zzz'")
    expect(await messageOf(() => invoke({ ...needed, zzz: undefined }))).toContain("has no option 'zzz'")
    expect(await outcome(() => invoke({ ...needed, [Symbol('mark')]: 1 }))).toBe('accepted')
    const own = JSON.parse('{ "__proto__": { "limit": 1 } }')
    expect(await messageOf(() => invoke(Object.assign(own, needed)))).toMatch(/has no option '__proto__'/)
    for (const [name] of rows.filter(([option]) => option.length > 4)) {
      const misspelt = name.slice(0, -2) + name.at(-1) + name.at(-2)
      if (misspelt === name) continue
      const message = await messageOf(() => invoke({ ...needed, [misspelt]: 1 }))
      expect(message).toContain(`has no option '${misspelt}': did you mean '${name}'?`)
    }
  })

  test('refuses names that are not its own, and reads those of a class and of no prototype', async () => {
    for (const [name, row] of rows) {
      const inherited = Object.create({ [name]: samplesOf(name, row).right })
      expect(await messageOf(() => invoke(inherited)), name).toContain(`'${name}' is inherited`)
    }
    const given = rightOnes()
    class Config {
      constructor() {
        Object.assign(this, given)
      }
    }
    expect(await outcome(() => invoke(new Config()))).toBe('accepted')
    expect(await outcome(() => invoke(Object.assign(Object.create(null), given)))).toBe('accepted')
  })

  test.runIf(rows.length > 0)('refuses wrong types and values out of bounds', async () => {
    for (const [name, row] of rows) {
      const { wrong, outOfBounds } = samplesOf(name, row)
      for (const [i, value] of wrong.entries()) {
        expect(await outcome(() => invoke({ ...needed, [name]: value })), `${name}: wrong[${i}]`).toBe(
          'TypeError',
        )
      }
      for (const value of outOfBounds) {
        expect(await outcome(() => invoke({ ...needed, [name]: value })), `${name}: ${value}`).toBe(
          'RangeError',
        )
      }
    }
  })

  test('takes undefined for absent, but for what a query would lose', async () => {
    expect(await outcome(() => invoke(Object.keys(needed).length === 0 ? undefined : needed))).toBe('accepted')
    for (const [name, row] of rows) {
      const isRefused = row.isCondition || row.isRequired
      const given = { ...needed, [name]: undefined }
      expect(await outcome(() => invoke(given)), name).toBe(isRefused ? 'TypeError' : 'accepted')
    }
  })

  test('takes right values from a frozen object, and reads each of them once', async () => {
    expect(await outcome(() => invoke(Object.freeze(rightOnes())))).toBe('accepted')
    const reads: string[] = []
    const given = {}
    for (const [name, value] of Object.entries(rightOnes())) {
      Object.defineProperty(given, name, {
        enumerable: true,
        get() {
          reads.push(name)
          return value
        },
      })
    }
    expect(await outcome(() => invoke(given))).toBe('accepted')
    expect(reads.sort()).toEqual(together.map(([name]) => name).sort())
  })
})

describe('what was handed in and is changed later changes nothing', () => {
  const Wide = z.object({ id: z.uint32(), name: utf8(8), raw: bytes(2), when: z.date() })
  function wide() {
    const opened = openStore(next(), Wide, { backend: 'memory' })
    for (const id of [0, 1, 2, 3]) {
      opened.append({ id, name: `n${id}`, raw: new Uint8Array([id, 0]), when: new Date(id) })
    }
    opened.commitSync()
    return opened
  }

  test('the options of a store, and the fields of its indexes', async () => {
    const path = next()
    const on: ('id' | 'name')[] = ['id', 'name']
    const declaration = { on, kind: 'ordered' as 'hash' | 'ordered', unique: true }
    const given = { indexes: { byBoth: declaration }, durability: 'process' as 'full' | 'process', mode: 0o600 }
    const opened = openStore(path, Item, given)
    on.reverse()
    declaration.kind = 'hash'
    declaration.unique = false
    given.durability = 'full'
    given.indexes = { byBoth: { on: ['name'], kind: 'hash', unique: false } }
    opened.append({ id: 7, name: 'x' })
    await opened.commit()
    const index = opened.index('byBoth')
    expect([index.on, index.kind, index.unique]).toEqual([['id', 'name'], 'ordered', true])
    expect(() => (index.on as string[]).reverse()).toThrow(TypeError)
    const later: ('id' | 'name')[] = ['name']
    const creating = opened.createIndex('later', { on: later })
    later.push('id')
    expect((await creating).on).toEqual(['name'])
    opened.close()
    const again = openStore(path)
    expect(again.indexes.map(definition => definition.on)).toEqual([['id', 'name'], ['name']])
    again.close()
  })

  test('the bounds of a walk: arrays, bytes, dates, and the range itself', async () => {
    const opened = wide()
    await opened.createIndex('both', { on: ['id', 'name'], kind: 'ordered' })
    await opened.createIndex('raw', { on: 'raw', kind: 'ordered' })
    await opened.createIndex('when', { on: 'when', kind: 'ordered' })
    const ids = (rows: Iterable<unknown>): number[] => Array.from(rows, row => (row as { id: number }).id)
    const key = [2, 'n2']
    const range = { gte: key, limit: 5 } as Record<string, unknown>
    const walk = opened.index('both').range(range)
    key[0] = 0
    range['gte'] = [3, 'n3']
    range['limit'] = 0
    range['reverse'] = true
    expect(ids(walk)).toEqual([2, 3])
    const raw = new Uint8Array([2, 0])
    const overBytes = opened.index('raw').range({ gte: raw })
    raw[0] = 0
    expect(ids(overBytes)).toEqual([2, 3])
    const when = new Date(2)
    const overDates = opened.index('when').range({ gte: when })
    when.setTime(0)
    expect(ids(overDates)).toEqual([2, 3])
    opened.close()
  })

  test('the range of a scan, the codes of a field, the value for what is missing', () => {
    const range = { from: 1, to: 3 }
    const scan = store.scan(range)
    range.from = 0
    range.to = 4
    expect(Array.from(scan, row => row.id)).toEqual([1, 2])
    const codes = [5, 9]
    const schema = z.object({ side: field(z.enum(['a', 'b']), { codes }) })
    codes[0] = 7
    expect(layoutOf(schema).fields[0]?.codes).toEqual([5, 9])
    const opened = wide()
    const missing = new Uint8Array([8, 8])
    const [first, second] = opened.gather('raw', [9, 9], { missing })
    missing[0] = 0
    expect(first).toEqual(new Uint8Array([8, 8]))
    expect(second).not.toBe(first)
    opened.close()
  })

  test('the signal and the progress of long work', async () => {
    const opened = newStore()
    const controller = new AbortController()
    const calls: number[] = []
    const given: Record<string, unknown> = {
      signal: controller.signal,
      progress: (done: number) => calls.push(done),
    }
    const backing = opened.backup(next(), given)
    given['signal'] = AbortSignal.abort()
    given['progress'] = () => {
      throw new Error('the later one was called')
    }
    await backing
    expect(calls.length).toBeGreaterThan(0)
    await expect(opened.compact({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    opened.close()
  })
})

test('a signal is known by its brand, whichever realm made it', async () => {
  const opened = newStore()
  class AbortSignalOfAnotherRealm {
    readonly aborted = true
    get [Symbol.toStringTag](): string {
      return 'AbortSignal'
    }
    throwIfAborted(): void {
      throw new Error('from another realm')
    }
  }
  const signal = new AbortSignalOfAnotherRealm() as unknown as AbortSignal
  await expect(opened.compact({ signal })).rejects.toThrow('from another realm')
  expect(opened.count).toBe(4)
  opened.close()
})

test('options are read before anything is looked at: a getter that closes the store leaves nothing behind', async () => {
  const closing = <T>(name: string, value: T, opened: { close(): void }) =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get() {
        opened.close()
        return value
      },
    })
  const tries: Record<string, (opened: ReturnType<typeof newStore>) => unknown> = {
    commit: opened => opened.commit(closing('durability', 'full', opened)),
    commitSync: opened => opened.commitSync(closing('durability', 'full', opened)),
    transaction: opened => opened.transaction(tx => tx.count, closing('durability', 'full', opened)),
    scan: opened => opened.scan(closing('from', 0, opened)),
    prefetch: opened => opened.prefetch(closing('from', 0, opened)),
    gather: opened => opened.gather('id', [0], closing('missing', 0, opened)),
    compact: opened => opened.compact(closing('progress', () => undefined, opened)),
    backup: opened =>
      opened.backup(
        next(),
        closing('progress', () => undefined, opened),
      ),
    createIndex: opened => opened.createIndex('x', closing('on', 'id', opened) as { on: 'id' }),
    range: opened => [...opened.index('byId').range(closing('gte', 0, opened))],
    first: opened => opened.index('byId').first(closing('gte', 0, opened)),
    count: opened => opened.index('byId').count(closing('gte', 0, opened)),
  }
  for (const [name, call] of Object.entries(tries)) {
    const failure = await Promise.resolve()
      .then(() => call(newStore()))
      .catch((error: unknown) => error)
    expect((failure as { code?: string }).code, name).toBe('ERR_STRIDE_CLOSED')
  }
})

test('options without a schema are read once, too', async () => {
  const reads: string[] = []
  const given = {
    get readOnly() {
      reads.push('readOnly')
      return true
    },
    get backend() {
      reads.push('backend')
      return 'file' as const
    },
  }
  openStore(storePath, given).close()
  const later = await openStoreAsync(storePath, given)
  later.close()
  expect(reads.sort()).toEqual(['backend', 'backend', 'readOnly', 'readOnly'])
})

test.each([
  ['the schema behind the options', () => openStore(next(), { create: true } as Given, Item as Given)],
  ['two objects of options', () => openStore(next(), {} as Given, {})],
  ['null for the options', () => openStore(next(), null as Given)],
  ['null for the schema', () => openStore(next(), null as Given, { create: true })],
  ['a text for the schema', () => openStore(next(), 'Item' as Given)],
  ['options in the place of the map', () => migrateStore(storePath, Item, { align: 'packed' } as Given)],
  ['options with a layout, which is settled', () => describeLayout(layoutOf(Item), { align: 'natural' })],
  ['no path', () => openStore('', Item)],
  ['a number for the path', () => openFlatFile(5 as Given, Item)],
  ['a text for the declaration', () => store.createIndex('x', 'id' as Given)],
  ['no declaration', () => store.createIndex('x', undefined as Given)],
  ['no function', () => store.transaction({ durability: 'full' } as Given)],
])('%s is refused', async (_, call) => {
  expect(await outcome(call)).toBe('TypeError')
})

test('the types of options come from the rows', () => {
  const store: StoreOptions = { backend: 'file', windowBytes: 65_536, capacity: undefined }
  const range: RangeOptions<number> = { gte: 1, limit: 2, reverse: true }
  expect([store.backend, range.gte]).toEqual(['file', 1])
  // @ts-expect-error no option has this name
  void ({ readonly: true } satisfies StoreOptions)
  // @ts-expect-error no such choice
  void ({ backend: 'mmap' } satisfies StoreOptions)
  // @ts-expect-error a bound is a key of the index
  void ({ gte: '1' } satisfies RangeOptions<number>)
  // @ts-expect-error a bound is left out, not undefined
  void ({ gte: undefined } satisfies RangeOptions<number>)
  // @ts-expect-error no option of a commit
  void ({ signal: AbortSignal.abort() } satisfies CommitOptions)
  // @ts-expect-error an index is on something
  void ({ kind: 'hash' } satisfies IndexDeclaration)
})

test('options of another realm are options, and its other objects are none', async () => {
  const of = (source: string): Given => runInNewContext(source)
  const opened = openStore(
    next(),
    Item,
    of("({ backend: 'memory', indexes: { byId: { on: ['id'], kind: 'ordered' } } })"),
  )
  opened.append({ id: 1, name: 'a' })
  expect(await opened.commit(of("({ durability: 'process' })"))).toBe(1)
  expect([...opened.index('byId').range(of('({ gte: 1, limit: 1 })'))]).toHaveLength(1)
  expect([...opened.index('byId').numbers(of('[1, 2]'))]).toEqual([0, -1])
  for (const source of [
    '[]',
    'new Map()',
    'Promise.resolve({})',
    'new Date()',
    '() => 1',
    '/r/',
    'new Uint8Array(1)',
  ]) {
    expect(await outcome(() => opened.commit(of(source))), source).toBe('TypeError')
    expect(await outcome(() => [...opened.index('byId').range(of(source))]), source).toBe('TypeError')
  }
  opened.close()
})
