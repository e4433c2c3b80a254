/**
 * What could go wrong with plain arguments: a number as a text, a bigint, NaN, a fraction, an object or nothing at all is taken in
 * silence, and answers something. Every public method is listed here with each of its arguments; one that is not listed fails.
 * Each is tried before anything was read, and again when the record is hot. Options: ../options.test.ts.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ascii,
  bytes,
  ConcurrentTransaction,
  describe as describeLayout,
  FlatFile,
  field,
  latin1,
  migrateStore,
  migrateStoreAsync,
  openFlatFile,
  openStore,
  openStoreAsync,
  Store,
  StoreIndex,
  Transaction,
  utf8,
} from 'stridedb'
import { FileMapping, MappedView, SharedMemory } from 'stridedb/mmap'
import { codecFromCanonical, codecOf, layoutFromCanonical, layoutOf } from 'stridedb/schema'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { temporaryFolder } from './support.ts'

/** As JavaScript may call. */
// biome-ignore lint/suspicious/noExplicitAny: what is given here has no type on purpose
type Given = any

const Item = z.object({ id: z.uint32(), name: ascii(4) })
const item = (id: number) => ({ id, name: `n${id}` })

const NO_VALUES: readonly unknown[] = [
  null,
  undefined,
  true,
  false,
  {},
  [],
  [0],
  Symbol('s'),
  () => 0,
  new Number(0),
  new String('id'),
  { valueOf: () => 0 },
  { toString: () => 'id' },
  new Date(0),
  new Map(),
]
const NO_NUMBERS = [...NO_VALUES, '0', '', 'id', 0n, 1n]
/** Not a whole number from 0. */
const NUMBER = [
  ...NO_NUMBERS,
  -1,
  -0.5,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 53,
]
/** The same where nothing at all has a meaning. */
const NUMBER_IF_ANY = NUMBER.filter(value => value !== undefined)
const NAME = [...NO_VALUES, 'zzz', '', 0, 1, 0n, ['id']]
const PATH = [...NO_VALUES, 0, 1n, '']
const FUNCTION = [...NO_VALUES.filter(value => typeof value !== 'function'), 0, 'f', 1n]
const LIST = [
  ...NO_VALUES.filter(value => !Array.isArray(value) && !(value instanceof Map)),
  0,
  'id',
  0n,
  [[0]],
  ['0'],
  [0n],
  [null],
]
const NUMBERS = [
  ...LIST.filter(value => value !== undefined),
  [0.5],
  [-2],
  [Number.NaN],
  Float64Array.of(0.5),
  BigInt64Array.of(0n),
]
const KEY = [...NO_NUMBERS, {}]
const RECORD = [...NO_VALUES, 0, 'n', 1n, { id: 0 }, { id: '0', name: '' }, { id: 0, name: 'n', more: 1 }]
const CHANGE = [
  ...NO_VALUES.filter(value => !isEmptyObject(value)),
  0,
  'n',
  1n,
  { zzz: 1 },
  { id: '0' },
  { id: undefined },
]
const SCHEMA = [...NO_VALUES, 0, 'Item', 1n, { id: z.uint32() }, z.string()]

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0 && !Array.isArray(value)
}

/** Arguments that are right, and for some of them, by their position, those that are not. */
interface Row {
  readonly right: readonly unknown[]
  readonly wrong: Readonly<Record<number, readonly unknown[]>>
}
const row = (right: readonly unknown[], wrong: Row['wrong']): Row => ({ right, wrong })
/** Takes no argument, or only options. */
const NOTHING = row([], {})

const READING: Readonly<Record<string, Row>> = {
  get: row([0], { 0: NUMBER }),
  has: row([0], { 0: NUMBER }),
  field: row([0, 'id'], { 0: NUMBER, 1: NAME }),
  row: row([0], { 0: NUMBER }),
  getMany: row([[0]], { 0: [...NUMBERS, undefined] }),
  gather: row(['id', [0]], { 0: NAME, 1: NUMBERS }),
  scan: NOTHING,
  query: NOTHING,
  prepare: NOTHING,
  aggregate: row([{ select: { n: { count: true } } }], {}),
  histogram: row(['id'], {}),
  prefetch: row([[0]], { 0: NUMBERS.filter(value => !isEmptyObject(value)) }),
  read: row([() => 0], { 0: FUNCTION }),
  trim: NOTHING,
  stats: NOTHING,
  close: NOTHING,
  closeAsync: NOTHING,
  rollback: NOTHING,
  commit: NOTHING,
  commitSync: NOTHING,
}
const WRITING: Readonly<Record<string, Row>> = {
  append: row([item(9)], { 0: RECORD }),
  appendMany: row([[item(9)]], { 0: [...LIST, '', [item(9), 5]] }),
  update: row([0, { name: 'x' }], { 0: NUMBER, 1: CHANGE }),
  put: row([0, item(0)], { 0: NUMBER, 1: RECORD }),
  delete: row([5], { 0: NUMBER }),
}
const UPSERT = row(['byId', item(0)], { 0: NAME, 1: RECORD })
const STORE: Readonly<Record<string, Row>> = {
  ...READING,
  ...WRITING,
  upsert: UPSERT,
  clear: NOTHING,
  begin: NOTHING,
  snapshot: NOTHING,
  refresh: NOTHING,
  changed: NOTHING,
  tail: NOTHING,
  watch: NOTHING,
  share: NOTHING,
  index: row(['byId'], { 0: NAME }),
  createIndex: row(['later', { on: 'id' }], {
    0: NAME.filter(value => value !== 'zzz'),
    1: [...NO_VALUES, 'id', 0],
  }),
  dropIndex: row(['byName'], { 0: NAME }),
  updateWhere: row([{ id: 77 }, { name: 'x' }], {}),
  deleteWhere: row([{ id: 77 }], {}),
  transaction: row([() => 0], { 0: FUNCTION }),
  flush: NOTHING,
  checkpoint: NOTHING,
  verify: NOTHING,
  compact: NOTHING,
  backup: row([], { 0: PATH }),
}
const INDEX: Readonly<Record<string, Row>> = {
  number: row([0], { 0: KEY }),
  get: row([0], { 0: KEY }),
  has: row([0], { 0: KEY }),
  field: row([0, 'id'], { 0: KEY, 1: NAME }),
  all: row([0], { 0: KEY }),
  delete: row([9], { 0: KEY }),
  numbers: row([[0]], { 0: LIST }),
  getMany: row([[0]], { 0: LIST }),
  range: NOTHING,
  first: NOTHING,
  last: NOTHING,
  count: NOTHING,
}
const FLAT: Readonly<Record<string, Row>> = { ...READING, ...WRITING, refresh: NOTHING }
const TRANSACTION: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(
    ['get', 'has', 'field', 'row', 'getMany', 'gather', 'scan', 'query', 'aggregate'].map(name => [
      name,
      READING[name] as Row,
    ]),
  ),
  ...WRITING,
  index: STORE['index'] as Row,
  upsert: UPSERT,
  end: NOTHING,
}
const CONCURRENT: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(
    Object.entries(READING).filter(([name]) => !['stats', 'close', 'closeAsync'].includes(name)),
  ),
  ...WRITING,
  index: STORE['index'] as Row,
  upsert: UPSERT,
}
const MAPPING: Readonly<Record<string, Row>> = {
  view: row([0, 8], { 0: NUMBER_IF_ANY, 1: [...NUMBER_IF_ANY, 0, 2 ** 40] }),
  resize: row([8], { 0: [...NUMBER, 0] }),
  close: NOTHING,
}
const VIEW: Readonly<Record<string, Row>> = {
  flush: row([0, 8], { 0: NUMBER_IF_ANY, 1: [...NUMBER_IF_ANY, 9] }),
  flushAsync: row([0, 8], { 0: NUMBER_IF_ANY, 1: [...NUMBER_IF_ANY, 9] }),
  residency: NOTHING,
  lock: NOTHING,
  unlock: NOTHING,
  unmap: NOTHING,
}

const opened: { close(): void }[] = []
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close()
})
const kept = <T extends { close(): void }>(one: T): T => {
  opened.push(one)
  return one
}

function newStore(backend: 'mapped' | 'file' | 'memory' = 'mapped') {
  const indexes = { byId: { on: 'id', unique: true }, byName: { on: 'name', kind: 'ordered' } } as const
  const store = kept(openStore(join(temporaryFolder(), 'items'), Item, { indexes, backend }))
  store.appendMany([0, 1, 2, 3].map(item))
  store.commitSync()
  return store
}

/** Names of the public methods of a class; what is public in types alone is not told apart. */
function methodsOf(type: { readonly prototype: object }): string[] {
  const names = new Set<string>()
  for (let on: object = type.prototype; on !== Object.prototype; on = Object.getPrototypeOf(on)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(on))) {
      if (typeof value === 'function' && name !== 'constructor' && !PROTECTED.includes(name)) names.add(name)
    }
  }
  return [...names].sort()
}
const PROTECTED = ['attach', 'prepareBulk', 'assertOpen', 'consistently', 'together', 'endReading']

async function isRefused(call: () => unknown): Promise<boolean> {
  try {
    const answer = await call()
    // A walk answers at its first step.
    if (typeof answer === 'object' && answer !== null && 'next' in answer) (answer as Iterator<unknown>).next()
    return false
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return true
  }
}

/** Says of each wrong argument that was taken: 'get(<3: true>)'. */
async function taken(
  name: string,
  { right, wrong }: Row,
  call: (args: unknown[]) => unknown,
): Promise<string[]> {
  const found: string[] = []
  for (const [position, values] of Object.entries(wrong)) {
    for (const [i, value] of values.entries()) {
      const args = [...right]
      args[Number(position)] = value
      if (!(await isRefused(() => call(args)))) {
        found.push(`${name}, argument ${position}, value ${i}: ${typeof value} ${shownSafely(value)}`)
      }
    }
  }
  return found
}

function shownSafely(value: unknown): string {
  try {
    return (
      JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? String(value)
    )
  } catch {
    return 'unknown'
  }
}

async function takenOf(target: Given, rows: Readonly<Record<string, Row>>): Promise<string[]> {
  const found: string[] = []
  for (const [name, one] of Object.entries(rows)) {
    found.push(...(await taken(name, one, args => target[name](...args))))
  }
  return found
}

test.each([
  ['Store', Store, STORE],
  ['FlatFile', FlatFile, FLAT],
  ['Transaction', Transaction, TRANSACTION],
  ['ConcurrentTransaction', ConcurrentTransaction, CONCURRENT],
  ['StoreIndex', StoreIndex, INDEX],
  ['FileMapping', FileMapping, MAPPING],
  ['MappedView', MappedView, VIEW],
] as const)('every method of %s is listed', (_, type, rows) => {
  expect(methodsOf(type as Given)).toEqual(Object.keys(rows).sort())
})

describe('nothing wrong is taken in silence', () => {
  test.each(['mapped', 'file', 'memory'] as const)(
    'by a store and its indexes, cold and hot, %s',
    async backend => {
      for (const isHot of [false, true]) {
        const store = newStore(backend)
        const heat = (): void => {
          for (let k = 0; k < 200; k++)
            for (const n of [0, 1, 2, 3])
              void [store.get(n), store.field(n, 'id'), store.index('byId').number(n)]
        }
        if (isHot) heat()
        const before = [...store]
        expect(await takenOf(store, STORE)).toEqual([])
        if (isHot) heat()
        expect(await takenOf(store.index('byId'), INDEX)).toEqual([])
        expect(await takenOf(store.index('byName'), { all: INDEX['all'] as Row, ...namesOf(INDEX) })).toEqual(
          [],
        )
        expect(
          await taken('seek', row([0], { 0: NUMBER }), args => (store.row(0) as Given).seek(...args)),
        ).toEqual([])
        expect([...store]).toEqual(before)
        expect(store.stats().stagedRecords).toBe(0)
      }
    },
  )

  test('by a reader', async () => {
    const { path } = newStore()
    const reader = kept(openStore(path, Item, { readOnly: true }))
    for (const _ of [0, 1]) {
      expect(await takenOf(reader, READING)).toEqual([])
      for (const n of [0, 1, 2, 3]) for (let k = 0; k < 50; k++) void [reader.get(n), reader.field(n, 'name')]
    }
  })

  test('by a transaction', async () => {
    const store = newStore()
    await store.transaction(tx => {
      for (const [name, one] of Object.entries(TRANSACTION)) {
        for (const [position, values] of Object.entries(one.wrong)) {
          for (const value of values) {
            const args = [...one.right]
            args[Number(position)] = value
            expect(() => (tx as Given)[name](...args), `${name} ${shownSafely(value)}`).toThrow()
          }
        }
      }
    })
    expect([...store]).toEqual([0, 1, 2, 3].map(item))
  })

  test('by a transaction that others go on beside', async () => {
    const store = newStore()
    using tx = store.begin()
    expect(await takenOf(tx, CONCURRENT)).toEqual([])
    expect(await takenOf(tx.index('byId'), INDEX)).toEqual([])
    expect([...tx]).toEqual([0, 1, 2, 3].map(item))
    expect(await tx.commit()).toBe(1)
  })

  test('by a flat file', async () => {
    const path = join(temporaryFolder(), 'flat.bin')
    writeFileSync(path, new Uint8Array(8 * 4))
    const file = kept(openFlatFile(path, Item))
    for (const _ of [0, 1]) {
      expect(await takenOf(file, FLAT)).toEqual([])
      for (const n of [0, 1, 2, 3]) for (let k = 0; k < 50; k++) void [file.get(n), file.field(n, 'name')]
    }
    expect(file.stats().stagedRecords).toBe(0)
  })

  test('by mappings, views and shared memory', async () => {
    const path = join(temporaryFolder(), 'mapped.bin')
    writeFileSync(path, new Uint8Array(64))
    const mapping = kept(FileMapping.open(path, { access: 'readwrite' }))
    expect(await takenOf(mapping, { view: MAPPING['view'] as Row })).toEqual([])
    expect(await takenOf(mapping.view(0, 8), VIEW)).toEqual([])
    expect(await taken('resize', MAPPING['resize'] as Row, args => (mapping as Given).resize(...args))).toEqual(
      [],
    )
    expect(mapping.size).toBe(64)
    const shared = kept(SharedMemory.open(`misuse-${process.pid}`, { size: 64 }))
    expect(await takenOf(shared, { view: MAPPING['view'] as Row })).toEqual([])
    const open = (args: unknown[]): unknown => kept((FileMapping as Given).open(...args))
    expect(await taken('FileMapping.open', row([path], { 0: PATH }), open)).toEqual([])
    const openShared = (args: unknown[]): unknown => kept((SharedMemory as Given).open(...args))
    const names = [...PATH, 'a/b', '.a', 'x'.repeat(201)]
    expect(await taken('SharedMemory.open', row([], { 0: names }), openShared)).toEqual([])
    const openLater = async (args: unknown[]): Promise<unknown> =>
      kept(await (SharedMemory as Given).openAsync(...args))
    expect(await taken('SharedMemory.openAsync', row([], { 0: names }), openLater)).toEqual([])
    const unlink = (args: unknown[]): unknown => (SharedMemory as Given).unlink(...args)
    expect(await taken('SharedMemory.unlink', row([], { 0: names }), unlink)).toEqual([])
  })

  test('by what opens, migrates and describes', async () => {
    const { path } = newStore()
    const functions: readonly (readonly [string, Given, Row])[] = [
      [
        'openStore',
        openStore,
        row([join(temporaryFolder(), 'a'), Item], {
          0: PATH,
          1: SCHEMA.filter(value => value !== undefined && !isEmptyObject(value)),
        }),
      ],
      ['openStoreAsync', openStoreAsync, row([join(temporaryFolder(), 'a'), Item], { 0: PATH })],
      ['openFlatFile', openFlatFile, row([path, Item, { count: 0 }], { 0: PATH, 1: SCHEMA })],
      [
        'migrateStore',
        migrateStore,
        row([path, Item, undefined], { 0: PATH, 1: SCHEMA, 2: FUNCTION.filter(value => value !== undefined) }),
      ],
      [
        'migrateStoreAsync',
        migrateStoreAsync,
        row([path, Item, undefined], { 0: PATH, 1: SCHEMA, 2: FUNCTION.filter(value => value !== undefined) }),
      ],
      ['layoutOf', layoutOf, row([Item], { 0: SCHEMA })],
      ['describe', describeLayout, row([Item], { 0: SCHEMA })],
      ['codecOf', codecOf, row([Item], { 0: SCHEMA })],
      [
        'codecFromCanonical',
        codecFromCanonical,
        row([layoutOf(Item).canonical], { 0: [...PATH, '{}', '[]', 'null'] }),
      ],
      [
        'layoutFromCanonical',
        layoutFromCanonical,
        row([layoutOf(Item).canonical], { 0: [...PATH, '{}', '[]', 'null'] }),
      ],
      ['field', field, row([z.uint32(), {}], { 0: SCHEMA.filter(value => !(value instanceof z.ZodType)) })],
      ...[ascii, latin1, utf8, bytes].map(
        make => [make.name || 'text', make, row([4], { 0: [...NUMBER, 0] })] as const,
      ),
    ]
    for (const [name, call, one] of functions) {
      const run = async (args: unknown[]): Promise<unknown> => {
        const answer = await call(...args)
        if (typeof answer?.close === 'function') answer.close()
        return answer
      }
      expect(await taken(name, one, run), name).toEqual([])
    }
  })
})

/** The same rows for an index over texts. */
function namesOf(rows: Readonly<Record<string, Row>>): Readonly<Record<string, Row>> {
  const keys = [...NO_VALUES.filter(value => value !== undefined), 0, 1n]
  return Object.fromEntries(
    Object.entries(rows)
      .filter(([name]) => name !== 'numbers' && name !== 'getMany')
      .map(([name, one]) => [
        name,
        one.wrong[0] === KEY ? { right: ['n0', ...one.right.slice(1)], wrong: { ...one.wrong, 0: keys } } : one,
      ]),
  )
}
