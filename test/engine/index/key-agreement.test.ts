/**
 * What could go wrong: two ways to one answer that disagree. A hash index and an ordered one, a unique one and a plain one, a lookup
 * that is hot and one that is cold, entries in pages and pending ones, a store in memory, mapped or read by position, and a reader
 * beside it: each is compared with a list of records that is filtered and sorted.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { type IndexDeclaration, openStore, type Store } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { propertyOptions } from '../../property.ts'
import { BACKENDS, codeOf, temporaryFolder } from '../support.ts'
import { group, isBound, type Kind, LEAVES, missing } from './key-kinds.ts'

/** A disk makes a run slower, and finds the same. */
const RUNS = { memory: 8, mapped: 2, file: 2 }

type AnyStore = Store<z.ZodObject>
type Row = Record<string, unknown>

const pick = <T>(g: fc.GeneratorValue, list: readonly T[]): T => list[g(fc.nat, { max: list.length - 1 })] as T

/** Something that an index can be on. */
interface Target {
  readonly on: readonly string[]
  readonly kinds: readonly Kind[]
}

interface Subject {
  readonly schema: z.ZodObject
  readonly record: fc.Arbitrary<Row>
  readonly targets: readonly Target[]
  readonly indexes: Record<string, IndexDeclaration>
  /** Of each index its target. */
  readonly of: Record<string, Target>
}

const leaf = fc.constantFrom(...LEAVES)
const kind: fc.Arbitrary<Kind> = fc.oneof(
  { weight: 3, arbitrary: leaf },
  {
    weight: 3,
    arbitrary: fc
      .tuple(leaf, fc.constantFrom('nullable' as const, 'optional' as const, 'nullish' as const))
      .map(([inner, how]) => missing(inner, how)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('object' as const, 'tuple' as const, 'array' as const), leaf)
      .map(([how, inner]) => group(how, [inner])),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('object' as const, 'tuple' as const), leaf, leaf)
      .map(([how, a, b]) => group(how, [missing(a, 'nullish'), b])),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(leaf, fc.constantFrom('nullable' as const, 'optional' as const))
      .map(([inner, how]) => missing(group('array', [inner, inner]), how)),
  },
)

/** A schema of three fields and one inside an object that may be missing, with indexes of every sort over them. */
const subject: fc.Arbitrary<Subject> = fc
  .tuple(
    fc.array(kind, { minLength: 3, maxLength: 3 }),
    leaf,
    fc.constantFrom('nullable' as const, 'optional' as const),
    fc.uniqueArray(fc.constantFrom('f0', 'f1', 'f2', 'g.x'), { minLength: 2, maxLength: 3 }),
  )
  .map(([kinds, inner, how, several]) => {
    const guard = missing(group('object', [inner]), how)
    const x = missing(inner, how)
    const named: Record<string, Kind> = { 'g.x': x }
    for (const [i, each] of kinds.entries()) named[`f${i}`] = each
    const targets: Target[] = [
      ...['f0', 'g.x'].map(name => ({ on: [name], kinds: [named[name] as Kind] })),
      { on: several, kinds: several.map(name => named[name] as Kind) },
    ]
    const shape: Record<string, z.ZodType> = {}
    for (const [i, { schema }] of kinds.entries()) shape[`f${i}`] = schema
    const g = z.object({ x: inner.schema })
    const schema = z.object({ ...shape, g: how === 'nullable' ? g.nullable() : g.optional(), n: z.uint32() })
    const record = fc.tuple(fc.tuple(...kinds.map(({ held }) => held)), guard.held).map(([values, value]) => {
      const row: Row = { g: value == null ? value : { x: (value as Row)['m0'] } }
      for (const [i, each] of values.entries()) row[`f${i}`] = each
      return row
    })
    const indexes: Record<string, IndexDeclaration> = {}
    const of: Record<string, Target> = {}
    for (const [i, target] of targets.entries()) {
      for (const sort of ['hash', 'ordered'] as const) {
        indexes[`${sort}${i}`] = { on: target.on, kind: sort } as IndexDeclaration
        of[`${sort}${i}`] = target
      }
    }
    const [first, , last] = targets as [Target, Target, Target]
    indexes['unique'] = { on: first.on, kind: 'hash', unique: true } as IndexDeclaration
    indexes['uniqueOrdered'] = { on: last.on, kind: 'ordered', unique: true } as IndexDeclaration
    of['unique'] = first
    of['uniqueOrdered'] = last
    const shown = (): string =>
      targets
        .map(({ on, kinds: each }) => on.map((path, i) => `${path}: ${each[i]?.name}`).join(', '))
        .join(' | ')
    return { schema, record, targets, indexes, of, [fc.toStringMethod]: shown }
  })
  // An ordered key of two long texts is more than an index takes.
  .filter(({ targets }) =>
    targets.every(
      ({ kinds }) =>
        kinds
          .map(({ name }) => name)
          .join()
          .split('long').length <= 2,
    ),
  )

function valueAt(row: Row, path: string): unknown {
  return path.split('.').reduce((value: unknown, name) => (value == null ? value : (value as Row)[name]), row)
}

const valuesOf = (row: Row, { on }: Target): unknown[] => on.map(path => valueAt(row, path))
/** As it is asked for. */
const keyOf = (values: readonly unknown[], { on }: Target): unknown => (on.length === 1 ? values[0] : values)

/** Compares as many fields as `b` has values for. */
function compare({ kinds }: Target, a: readonly unknown[], b: readonly unknown[]): number {
  for (const [i, value] of b.entries()) {
    const order = (kinds[i] as Kind).compare(a[i], value)
    if (order !== 0) return order
  }
  return 0
}

/** What a store holds: undefined marks a deleted record. */
class Model {
  readonly rows: (Row | undefined)[]

  constructor(rows: readonly (Row | undefined)[] = []) {
    this.rows = [...rows]
  }

  live(): { n: number; row: Row }[] {
    return this.rows.flatMap((row, n) => (row === undefined ? [] : [{ n, row }]))
  }

  /** Whether a unique index lets row be record n. */
  allows({ indexes, of }: Subject, n: number, row: Row): boolean {
    return Object.entries(indexes).every(([name, { unique }]) => {
      const target = of[name] as Target
      const values = valuesOf(row, target)
      if (unique !== true || values.some((value, i) => target.kinds[i]?.hasNull?.(value) === true)) return true
      return !this.live().some(
        other => other.n !== n && compare(target, valuesOf(other.row, target), values) === 0,
      )
    })
  }
}

interface RangeSpec {
  gte?: unknown
  gt?: unknown
  lte?: unknown
  lt?: unknown
  prefix?: unknown
  reverse?: boolean
  limit?: number
  offset?: number
}

/** Values for a bound, and as they are given: bare where one field is meant and its value is no array. */
function boundOf(g: fc.GeneratorValue, target: Target, rows: readonly Row[]): [unknown[], unknown] {
  const values = askedOf(g, target, rows).slice(0, g(fc.integer, { min: 1, max: target.on.length }))
  const isBare = target.on.length === 1 || (values.length === 1 && !Array.isArray(values[0]) && g(fc.boolean))
  return [values, isBare ? values[0] : values]
}

/** Values of a record, or any others. */
function askedOf(g: fc.GeneratorValue, target: Target, rows: readonly Row[]): unknown[] {
  const row = rows.length > 0 && g(fc.integer, { min: 0, max: 3 }) > 0 ? pick(g, rows) : undefined
  return target.kinds.map((each, i) =>
    row !== undefined && g(fc.integer, { min: 0, max: 4 }) > 0
      ? valueAt(row, target.on[i] as string)
      : g(() => each.asked),
  )
}

/** The same key as objects and arrays that count how often each part is read, and ask the same index meanwhile. */
function disguised(value: unknown, ask: () => void, counts: Map<string, number>, path = 'key'): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value
  const copy: object = Array.isArray(value) ? [] : {}
  for (const [name, inside] of Object.entries(value)) {
    const at = `${path}.${name}`
    const part = disguised(inside, ask, counts, at)
    const get = (): unknown => {
      counts.set(at, (counts.get(at) ?? 0) + 1)
      ask()
      return part
    }
    Object.defineProperty(copy, name, { get, enumerable: true, configurable: true })
  }
  return copy
}

const isTypeError = (call: () => unknown): boolean => {
  try {
    call()
  } catch (error) {
    return error instanceof TypeError
  }
  return false
}

function checkLookups(g: fc.GeneratorValue, store: AnyStore, model: Model, name: string, target: Target): void {
  const index = store.index(name)
  const live = model.live()
  const rows = live.map(({ row }) => row)
  const asked = Array.from({ length: 6 }, () => askedOf(g, target, rows))
  const keys = asked.map(values => keyOf(values, target))
  const expected = asked.map(values =>
    live.filter(({ row }) => compare(target, valuesOf(row, target), values) === 0).map(({ n }) => n),
  )
  const numbers = expected.map(([first = -1]) => first)
  for (let round = 0; round < 2; round++) {
    expect([...index.numbers(keys)], name).toEqual(numbers)
    for (const [i, key] of keys.entries()) {
      const n = numbers[i] as number
      expect(index.number(key), name).toBe(n)
      expect([...index.all(key)], name).toEqual(expected[i])
      expect(index.has(key)).toBe(n >= 0)
      expect(index.get(key)).toEqual(n < 0 ? undefined : store.get(n))
      if (n >= 0) expect(index.field(key, 'n')).toBe(store.field(n, 'n'))
      else expect(codeOf(() => index.field(key, 'n'))).toBe('ERR_STRIDE_NO_RECORD')
    }
    expect(index.getMany(keys)).toEqual(numbers.map(n => (n < 0 ? undefined : store.get(n))))
  }
  const counts = new Map<string, number>()
  const ask = (): void => {
    for (const key of keys.slice(0, 2)) index.number(key)
    index.numbers(keys.slice(0, 2))
  }
  for (const [i, key] of keys.entries()) {
    const once = (call: (key: unknown) => unknown, result: unknown): void => {
      counts.clear()
      expect(call(disguised(key, ask, counts)), name).toEqual(result)
      expect(Math.max(1, ...counts.values()), `${name} ${[...counts]}`).toBe(1)
    }
    const n = numbers[i] as number
    once(each => index.number(each), n)
    once(each => [...index.all(each)], expected[i])
    once(each => index.get(each), n < 0 ? undefined : store.get(n))
    once(each => codeOf(() => index.field(each, 'n')), n < 0 ? 'ERR_STRIDE_NO_RECORD' : 'nothing was thrown')
    once(each => [...index.numbers([each, key])], [n, n])
    once(each => index.getMany([each]), [n < 0 ? undefined : store.get(n)])
  }
  // One value of the wrong kind, wherever it stands, is refused by every call.
  const at = g(fc.nat, { max: target.on.length - 1 })
  const { wrong } = target.kinds[at] as Kind
  const bad = pick(g, wrong)
  const mixed = keyOf(
    (asked[0] as unknown[]).map((value, i) => (i === at ? bad : value)),
    target,
  )
  const refused = [
    ...(target.on.length > 1 ? [asked[0]?.[0], asked[0]?.slice(1), [...(asked[0] as []), 1]] : []),
    mixed,
  ]
  for (const key of refused) {
    const calls = [
      () => index.number(key),
      () => index.all(key),
      () => index.get(key),
      () => index.has(key),
      () => index.field(key, 'n'),
      () => index.numbers([keys[0], key]),
      () => index.getMany([key]),
    ]
    for (const call of calls) if (!isTypeError(call)) expect.fail(`${name} takes ${String(key)}: ${call}`)
  }
}

function checkRanges(g: fc.GeneratorValue, store: AnyStore, model: Model, name: string, target: Target): void {
  const index = store.index(name)
  const live = model.live()
  const rows = live.map(({ row }) => row)
  const sorted = [...live].sort(
    (a, b) => compare(target, valuesOf(a.row, target), valuesOf(b.row, target)) || a.n - b.n,
  )
  expect([...index.range().numbers()], name).toEqual(sorted.map(({ n }) => n))
  expect(index.count(), name).toBe(live.length)
  for (let round = 0; round < 6; round++) {
    const range: RangeSpec = {}
    const tests: ((values: readonly unknown[]) => boolean)[] = []
    let isRefused = false
    const bound = (key: 'gte' | 'gt' | 'lte' | 'lt', holds: (order: number) => boolean): void => {
      const [values, given] = boundOf(g, target, rows)
      range[key] = given
      isRefused ||= given === undefined || !values.every((value, i) => isBound(target.kinds[i] as Kind, value))
      tests.push(each => holds(compare(target, each, values)))
    }
    const begin = pick(g, ['gte', 'gt', '', ''])
    if (begin === 'gte') bound('gte', order => order >= 0)
    if (begin === 'gt') bound('gt', order => order > 0)
    const end = pick(g, ['lte', 'lt', '', ''])
    if (end === 'lte') bound('lte', order => order <= 0)
    if (end === 'lt') bound('lt', order => order < 0)
    if (g(fc.integer, { min: 0, max: 2 }) === 0) {
      const [values, given] = boundOf(g, target, rows)
      const last = values.length - 1
      const kindOfLast = target.kinds[last] as Kind
      let part = values[last]
      // Half of a text, now and then.
      if (kindOfLast.begins !== undefined && g(fc.boolean)) {
        if (typeof part === 'string') part = part.slice(0, Math.ceil(part.length / 2))
        else if (part instanceof Uint8Array) part = part.slice(0, 1)
      }
      const whole = [...values.slice(0, last), part]
      range.prefix = Array.isArray(given) && given === values ? whole : part
      isRefused ||=
        range.prefix === undefined || !whole.every((value, i) => isBound(target.kinds[i] as Kind, value))
      tests.push(
        each =>
          compare(target, each, whole.slice(0, last)) === 0 &&
          (kindOfLast.begins === undefined
            ? kindOfLast.compare(each[last], part) === 0
            : kindOfLast.begins(each[last], part)),
      )
    }
    range.reverse = g(fc.boolean)
    const offset = pick(g, [0, 0, 1, 5, 1_000])
    const limit = pick(g, [Number.POSITIVE_INFINITY, 0, 1, 3, 1_000])
    const cut = {
      ...range,
      ...(offset > 0 ? { offset } : {}),
      ...(limit < Number.POSITIVE_INFINITY ? { limit } : {}),
    }
    if (isRefused) {
      for (const call of [
        () => index.range(cut),
        () => index.count(range),
        () => index.first(range),
        () => index.last(range),
      ])
        if (!isTypeError(call)) expect.fail(`${name} takes ${String(Object.entries(range))}: ${call}`)
      continue
    }
    const within = sorted
      .filter(({ row }) => tests.every(test => test(valuesOf(row, target))))
      .map(({ n }) => n)
    const directed = range.reverse ? [...within].reverse() : within
    const what = `${name} ${fc.stringify(cut)}`
    expect([...index.range(cut).numbers()], what).toEqual(directed.slice(offset, offset + limit))
    expect(
      Array.from(index.range(cut), row => row.number),
      what,
    ).toEqual(directed.slice(offset, offset + limit))
    expect(index.count(range), what).toBe(within.length)
    const [first] = directed
    const last = directed.at(-1)
    expect(index.first(range), what).toEqual(first === undefined ? undefined : store.get(first))
    expect(index.last(range), what).toEqual(last === undefined ? undefined : store.get(last))
    const counts = new Map<string, number>()
    const hidden = disguised(range, () => index.count({}), counts) as object
    const walk = index.range(hidden)
    expect([...walk.numbers()], what).toEqual(directed)
    expect(Math.max(1, ...counts.values()), `${what} ${[...counts]}`).toBe(1)
  }
}

function checkAll(g: fc.GeneratorValue, store: AnyStore, model: Model, { of }: Subject): void {
  for (const { name, kind: sort } of store.indexes) {
    const target = of[name] as Target
    checkLookups(g, store, model, name, target)
    if (sort === 'ordered') checkRanges(g, store, model, name, target)
  }
}

const PLACES = [...BACKENDS, { name: 'memory', options: { backend: 'memory' as const } }]

describe.each(PLACES)('indexes on fields of every kind, $name', ({ name: place, options }) => {
  it('are what a filtered and sorted list is, whatever is asked for', async () => {
    const folder = temporaryFolder()
    let runs = 0
    await fc.assert(
      fc.asyncProperty(subject, fc.gen(), async (test, g) => {
        const path = join(folder, `${runs++}.stride`)
        const { schema, indexes, record } = test
        const open = (readOnly = false): AnyStore =>
          openStore(path, schema, {
            ...options,
            indexes,
            ...(readOnly ? { readOnly } : { durability: 'process', reuseNumbers: false }),
          }) as unknown as AnyStore
        let store = open()
        let model = new Model()
        let committed = new Model()
        let reader: AnyStore | undefined
        const put = (n: number, row: Row, change: () => unknown): void => {
          if (model.allows(test, n, row)) {
            change()
            model.rows[n] = row
          } else expect(codeOf(change)).toBe('ERR_STRIDE_DUPLICATE_KEY')
        }
        const steps = [
          'append',
          'append',
          'append',
          'update',
          'put',
          'delete',
          'commit',
          'rollback',
          'fold',
          'build',
          'reopen',
          'trim',
          'check',
        ] as const
        try {
          checkAll(g, store, model, test)
          for (let step = g(fc.integer, { min: 3, max: 14 }); step > 0; step--) {
            const live = model.live()
            const n = live.length === 0 ? -1 : (live[g(fc.nat, { max: live.length - 1 })]?.n as number)
            switch (pick(g, steps)) {
              case 'append':
                for (let count = g(fc.integer, { min: 1, max: 25 }); count > 0; count--) {
                  const row = { ...g(() => record), n: model.rows.length }
                  put(model.rows.length, row, () => store.append(row))
                }
                break
              case 'update':
              case 'put':
                if (n >= 0) {
                  const row = { ...g(() => record), n }
                  put(n, row, () => (g(fc.boolean) ? store.put(n, row) : store.update(n, row)))
                }
                break
              case 'delete':
                for (const each of g(fc.boolean) ? live.slice(0, 20) : live.filter(one => one.n === n)) {
                  store.delete(each.n)
                  model.rows[each.n] = undefined
                }
                break
              case 'rollback':
                store.rollback()
                model = new Model(committed.rows)
                break
              case 'trim':
                store.trim()
                break
              case 'check':
                checkAll(g, store, model, test)
                break
              default: {
                // Whatever else there is needs a commit first.
                store.commitSync()
                committed = new Model(model.rows)
                await store.flush()
                const how = pick(g, ['nothing', 'fold', 'build', 'reopen', 'read'])
                if (how === 'fold') await store.checkpoint()
                if (how === 'build' && test.of['late0'] === undefined) {
                  for (const [i, target] of test.targets.entries()) {
                    test.of[`late${i}`] = target
                    const sort = i % 2 === 0 ? 'ordered' : 'hash'
                    await store.createIndex(`late${i}`, { on: target.on as never, kind: sort })
                  }
                }
                if (place === 'memory') break
                if (how === 'reopen') {
                  store.close()
                  store = open()
                }
                if (how !== 'nothing') {
                  reader ??= open(true)
                  checkAll(g, reader, committed, test)
                }
              }
            }
          }
          checkAll(g, store, model, test)
          store.commitSync()
          await store.checkpoint()
          checkAll(g, store, model, test)
          if (place !== 'memory') {
            reader ??= open(true)
            checkAll(g, reader, model, test)
          }
          expect((await store.verify()).findings).toEqual([])
        } finally {
          reader?.close()
          store.close()
          delete test.of['late0']
          delete test.of['late1']
          delete test.of['late2']
        }
      }),
      {
        ...propertyOptions(RUNS[place as keyof typeof RUNS]),
        endOnFailure: true,
      },
    )
  })
})
