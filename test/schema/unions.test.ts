/**
 * Objects over the same bytes, told apart by a tag. What could go wrong: bytes of the variant before that stay, a variant told by
 * another code than the one written, a key of another variant taken for one of this, null bits that two variants share.
 */

import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { openStore } from '../../src/engine/index.ts'
import {
  ascii,
  codecOf,
  describe as describeLayout,
  diffLayouts,
  field,
  layoutFromCanonical,
  layoutOf,
  schemaOf,
  u8,
  u16,
} from '../../src/schema/index.ts'

const Shape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('circle'), radius: u16() }),
  z.object({ kind: z.literal('box'), width: u8(), height: u8(), name: ascii(4).nullable() }),
  z.object({ kind: z.literal(['none', 'any']) }),
])
const Item = z.object({ id: u8(), shape: Shape, end: u8() })

function codecs<S extends z.ZodType>(schema: S) {
  return [true, false].map(compile => codecOf(schema, { compile }))
}

function image(size: number): { bytes: Buffer; view: DataView } {
  const bytes = Buffer.alloc(size, 0xa5)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size) }
}

describe('a union', () => {
  it.each([
    [{ kind: 'circle', radius: 0x0102 }, '00020100000000'],
    [{ kind: 'box', width: 1, height: 2, name: 'ab' }, '01010261620000'],
    [{ kind: 'box', width: 1, height: 2, name: null }, '01010200000000'],
    [{ kind: 'none' }, '02000000000000'],
    [{ kind: 'any' }, '03000000000000'],
  ] as const)('has the tag, the fields of its variant and zeros: %o', (shape, hex) => {
    for (const codec of codecs(Item)) {
      const { bytes, view } = image(codec.layout.recordSize)
      codec.encode({ id: 7, shape, end: 9 }, view, bytes, 0)
      const bits = shape.kind === 'box' && shape.name === null ? '01' : '00'
      expect(bytes.toString('hex')).toBe(`07${hex}09${bits}`)
      expect(codec.decode(view, bytes, 0)).toEqual({ id: 7, shape, end: 9 })
      expect(codec.readField(view, bytes, 0, 'shape')).toEqual(shape)
    }
  })

  it('keeps nothing of the variant before', () => {
    for (const codec of codecs(Item)) {
      const { bytes, view } = image(codec.layout.recordSize)
      codec.encode(
        { id: 7, shape: { kind: 'box', width: 255, height: 255, name: null }, end: 9 },
        view,
        bytes,
        0,
      )
      codec.patch({ shape: { kind: 'circle', radius: 1 } }, view, bytes, 0)
      expect(bytes.toString('hex')).toBe('07000100000000000900')
    }
  })

  it.each<[unknown, string]>([
    [{ kind: 'star' }, 'shape.kind'],
    [{ radius: 1 }, 'shape.kind'],
    [{ kind: 'circle' }, 'shape.radius'],
    [{ kind: 'circle', radius: 70_000 }, 'shape.radius'],
    [{ kind: 'circle', radius: 1, width: 1 }, 'shape.width'],
    [{ kind: 'none', radius: 1 }, 'shape.radius'],
    [null, 'shape'],
    ['circle', 'shape'],
    [[], 'shape'],
  ])('refuses what no variant is: %o', (shape, at) => {
    for (const codec of codecs(Item)) {
      const { bytes, view } = image(codec.layout.recordSize)
      expect(() => codec.encode({ id: 7, shape, end: 9 } as never, view, bytes, 0)).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_RECORD', field: at }),
      )
    }
  })

  it('with a tag that stands for nothing is damage', () => {
    for (const codec of codecs(Item)) {
      const { bytes, view } = image(codec.layout.recordSize)
      bytes.fill(0)
      bytes[1] = 4
      const damage = expect.objectContaining({ code: 'ERR_STRIDE_CORRUPT', field: 'shape.kind', offset: 1 })
      expect(() => codec.decode(view, bytes, 0)).toThrow(damage)
      expect(() => codec.readField(view, bytes, 0, 'shape')).toThrow(damage)
    }
  })

  it('may be null, lie in lists, and have a tag with its own codes at any place', () => {
    const tag = (value: string, code: number) =>
      field(z.literal(value), { offset: 2, width: 2, codes: [code], endian: 'big' })
    const Either = z.discriminatedUnion('t', [
      z.object({ x: u8().nullable(), t: tag('a', 0x4142) }),
      z.object({ y: u16().nullish(), t: tag('b', 7) }),
    ])
    const schema = z.object({ all: z.array(Either.nullable()).length(3) })
    const all = [{ t: 'b', y: undefined }, null, { t: 'a', x: 5 }] as const
    for (const codec of codecs(schema)) {
      const { bytes, view } = image(codec.layout.recordSize)
      codec.encode({ all: [...all] }, view, bytes, 0)
      // Each takes three null bits: its own, and the two that the second variant needs.
      expect(bytes.toString('hex')).toBe('0000000700000000050041420c00')
      expect(codec.decode(view, bytes, 0)).toEqual({ all: [...all] })
    }
  })

  it.each<[string, z.ZodType, RegExp]>([
    [
      'a tag at another place',
      union(z.object({ t: z.literal('a') }), z.object({ x: u8(), t: z.literal('b') })),
      /another place/,
    ],
    [
      'a tag that may be absent',
      union(z.object({ t: z.literal('a').optional() }), z.object({ t: z.literal('b') })),
      /another place or kind/,
    ],
    ['two variants of one code', union(coded('a', 5), coded('b', 5)), /same tag 't'/],
    [
      'one variant with codes, and one without',
      union(coded('a', 0), z.object({ t: z.literal('b') })),
      /same tag 't'/,
    ],
    [
      'a variant that is none',
      z.union([z.object({ t: z.literal('a') }), u8()]),
      /union has no layout: use z.discriminatedUnion/,
    ],
  ])('with %s is refused', (_, schema, message) => {
    expect(() => layoutOf(z.object({ u: schema }))).toThrow(message)
  })

  it('is told by its canonical text, and rebuilt from it', () => {
    const layout = layoutOf(Item)
    expect(layoutFromCanonical(layout.canonical).canonical).toBe(layout.canonical)
    expect(layoutOf(schemaOf(layout), { recordSize: layout.recordSize }).fingerprint).toBe(layout.fingerprint)
    expect(layout.fields.map(({ path, type, parameters }) => [path, type, parameters])).toEqual([
      ['id', 'u8', undefined],
      ['shape', 'union', { tag: 'kind' }],
      ['end', 'u8', undefined],
    ])
    for (const damage of [
      ['"tag":"kind"', '"tag":"kin"'],
      ['"codes":[1]', '"codes":[0]'],
      ['"type":"object"', '"type":"tuple"'],
    ] as const) {
      const text = layout.canonical.replace(damage[0], damage[1])
      expect(text).not.toBe(layout.canonical)
      expect(() => layoutFromCanonical(text), text).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_CORRUPT' }),
      )
    }
    const other = layoutOf(Item.extend({ shape: union(coded('a', 1), coded('b', 2)) }))
    expect(diffLayouts(layout, other)[0]).toMatch(
      /^'shape' was union\(kind\) at byte 1.*is union\(t\) at byte 1/,
    )
    expect(describeLayout(layout).numpy).toContain("'V7'")
    expect(describeLayout(layout).c).toContain('union record_shape')
  })

  it('is a field of stores like any other, but no key', () => {
    const store = openStore('unions.stride', Item, { backend: 'memory' })
    const shapes = [{ kind: 'circle', radius: 5 }, { kind: 'any' }] as const
    for (const [id, shape] of shapes.entries()) store.append({ id, shape, end: 0 })
    store.update(0, { shape: { kind: 'none' } })
    store.commitSync()
    const { shape } = store.get(1) as z.output<typeof Item>
    expectTypeOf(shape).toEqualTypeOf<z.output<typeof Shape>>()
    expect(store.gather('shape')).toEqual([{ kind: 'none' }, { kind: 'any' }])
    expect(store.row(0).shape).toEqual({ kind: 'none' })
    store.close()
    const indexes = { byShape: { on: 'shape' } } as const
    expect(() => openStore('other.stride', Item, { backend: 'memory', indexes })).toThrow(/a union has no key/)
  })

  it('lets refinements see the variant that was given', () => {
    const Refined = z.object({
      u: Shape.refine(shape => shape.kind !== 'circle' || shape.radius < 10, 'too large'),
    })
    for (const codec of codecs(Refined)) {
      const { bytes, view } = image(codec.layout.recordSize)
      codec.encode({ u: { kind: 'circle', radius: 9 } }, view, bytes, 0)
      expect(() => codec.encode({ u: { kind: 'circle', radius: 10 } }, view, bytes, 0)).toThrow('too large')
    }
  })
})

function union(...variants: readonly z.ZodType[]): z.ZodType {
  return z.discriminatedUnion('t', variants as unknown as [z.ZodObject])
}

function coded(value: string, code: number): z.ZodType {
  return z.object({ t: field(z.literal(value), { codes: [code] }) })
}
