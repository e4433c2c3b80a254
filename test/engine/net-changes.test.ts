/**
 * What could go wrong with the net change of many commits: an older image wins, a record counts twice.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lastOfEach } from '../../src/engine/journal/net-changes.ts'

describe('the last of each number', () => {
  test.each([
    ['sorted in pairs', 1000],
    ['digit by digit, for numbers beyond 2^31', 2 ** 40],
  ])('%s', (_, bound) => {
    const numbers = fc.array(
      fc.oneof(
        fc.nat(20),
        fc.nat(999).map(n => bound - 1 - n),
      ),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(numbers, list => {
        const found = lastOfEach(list, bound)
        const expected = [...new Set(list)].sort((a, b) => a - b)
        expect([...found.numbers]).toEqual(expected)
        expect(expected.map((_, i) => found.entries[i])).toEqual(expected.map(n => list.lastIndexOf(n)))
      }),
    )
  })

  test('of five million, digit by digit', () => {
    const count = 5_000_000
    // Each number twice, the later ones in falling order.
    const list = Float64Array.from({ length: count }, (_, i) => (i < count / 2 ? i : count - 1 - i))
    const { numbers, entries } = lastOfEach(list, count)
    let isRight = numbers.length === count / 2
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] !== i || entries[i] !== count - 1 - i) isRight = false
    }
    expect(isRight).toBe(true)
  })
})
