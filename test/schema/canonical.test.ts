/**
 * Is a layout's text stable, complete and safe to read back? What could go wrong: a text that changes with the
 * library version, two layouts with one fingerprint, a damaged text that becomes a layout.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { StrideError } from '../../src/errors.ts'
import {
  ascii,
  codecFromCanonical,
  diffLayouts,
  f64,
  field,
  layoutFromCanonical,
  layoutOf,
  u8,
  utf8,
} from '../../src/schema/index.ts'

const Pinned = z.object({
  id: z.uint32(),
  side: z.enum(['buy', 'sell']),
  when: z.date().nullish(),
  symbol: ascii(8, { padding: 'space' }),
  position: z.object({ x: z.float32(), y: field(z.int64(), { endian: 'big' }) }).optional(),
  path: z.array(z.tuple([u8(), z.boolean()])).length(2),
  big: z.literal([1n, null]),
})

// Lies in file headers: if this text changes, files written before cannot be opened. Never edit it.
const PINNED_TEXT =
  '{"version":1,"recordSize":39,"alignment":8,"fields":[' +
  '{"name":"id","type":"u32","offset":0,"size":4},' +
  '{"name":"side","type":"enum","offset":4,"size":1,"values":["buy","sell"],"codes":[0,1]},' +
  '{"name":"when","type":"date","offset":5,"size":8,"nullable":true,"optional":true},' +
  '{"name":"symbol","type":"ascii","offset":13,"size":8,"padding":"space"},' +
  '{"name":"position","type":"object","offset":21,"size":12,"optional":true,"fields":[' +
  '{"name":"x","type":"f32","offset":0,"size":4},' +
  '{"name":"y","type":"i64","offset":4,"size":8,"endian":"big"}],"alignment":8},' +
  '{"name":"path","type":"array","offset":33,"size":4,"length":2,"element":' +
  '{"type":"tuple","offset":0,"size":2,"items":[{"type":"u8","offset":0,"size":1},' +
  '{"type":"boolean","offset":1,"size":1}],"alignment":1}},' +
  '{"name":"big","type":"enum","offset":37,"size":1,"values":[{"bigint":"1"},null],"codes":[0,1]}],' +
  '"nullBits":{"offset":38,"size":1}}'

describe('the canonical text', () => {
  it('is the pinned one, with the pinned fingerprint', () => {
    const layout = layoutOf(Pinned)
    expect(layout.canonical).toBe(PINNED_TEXT)
    expect(layout.fingerprint).toBe('bb0c6bff4efa53c1be92c931d363e7a29ee36ec8553d3b0350e129cf16225e31')
  })

  it('does not depend on what concerns writing alone', () => {
    const a = layoutOf(z.object({ a: u8(), b: ascii(4) }))
    const b = layoutOf(z.looseObject({ a: u8().min(3).default(5), b: ascii(4).regex(/x/) }).refine(() => true))
    expect(b.canonical).toBe(a.canonical)
  })

  it('is the same for the same bytes, however they were asked for', () => {
    const natural = layoutOf(z.object({ a: z.uint32(), b: z.uint32() }), { align: 'natural' })
    const fixed = layoutOf(
      z.object({ a: field(z.uint32(), { offset: 0 }), b: field(z.uint32(), { offset: 4 }) }),
    )
    expect(fixed.canonical).toBe(natural.canonical)
  })

  it('rebuilds the layout and a codec that reads its records', () => {
    const layout = layoutFromCanonical(PINNED_TEXT)
    expect(layout.canonical).toBe(PINNED_TEXT)
    const codec = codecFromCanonical(PINNED_TEXT)
    const bytes = Buffer.alloc(39)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const record = {
      id: 7,
      side: 'sell',
      when: null,
      symbol: 'ABC',
      position: { x: 1.5, y: -2n },
      path: [
        [1, true],
        [2, false],
      ],
      big: 1n,
    }
    codec.encode(record, view, bytes, 0)
    expect(codec.decode(view, bytes, 0)).toEqual(record)
    expect(codecFromCanonical(PINNED_TEXT, { compile: false }).decode(view, bytes, 0)).toEqual(record)
  })

  it('is refused when it is damaged, and when it is newer', () => {
    const damaged = [
      '',
      '{',
      'null',
      '[]',
      '{"version":1}',
      PINNED_TEXT.slice(0, -1),
      `${PINNED_TEXT} `,
      PINNED_TEXT.replace('"u32"', '"u33"'),
      PINNED_TEXT.replace('"offset":37', '"offset":3700'),
      PINNED_TEXT.replace('"offset":37', '"offset":-1'),
      PINNED_TEXT.replace('"recordSize":39', '"recordSize":3'),
      PINNED_TEXT.replace('"name":"id"', '"name":"__proto__"'),
      PINNED_TEXT.replace('"length":2', '"length":2000000'),
      PINNED_TEXT.replace('"nullBits":{"offset":38,"size":1}', '"nullBits":{"offset":38,"size":0}'),
    ]
    for (const text of damaged) {
      expect(() => layoutFromCanonical(text), text).toThrow(StrideError)
      expect(() => layoutFromCanonical(text), text).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_CORRUPT' }),
      )
    }
    const newer = PINNED_TEXT.replace('"version":1', '"version":2')
    expect(() => layoutFromCanonical(newer)).toThrow(
      expect.objectContaining({ code: 'ERR_STRIDE_FORMAT_NEWER' }),
    )
  })
})

describe('the difference of two layouts', () => {
  it('is empty for equal ones', () => {
    expect(diffLayouts(layoutOf(Pinned), layoutFromCanonical(PINNED_TEXT))).toEqual([])
  })

  it('names every field that is gone, new or changed, and the record size', () => {
    const before = layoutOf(z.object({ a: z.uint32(), b: z.float64(), c: ascii(4), e: z.enum(['x']) }))
    const after = layoutOf(
      z.object({ a: z.uint32(), b: z.float32(), d: utf8(4), e: z.enum(['x', 'y']).nullable() }),
    )
    expect(diffLayouts(before, after)).toEqual([
      "'b' was f64 at byte 4, is f32 at byte 4",
      "'c' is gone (was ascii(4) at byte 12)",
      "'e' was enum of x=0 at byte 16, is enum of x=0, y=1 nullable at byte 12",
      "'d' is new (utf8(4) at byte 8)",
      'a record had 17 bytes, has 14',
    ])
  })

  it('is never empty for unequal ones', () => {
    const of = (schema: z.ZodType) => layoutOf(z.object({ a: schema }))
    expect(diffLayouts(of(z.tuple([z.uint32()])), of(z.tuple([z.float32()])))).toHaveLength(1)
    expect(diffLayouts(of(z.float64()), of(f64({ nonFinite: true })))).not.toHaveLength(0)
  })
})
