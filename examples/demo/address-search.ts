/**
 * Which range holds an IPv4 address: a binary search over the store's own records, which ascend by address.
 *
 * Each step reads one field of one record; nothing is loaded, and there is no index.
 */

import type { AddressStore } from './address-range.ts'

/** @returns the record number of the range, or -1 where no range holds the address */
export function findAddress(store: AddressStore, address: number): number {
  let low = 0
  let high = store.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (store.field(middle, 'first') <= address) low = middle + 1
    else high = middle
  }
  const n = low - 1
  return n >= 0 && store.field(n, 'last') >= address ? n : -1
}

/** 8.8.8.8 for 134744072. */
export function addressText(address: number): string {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.')
}
