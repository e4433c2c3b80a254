/**
 * What could go wrong: an index that loses a key, finds an old one, or orders a range otherwise than a sorted array, after any row of
 * changes, folds in the middle of them, and reopenings.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { ascii, u8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { IndexOptions } from '../../../src/engine/indexes/keys/index-options.ts'
import { runBlocking } from '../../../src/engine/steps/protocol.ts'
import { propertyOptions } from '../../property.ts'
import { temporaryFolder } from '../support.ts'
import { HeapRecords } from './heap-records.ts'
import { accessOf, IndexUnderTest } from './index-under-test.ts'

const Item = z.object({ id: z.uint32(), group: u8(), name: ascii(6) })
type ItemRecord = z.output<typeof Item>

const item = fc.record({
  id: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 0xffffffff })),
  group: fc.integer({ min: 0, max: 3 }),
  name: fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'zz', 'abcdef'),
})
type Step =
  | { readonly do: 'set'; readonly n: number; readonly record: ItemRecord }
  | { readonly do: 'delete'; readonly n: number }
  | { readonly do: 'fill'; readonly count: number }
  | { readonly do: 'fold'; readonly unsettled: number }
  | { readonly do: 'begin fold' }
  | { readonly do: 'step' }
  | { readonly do: 'reopen' }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), n: fc.nat(400), record: item }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), n: fc.nat(400) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fill' as const), count: fc.nat(1500) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fold' as const), unsettled: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'begin fold' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'step' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
)

const keyOf = (record: ItemRecord, on: readonly string[]): unknown => {
  const values = on.map(field => record[field as keyof ItemRecord])
  return values.length === 1 ? values[0] : values
}

/** Live numbers in the order of their keys, then of the numbers. */
function sortedNumbers(records: HeapRecords, on: readonly string[]): number[] {
  const live: number[] = []
  for (let n = 0; n < records.size; n++) if (records.isLive(n)) live.push(n)
  const all = new Map(live.map(n => [n, records.get(n) as ItemRecord]))
  const compare = (a: unknown, b: unknown): number =>
    typeof a === 'string'
      ? Buffer.compare(Buffer.from(a), Buffer.from(b as string))
      : (a as number) - (b as number)
  return live.sort((a, b) => {
    for (const field of on) {
      const x = all.get(a)?.[field as keyof ItemRecord]
      const order = compare(x, all.get(b)?.[field as keyof ItemRecord])
      if (order !== 0) return order
    }
    return a - b
  })
}

function checkAll(test: IndexUnderTest, on: readonly string[]): void {
  const { records, index } = test
  const sorted = sortedNumbers(records, on)
  const byKey = new Map<string, number[]>()
  for (const n of sorted) {
    const key = JSON.stringify(keyOf(records.get(n) as ItemRecord, on))
    byKey.set(key, [...(byKey.get(key) ?? []), n])
  }
  const keys = [...byKey.keys()].map(key => JSON.parse(key) as unknown)
  for (const [key, numbers] of byKey) {
    expect(index.number(JSON.parse(key)), key).toBe(Math.min(...numbers))
  }
  for (const key of keys.slice(0, 20)) {
    const numbers = byKey.get(JSON.stringify(key)) ?? []
    expect([...index.all(key)]).toEqual([...numbers].sort((a, b) => a - b))
  }
  expect([...index.numbers(keys)]).toEqual(keys.map(key => Math.min(...(byKey.get(JSON.stringify(key)) ?? []))))
  const absent =
    on.length === 1 ? (on[0] === 'id' ? 4_000_000_001 : on[0] === 'name' ? 'absent' : 200) : [9, 'absent']
  if (!byKey.has(JSON.stringify(absent))) expect(index.number(absent)).toBe(-1)
  if (test.options.kind !== 'ordered') return
  const walk = (reverse: boolean): number[] => {
    const cursor = test.ordered.cursor({ reverse })
    const seen: number[] = []
    for (let n = cursor.next(); n >= 0; n = cursor.next()) seen.push(n)
    return seen
  }
  expect(walk(false)).toEqual(sorted)
  expect(walk(true)).toEqual([...sorted].reverse())
  expect(test.ordered.count({})).toBe(sorted.length)
}

const SUBJECTS: readonly IndexOptions[] = [
  { on: 'id', kind: 'hash' },
  { on: ['group', 'name'], kind: 'hash' },
  { on: 'id', kind: 'ordered' },
  { on: 'name', kind: 'ordered' },
  { on: ['group', 'name'], kind: 'ordered' },
  { on: 'group', kind: 'ordered' },
]

describe('an index', () => {
  for (const options of SUBJECTS) {
    const on = typeof options.on === 'string' ? [options.on] : options.on
    it(`is what a model is, on ${on.join(' and ')}, ${options.kind}`, () => {
      const folder = temporaryFolder()
      let runs = 0
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), steps => {
          const records = new HeapRecords(Item, 256)
          const path = join(folder, String(runs++))
          let test = new IndexUnderTest(records, options, path)
          try {
            for (const s of steps) {
              if (s.do === 'set') test.set(Math.min(s.n, records.size), s.record)
              else if (s.do === 'delete') {
                if (records.isLive(s.n)) test.delete(s.n)
              } else if (s.do === 'fill') {
                for (let i = 0; i < s.count; i++) {
                  const id = Math.imul(records.size + 1, 0x9e3779b1) >>> 0
                  test.set(records.size, { id, group: id % 4, name: `n${id % 5}` })
                }
              } else if (s.do === 'begin fold') {
                if (!test.tree.isFolding) test.beginFold()
              } else if (s.do === 'step') {
                if (test.tree.foldStep(0) === 'portion') runBlocking(test.file.pagePublication([test.tree]))
              } else {
                while (test.tree.isFolding)
                  if (test.tree.foldStep(0) === 'portion') runBlocking(test.file.pagePublication([test.tree]))
                if (s.do === 'fold') test.fold(n => s.unsettled > 0 && n % 7 === s.unsettled)
                else {
                  test.publish()
                  test.close()
                  test = new IndexUnderTest(records, options, path)
                }
              }
            }
            checkAll(test, on)
            while (test.tree.isFolding)
              if (test.tree.foldStep(0) === 'portion') runBlocking(test.file.pagePublication([test.tree]))
            test.fold()
            checkAll(test, on)
            const notes = test.wrongPages()
            expect(notes).toEqual([])
            expect(test.tree.directory.entries).toBe(sortedNumbers(records, on).length)
          } finally {
            test.close()
          }
        }),
        propertyOptions(40),
      )
    })
  }

  for (const backend of ['mapped', 'file', 'memory'] as const) {
    // More than a page of each index has, in several passes.
    const COUNT = 10_000
    it(`is built in bulk as it is by folding, in one pass or several, ${backend}`, () => {
      const records = new HeapRecords(Item, COUNT)
      for (let n = 0; n < COUNT; n++) {
        const id = Math.imul(n + 1, 0x9e3779b1) >>> 0
        records.set(n, { id, group: id % 4, name: `n${id % 1000}` })
        if (n % 10 === 3) records.delete(n)
      }
      const folder = temporaryFolder()
      for (const [i, options] of SUBJECTS.entries()) {
        for (const pass of [undefined, 2_000]) {
          const test = new IndexUnderTest(records, options, join(folder, `${i}-${pass}`), accessOf(backend))
          test.build(pass)
          const on = typeof options.on === 'string' ? [options.on] : options.on
          expect(test.tree.directory.entries).toBe(COUNT * 0.9)
          checkAll(test, on)
          test.publish()
          const notes = test.wrongPages()
          expect(notes).toEqual([])
          test.close()
        }
      }
    })
  }
})

describe('many records with one key', () => {
  it('are all found, in both kinds of index, however many pages they fill', () => {
    const records = new HeapRecords(Item, 6_000)
    const folder = temporaryFolder()
    for (const kind of ['hash', 'ordered'] as const) {
      const test = new IndexUnderTest(records, { on: 'group', kind }, join(folder, kind))
      for (let n = 0; n < 6_000; n++) test.set(n, { id: n, group: n % 50 === 0 ? n % 200 : 7, name: '' })
      for (const when of ['waiting', 'folded', 'half of them again']) {
        const sevens = Array.from({ length: 6_000 }, (_, n) => n).filter(
          n => records.isLive(n) && (records.get(n) as ItemRecord).group === 7,
        )
        expect([...test.index.all(7)], when).toEqual(sevens)
        expect(test.index.number(7)).toBe(sevens[0])
        if (when !== 'half of them again') expect(test.index.number(50)).toBe(50)
        test.fold()
        if (when === 'folded') for (let n = 0; n < 6_000; n += 2) if (records.isLive(n)) test.delete(n)
      }
      test.close()
    }
  })
})
