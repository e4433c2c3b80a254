/**
 * Does a schema mean the same to another copy of the library, and a value the same from another realm? What could go wrong: a
 * mark that only its own copy reads, so that u8() takes eight bytes elsewhere; a Date or bytes of Jest's realm that are
 * refused; an error that `instanceof` does not know.
 */

import vm from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import * as mini from 'zod/mini'
import * as errors from '../../src/errors.ts'
import * as own from '../../src/schema/index.ts'

vi.resetModules()
const other = await import('../../src/schema/index.ts')
const otherErrors = await import('../../src/errors.ts')

type Library = typeof own

const SCHEMAS: readonly (readonly [string, (by: Library) => z.ZodType])[] = [
  ['every integer', by => z.object({ a: by.u8(), b: by.i8(), c: by.u16(), d: by.i16(), e: by.u64() })],
  ['texts', by => z.object({ a: by.ascii(3), b: by.latin1(4, { padding: 'space' }), c: by.utf8(5) })],
  ['floats with NaN', by => z.object({ a: by.f32({ nonFinite: true }), b: by.f64({ nonFinite: true }) })],
  ['bytes', by => z.object({ a: by.bytes(4), b: by.bytes(2).nullable() })],
  ['a byte order', by => z.object({ a: by.field(z.uint32(), { endian: 'big' }), b: by.u16() })],
  [
    'offsets and widths',
    by => z.object({ a: by.field(by.u8(), { offset: 8, width: 4 }), b: by.field(by.u8(), { offset: 1 }) }),
  ],
  ['codes', by => z.object({ a: by.field(z.enum(['x', 'y']), { codes: [7, 300] }) })],
  [
    'fields inside',
    by => z.object({ a: z.tuple([by.u8(), by.ascii(2)]), b: z.array(by.i16()).length(3).optional() }),
  ],
  [
    'refined fields',
    by =>
      z.object({ a: by.u8().min(3).nullable(), b: by.field(by.u16().max(9), { endian: 'big' }).default(1) }),
  ],
]

describe('a schema made with one copy of the library', () => {
  it.each(SCHEMAS)('has the same layout in another: %s', (_, make) => {
    expect(other.layoutOf(make(own)).canonical).toBe(own.layoutOf(make(own)).canonical)
    expect(own.layoutOf(make(other)).canonical).toBe(own.layoutOf(make(own)).canonical)
    // Checks that the codec makes anyway are no refinements there either.
    expect(other.codecOf(make(own)).refined).toBe(own.codecOf(make(own)).refined)
  })

  it('can be placed by the field() of another', () => {
    const schema = z.object({ a: other.field(own.field(own.u16(), { endian: 'big' }), { width: 4 }) })
    expect(own.layoutOf(schema).fields[0]).toMatchObject({ type: 'u16', endian: 'big', width: 4 })
  })

  it('is refused by name where its marks have another version, or a kind that is not known', () => {
    const marked = (value: unknown): z.ZodInt => {
      const schema = z.int()
      Object.defineProperty(schema, Symbol.for('stridedb.field'), { value })
      return schema
    }
    for (const [value, words] of [
      [{ version: 2, metadata: { kind: { type: 'u8', nonFinite: false } } }, 'version 2'],
      [{ version: 1, metadata: { kind: { type: 'u128' } } }, 'u128'],
      [
        { version: 1, metadata: { kind: { type: 'latin1', length: 4, padding: 'tabs' } } },
        "no such padding: 'tabs'",
      ],
      [{ version: 1, metadata: { kind: { type: 'unix', of: 'u32', unit: 'days' } } }, "s or ms: 'days'"],
    ] as const) {
      for (const schema of [
        marked(value),
        marked(value).min(3),
        own.field(marked(value), { endian: 'big' }),
        marked(value).nullable(),
      ] as z.ZodType[]) {
        const layout = (): unknown => own.layoutOf(z.object({ o: z.object({ a: schema }) }))
        expect(layout).toThrow(expect.objectContaining({ code: 'ERR_STRIDE_LAYOUT', field: 'o.a' }))
        expect(layout).toThrow(words)
      }
    }
  })

  it('may come from another flavour of Zod', () => {
    const schema = mini.object({
      a: mini.uint32(),
      b: mini.optional(mini.boolean()),
      c: mini.nullable(mini.date()),
    })
    expect(own.layoutOf(schema as unknown as z.ZodType).canonical).toBe(
      own.layoutOf(z.object({ a: z.uint32(), b: z.boolean().optional(), c: z.date().nullable() })).canonical,
    )
    const exact = mini.object({ a: mini.exactOptional(mini.uint32()) })
    expect(() => own.layoutOf(exact as unknown as z.ZodType)).toThrow('exactOptional')
  })
})

describe('a StrideError of another copy', () => {
  it('is an instance of StrideError, and nothing else is', () => {
    const error = new otherErrors.StrideError('ERR_STRIDE_BUSY', 'busy')
    expect(otherErrors.StrideError).not.toBe(errors.StrideError)
    expect(error instanceof errors.StrideError).toBe(true)
    for (const value of [
      new Error('x'),
      null,
      5,
      'ERR_STRIDE_BUSY',
      { code: 'ERR_STRIDE_BUSY' },
      new errors.InvariantError('x'),
    ]) {
      expect(value instanceof errors.StrideError).toBe(false)
    }
  })

  it('is no instance of a class that extends StrideError', () => {
    class Mine extends errors.StrideError {}
    expect(new otherErrors.StrideError('ERR_STRIDE_BUSY', 'busy') instanceof Mine).toBe(false)
    expect(new Mine('ERR_STRIDE_BUSY', 'busy') instanceof Mine).toBe(true)
    expect(new Mine('ERR_STRIDE_BUSY', 'busy') instanceof errors.StrideError).toBe(true)
  })
})

describe('a record of another realm', () => {
  const schema = z.object({
    b: own.bytes(2),
    long: own.bytes(100).refine(() => true),
    d: z.date().max(new Date(10)),
    t: z.tuple([z.uint32(), z.date()]),
    o: z.object({ x: z.uint32(), d: z.date() }),
    l: z.array(own.bytes(1)).length(17),
  })
  const source = `({ b: new Uint8Array([1, 2]), long: new Uint8Array(100).fill(3), d: new Date(5), t: [1, new Date(6)],
    o: { x: 3, d: new Date(7) }, l: Array.from({ length: 17 }, (_, i) => new Uint8Array([i])) })`
  const here = vm.runInThisContext(source) as Record<string, unknown>
  const there = vm.runInNewContext(source) as Record<string, unknown>

  it.each([true, false])('is written and patched as one of this realm (compile: %s)', compile => {
    for (const validate of [true, false]) {
      const codec = own.codecOf(schema, { compile, validate }) as own.Codec
      const images = [here, there].map(record => {
        const memory = Buffer.alloc(codec.layout.recordSize)
        const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
        codec.encode(record, view, memory, 0)
        codec.patch(record, view, memory, 0)
        return memory.toString('hex')
      })
      expect(images[1]).toBe(images[0])
    }
  })

  it.each([
    ['no Date behind a borrowed prototype', 'd', () => Object.create(Date.prototype) as unknown],
    ['an invalid Date', 'd', () => vm.runInNewContext('new Date(NaN)') as unknown],
    [
      'no bytes behind a borrowed prototype',
      'b',
      () => Object.setPrototypeOf(new Uint16Array(2), Uint8Array.prototype) as unknown,
    ],
    ['clamped bytes', 'b', () => vm.runInNewContext('new Uint8ClampedArray(2)') as unknown],
    ['a proxy of bytes', 'b', () => new Proxy(new Uint8Array(2), {})],
    ['a proxy of a Date', 'd', () => new Proxy(new Date(5), {})],
  ])('is refused with %s', (_, name, make) => {
    for (const compile of [true, false]) {
      const codec = own.codecOf(schema, { compile, validate: false }) as own.Codec
      const memory = Buffer.alloc(codec.layout.recordSize)
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
      const write = (): void => codec.encode({ ...here, [name]: make() }, view, memory, 0)
      expect(write).toThrow(expect.objectContaining({ code: 'ERR_STRIDE_RECORD', field: name }))
    }
  })
})
