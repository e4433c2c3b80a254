/**
 * Question 2: how long does it take to join two foreign files into a store and have it on disk?
 *
 * The ranges are walked with one row, the places are kept as objects; batch after batch is appended from a
 * generator and committed.
 */

import { openStore } from 'stridedb'
import type { z } from 'zod'
import { AddressRange, RECORD_BYTES } from './address-range.ts'
import { openPlaces, openRanges, type Place } from './geo-files.ts'
import { geoipFiles } from './geoip-lite.ts'
import { duration, fact, size, timed, whole } from './terminal.ts'

const BATCH_RECORDS = 500_000

type Ranges = ReturnType<typeof openRanges>
type Places = readonly z.infer<typeof Place>[]

/**
 * Builds the store from the first `recordsMax` ranges.
 * @returns how many records it has
 */
export async function buildStore(path: string, recordsMax: number): Promise<number> {
  const files = geoipFiles()
  const opened = timed(() => ({ ranges: openRanges(files.ranges), places: openPlaces(files.names) }))
  using ranges = opened.answer.ranges
  using places = opened.answer.places
  fact('ranges', `geoip-city.dat: ${whole(ranges.count)} records of ${ranges.recordSize} bytes`)
  fact('places', `geoip-city-names.dat: ${whole(places.count)} records of ${places.recordSize} bytes`)
  fact('opened', `both in place in ${duration(opened.ms)}`)

  const count = Math.min(recordsMax, ranges.count)
  const start = performance.now()
  let commitMs = 0
  let commits = 0
  const placesInMemory = [...places]
  await using store = openStore(path, AddressRange, { capacity: count })
  if (store.recordSize !== RECORD_BYTES)
    throw new Error(`Records are not ${RECORD_BYTES} bytes: ${store.recordSize}`)
  for (let from = 0; from < count; from += BATCH_RECORDS) {
    store.appendMany(joined(ranges, placesInMemory, from, Math.min(count, from + BATCH_RECORDS)))
    const before = performance.now()
    await store.commit()
    commitMs += performance.now() - before
    commits++
  }
  const ms = performance.now() - start
  const rate = `${whole(Math.round((count / ms) * 1000))} records a second`
  fact('joined', `${whole(count)} records of ${store.recordSize} bytes in ${duration(ms)}: ${rate}`)
  fact('committed', `${commits} times, ${duration(commitMs)} of it; ${size(store.stats().fileBytes)} on disk`)
  return count
}

/** Ranges [from, to) with the names of their places. */
function* joined(ranges: Ranges, places: Places, from: number, to: number): Generator<AddressRange> {
  for (const range of ranges.scan({ from, to })) {
    const { first, last, place } = range
    const { country, region, metro, eu, timezone, city } = places[place]!
    yield {
      first,
      last,
      addresses: last - first + 1,
      place,
      latitude: range.latitudeE4 / 10_000,
      longitude: range.longitudeE4 / 10_000,
      radiusKm: range.radiusKm,
      metro,
      eu: eu === '1',
      precision: city !== '' ? 'city' : region !== '' ? 'region' : country !== '' ? 'country' : 'unknown',
      country,
      region,
      timezone,
      city,
    }
  }
}
