/**
 * The methods of walks. What could go wrong: another answer than JavaScript's own iterator helpers give; a walk that reads ahead of
 * what it was asked for, or stays open when it ends early; a row that moves among what was collected; a type that is not exact.
 */

import fc from 'fast-check'
import { openStore, type Store, type Walk } from 'stridedb'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import type { z } from 'zod'
import { propertyOptions } from '../property.ts'
import { codeOf } from './support.ts'
import { COUNT, Item, type ItemRow, item, OPENERS, type Opened } from './walk-openers.ts'

const opened: Opened[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})
async function open(make: () => Opened | Promise<Opened>): Promise<Opened> {
  const each = await make()
  opened.push(each)
  return each
}

type Value = number | { readonly key: number; readonly half: number }
const keyOf = (value: Value): number => (typeof value === 'number' ? value : value.key)

/** A step of a chain, with the number that its callback or count is made from. */
type Call = readonly [name: string, n: number]
type Callback = (value: Value, index: number) => unknown

/** The callbacks of a chain: they note each call, and throw at one of them. */
class Callbacks {
  readonly calls: string[] = []
  readonly #throwAt: number

  constructor(throwAt: number) {
    this.#throwAt = throwAt
  }

  get(name: string, at: number, n: number): Callback {
    return (value, index) => {
      this.calls.push(`${at} ${name} ${keyOf(value)} ${index}`)
      if (this.calls.length === this.#throwAt) throw new Error('thrown by a callback')
      if (name === 'map') return keyOf(value) + n
      if (name === 'flatMap') return Array.from({ length: n % 3 }, (_, i) => 100 * keyOf(value) + i)
      return keyOf(value) % (n + 1) !== 0
    }
  }
}

/** What the methods do, as plainly as it can be said. */
const MODEL: Readonly<
  Record<string, (values: Iterable<Value>, callback: Callback, n: number) => Generator<Value>>
> = {
  *map(values, callback) {
    let index = 0
    for (const value of values) yield callback(value, index++) as Value
  },
  *filter(values, callback) {
    let index = 0
    for (const value of values) if (callback(value, index++)) yield value
  },
  *take(values, _, n) {
    let left = n
    if (left === 0) return
    for (const value of values) {
      yield value
      if (--left === 0) return
    }
  },
  *drop(values, _, n) {
    let left = n
    for (const value of values) if (left-- <= 0) yield value
  },
  *flatMap(values, callback) {
    let index = 0
    for (const value of values) yield* callback(value, index++) as Iterable<Value>
  },
}

function modelOf(values: Iterable<Value>, chain: readonly Call[], callbacks: Callbacks): Iterable<Value> {
  let at = 0
  for (const [name, n] of chain)
    values = (MODEL[name] as (typeof MODEL)[string])(values, callbacks.get(name, at++, n), n)
  return values
}

function walkOf(walk: Walk<Value>, chain: readonly Call[], callbacks: Callbacks): Walk<Value> {
  let at = 0
  for (const [name, n] of chain) {
    const callback = callbacks.get(name, at++, n)
    if (name === 'take' || name === 'drop') walk = walk[name](n)
    else walk = walk[name as 'map'](callback as (value: Value) => Value)
  }
  return walk
}

const add = (sum: Value, value: Value): Value => keyOf(sum) + keyOf(value)
/** Keeps one of the two, as `reduce` is often used. */
const larger = (one: Value, other: Value): Value => (keyOf(other) % 7 > keyOf(one) % 7 ? other : one)

/** What ends a chain: of a walk, and of an array of the same values. */
const ENDS: Readonly<
  Record<
    string,
    readonly [
      (walk: Walk<Value>, callback: Callback) => unknown,
      (values: Iterable<Value>, callback: Callback) => unknown,
    ]
  >
> = {
  toArray: [walk => walk.toArray(), values => [...values]],
  some: [
    (walk, callback) => walk.some(callback),
    (values, callback) => {
      let index = 0
      for (const value of values) if (callback(value, index++)) return true
      return false
    },
  ],
  every: [
    (walk, callback) => walk.every(callback),
    (values, callback) => {
      let index = 0
      for (const value of values) if (!callback(value, index++)) return false
      return true
    },
  ],
  find: [
    (walk, callback) => {
      const found = walk.find(callback)
      return found === undefined ? undefined : keyOf(found)
    },
    (values, callback) => {
      let index = 0
      for (const value of values) if (callback(value, index++)) return keyOf(value)
      return undefined
    },
  ],
  forEach: [
    (walk, callback) => walk.forEach(callback),
    (values, callback) => {
      let index = 0
      for (const value of values) callback(value, index++)
    },
  ],
  reduce: [
    walk => walk.reduce(add, 0),
    values => {
      let sum: Value = 0
      for (const value of values) sum = add(sum, value)
      return sum
    },
  ],
  'reduce to one of them': [
    walk => {
      const best = walk.reduce<Value | undefined>(
        (one, other) => (one === undefined ? other : larger(one, other)),
        undefined,
      )
      return best
    },
    values =>
      [...values].reduce<Value | undefined>(
        (one, other) => (one === undefined ? other : larger(one, other)),
        undefined,
      ),
  ],
}

describe.each(Object.entries(OPENERS))('%s', (_name, make) => {
  test('the methods answer and call as plain loops do, however they are chained', async () => {
    const { walk } = await open(make)
    const call = fc.tuple(fc.constantFrom(...Object.keys(MODEL)), fc.nat(4))
    const given = fc.tuple(
      fc.array(call, { maxLength: 4 }),
      fc.constantFrom(...Object.keys(ENDS)),
      fc.nat(4),
      fc.nat(40),
    )
    const run = (callbacks: Callbacks, end: () => unknown): unknown => {
      try {
        return [end(), callbacks.calls]
      } catch (error) {
        return [String(error), callbacks.calls]
      }
    }
    fc.assert(
      fc.property(given, ([chain, name, n, throwAt]) => {
        const [ofWalk, ofModel] = ENDS[name] as (typeof ENDS)[string]
        const [calls, expectedCalls] = [new Callbacks(throwAt), new Callbacks(throwAt)]
        const source = walk()
        const values = Array.from({ length: COUNT }, (_, i) => item(i))
        const expected = run(expectedCalls, () =>
          ofModel(modelOf(values, chain, expectedCalls), expectedCalls.get(name, -1, n)),
        )
        const derived = walkOf(source as Walk<Value>, chain, calls)
        expect(calls.calls).toEqual([])
        expect(run(calls, () => ofWalk(derived, calls.get(name, -1, n)))).toEqual(expected)
        expect([derived.next().done, source.next().done]).toEqual([true, true])
      }),
      propertyOptions(60),
    )
  })

  test('a walk that is ended early ends what it reads from, and its row stays', async () => {
    const { walk } = await open(make)
    const ends: Readonly<Record<string, (source: Walk<ItemRow>) => ItemRow | undefined>> = {
      break: source => {
        for (const row of source.filter(row => row.key > 2).drop(1)) return row
        return undefined
      },
      find: source => source.drop(2).find(row => row.key === 4),
      'a callback that throws': source => {
        let seen: ItemRow | undefined
        expect(() =>
          source
            .filter(() => true)
            .forEach(row => {
              seen = row
              if (row.key === 4) throw new RangeError('enough')
            }),
        ).toThrow(RangeError)
        return seen
      },
      'a callback that throws in a walk that is asked step by step': source => {
        let seen: ItemRow | undefined
        const mapped = source.map(row => {
          seen = row
          if (row.key === 4) throw new RangeError('enough')
          return row.key
        })
        expect(() => [...mapped]).toThrow(RangeError)
        expect(mapped.next().done).toBe(true)
        return seen
      },
      'return in a callback': source => {
        let seen: ItemRow | undefined
        const keys = source.map(row => {
          seen = row
          if (row.key === 4) source.return()
          return row.key
        })
        expect(keys.next().value).toBe(0)
        expect(
          [keys.next(), keys.next(), keys.next(), keys.next(), keys.next()].map(step => step.value),
        ).toEqual([1, 2, 3, 4, undefined])
        return seen
      },
      'return of a walk behind it': source => {
        const filtered = source.filter(row => row.key === 4)
        const { value } = filtered.next()
        filtered
          .take(5)
          .map(row => row.key)
          .return()
        expect(filtered.next().done).toBe(true)
        return value
      },
    }
    for (const [name, end] of Object.entries(ends)) {
      const source = walk()
      const row = end(source)
      expect([name, row?.key, source.next().done, row?.toObject()]).toEqual([name, 4, true, item(4)])
    }
  })

  test('rows of a part are as loud as those of all', async () => {
    const { walk } = await open(make)
    const kept: readonly ItemRow[][] = [
      [...walk().take(3)],
      [...walk().filter(row => row.key < 3)],
      [...walk().drop(2)],
      [...walk().map(row => row)],
      walk()
        .take(3)
        .map(row => ({ row }))
        .toArray()
        .map(({ row }) => row),
      [
        ...walk()
          .map(row => row)
          .take(2),
      ],
      [...walk().flatMap(row => [row])],
    ]
    for (const rows of kept) for (const row of rows) expect(codeOf(() => row.key)).toBe('ERR_STRIDE_ROW_ENDED')
    // What is collected is objects, whatever the rows came through.
    expect(
      walk()
        .map(row => row)
        .toArray(),
    ).toEqual(walk().toArray())
    expect(
      walk()
        .flatMap(row =>
          walk()
            .take(1)
            .filter(() => row.key < 2),
        )
        .toArray(),
    ).toEqual([item(0), item(0)])
  })

  test('what is no function or no number is refused, and ends the walk', async () => {
    const { walk } = await open(make)
    for (const name of ['map', 'filter', 'flatMap', 'some', 'every', 'find', 'forEach', 'reduce'] as const) {
      for (const wrong of [undefined, null, 'price', {}]) {
        const source = walk()
        expect(() => (source[name] as (callback: unknown) => unknown)(wrong)).toThrow(
          new RegExp(`^${name} takes a function: `),
        )
        expect(source.next().done).toBe(true)
      }
    }
    for (const name of ['take', 'drop'] as const) {
      for (const [wrong, error] of [
        [undefined, TypeError],
        ['1', TypeError],
        [1n, TypeError],
        [Number.NaN, RangeError],
        [-1, RangeError],
      ] as const) {
        const source = walk()
        expect(() => source[name](wrong as number)).toThrow(error)
        expect(source.next().done).toBe(true)
      }
    }
    expect([
      walk().take(2.9).toArray().length,
      walk().take(Infinity).toArray().length,
      walk().drop(Infinity).toArray(),
    ]).toEqual([2, COUNT, []])
    expect(() =>
      walk()
        .flatMap(() => 'text')
        .toArray(),
    ).toThrow(TypeError)
    expect(() =>
      walk()
        .take(0)
        .reduce(row => row),
    ).toThrow(TypeError)
  })
})

test('flatMap closes what it reads from, too, and takes iterators', () => {
  using store = openStore('items.stride', Item, { backend: 'memory' })
  store.append(item(0))
  const ended: string[] = []
  function* numbers(name: string, fail = false) {
    try {
      yield 1
      if (fail) throw new Error('of the inner one')
      yield 2
    } finally {
      ended.push(name)
    }
  }
  for (const _ of store.scan().flatMap(() => numbers('break'))) break
  expect(() =>
    store
      .scan()
      .flatMap(() => numbers('throw', true))
      .toArray(),
  ).toThrow('of the inner one')
  expect(
    store
      .scan()
      .flatMap(() => numbers('whole'))
      .toArray(),
  ).toEqual([1, 2])
  expect(
    store
      .scan()
      .flatMap(() => ({ next: () => ({ done: true, value: undefined }) }))
      .toArray(),
  ).toEqual([])
  expect(ended).toEqual(['break', 'throw', 'whole'])
})

test('types are exact', () => {
  using store = openStore('items.stride', Item, {
    backend: 'memory',
    indexes: { byKey: { on: 'key', kind: 'ordered' } },
  })
  type Record = z.output<typeof Item>
  const scan = store.scan()
  const range = store.index('byKey').range()
  expectTypeOf(scan.toArray()).toEqualTypeOf<Record[]>()
  expectTypeOf(range.toArray()).toEqualTypeOf<Record[]>()
  expectTypeOf(
    range
      .filter(row => row.key > 1)
      .take(1)
      .drop(1)
      .toArray(),
  ).toEqualTypeOf<Record[]>()
  expectTypeOf([...range.filter(row => row.key > 1)]).toEqualTypeOf<ItemRow[]>()
  expectTypeOf(scan.map(row => row.half).toArray()).toEqualTypeOf<number[]>()
  expectTypeOf(scan.map((row, index) => [row.number, index] as const).toArray()).toEqualTypeOf<
    (readonly [number, number])[]
  >()
  expectTypeOf(scan.map(row => row).toArray()).toEqualTypeOf<Record[]>()
  expectTypeOf(
    scan
      .map(row => (row.key > 1 ? row.key : undefined))
      .filter(key => key !== undefined)
      .toArray(),
  ).toEqualTypeOf<number[]>()
  expectTypeOf(scan.flatMap(row => [row.key, String(row.key)]).toArray()).toEqualTypeOf<(number | string)[]>()
  expectTypeOf(scan.flatMap(() => store.index('byKey').range()).toArray()).toEqualTypeOf<Record[]>()
  expectTypeOf(scan.find(row => row.key > 1)).toEqualTypeOf<ItemRow | undefined>()
  expectTypeOf(scan.some(row => row.key > 1)).toEqualTypeOf<boolean>()
  expectTypeOf(scan.every(row => row.key > 1)).toEqualTypeOf<boolean>()
  expectTypeOf(scan.forEach(() => {})).toEqualTypeOf<void>()
  expectTypeOf(scan.reduce((sum, row) => sum + row.half, 0)).toEqualTypeOf<number>()
  expectTypeOf(scan.reduce((names, row) => names.add(row.half), new Set<number>())).toEqualTypeOf<Set<number>>()
  const best = () => scan.reduce((one, other) => (other.half > one.half ? other : one))
  expectTypeOf(best).returns.toEqualTypeOf<Record>()
  const plain = (unknown: Store) => unknown.scan().toArray()
  expectTypeOf(plain).returns.toEqualTypeOf<unknown[]>()
  // @ts-expect-error a misspelt field
  scan.map(row => row.hlaf)
  // @ts-expect-error a row is read only
  scan.map(row => (row.half = 1))
})
