/**
 * Rows and walks that are held while everything changes under them. What could go wrong: a row that shows bytes from before a
 * change, or another record's; a walk that skips or repeats a record, gives one that was appended since it began, or has no
 * end; any of them answering after close. A naive model says what each of them shows next; fast-check finds the steps.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { openStore, type StoreOptions } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { propertyOptions } from '../property.ts'
import { codeOf, temporaryFolder } from './support.ts'

const Item = z.object({ key: z.uint32(), value: z.uint32() })
type Item = z.output<typeof Item>
const INDEXES = { byKey: { on: 'key', kind: 'ordered' } } as const
const KEYS = 50

const BACKENDS: readonly { readonly name: string; readonly options: StoreOptions }[] = [
  { name: 'mapped', options: { backend: 'mapped', windowBytes: 65_536, maxMappedBytes: 3 * 70_000 } },
  { name: 'file', options: { backend: 'file' } },
  { name: 'memory', options: { backend: 'memory' } },
]

const HOLDERS = ['row', 'scan', 'objects', 'range', 'reverse'] as const
type Step =
  | { readonly kind: 'append' | 'update' | 'delete'; readonly at: number; readonly item: Item }
  | { readonly kind: 'appendMany'; readonly count: number }
  | { readonly kind: 'commit' | 'commitSync' | 'rollback' | 'settle' | 'compact' | 'trim' | 'turn' }
  | { readonly kind: 'hold'; readonly what: (typeof HOLDERS)[number]; readonly at: number }
  | { readonly kind: 'use'; readonly which: number; readonly times: number }

const item = fc.record({ key: fc.nat(KEYS), value: fc.nat(1_000_000) })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'append' as const,
        'update' as const,
        'update' as const,
        'delete' as const,
        'delete' as const,
      ),
      at: fc.nat(1_000_000),
      item,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('appendMany' as const), count: fc.nat(60) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'commit' as const,
        'commitSync' as const,
        'rollback' as const,
        'settle' as const,
        'compact' as const,
        'compact' as const,
        'trim' as const,
        'turn' as const,
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      what: fc.constantFrom(...HOLDERS),
      at: fc.nat(1_000_000),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('use' as const), which: fc.nat(1_000_000), times: fc.nat(5) }),
  },
)

/** What each run begins with. */
const FIRST: readonly Step[] = [
  { kind: 'appendMany', count: 40 },
  { kind: 'commitSync' },
  ...HOLDERS.map(what => ({ kind: 'hold' as const, what, at: 17 })),
  ...HOLDERS.map((_, which) => ({ kind: 'use' as const, which, times: 3 })),
]

/** What a store would be as an array: undefined marks a deleted record. */
class Model {
  records: (Item | undefined)[] = []
  committed: (Item | undefined)[] = []

  live(): number[] {
    return [...this.records.keys()].filter(n => this.records[n] !== undefined)
  }
}

/** A held thing: what it shows at its next use is compared with what the model says. */
interface Held {
  use(): void
  /** Records have other numbers. `moved`: the new number of each, below 0 where there is none. */
  renumber(moved: readonly number[]): void
  expectClosed(): void
}

type TestStore = ReturnType<typeof open>

function open(path: string, options: StoreOptions) {
  return openStore(path, Item, { ...options, indexes: INDEXES })
}

function holdRow(store: TestStore, model: Model, at: number): Held | undefined {
  const live = model.live()
  let n = live[at % Math.max(1, live.length)]
  if (n === undefined) return undefined
  const row = store.row(n)
  return {
    use() {
      const expected = n === undefined ? undefined : model.records[n]
      if (expected === undefined) {
        expect(codeOf(() => row.value)).toBe('ERR_STRIDE_NO_RECORD')
        expect(codeOf(() => row.toObject())).toBe('ERR_STRIDE_NO_RECORD')
      } else {
        expect([row.number, row.value, row.key]).toEqual([n, expected.value, expected.key])
        expect(row.toObject()).toEqual(expected)
      }
    },
    renumber(moved) {
      const now = n === undefined ? -1 : (moved[n] ?? -1)
      n = now < 0 ? undefined : now
    },
    expectClosed() {
      expect(codeOf(() => row.value)).toBe('ERR_STRIDE_CLOSED')
      expect(codeOf(() => row.toObject())).toBe('ERR_STRIDE_CLOSED')
      expect(codeOf(() => row.seek(0))).toBe('ERR_STRIDE_CLOSED')
    },
  }
}

function holdScan(store: TestStore, model: Model, asRows: boolean): Held {
  let next = 0
  let end = model.records.length
  let isOver = false
  const scan = asRows ? store.scan() : undefined
  const objects = asRows ? undefined : store[Symbol.iterator]()
  return {
    use() {
      while (next < end && model.records[next] === undefined) next++
      const expected = isOver || next >= end ? undefined : model.records[next]
      isOver ||= expected === undefined
      const result = (scan ?? objects)?.next() as IteratorResult<Item & { number: number }>
      expect(result.done).toBe(isOver)
      if (expected === undefined) return
      expect([result.value.key, result.value.value]).toEqual([expected.key, expected.value])
      if (asRows) expect(result.value.number).toBe(next)
      next++
    },
    renumber(moved) {
      const below = (n: number): number => moved.slice(0, n).filter(now => now >= 0).length
      next = below(next)
      end = below(end)
    },
    expectClosed() {
      if (!isOver) expect(codeOf(() => (scan ?? objects)?.next())).toBe('ERR_STRIDE_CLOSED')
    },
  }
}

function holdRange(store: TestStore, model: Model, reverse: boolean): Held {
  let size = model.records.length
  let given = new Set<number>()
  /** Key and number of the entry that was given last: the walk goes on behind it. */
  let last: readonly [key: number, place: number] | undefined
  let isOver = false
  const walk = store.index('byKey').range({ reverse })
  return {
    use() {
      const sign = reverse ? -1 : 1
      const isAhead = (n: number): boolean => {
        const { key } = model.records[n] as Item
        if (last === undefined || key !== last[0]) return last === undefined || sign * (key - last[0]) > 0
        return reverse ? n < last[1] : n >= last[1]
      }
      const ahead = model.live().filter(n => n < size && !given.has(n) && isAhead(n))
      const keyOf = (n: number): number => model.records[n]?.key as number
      ahead.sort((a, b) => sign * (keyOf(a) - keyOf(b) || a - b))
      const n = isOver ? undefined : ahead[0]
      isOver ||= n === undefined
      const result = walk.next()
      expect(result.done).toBe(isOver)
      if (n === undefined) return
      expect([result.value.number, result.value.key, result.value.value]).toEqual([
        n,
        keyOf(n),
        model.records[n]?.value,
      ])
      given.add(n)
      // The place in front of what comes next, so that a compact can move it.
      last = [keyOf(n), reverse ? n : n + 1]
    },
    renumber(moved) {
      const below = (n: number): number => moved.slice(0, n).filter(now => now >= 0).length
      size = below(size)
      given = new Set([...given].map(n => moved[n] ?? -1).filter(n => n >= 0))
      if (last !== undefined) last = [last[0], below(last[1])]
    },
    expectClosed() {
      if (!isOver) expect(codeOf(() => walk.next())).toBe('ERR_STRIDE_CLOSED')
    },
  }
}

function hold(store: TestStore, model: Model, { what, at }: Step & { kind: 'hold' }): Held | undefined {
  if (what === 'row') return holdRow(store, model, at)
  if (what === 'scan' || what === 'objects') return holdScan(store, model, what === 'scan')
  return holdRange(store, model, what === 'reverse')
}

/** One step of a run, on the store and on the model. */
async function take(
  store: TestStore,
  model: Model,
  held: Held[],
  commits: Promise<unknown>[],
  each: Step,
): Promise<void> {
  const live = model.live()
  switch (each.kind) {
    case 'append':
      expect(store.append(each.item)).toBe(model.records.push(each.item) - 1)
      return
    case 'appendMany': {
      const items = Array.from({ length: each.count }, (_, i) => ({ key: (i * 7) % KEYS, value: i }))
      store.appendMany(items)
      model.records.push(...items)
      return
    }
    case 'update':
    case 'delete': {
      const n = live[each.at % Math.max(1, live.length)]
      if (n === undefined) return
      if (each.kind === 'delete') store.delete(n)
      else if (each.at % 3 === 0) store.update(n, { value: each.item.value })
      else store.put(n, each.item)
      const { key } = each.at % 3 === 0 ? (model.records[n] as Item) : each.item
      model.records[n] = each.kind === 'delete' ? undefined : { key, value: each.item.value }
      return
    }
    case 'commit':
      // Not waited for: what follows is staged over what the commit holds.
      commits.push(store.commit())
      model.committed = [...model.records]
      return
    case 'commitSync':
      store.commitSync()
      model.committed = [...model.records]
      return
    case 'rollback':
      store.rollback()
      model.records = [...model.committed]
      return
    case 'settle':
      await Promise.all(commits.splice(0))
      return
    case 'trim':
      store.trim()
      return
    case 'turn':
      await new Promise(resolve => setImmediate(resolve))
      return
    case 'compact': {
      store.rollback()
      model.records = [...model.committed]
      const moved = Array.from(await store.compact())
      let next = 0
      expect(moved).toEqual(model.records.map(record => (record === undefined ? -1 : next++)))
      model.records = model.records.filter(record => record !== undefined)
      model.committed = [...model.records]
      for (const each of held) each.renumber(moved)
      return
    }
    case 'hold': {
      const one = hold(store, model, each)
      if (one !== undefined) held.push(one)
      return
    }
    case 'use': {
      const one = held[each.which % Math.max(1, held.length)]
      for (let i = 0; i <= each.times; i++) one?.use()
    }
  }
}

describe.each(BACKENDS)('what is held of a store on the $name backend', ({ options }) => {
  test('shows at each use what the store holds then, and nothing after close', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120, size: 'max' }), async steps => {
        const store = open(join(temporaryFolder(), 'items.stride'), options)
        const model = new Model()
        const held: Held[] = []
        const commits: Promise<unknown>[] = []
        try {
          for (const first of FIRST) await take(store, model, held, commits, first)
          for (const each of steps) await take(store, model, held, commits, each)
          for (const each of held) each.use()
          store.close()
          for (const each of held) each.expectClosed()
        } finally {
          store.close()
          await Promise.allSettled(commits)
        }
      }),
      {
        ...propertyOptions(40),
        endOnFailure: false,
      },
    )
  })
})
