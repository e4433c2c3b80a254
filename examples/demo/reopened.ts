/**
 * Question 3: a store opened again, how fast does it answer, and is it right?
 *
 * Lookups by number and by address; then the same addresses are asked of geoip-lite.
 */

import { openStore } from 'stridedb'
import { AddressRange, type AddressStore } from './address-range.ts'
import { addressText, findAddress } from './address-search.ts'
import { answerOf, compareAnswers } from './agreement.ts'
import { type GeoipLite, loadGeoipLite } from './geoip-lite.ts'
import { askQuestions, LOOKUPS } from './lookups.ts'
import { SEED } from './random.ts'
import { printTable } from './table.ts'
import { duration, fact, say, timed, whole } from './terminal.ts'

const WELL_KNOWN = 0x08080808

/** @returns whether every answer was right */
export function lookUp(path: string, lookupCount: number): boolean {
  const opened = timed(() => openStore(path, AddressRange))
  using store = opened.answer
  fact(
    'opened',
    `${whole(store.count)} records in ${duration(opened.ms)}, ${store.backend}, random seed ${SEED}`,
  )
  const questions = askQuestions(store, lookupCount)
  say()
  printTable(
    ['first run', 'how many', 'took', 'each'],
    LOOKUPS.map(lookup => {
      const { ms } = timed(() => lookup.run(store, questions))
      const operations = lookup.operations(store, questions)
      return [lookup.name, whole(operations), duration(ms), duration(ms / operations)]
    }),
  )
  say()
  const geoip = loadGeoipLite()
  showOne(store, geoip, WELL_KNOWN)
  const ours = timed(() => questions.addresses.forEach(address => void answerOf(store, address)))
  const theirs = timed(() => questions.addresses.forEach(address => void geoip.lookup(address)))
  const each = ({ ms }: { readonly ms: number }): string => duration(ms / questions.addresses.length)
  fact('whole answer', `${each(ours)} each from the store, ${each(theirs)} from geoip-lite's memory`)
  return checkAll(store, geoip, questions.addresses)
}

function showOne(store: AddressStore, geoip: GeoipLite, address: number): void {
  const n = findAddress(store, address)
  if (n < 0) return
  const { country, city, timezone, latitude, longitude } = store.get(n)!
  const where = [country, city, timezone].filter(text => text !== '').join(', ')
  fact(addressText(address), `record ${whole(n)}: ${where}, at ${latitude}, ${longitude}`)
  const theirs = geoip.lookup(addressText(address))
  fact('', `geoip-lite: ${theirs?.country}, ${theirs?.timezone}, at ${theirs?.ll.join(', ')}`)
}

function checkAll(store: AddressStore, geoip: GeoipLite, addresses: Uint32Array): boolean {
  const { asked, agreed, unknownToBoth, disagreements } = compareAnswers(store, geoip, addresses)
  const isRight = agreed === asked
  fact(
    'agreement',
    `${whole(agreed)} of ${whole(asked)} addresses, ${whole(unknownToBoth)} of them unknown to both` +
      (isRight ? '' : ' - WRONG'),
  )
  for (const disagreement of disagreements) fact('', disagreement)
  return isRight
}
