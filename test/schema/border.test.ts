/**
 * What is kept by reference, and what is handed out so? Nothing that a caller could change. What could go wrong: an array of
 * values or codes that is changed later, a layout that is sorted by who reads it.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import * as schema from '../../src/schema/index.ts'
import {
  codecOf,
  describe as describeLayout,
  field,
  layoutFromCanonical,
  layoutOf,
  u8,
} from '../../src/schema/index.ts'

/** Every object that can be reached from a value, with the path to it. */
function objectsIn(
  value: unknown,
  path: string,
  found = new Map<object, string>(),
): ReadonlyMap<object, string> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.set(value, path)
  for (const [key, inner] of Object.entries(value)) objectsIn(inner, `${path}.${key}`, found)
  return found
}

const Everything = z.object({
  a: u8().nullable(),
  e: field(z.enum(['x', 'y']), { codes: [4, 9] }),
  l: z.literal([1, 'two', null, 3n]),
  o: z.object({ t: z.tuple([u8(), z.date()]), s: schema.ascii(4, { padding: 'space' }) }).optional(),
  r: z.array(z.object({ x: z.float32() })).length(2),
})

describe('what is handed out', () => {
  it.each([
    ['layoutOf', () => layoutOf(Everything)],
    ['codec.layout', () => codecOf(Everything).layout],
    ['layoutFromCanonical', () => layoutFromCanonical(layoutOf(Everything).canonical)],
  ])('is frozen to its leaves: %s', (_, make) => {
    const layout = make()
    const open = [...objectsIn(layout, 'layout')].filter(([object]) => !Object.isFrozen(object))
    expect(open.map(([, path]) => path)).toEqual([])
    expect(() => (layout.fields as unknown[]).sort()).toThrow(TypeError)
  })

  it('may be changed by its owner without a trace: a description', () => {
    const layout = layoutOf(Everything)
    const first = describeLayout(layout)
    const text = JSON.stringify(first)
    const spoil = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      for (const inner of Object.values(value)) spoil(inner)
      if (!Object.isFrozen(value)) for (const key of Object.keys(value)) Reflect.deleteProperty(value, key)
    }
    spoil(first)
    expect(JSON.stringify(describeLayout(layout))).toBe(text)
  })
})

describe('what is handed in', () => {
  it('may be changed afterwards without a trace: codes, values, entries, placements', () => {
    const codes = [4, 9]
    const placement = { codes, width: 2 }
    const values: [string, ...string[]] = ['x', 'y']
    const entries = { A: 'a', B: 'b' }
    const literals: [number, ...number[]] = [5, 6]
    const Coded = z.object({
      e: field(z.enum(values), placement),
      n: z.enum(entries),
      l: z.literal(literals),
    })
    const codec = codecOf(Coded)
    const { canonical } = codec.layout
    codes.reverse()
    placement.width = 4
    values.reverse()
    literals.reverse()
    entries.A = 'changed'
    for (const node of codec.layout.root.members) expect(node.node.type).toBe('enum')
    const memory = Buffer.alloc(codec.layout.recordSize)
    const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
    codec.encode({ e: 'x', n: 'a', l: 5 }, view, memory, 0)
    expect([...memory]).toEqual([4, 0, 0, 0])
    expect(codec.decode(view, memory, 0)).toEqual({ e: 'x', n: 'a', l: 5 })
    expect(codec.layout.canonical).toBe(canonical)
  })
})
