/**
 * The five ways to read that the demo times. Each answers a number that must be the same whichever way the bytes
 * are reached, so that nothing can be fast by being wrong.
 */

import type { AddressStore } from './address-range.ts'
import { findAddress } from './address-search.ts'
import { randomNumbers } from './random.ts'

export interface Questions {
  /** Record numbers. */
  readonly numbers: Uint32Array
  /** IPv4 addresses, from the first that the store knows to the last. */
  readonly addresses: Uint32Array
}

/** `count` random record numbers, and a tenth as many random addresses. */
export function askQuestions(store: AddressStore, count: number): Questions {
  const end = store.count
  const addressCount = Math.ceil(count / 10)
  return {
    numbers: randomNumbers(count, 0, end),
    addresses: randomNumbers(addressCount, store.field(0, 'first'), store.field(end - 1, 'last') + 1),
  }
}

export interface Lookup {
  readonly name: string
  /** What one operation is. */
  readonly unit: 'record' | 'address'
  operations(store: AddressStore, questions: Questions): number
  run(store: AddressStore, questions: Questions): number
}

export const LOOKUPS: readonly Lookup[] = [
  {
    name: 'field(n), one field',
    unit: 'record',
    operations: (_, { numbers }) => numbers.length,
    run(store, { numbers }) {
      let sum = 0
      for (const n of numbers) sum += store.field(n, 'latitude')
      return sum
    },
  },
  {
    name: 'get(n), whole record',
    unit: 'record',
    operations: (_, { numbers }) => numbers.length,
    run(store, { numbers }) {
      let sum = 0
      for (const n of numbers) {
        const { radiusKm, city } = store.get(n)!
        sum += radiusKm + city.length
      }
      return sum
    },
  },
  {
    name: 'gather, one column',
    unit: 'record',
    operations: (_, { numbers }) => numbers.length,
    run: (store, { numbers }) => store.gather('latitude', numbers).reduce((sum, latitude) => sum + latitude, 0),
  },
  {
    name: 'scan, filter and sum',
    unit: 'record',
    operations: store => store.count,
    run(store) {
      let sum = 0
      for (const row of store.scan()) if (row.eu) sum += row.addresses
      return sum
    },
  },
  {
    name: 'address, binary search',
    unit: 'address',
    operations: (_, { addresses }) => addresses.length,
    run(store, { addresses }) {
      let sum = 0
      for (const address of addresses) sum += findAddress(store, address)
      return sum
    },
  },
]
