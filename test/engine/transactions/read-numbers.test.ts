/**
 * What could go wrong with the numbers that a transaction read: one is forgotten when runs are joined, or one is added.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReadNumbers } from '../../../src/engine/transactions/read-numbers.ts'
import { propertyOptions } from '../../property.ts'

const walk = fc.record({ from: fc.nat(400), count: fc.oneof(fc.nat(3), fc.integer({ min: 14, max: 60 })) })

test('has the numbers that were added, whatever their order, and no others', () => {
  fc.assert(
    fc.property(
      fc.array(walk, { maxLength: 300, size: 'max' }),
      fc.nat(400),
      fc.nat(400),
      (walks, start, end) => {
        const reads = new ReadNumbers()
        const expected = new Set<number>()
        for (const { from, count } of walks) {
          for (let n = from; n < from + count; n++) {
            reads.add(n)
            expected.add(n)
          }
        }
        for (let n = 0; n < 500; n++) expect(reads.has(n), `${n}`).toBe(expected.has(n))
        const between = [...expected].filter(n => n >= start && n < end)
        expect(new Set(reads.between(start, end))).toEqual(new Set(between))
        if (!reads.isLarge) expect(new Set(reads.between(0, Number.POSITIVE_INFINITY))).toEqual(expected)
      },
    ),
    propertyOptions(100),
  )
})
