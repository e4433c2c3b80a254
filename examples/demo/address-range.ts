/**
 * The record of the demo's store: a range of addresses with everything known about it, joined. Exactly 125 bytes.
 */

import { ascii, type Store, utf8 } from 'stridedb'
import { z } from 'zod'

export const AddressRange = z.object({
  first: z.uint32(),
  last: z.uint32(),
  addresses: z.uint32(),
  place: z.uint32(),
  latitude: z.float64(),
  longitude: z.float64(),
  radiusKm: z.uint32(),
  metro: z.int32(),
  eu: z.boolean(),
  precision: z.enum(['unknown', 'country', 'region', 'city']),
  country: ascii(2),
  region: ascii(3),
  timezone: ascii(32),
  city: utf8(46),
})

export type AddressRange = z.infer<typeof AddressRange>
export type AddressStore = Store<typeof AddressRange>
export const RECORD_BYTES = 125
