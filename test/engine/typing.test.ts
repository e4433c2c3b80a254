/**
 * What could go wrong: a misspelt name, or a callback that is not done when it returns, that compiles. Checked by
 * `tsc -p tsconfig.json`; what cannot be left to types is refused at run time too (callbacks.test.ts, ../options.test.ts).
 */

import { ascii, bytes, migrateStore, openFlatFile, openStore, openStoreAsync, type Store } from 'stridedb'
import { expectTypeOf, it } from 'vitest'
import { z } from 'zod'

const Item = z.object({
  id: z.uint32(),
  name: ascii(8),
  raw: bytes(4),
  at: z.date(),
  side: z.enum(['buy', 'sell']),
  place: z.object({ x: z.float64(), inner: z.object({ y: z.float64() }) }),
})
const INDEXES = {
  byId: { on: 'id', unique: true },
  byName: { on: 'name', kind: 'ordered' },
  byNameAt: { on: ['name', 'at'], kind: 'ordered' },
  byIdHash: { on: 'id', kind: 'hash' },
} as const
const indexed = () => openStore('x', Item, { indexes: INDEXES })
type Indexed = ReturnType<typeof indexed>

/** Never run: what compiles is what is tried. */
function compiles(..._: readonly ((store: Indexed) => unknown)[]): void {}

it('names of fields', () => {
  compiles(
    store => store.field(0, 'place.inner.y'),
    // @ts-expect-error a misspelt field
    store => store.field(0, 'nmae'),
    // @ts-expect-error a misspelt field of an object
    store => store.field(0, 'place.inner.z'),
    // @ts-expect-error
    store => store.gather('ids'),
    // @ts-expect-error
    store => store.index('byId').field(1, 'nmae'),
    // @ts-expect-error
    store => store.update(0, { nmae: 'a' }),
    // @ts-expect-error
    store => store.update(0, { place: { x: 1, inner: { z: 2 } } }),
    // @ts-expect-error a field too many
    store => store.append({ ...({} as z.input<typeof Item>), more: 1 }),
    // @ts-expect-error a field too few
    store => store.append({ id: 1 }),
    // @ts-expect-error
    store => store.row(0).nmae,
    // @ts-expect-error a value that the field cannot have
    store => store.update(0, { side: 'hold' }),
    store =>
      store.transaction(tx => {
        // @ts-expect-error
        tx.update(0, { nmae: 'a' })
        // @ts-expect-error
        return tx.field(0, 'nmae')
      }),
    // @ts-expect-error an index on a field that is not there
    () => openStore('x', Item, { indexes: { a: { on: 'nmae' } } }),
    // @ts-expect-error
    () => openStore('x', Item, { indexes: { a: { on: ['name', 'ta'] } } }),
    // @ts-expect-error
    store => store.createIndex('a', { on: 'nmae' }),
  )
})

it('names of indexes', () => {
  compiles(
    store => store.index('byId').get(1),
    // @ts-expect-error a misspelt index
    store => store.index('byIdd'),
    // @ts-expect-error
    store => store.transaction(tx => tx.index('byIdd').get(1)),
    // Known at run time alone, or of a store that may have whatever another program declared.
    store => store.index('byPrice' as string).get(1),
    () => openStore('x', Item).index('byPrice').get(1),
    () => openStore('x').index('byPrice').range({ gte: 1 }),
    async store => (await store.createIndex('later', { on: 'at', kind: 'ordered' })).range({ gte: new Date() }),
    // @ts-expect-error a key of another type
    async store => (await store.createIndex('later', { on: 'at' })).get(5),
  )
  const plain = (store: Indexed): Store<typeof Item> => store
  expectTypeOf(plain).returns.toHaveProperty('index')
})

it('options, those of declarations among them', () => {
  compiles(
    // @ts-expect-error a misspelt option
    () => openStore('x', Item, { redOnly: true }),
    // @ts-expect-error
    () => openStore('x', { redOnly: true }),
    // @ts-expect-error
    () => openStoreAsync('x', Item, { lockTimeout: 1 }),
    // @ts-expect-error
    () => openFlatFile('x', Item, { ofset: 1 }),
    // @ts-expect-error
    () => openStore('x', Item, { indexes: { a: { on: 'id', uniqe: true } } }),
    // @ts-expect-error
    () => openStoreAsync('x', Item, { indexes: { a: { on: 'id' }, b: { on: 'id', uniqe: true } } }),
    // @ts-expect-error
    () => openStore('x', { indexes: { a: { on: 'id', uniqe: true } } }),
    // @ts-expect-error
    store => store.createIndex('a', { on: 'id', uniqe: true }),
    // @ts-expect-error an option of no such value
    () => openStore('x', Item, { indexes: { a: { on: 'id', kind: 'btree' } } }),
    // @ts-expect-error
    store => store.createIndex('a', { on: 'id', kind: 'btree' }),
    // @ts-expect-error
    store => store.commit({ durabilty: 'full' }),
    // @ts-expect-error
    store => store.commit({ durability: 'none' }),
    // @ts-expect-error
    store => store.transaction(() => 0, { durabilty: 'full' }),
    // @ts-expect-error
    store => store.compact({ sginal: new AbortController().signal }),
    // @ts-expect-error
    store => store.backup('y', { overwrite: true }),
    // @ts-expect-error
    store => store.gather('id', [0], { mising: 0 }),
    // @ts-expect-error
    store => store.scan({ form: 1 }),
    // @ts-expect-error
    () => migrateStore('x', Item, undefined, { alin: 'packed' }),
    // @ts-expect-error a value of another type
    store => store.backup('y', { progress: 'x' }),
    // @ts-expect-error
    () => ascii(8, { pading: 'space' }),
  )
})

it('operators of ranges, and the values beside them', () => {
  compiles(
    store => store.index('byName').range({ prefix: 'a' }),
    store => store.index('byNameAt').range({ prefix: ['a'], gt: ['a', new Date()], lte: 'b', limit: 5 }),
    // @ts-expect-error a misspelt operator
    store => store.index('byName').range({ form: 'a' }),
    // @ts-expect-error
    store => store.index('byName').count({ gtee: 'a' }),
    // @ts-expect-error
    store => store.index('byName').first({ limit: 1 }),
    // @ts-expect-error a bound of another type
    store => store.index('byName').range({ gte: 5 }),
    // @ts-expect-error
    store => store.index('byNameAt').range({ gte: ['a', 'b'] }),
    // @ts-expect-error more values than the key has
    store => store.index('byNameAt').range({ gte: ['a', new Date(), 1] }),
    // @ts-expect-error
    store => store.index('byName').range({ prefix: 5 }),
    // @ts-expect-error
    store => store.index('byNameAt').count({ prefix: [5] }),
    // @ts-expect-error
    store => store.index('byNameAt').last({ prefix: ['a', 'b'] }),
    // @ts-expect-error
    store => store.index('byNameAt').range({ prefix: { name: 'a' } }),
    // @ts-expect-error undefined is no bound
    store => store.index('byName').range({ gte: undefined }),
    // @ts-expect-error an index without order
    store => store.index('byId').range(),
    // @ts-expect-error
    store => store.index('byIdHash').count(),
    // @ts-expect-error
    store => store.index('byId').first(),
    // @ts-expect-error
    async store => (await store.createIndex('later', { on: 'at' })).last(),
  )
})

it('callbacks that are not done when they return', () => {
  compiles(
    store => store.transaction(tx => tx.append({} as z.input<typeof Item>)),
    store => store.transaction(() => {}),
    store => store.transaction(() => JSON.parse('1')),
    store => store.transaction((): unknown => 1),
    store =>
      store.transaction(() => {
        throw new Error('no')
      }),
    // @ts-expect-error
    store => store.transaction(async tx => tx.append({} as z.input<typeof Item>)),
    // @ts-expect-error
    store => store.transaction(async () => {}),
    // @ts-expect-error a promise in some cases
    store => store.transaction(() => (store.size > 0 ? Promise.resolve(1) : undefined)),
    // @ts-expect-error
    store => store.transaction(function* () {}),
    // @ts-expect-error
    store => store.transaction(async function* () {}),
    // @ts-expect-error a transaction inside another one
    store => store.transaction(() => store.transaction(() => 0)),
    store => store.read(() => [store.get(0), store.get(1)]),
    // @ts-expect-error
    store => store.read(async () => store.get(0)),
    // @ts-expect-error
    store => store.read(function* () {}),
    // @ts-expect-error
    () => openFlatFile('x', Item).read(async () => 1),
    // @ts-expect-error
    () => migrateStore('x', Item, async () => ({}) as z.input<typeof Item>),
  )
  expectTypeOf<Indexed['transaction']>().toBeCallableWith(tx => tx.size)
  const results = (store: Indexed) =>
    [store.transaction(tx => tx.field(0, 'name')), store.read(() => 1n)] as const
  expectTypeOf(results).returns.toEqualTypeOf<readonly [Promise<string>, bigint]>()
})
