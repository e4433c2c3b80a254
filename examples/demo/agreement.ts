/**
 * Does the store answer what geoip-lite answers??
 *
 * Every address of the sample is asked of both; range, country, region, city, time zone and position must be equal.
 */

import type { AddressStore } from './address-range.ts'
import { addressText, findAddress } from './address-search.ts'
import type { GeoipLite, Lookup } from './geoip-lite.ts'

export interface Agreement {
  readonly asked: number
  readonly agreed: number
  /** Of those that agreed, how many neither knows. */
  readonly unknownToBoth: number
  /** The first few that did not. */
  readonly disagreements: readonly string[]
}

const DISAGREEMENTS_SHOWN = 5

export function compareAnswers(store: AddressStore, geoip: GeoipLite, addresses: Uint32Array): Agreement {
  const disagreements: string[] = []
  let agreed = 0
  let unknownToBoth = 0
  for (const address of addresses) {
    const ours = answerOf(store, address)
    const theirs = geoip.lookup(addressText(address))
    const difference = compare(ours, theirs)
    if (difference === undefined) {
      agreed++
      if (theirs === null) unknownToBoth++
    } else if (disagreements.length < DISAGREEMENTS_SHOWN) {
      disagreements.push(`${addressText(address)}: ${difference}`)
    }
  }
  return { asked: addresses.length, agreed, unknownToBoth, disagreements }
}

/** What the store knows of an address, in the form of geoip-lite's answers. */
export function answerOf(store: AddressStore, address: number): Lookup | null {
  const n = findAddress(store, address)
  if (n < 0) return null
  const { first, last, country, region, timezone, city, latitude, longitude } = store.get(n)!
  return { range: [first, last], country, region, timezone, city, ll: [latitude, longitude] }
}

/** The first difference in words, or undefined. */
function compare(ours: Lookup | null, theirs: Lookup | null): string | undefined {
  if (ours === null || theirs === null) {
    if (ours === theirs) return undefined
    return ours === null ? 'known to geoip-lite, not to the store' : 'known to the store, not to geoip-lite'
  }
  for (const name of ['range', 'country', 'region', 'city', 'timezone', 'll'] as const) {
    const mine = JSON.stringify(ours[name])
    const their = JSON.stringify(theirs[name])
    if (mine !== their) return `${name} is ${mine} in the store, ${their} in geoip-lite`
  }
  return undefined
}
