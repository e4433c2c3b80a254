/**
 * geoip-lite's data files as records where they lie: big-endian, no header, one record after the other.
 *
 * The layouts were worked out from what lib/geoip.js of the package reads at which offset.
 */

import { ascii, type FlatFile, openFlatFile, utf8 } from 'stridedb'
import { z } from 'zod'

/** geoip-city.dat: a range of IPv4 addresses and where it is. 24 bytes, ascending. */
export const GeoRange = z.object({
  first: z.uint32(),
  last: z.uint32(),
  /** Record number in the file of places. */
  place: z.uint32(),
  latitudeE4: z.int32(),
  longitudeE4: z.int32(),
  radiusKm: z.uint32(),
})

/** geoip-city-names.dat: a place. 88 bytes. */
export const Place = z.object({
  country: ascii(2),
  region: ascii(3),
  metro: z.int32(),
  eu: ascii(1),
  timezone: ascii(32),
  city: utf8(46),
})

export function openRanges(path: string): FlatFile<typeof GeoRange> {
  return openFlatFile(path, GeoRange, { endian: 'big', readOnly: true })
}

export function openPlaces(path: string): FlatFile<typeof Place> {
  return openFlatFile(path, Place, { endian: 'big', readOnly: true })
}
