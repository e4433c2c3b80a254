/**
 * What tests of imports and exports share: stores that are closed after the test, and a schema of every kind that a column may have.
 */

import {
  ascii,
  bits,
  bytes,
  decimal,
  dosDateTime,
  f16,
  f32,
  f64,
  filetime,
  i8,
  i16,
  i24,
  i48,
  i64,
  type IndexDeclarations,
  latin1,
  numberText,
  openStore,
  type Store,
  u8,
  u16,
  u24,
  u48,
  u64,
  unixSeconds,
  utf8,
  utf16le,
  uuid,
} from 'stridedb'
import { afterEach } from 'vitest'
import { z } from 'zod'

const opened: Store[] = []

afterEach(() => {
  for (const store of opened.splice(0)) store.close()
})

/** A store in memory, closed after the test. */
export function memoryStore<S extends z.ZodType, const I extends IndexDeclarations<S>>(schema: S, indexes?: I) {
  const store = openStore('in-memory', schema, {
    backend: 'memory',
    ...(indexes === undefined ? {} : { indexes }),
  } as never)
  opened.push(store as unknown as Store)
  return store as Store<S>
}

/** A field of every kind. */
export const Everything = z.object({
  u8: u8(),
  i8: i8(),
  u16: u16(),
  i16: i16(),
  u24: u24(),
  i24: i24(),
  u32: z.uint32(),
  i32: z.int32(),
  u48: u48(),
  i48: i48(),
  u64: u64(),
  i64: i64(),
  int: z.int(),
  f16: f16(),
  f32: f32(),
  f64: z.float64(),
  wild: f64({ nonFinite: true }),
  yes: z.boolean(),
  color: z.enum(['red', 'green', 'dark, "blue"']),
  level: z.literal([1, 2, 3]),
  at: z.date(),
  seconds: unixSeconds(i48()),
  windows: filetime(),
  dos: dosDateTime(),
  price: decimal(2, i64()),
  id: uuid(),
  raw: bytes(3),
  octal: numberText(6, { radix: 8 }),
  packed: bits({ a: 3, b: 5 }),
  ascii: ascii(6),
  latin: latin1(5),
  text: utf8(12),
  padded: utf8(8, { padding: 'space' }),
  counted: ascii(7, { padding: 'length' }),
  wide: utf16le(8),
  maybe: z.nullable(z.float64()),
  word: z.nullable(utf8(8)),
  left: z.optional(u16()),
  place: z.object({ x: f32(), y: f32() }),
  spot: z.nullable(z.object({ x: z.int32(), name: utf8(6) })),
  pair: z.tuple([u8(), z.float64()]),
  list: z.array(u16()).length(3),
})
