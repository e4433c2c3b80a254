/**
 * What could go wrong with the map of staged changes: an entry is lost when others go or the map grows, or there is no room for
 * as many as a transaction may hold.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NumberMap } from '../../src/engine/numbers/number-map.ts'

const number = fc.oneof(
  fc.nat(40),
  fc.nat(40).map(n => n * 16),
  fc.nat(40).map(n => n * 65_536),
  fc.nat(40).map(n => 2 ** 40 + n),
)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      n: number,
      value: fc.integer({ min: -1000, max: 1000 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), n: number }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
)

describe('a map of numbers', () => {
  test('answers as a Map does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), steps => {
        const map = new NumberMap()
        const model = new Map<number, number>()
        for (const each of steps) {
          if (each.kind === 'clear') {
            map.clear()
            model.clear()
          } else if (each.kind === 'delete') {
            map.delete(each.n)
            model.delete(each.n)
          } else {
            map.set(each.n, each.value)
            model.set(each.n, each.value)
          }
          expect(map.size).toBe(model.size)
        }
        const found = new Map<number, number>()
        map.forEach((n, value) => {
          found.set(n, value)
        })
        expect(found).toEqual(model)
        for (const n of [...model.keys(), 41, 2 ** 40 + 41]) expect(map.get(n)).toBe(model.get(n))
      }),
    )
  })

  test('takes more entries than a Map does', () => {
    const map = new NumberMap()
    const count = 2 ** 24 + 1000
    for (let n = 0; n < count; n++) map.set(n, n & 0xffff)
    expect(map.size).toBe(count)
    expect([0, 2 ** 24, count - 1, count].map(n => map.get(n))).toEqual([0, 0, 999, undefined])
  })
})
