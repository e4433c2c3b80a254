/**
 * Wrong questions: each is refused with a code before anything is read or changed, and the message names the thing. What could go wrong: a
 * lost condition that asks for all records, a misspelt operator that is passed over, a change of half of the records.
 */

import { join } from 'node:path'
import { ascii, bytes, openStore, param, type StrideError, u8, uuid } from 'stridedb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, codeOfAsync, temporaryFolder } from '../engine/support.ts'

const Item = z.object({
  id: z.uint32(),
  price: z.float64(),
  name: ascii(4),
  raw: bytes(3),
  key: uuid(),
  flags: u8().nullable(),
  side: z.enum(['buy', 'sell']),
  time: z.date(),
  levels: z.array(z.uint32()).length(2),
})
const COUNT = 20
let store: ReturnType<typeof filled>
function filled() {
  const made = openStore(join(temporaryFolder(), 'a.stride'), Item)
  for (let id = 0; id < COUNT; id++) {
    made.append({
      id,
      price: id / 2,
      name: `n${id}`,
      raw: Uint8Array.of(id, 1, 2),
      key: '00000000-0000-0000-0000-0000000000ff',
      flags: null,
      side: 'buy',
      time: new Date(id),
      levels: [id, 7],
    })
  }
  made.commitSync()
  return made
}
beforeEach(() => {
  store = filled()
})
afterEach(() => store.close())

/** [condition, what the message names] */
const WRONG: readonly (readonly [object, RegExp])[] = [
  [{ prize: 1 }, /'prize'.*'price'/],
  [{ price: { gr: 1 } }, /'price' has no operator 'gr'.*'gte?'/],
  [{ price: { gt: '1' } }, /'price'.*a number/],
  [{ price: { gt: null } }, /'price'.*null/],
  [{ price: 7n }, /'price'/],
  [{ price: undefined }, /'price' is undefined/],
  [{ price: {} }, /'price' is empty/],
  [{ NOT: { price: {} } }, /'price' is empty/],
  [{ price: { gt: undefined } }, /'price.gt' is undefined/],
  [{ AND: [undefined] }, /AND\[0\]/],
  [{ OR: undefined }, /'OR' is undefined/],
  [{ OR: { price: 1 } }, /OR takes an array/],
  [{ or: [] }, /'or'.*OR/],
  [{ price: { in: [1, undefined] } }, /'price'.*undefined/],
  [{ price: { between: [1] } }, /between of 'price'/],
  [{ price: { between: [1, undefined] } }, /'price/],
  [{ price: { startsWith: 1 } }, /'price'.*startsWith/],
  [{ price: { contains: 1 } }, /'price'.*contains/],
  [{ price: { hasAny: 1 } }, /'price'.*hasAny/],
  [{ name: { startsWith: 'abcde' } }, /'name'.*4 bytes/],
  [{ name: { contains: 7 } }, /'name'.*a text/],
  [{ raw: { startsWith: Uint8Array.of(1) } }, /'raw'/],
  [{ raw: 'abc' }, /'raw'.*bytes/],
  [{ key: { hasAll: 1 } }, /'key'/],
  [{ side: 'bye' }, /'side'.*buy/],
  [{ time: 0 }, /'time'.*Date/],
  [{ time: { contains: new Date(0) } }, /'time'/],
  [{ time: new Date(Number.NaN) }, /'time'/],
  [{ flags: { isNull: 1 } }, /isNull of 'flags'/],
  [{ flags: { hasAll: 0.5 } }, /'flags'.*mask/],
  [{ levels: [1] }, /'levels'.*2 values/],
  [{ levels: [1, '2'] }, /'levels.1'.*a number/],
  [{ levels: { hasAll: 1 } }, /'levels'/],
  [{ 'levels.2': 1 }, /'levels.2'/],
  [{ price: param('p') }, /'price'.*prepare/],
]

/** What a call throws: its code and message. */
function refusal(call: () => unknown): { readonly code: unknown; readonly message: string } {
  try {
    call()
  } catch (error) {
    return { code: (error as StrideError).code, message: (error as Error).message }
  }
  return { code: 'nothing was thrown', message: '' }
}

test.each(WRONG)('a wrong condition is refused by name: %o', async (where, names) => {
  const asked = where as never
  const calls = [
    () => store.query({ where: asked }).toArray(),
    () => store.aggregate({ where: asked, select: { n: { count: true } } }),
    () => store.histogram('price', { where: asked }),
  ]
  for (const call of calls) {
    expect(refusal(call)).toEqual({ code: 'ERR_STRIDE_QUERY', message: expect.stringMatching(names) })
  }
  expect(await codeOfAsync(store.updateWhere(asked, { price: 1 }))).toBe('ERR_STRIDE_QUERY')
  expect(await codeOfAsync(store.deleteWhere(asked))).toBe('ERR_STRIDE_QUERY')
  expect(store.count).toBe(COUNT)
})

const OPTIONS: readonly (readonly [object, RegExp])[] = [
  [{ limit: -1 }, /limit.*-1/],
  [{ limit: 1.5 }, /limit/],
  [{ limit: Number.NaN }, /limit/],
  [{ offset: -1 }, /offset/],
  [{ limits: 1 }, /limits.*limit/],
  [{ select: ['prize'] }, /'prize'.*'price'/],
  [{ select: [] }, /select/],
  [{ orderBy: { prize: 'asc' } }, /'prize'.*'price'/],
  [{ orderBy: { price: 'up' } }, /'price'/],
  [{ orderBy: { price: undefined } }, /'price'/],
  [{ orderBy: { levels: 'asc' } }, /'levels'/],
]
test.each(OPTIONS)('a wrong option of query is refused by name: %o', (options, names) => {
  const { code, message } = refusal(() => store.query(options as never).toArray())
  expect(code).toBe('ERR_STRIDE_QUERY')
  expect(message).toMatch(names)
})

const AGGREGATES: readonly (readonly [object, RegExp])[] = [
  [{ select: { n: { summ: 'price' } } }, /'n'.*'summ'.*'sum'/],
  [{ select: { n: { sum: 'prize' } } }, /'prize'.*'price'/],
  [{ select: { n: { sum: 'name' } } }, /'name'/],
  [{ select: { n: { sum: 'id', avg: 'id' } } }, /'n'/],
  [{ select: { n: { quantile: ['price', 2] } } }, /'n'.*quantile/],
  [{ select: {} }, /select/],
  [{ select: { n: { count: true } }, groupBy: ['levels'] }, /'levels'/],
  [{ select: { id: { count: true } }, groupBy: ['id'] }, /'id'/],
  [{ select: { n: { count: true } }, having: { m: 1 } }, /'m'/],
  [{ select: { n: { count: true } }, having: { n: { gr: 1 } } }, /'n'.*'gr'/],
  [{ select: { n: { count: true } }, having: { n: { gt: undefined } } }, /'n'.*undefined/],
  [{ select: { n: { count: true } }, orderBy: { m: 'asc' } }, /'m'/],
]
test.each(AGGREGATES)('a wrong aggregate is refused by name: %o', (options, names) => {
  const { code, message } = refusal(() => store.aggregate(options as never))
  expect(code).toBe('ERR_STRIDE_QUERY')
  expect(message).toMatch(names)
})

test('more groups than maxGroups are refused', () => {
  const options = { select: { n: { count: true } }, groupBy: ['id'] } as const
  expect(store.aggregate({ ...options, maxGroups: COUNT })).toHaveLength(COUNT)
  const { code, message } = refusal(() => store.aggregate({ ...options, maxGroups: COUNT - 1 }))
  expect(code).toBe('ERR_STRIDE_LIMIT')
  expect(message).toMatch(/groupBy id.*19 groups/)
})

test('an empty condition changes nothing, unless all is said', async () => {
  for (const where of [
    {},
    { AND: [] },
    { AND: [{}] },
    { OR: [{ id: 1 }, {}] },
    { NOT: { OR: [] } },
    { NOT: [] },
  ]) {
    expect(await codeOfAsync(store.updateWhere(where, { price: 1 }))).toBe('ERR_STRIDE_QUERY')
    expect(await codeOfAsync(store.deleteWhere(where))).toBe('ERR_STRIDE_QUERY')
  }
  expect(store.query({ where: { price: { ne: 3 } } }).count()).toBe(COUNT - 1)
  expect(await store.updateWhere({ id: { lt: 5 } }, { price: 99 })).toBe(5)
  expect(store.query({ where: { price: 99 } }).column('id')).toEqual(Uint32Array.of(0, 1, 2, 3, 4))
  expect(await store.deleteWhere({ price: 99, id: { notIn: [1] } })).toBe(4)
  expect(store.count).toBe(COUNT - 4)
  expect(await store.deleteWhere({}, { all: true })).toBe(COUNT - 4)
  expect(store.count).toBe(0)
})

test('an aborted signal ends batches with its reason', async () => {
  const abort = new AbortController()
  const seen: number[] = []
  const reading = async (): Promise<void> => {
    for await (const batch of store.query({ select: ['id'] }).batches({ rows: 3, signal: abort.signal })) {
      seen.push(...batch.map(({ id }) => id))
      abort.abort(new Error('enough'))
    }
  }
  await expect(reading()).rejects.toThrow('enough')
  expect(seen).toEqual([0, 1, 2])
})

test('a closed store answers no query, also one from before', async () => {
  const query = store.query({ where: { id: { gt: 3 } } })
  const prepared = store.prepare({ where: { id: param('id') } })
  expect(prepared.run({ id: 3 })).toHaveLength(1)
  expect(codeOf(() => prepared.run({ ids: 3 } as never))).toBe('ERR_STRIDE_QUERY')
  expect(codeOf(() => prepared.run({} as never))).toBe('ERR_STRIDE_QUERY')
  expect(codeOf(() => prepared.run({ id: '3' }))).toBe('ERR_STRIDE_QUERY')
  store.close()
  const calls = [
    () => query.toArray(),
    () => query.count(),
    () => query.explain(),
    () => [...query.rows()],
    () => prepared.run({ id: 3 }),
    () => store.query(),
  ]
  for (const call of calls) expect(codeOf(call)).toBe('ERR_STRIDE_CLOSED')
  expect(await codeOfAsync(query.batches().next())).toBe('ERR_STRIDE_CLOSED')
})

test('an operand that the caller changes later asks what it asked', () => {
  const time = new Date(3)
  const raw = Uint8Array.of(4, 1, 2)
  const query = store.query({ where: { OR: [{ time }, { raw }, { id: { in: [7] } }] } })
  time.setTime(5)
  raw[0] = 9
  expect([...query.numbers()]).toEqual([3, 4, 7])
})

test('parts of bytes and of a uuid are found by both kinds of tests', () => {
  for (let id = COUNT; id < 700; id++) store.append({ ...(store.get(id % COUNT) as z.output<typeof Item>), id })
  const first = { id: { lt: COUNT } }
  const ask = (where: object): number[] => [
    ...store.query({ where: { ...first, ...where } as never }).numbers(),
  ]
  const all = Array.from({ length: COUNT }, (_, i) => i)
  expect(ask({ raw: { contains: Uint8Array.of(1, 2) } })).toEqual(all)
  expect(ask({ raw: { contains: Uint8Array.of(5, 1) } })).toEqual([5])
  expect(ask({ raw: { contains: Uint8Array.of(1, 2, 3) } })).toEqual([])
  expect(ask({ key: { endsWith: 'ff' } })).toEqual(all)
  expect(ask({ key: { contains: '1' } })).toEqual([])
  expect(ask({ NOT: { id: 3 }, key: { startsWith: '0000' } })).toEqual(all.filter(n => n !== 3))
})

test('a histogram of one value, and of the widest range', () => {
  const wide = openStore(join(temporaryFolder(), 'b.stride'), z.object({ x: z.float64() }))
  for (const x of [-Number.MAX_VALUE, 0, Number.MAX_VALUE]) wide.append({ x })
  const { edges, counts } = wide.histogram('x', { bins: 2 })
  expect([...edges]).toEqual([-Number.MAX_VALUE, 0, Number.MAX_VALUE])
  expect([...counts]).toEqual([1, 2])
  expect([...wide.histogram('x', { bins: 3, where: { x: 0 } }).counts]).toEqual([1, 0, 0])
  wide.close()
})
