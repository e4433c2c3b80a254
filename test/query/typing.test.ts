/**
 * What could go wrong: a question with a misspelt field, operator or value that compiles, a right one that does not, or a result whose
 * type is not what `select` says. Checked by `tsc -p tsconfig.json`; at run time these tests are empty.
 */

import { expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type {
  AggregateOptions,
  AggregateResult,
  AggregateRow,
  Aggregates,
  MeasuredField,
  NumericField,
  OrderedField,
  Param,
  ParamsOf,
  QueryField,
  QueryOptions,
  Selected,
  Where,
} from '../../src/query/query-types.ts'
import { type AnySchema, ascii, bytes, type Output, u8 } from '../../src/schema/index.ts'

const Trade = z.object({
  id: z.uint32(),
  symbol: ascii(8),
  note: ascii(8).nullable(),
  tag: ascii(2).optional(),
  price: z.float64(),
  qty: z.int64(),
  flags: u8(),
  live: z.boolean(),
  time: z.date(),
  raw: bytes(4),
  side: z.enum(['buy', 'sell']),
  maybe: z.enum(['yes', 'no']).nullable(),
  position: z.tuple([z.float32(), u8()]),
  levels: z.array(z.object({ price: z.float64(), sizes: z.array(z.uint32()).length(2) })).length(4),
  address: z.object({ city: ascii(8), geo: z.object({ x: z.float64() }).nullable() }),
  gone: z.object({ x: z.uint32() }).optional(),
  shape: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), radius: u8() }),
    z.object({ kind: z.literal('point') }),
  ]),
})
type S = typeof Trade

/** The calls that the types are for. */
declare function query<const F extends QueryField<S> = never>(options?: QueryOptions<S, F>): Selected<S, F>
declare function aggregate<const A extends Aggregates<S>, const G extends QueryField<S> = never>(
  options: AggregateOptions<S, G, A>,
): AggregateResult<S, G, A>
declare function prepare<const F extends QueryField<S> = never, const N extends string = never>(
  options: QueryOptions<S, F, Param<N>>,
): (values: ParamsOf<N>) => Selected<S, F>
declare function param<const N extends string>(name: N): Param<N>

/** Never run: what compiles is what is tried. */
function compiles(..._: readonly (() => unknown)[]): void {}
/** Likewise, conditions. */
function asks(_: readonly Where<S>[]): void {}

it('fields are named by paths, elements of lists too', () => {
  expectTypeOf<'levels.3.price' | 'position.0' | 'levels.0.sizes.1' | 'address.geo.x'>().toExtend<
    QueryField<S>
  >()
  expectTypeOf<'position.2'>().not.toExtend<QueryField<S>>()
  expectTypeOf<'levels.3.prise'>().not.toExtend<QueryField<S>>()
  expectTypeOf<'levels.first'>().not.toExtend<QueryField<S>>()
  expectTypeOf<'symbol.length'>().not.toExtend<QueryField<S>>()
  expectTypeOf<'shape.radius'>().not.toExtend<QueryField<S>>()
  expectTypeOf<QueryField<AnySchema>>().toEqualTypeOf<string>()
  expectTypeOf<NumericField<S>>().toEqualTypeOf<
    | 'id'
    | 'price'
    | 'qty'
    | 'flags'
    | 'position.0'
    | 'position.1'
    | `levels.${number}.price`
    | `levels.${number}.sizes.${number}`
    | 'address.geo.x'
    | 'gone.x'
  >()
  expectTypeOf<Exclude<MeasuredField<S>, NumericField<S>>>().toEqualTypeOf<'time'>()
  expectTypeOf<Exclude<OrderedField<S>, MeasuredField<S>>>().toEqualTypeOf<
    'symbol' | 'note' | 'tag' | 'live' | 'side' | 'maybe' | 'address.city'
  >()
  asks([
    { price: 1, 'levels.3.price': { gt: 5 }, 'levels.0.sizes.1': 5, 'position.1': { hasAny: 3 } },
    { address: { city: 'x', geo: null } },
    { address: { geo: { x: { gt: 1 } } }, 'address.geo.x': null },
    { address: { 'geo.x': 5, NOT: { city: { in: ['a'] } } } },
    { 'levels.3': { price: 5 }, gone: { isNull: true }, 'gone.x': { isNotNull: true } },
    // @ts-expect-error a misspelt field
    { prise: 1 },
    // @ts-expect-error beside a right one
    { price: 1, prise: 1 },
    // @ts-expect-error
    { address: { town: 'x' } },
    // @ts-expect-error
    { 'address.town': 'x' },
    // @ts-expect-error an element too far
    { 'position.2': 1 },
    // @ts-expect-error
    { 'levels.3.prise': 1 },
    // @ts-expect-error an object that cannot be null
    { address: null },
  ])
})

it('values and operators are those of the field', () => {
  asks([
    { symbol: 'ACME', price: 5, qty: 5n, live: true, time: new Date(), side: 'buy', raw: new Uint8Array(4) },
    { symbol: { eq: 'a', ne: 'b', in: ['a'], notIn: ['b'], gt: 'a', gte: 'a', lt: 'b', lte: 'b' } },
    { symbol: { startsWith: 'a', endsWith: 'b', contains: 'c', between: ['a', 'b'], NOT: { eq: 'x' } } },
    { price: { between: [1, 2] }, time: { gte: new Date(), lt: new Date() }, qty: { between: [1n, 2n] } },
    { flags: { hasAll: 3, hasAny: 1 }, qty: { hasAll: 3n }, id: { hasAny: 1 } },
    { note: null, maybe: { in: ['yes', null], ne: null, isNull: false }, side: { gt: 'buy' } },
    {
      position: [1, 2],
      'levels.0.sizes': { hasAll: [1, 2], hasAny: [3] },
      raw: { in: [new Uint8Array(1)] },
    },
    { tag: { isNull: true }, shape: { isNotNull: true }, gone: { x: { gt: 5 }, isNotNull: true } },
    // @ts-expect-error a value of another type
    { price: '5' },
    // @ts-expect-error
    { qty: 5 },
    // @ts-expect-error
    { time: 5 },
    // @ts-expect-error
    { time: { gt: '2026-01-01' } },
    // @ts-expect-error
    { live: 1 },
    // @ts-expect-error
    { side: 'hold' },
    // @ts-expect-error
    { side: { ne: 'hold' } },
    // @ts-expect-error
    { side: { in: ['buy', 'hold'] } },
    // @ts-expect-error
    { side: { gt: 'hold' } },
    // @ts-expect-error
    { address: { city: 5 } },
    // @ts-expect-error
    { 'levels.3.price': 'x' },
    // @ts-expect-error null, where there is none
    { symbol: null },
    // @ts-expect-error
    { symbol: { in: [null] } },
    // @ts-expect-error null has no order
    { note: { gt: null } },
    // @ts-expect-error a list for one value
    { price: { eq: [5] } },
    // @ts-expect-error one value for a list
    { price: { in: 5 } },
    // @ts-expect-error one bound
    { price: { between: [1] } },
    // @ts-expect-error a misspelt operator
    { price: { gtt: 5 } },
    // @ts-expect-error beside a right one
    { price: { gt: 5, le: 6 } },
    // @ts-expect-error an operator of text
    { price: { startsWith: 'x' } },
    // @ts-expect-error an operator of integers
    { symbol: { hasAny: 1 } },
    // @ts-expect-error
    { price: { hasAny: 1 } },
    // @ts-expect-error
    { 'position.0': { hasAny: 1 } },
    // @ts-expect-error
    { flags: { hasAny: 1n } },
    // @ts-expect-error
    { time: { contains: 'x' } },
    // @ts-expect-error bytes have no order
    { raw: { gt: new Uint8Array(4) } },
    // @ts-expect-error
    { live: { gt: false } },
    // @ts-expect-error objects are not compared as a whole
    { address: { eq: { city: 'x', geo: null } } },
    // @ts-expect-error
    { price: { isNull: 1 } },
  ])
})

it('undefined is no condition', () => {
  compiles(
    () => query({ limit: undefined, offset: undefined }),
    // @ts-expect-error
    () => query({ where: undefined }),
    // @ts-expect-error
    () => query({ where: { price: undefined } }),
    // @ts-expect-error
    () => query({ where: { price: { gt: undefined } } }),
    // @ts-expect-error
    () => query({ where: { tag: undefined } }),
    // @ts-expect-error
    () => query({ where: { tag: { eq: undefined } } }),
    // @ts-expect-error
    () => query({ where: { symbol: { in: [undefined] } } }),
    // @ts-expect-error
    () => query({ where: { address: { city: undefined } } }),
    // @ts-expect-error
    () => query({ where: { 'levels.3.price': { eq: undefined } } }),
    // @ts-expect-error
    () => query({ where: { OR: undefined } }),
    // @ts-expect-error
    () => query({ where: { AND: [undefined] } }),
    // @ts-expect-error
    () => aggregate({ select: { n: { count: true } }, having: { n: undefined } }),
  )
})

it('conditions are joined', () => {
  asks([
    { AND: [{ price: 1 }, { OR: [{ side: 'buy' }, { NOT: { side: 'sell' } }] }], id: 5 },
    { AND: { price: 1 }, NOT: [{ price: 2 }, { price: 3 }] },
    // @ts-expect-error a misspelt field inside
    { AND: [{ prise: 1 }] },
    // @ts-expect-error
    { OR: [{ price: 1 }, { NOT: { prise: 1 } }] },
    // @ts-expect-error a value inside
    { OR: [{ side: 'hold' }] },
    // @ts-expect-error one object for a list
    { OR: { price: 1 } },
    // @ts-expect-error a misspelt connective
    { XOR: [{ price: 1 }] },
  ])
})

it('results are what select says', () => {
  expectTypeOf(() => query()).returns.toEqualTypeOf<Output<S>>()
  expectTypeOf(() => query({ where: { price: 1 }, limit: 5 })).returns.toEqualTypeOf<Output<S>>()
  const some = () =>
    query({ select: ['id', 'address.city', 'gone.x', 'address.geo.x', 'side', 'levels.2.sizes.0'] })
  expectTypeOf(some).returns.toEqualTypeOf<{
    id: number
    'address.city': string
    'gone.x': number | undefined
    'address.geo.x': number | null
    side: 'buy' | 'sell'
    'levels.2.sizes.0': number
  }>()
  expectTypeOf(() => query({ select: ['address', 'position'] })).returns.toEqualTypeOf<{
    address: Output<S>['address']
    position: [number, number]
  }>()
  compiles(
    () => query({ orderBy: { time: 'desc', id: 'asc' } }),
    () => query({ orderBy: [{ 'levels.0.price': 'desc' }, { id: 'asc' }], select: ['id'] }).id,
    // @ts-expect-error a field that was not selected
    () => query({ select: ['id'] }).price,
    // @ts-expect-error a misspelt field
    () => query({ select: ['id', 'prise'] }),
    // @ts-expect-error
    () => query({ orderBy: { tiem: 'desc' } }),
    // @ts-expect-error
    () => query({ orderBy: [{ id: 'asc' }, { tiem: 'desc' }] }),
    // @ts-expect-error
    () => query({ orderBy: { time: 'down' } }),
    // @ts-expect-error a misspelt option
    () => query({ limti: 1 }),
    // @ts-expect-error a parameter in a query that is not prepared
    () => query({ where: { symbol: param('s') } }),
  )
})

it('a prepared query takes its parameters', () => {
  const two = () =>
    prepare({
      where: {
        symbol: { eq: param('s') },
        OR: [{ price: { between: [param('low'), 5] } }, { id: { in: param('ids') } }],
      },
      select: ['id', 'note'],
    })
  expectTypeOf(two)
    .returns.parameter(0)
    .toEqualTypeOf<{ readonly s: unknown; readonly low: unknown; readonly ids: unknown }>()
  expectTypeOf(two).returns.returns.toEqualTypeOf<{ id: number; note: string | null }>()
  expectTypeOf(() => prepare({ where: { side: 'buy' } }))
    .returns.parameter(0)
    .toEqualTypeOf<Record<never, never>>()
  expectTypeOf(() => prepare({ where: { address: { city: param('c') } } }))
    .returns.parameter(0)
    .toEqualTypeOf<{ readonly c: unknown }>()
  compiles(
    // @ts-expect-error a value too few
    () => two()({ s: 'A', low: 5 }),
    // @ts-expect-error a misspelt one
    () => two()({ s: 'A', low: 5, idd: [] }),
    // @ts-expect-error a misspelt field
    () => prepare({ where: { symbol: param('s'), simbol: param('t') } }),
    // @ts-expect-error a misspelt operator
    () => prepare({ where: { symbol: { eq: param('s'), eqq: param('t') } } }),
    // @ts-expect-error a value beside a parameter
    () => prepare({ where: { symbol: param('s'), side: 'hold' } }),
  )
})

it('aggregates have the types of their fields', () => {
  const all = () =>
    aggregate({
      where: { price: { gt: 1 } },
      select: {
        n: { count: true },
        notes: { count: 'note' },
        sum: { sum: 'price' },
        big: { sum: 'qty' },
        low: { min: 'qty' },
        late: { max: 'time' },
        word: { min: 'note' },
        side: { max: 'side' },
        mean: { avg: 'qty' },
        kinds: { distinct: 'symbol' },
        p99: { quantile: ['price', 0.99] },
        middle: { quantile: ['time', 0.5] },
        open: { first: 'price' },
        close: { last: 'note' },
        level: { sum: 'levels.2.price' },
      },
      having: { n: { gt: 10 }, OR: [{ big: { lt: 5n } }, { late: { gt: new Date() } }] },
      orderBy: { n: 'desc' },
    })
  expectTypeOf(all).returns.toEqualTypeOf<{
    n: number
    notes: number
    sum: number
    big: bigint
    low: bigint | null
    late: Date | null
    word: string | null
    side: 'buy' | 'sell' | null
    mean: number | null
    kinds: number
    p99: number | null
    middle: Date | null
    open: number | null
    close: string | null
    level: number
  }>()
  const grouped = () =>
    aggregate({
      groupBy: ['symbol', 'address.city'],
      select: { n: { count: true } },
      orderBy: [{ n: 'desc' }, { symbol: 'asc' }],
      limit: 5,
      maxGroups: 10,
    })
  expectTypeOf(grouped).returns.toEqualTypeOf<{ symbol: string; 'address.city': string; n: number }[]>()
  compiles(
    // @ts-expect-error a misspelt field
    () => aggregate({ select: { a: { sum: 'prise' } } }),
    // @ts-expect-error a misspelt aggregate
    () => aggregate({ select: { a: { summ: 'price' } } }),
    // @ts-expect-error two in one
    () => aggregate({ select: { a: { sum: 'price', max: 'price' } } }),
    // @ts-expect-error none
    () => aggregate({ select: { a: {} } }),
    // @ts-expect-error text has no sum
    () => aggregate({ select: { a: { sum: 'symbol' } } }),
    // @ts-expect-error
    () => aggregate({ select: { a: { sum: 'time' } } }),
    // @ts-expect-error
    () => aggregate({ select: { a: { avg: 'live' } } }),
    // @ts-expect-error objects have no order
    () => aggregate({ select: { a: { max: 'address' } } }),
    // @ts-expect-error
    () => aggregate({ select: { a: { quantile: ['symbol', 0.5] } } }),
    // @ts-expect-error
    () => aggregate({ select: { a: { quantile: 'price' } } }),
    // @ts-expect-error
    () => aggregate({ select: { a: { count: false } } }),
    // @ts-expect-error
    () => aggregate({ groupBy: ['simbol'], select: { n: { count: true } } }),
    // @ts-expect-error a name that is not in select
    () => aggregate({ select: { n: { count: true } }, having: { m: 5 } }),
    // @ts-expect-error
    () => aggregate({ select: { n: { count: true } }, having: { OR: [{ n: { gtt: 1 } }] } }),
    // @ts-expect-error
    () => aggregate({ select: { n: { count: true } }, orderBy: { m: 'asc' } }),
    // @ts-expect-error a field that was not grouped
    () => aggregate({ select: { n: { count: true } }, orderBy: { symbol: 'asc' } }),
    // @ts-expect-error
    () => aggregate({ select: { n: { count: true } }, groupBy: ['side'], orderBy: { symbol: 'asc' } }),
    // @ts-expect-error a misspelt option
    () => aggregate({ select: { n: { count: true } }, gruopBy: ['side'] }),
    // @ts-expect-error
    () => aggregate({ where: { side: 'hold' }, select: { n: { count: true } } }),
  )
})

it('a schema that is not known takes any names', () => {
  type A = AnySchema
  expectTypeOf<{ a: { gt: 1 }; OR: [{ b: 1 }] }>().toExtend<Where<A>>()
  expectTypeOf<Selected<A, 'a' | 'b.c'>>().toEqualTypeOf<{ a: unknown; 'b.c': unknown }>()
  expectTypeOf<Selected<A>>().toEqualTypeOf<unknown>()
  expectTypeOf<{ where: { a: 1 }; select: ['a']; orderBy: { b: 'asc' } }>().toExtend<QueryOptions<A, string>>()
  expectTypeOf<AggregateRow<A, 'g', { n: { count: true }; s: { sum: 'x' }; m: { max: 'x' } }>>().toEqualTypeOf<{
    g: unknown
    n: number
    s: number | bigint
    m: unknown
  }>()
})
