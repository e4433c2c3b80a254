/**
 * What could go wrong: any read that disagrees with what was written, staged, rolled back, committed or deleted
 * before; windows that slide under it; numbers that are reused. A Map is the model; it is compared after each step.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { propertyOptions } from '../property.ts'
import { BACKENDS, Point, temporaryFolder } from './support.ts'

type Value = { x: number; tag: number }
type Step =
  | { readonly kind: 'append'; readonly value: Value }
  | { readonly kind: 'appendMany'; readonly count: number }
  | { readonly kind: 'update' | 'put' | 'delete'; readonly at: number; readonly value: Value }
  | { readonly kind: 'commit' | 'rollback' | 'reopen' | 'compact' | 'trim' }

const value = fc.record({ x: fc.double({ noNaN: true, noDefaultInfinity: true }), tag: fc.nat(255) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('appendMany' as const), count: fc.nat(9000) }) },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constantFrom('update' as const, 'put' as const, 'delete' as const),
      at: fc.nat(1_000_000),
      value,
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'rollback' as const }, { kind: 'trim' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'reopen' as const }, { kind: 'compact' as const }) },
)

/** The store as a Map would be one: undefined marks a deleted record. */
class Model {
  records: (Value | undefined)[] = []
  committed: (Value | undefined)[] = []

  live(): number[] {
    return [...this.records.keys()].filter(n => this.records[n] !== undefined)
  }
}

async function apply(
  store: Store<typeof Point>,
  model: Model,
  { ...step }: Step,
  reuse: boolean,
): Promise<void> {
  switch (step.kind) {
    case 'append': {
      const free = reuse ? model.records.indexOf(undefined) : -1
      const expected = free === -1 ? model.records.length : free
      expect(store.append(step.value)).toBe(expected)
      model.records[expected] = step.value
      return
    }
    case 'appendMany': {
      const values = Array.from({ length: step.count }, (_, i) => ({ x: i, tag: i % 256 }))
      expect(store.appendMany(values)).toEqual({ first: model.records.length, count: step.count })
      model.records.push(...values)
      return
    }
    case 'update':
    case 'put':
    case 'delete': {
      const live = model.live()
      const n = live[step.at % Math.max(1, live.length)]
      if (n === undefined) return
      if (step.kind === 'delete') {
        expect(store.delete(n)).toBe(true)
        expect(store.delete(n)).toBe(false)
        model.records[n] = undefined
      } else if (step.kind === 'put') {
        store.put(n, step.value)
        model.records[n] = step.value
      } else {
        store.update(n, { tag: step.value.tag })
        model.records[n] = { ...(model.records[n] as Value), tag: step.value.tag }
      }
      return
    }
    case 'commit':
      await store.commit()
      model.committed = [...model.records]
      return
    case 'rollback':
      store.rollback()
      model.records = [...model.committed]
      return
    case 'trim':
      store.trim()
      return
    case 'compact': {
      store.rollback()
      const live = model.committed.filter(record => record !== undefined)
      await store.compact()
      model.records = live
      model.committed = [...live]
      return
    }
    case 'reopen':
      throw new Error('the caller reopens')
  }
}

function compare(store: Store<typeof Point>, model: Model): void {
  const live = model.live()
  expect(store.size).toBe(model.records.length)
  expect(store.count).toBe(live.length)
  expect([...store]).toEqual(live.map(n => model.records[n]))
  const scanned: Value[] = []
  const numbers: number[] = []
  for (const row of store.scan()) {
    scanned.push({ x: row.x, tag: row.tag })
    numbers.push(row.number)
  }
  expect(scanned).toEqual(live.map(n => model.records[n]))
  expect(numbers).toEqual(live)
  expect([...(store.gather('tag') as Uint8Array)]).toEqual(live.map(n => model.records[n]?.tag))
  const asked = Array.from({ length: 200 }, (_, i) => (i * 7919) % (model.records.length + 3))
  expect(store.getMany(asked)).toEqual(asked.map(n => model.records[n]))
  const present = asked.filter(n => model.records[n] !== undefined)
  expect([...(store.gather('x', present) as Float64Array)]).toEqual(present.map(n => model.records[n]?.x))
  for (const n of asked.slice(0, 20)) {
    expect(store.has(n)).toBe(model.records[n] !== undefined)
    expect(store.get(n)).toEqual(model.records[n])
    if (model.records[n] !== undefined) expect(store.field(n, 'x')).toBe(model.records[n]?.x)
  }
}

describe.each(BACKENDS)('a store on the $name backend', ({ options }) => {
  test.each([{ reuse: false }, { reuse: true }])(
    'answers as a Map would after any steps (reuseNumbers $reuse)',
    async ({ reuse }) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async steps => {
          const path = join(temporaryFolder(), 'points.stride')
          const open = (): Store<typeof Point> => openStore(path, Point, { ...options, reuseNumbers: reuse })
          const model = new Model()
          let store = open()
          try {
            for (const each of steps) {
              if (each.kind === 'reopen') {
                store.close()
                store = open()
                model.records = [...model.committed]
              } else {
                await apply(store, model, each, reuse)
              }
              compare(store, model)
            }
            await store.commit()
            expect(await store.verify()).toMatchObject({ ok: true, findings: [] })
          } finally {
            store.close()
          }
        }),
        propertyOptions(25),
      )
    },
  )
})

describe('a store in memory', () => {
  test('answers as a Map would after any steps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          step.filter(({ kind }) => kind !== 'reopen'),
          { minLength: 1, maxLength: 40 },
        ),
        async steps => {
          const store = openStore('points.stride', Point, { backend: 'memory' })
          const model = new Model()
          for (const each of steps) {
            await apply(store, model, each, false)
            compare(store, model)
          }
          store.close()
        },
      ),
      propertyOptions(25),
    )
  })
})
