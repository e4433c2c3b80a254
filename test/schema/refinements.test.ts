/**
 * What could go wrong: a refinement that is skipped because Zod looks at single fields only, a path that names the
 * wrong field, a patch that is checked against nothing.
 */

import { codecOf, u8 } from 'stridedb/schema'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

function writing(schema: z.ZodType): (value: unknown) => void {
  const codec = codecOf(schema)
  const bytes = Buffer.alloc(codec.layout.recordSize)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return value => codec.encode(value, view, bytes, 0)
}

const refusalOf = (call: () => void): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

describe('a refinement', () => {
  test('of a nested field is checked and named by its whole path', () => {
    const Placed = z.object({ n: u8(), at: z.object({ x: z.float64().min(0), y: z.float64() }) })
    const write = writing(Placed)
    write({ n: 1, at: { x: 0, y: -1 } })
    expect(refusalOf(() => write({ n: 1, at: { x: -1, y: 0 } }))).toMatchObject({
      code: 'ERR_STRIDE_RECORD',
      field: 'at.x',
      issues: [{ path: ['at', 'x'], code: 'too_small' }],
    })
  })

  test('of an element, behind nullable and default, is checked', () => {
    const List = z.object({
      few: z.array(z.uint32().max(9)).length(2),
      odd: u8().min(1).nullable(),
      d: u8().min(5).default(7),
    })
    const write = writing(List)
    write({ few: [1, 9], odd: null })
    expect(refusalOf(() => write({ few: [1, 10], odd: null }))).toMatchObject({
      issues: [{ path: ['few', 1] }],
    })
    expect(refusalOf(() => write({ few: [1, 9], odd: 0 }))).toMatchObject({ field: 'odd' })
    expect(refusalOf(() => write({ few: [1, 9], odd: null, d: 4 }))).toMatchObject({ field: 'd' })
  })

  test('of the record sees all its fields, in a patch too', () => {
    const Range = z.object({ low: u8(), high: u8() }).refine(range => range.low <= range.high, 'low above high')
    const codec = codecOf(Range)
    const bytes = Buffer.alloc(codec.layout.recordSize)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    codec.encode({ low: 1, high: 3 }, view, bytes, 0)
    expect(() => codec.patch({ low: 4 }, view, bytes, 0)).toThrow(/low above high/)
    codec.patch({ low: 3 }, view, bytes, 0)
    expect(codec.decode(view, bytes, 0)).toEqual({ low: 3, high: 3 })
    expect(() => codec.encode({ low: 4, high: 3 }, view, bytes, 0)).toThrow(/low above high/)
  })

  test('does not hide what the layout refuses: a missing field, an unknown one, a value that is no record', () => {
    const write = writing(z.object({ a: u8().min(1), b: u8() }))
    expect(refusalOf(() => write({ b: 1 }))).toMatchObject({ field: 'a' })
    expect(refusalOf(() => write({ a: 1 }))).toMatchObject({ field: 'b' })
    expect(refusalOf(() => write({ a: 1, b: 1, c: 1 }))).toMatchObject({ code: 'ERR_STRIDE_RECORD' })
    for (const value of [null, undefined, 5, [1, 2]]) {
      expect(refusalOf(() => write(value))).toMatchObject({ code: 'ERR_STRIDE_RECORD' })
    }
  })

  test.each([
    ['a field', z.object({ n: u8(), m: u8().refine(async () => true) }), "the field 'm'"],
    ['the record', z.object({ n: u8(), m: u8() }).refine(async () => true), 'the record'],
    ['a field by superRefine', z.object({ n: u8(), m: u8().superRefine(async () => {}) }), "the field 'm'"],
  ])('of %s that answers a promise is a TypeError that says what to do', (_, schema, what) => {
    const write = writing(schema)
    const error = refusalOf(() => write({ n: 1, m: 2 }))
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toBe(
      `Refinements must be synchronous, and one of ${what} answers a promise: check it before writing`,
    )
  })

  test('that throws by itself is not mistaken for one that waits', () => {
    const write = writing(
      z.object({
        n: u8().refine(() => {
          throw new RangeError('mine')
        }),
      }),
    )
    expect(refusalOf(() => write({ n: 1 }))).toEqual(new RangeError('mine'))
  })
})
