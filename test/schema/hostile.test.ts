/**
 * Do the codecs read a record once, and alike? What could go wrong: a value that is checked and another that is stored, a
 * getter that runs in one codec and not in the other, a refinement that sees what is not stored or changes it.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Codec } from '../../src/schema/index.ts'
import { bytes, codecOf, u8 } from '../../src/schema/index.ts'
import { runSeed } from '../crash/random.ts'
import { propertyRuns } from '../property.ts'
import { type Disguise, disguise } from './hostile-values.ts'
import { JUNK, recordCase, spoil } from './samples.ts'

const RUNS = propertyRuns(400)

/** A schema with refinements that look at everything, and some that change what they get. */
function refined(schema: z.ZodType, which: number): z.ZodType {
  if (which === 0 || !(schema instanceof z.ZodObject)) return schema
  const shape = schema.shape as Record<string, z.ZodType>
  const names = Object.keys(shape)
  const meddle = (value: unknown): boolean => {
    if (value instanceof Date) value.setTime(7)
    else if (value instanceof Uint8Array) value.fill(7)
    else if (Array.isArray(value)) value.splice(0, 1)
    else if (typeof value === 'object' && value !== null)
      for (const key of Object.keys(value)) Reflect.deleteProperty(value, key)
    return true
  }
  if (which === 1)
    return schema.refine(record => JSON.stringify(record, noBigint).length % 7 !== 0, 'a seventh')
  if (which === 2) return schema.refine(meddle)
  const name = names[which % names.length] as string
  return schema.extend({
    [name]: (shape[name] as z.ZodType).refine(which % 2 === 0 ? meddle : value => value !== 1),
  })
}

const noBigint = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

interface Outcome {
  readonly result: unknown
  readonly trace: readonly string[]
}

/** What a write comes to: the record's bytes or why it was refused, and which code of the value ran. */
function outcome(
  codec: Codec,
  before: unknown,
  write: (codec: Codec, image: Image) => void,
  trace: string[],
): Outcome {
  const bytes = Buffer.alloc(codec.layout.recordSize + 32, 0xa5)
  const image = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 13 }
  if (before !== undefined) codec.encode(before, image.view, bytes, image.at)
  try {
    write(codec, image)
    return { result: bytes.toString('hex'), trace }
  } catch (error) {
    const { name, code, field, issues, message } = error as Record<string, unknown>
    return { result: { name, code, field, issues, message }, trace }
  }
}

interface Image {
  readonly view: DataView
  readonly bytes: Buffer
  readonly at: number
}

/** The result without the words: a proxy is called another thing than what it stands for. */
function kindOf({ result }: Outcome): unknown {
  if (typeof result === 'string') return result
  const { code, field } = result as Record<string, unknown>
  return { code, field }
}

const hostileCase = fc.record({
  sample: recordCase,
  which: fc.nat(12),
  plan: fc.array(fc.nat(5039), { minLength: 7, maxLength: 40 }),
  where: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
  junk: fc.constantFrom(...JUNK),
  isSpoilt: fc.boolean(),
  isPatch: fc.boolean(),
})

type HostileCase = typeof hostileCase extends fc.Arbitrary<infer C> ? C : never

/** The property: both codecs come to the same result, by the same reads, and to that of the tame record. */
function checkCase(found: HostileCase, plainOf = codecOf): 'written' | 'refused' {
  const { sample, which, plan, where, junk, isSpoilt, isPatch } = found
  const schema = refined(sample.schema, which)
  const [first, second] = sample.records as [Record<string, unknown>, Record<string, unknown>]
  const tame = isSpoilt ? spoil(second, where, junk) : second
  const before = isPatch ? first : undefined
  const run = (codec: Codec, { value, trace }: Pick<Disguise, 'value' | 'trace'>): Outcome =>
    outcome(
      codec,
      before,
      (by, { view, bytes, at }) => {
        if (isPatch) by.patch(value, view, bytes, at)
        else by.encode(value, view, bytes, at)
      },
      trace,
    )
  // Refinements may refuse the record that a patch needs.
  const compiled = codecOf(schema, { ...sample.options, validate: before === undefined })
  const plain = plainOf(schema, { ...sample.options, validate: before === undefined, compile: false })
  const forPlain = disguise(tame, plan)
  const forCompiled = disguise(tame, plan)
  const expected = run(plain, forPlain)
  const got = run(compiled, forCompiled)
  expect(got.result).toEqual(expected.result)
  expect(got.trace).toEqual(expected.trace)
  if (!forPlain.isChanged()) expect(kindOf(expected)).toEqual(kindOf(run(plain, { value: tame, trace: [] })))
  return typeof expected.result === 'string' ? 'written' : 'refused'
}

describe('a hostile record', () => {
  it('is read once and alike by both codecs, and stored or refused as the tame one', () => {
    const seen = { written: 0, refused: 0 }
    const property = fc.property(hostileCase, found => {
      seen[checkCase(found)]++
    })
    fc.assert(property, { numRuns: RUNS, seed: runSeed() })
    expect(Math.min(seen.written, seen.refused)).toBeGreaterThan(RUNS / 10)
  })

  it('is noticed by that property where a codec reads twice (canary)', () => {
    const twice: typeof codecOf = (schema, options) => {
      const codec = codecOf(schema, options)
      return {
        ...codec,
        encode(value, view, bytes, at) {
          codec.encode(value, view, bytes, at)
          codec.encode(value, view, bytes, at)
        },
      }
    }
    const property = fc.property(hostileCase, found => {
      checkCase(found, twice)
    })
    expect(fc.check(property, { seed: runSeed(), numRuns: 100 }).failed).toBe(true)
  })
})

const both = (schema: z.ZodType): Codec[] => [codecOf(schema), codecOf(schema, { compile: false })]

/** Writes a record and reads it back. */
function written(codec: Codec, value: unknown): unknown {
  const bytes = Buffer.alloc(codec.layout.recordSize)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  codec.encode(value, view, bytes, 0)
  return codec.decode(view, bytes, 0)
}

/** Gives these values one after the other, then the last one for ever. */
const inTurn = (...values: readonly unknown[]): (() => unknown) => {
  let i = 0
  return () => values[Math.min(i++, values.length - 1)]
}

describe('a getter', () => {
  it.each([
    ['that fits only at first', [5, 300], { a: 5 }],
    ['that fits only later', [300, 5], 'u8 reaches up to 255, got 300'],
    ['that is refined only at first', [11, 3], { a: 11 }],
    ['that is refined only later', [3, 11], 'Too small'],
  ])('%s is asked once', (title, values, expected) => {
    const schema = title.includes('refined') ? z.object({ a: u8().min(10) }) : z.object({ a: u8() })
    for (const codec of both(schema)) {
      const a = inTurn(...values)
      const write = (): unknown =>
        written(codec, {
          get a() {
            return a()
          },
        })
      if (typeof expected === 'string') expect(write).toThrow(expected)
      else expect(write()).toEqual(expected)
    }
  })
})

describe('an own key __proto__', () => {
  const nested = z.object({
    o: z.object({ a: u8().default(1) }),
    l: z.array(z.object({ b: u8().default(2) })).length(2),
  })
  it.each([
    [z.object({ a: u8() }), '{"a":1,"__proto__":{"a":9}}', '__proto__'],
    [z.object({ a: u8().default(1) }), '{"__proto__":{"a":9}}', '__proto__'],
    [z.object({ a: u8().default(1) }), '{"a":1,"__proto__":5}', '__proto__'],
    [
      z.object({
        a: u8()
          .default(1)
          .refine(() => true),
      }),
      '{"a":1,"__proto__":null}',
      '__proto__',
    ],
    [nested, '{"o":{"a":1,"__proto__":{}},"l":[{},{}]}', 'o.__proto__'],
    [nested, '{"o":{"a":1},"l":[{},{"__proto__":[]}]}', 'l.1.__proto__'],
  ])('is an unknown key, defaults or not (%#)', (schema, json, field) => {
    for (const codec of both(schema)) {
      expect(() => written(codec, JSON.parse(json))).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_RECORD', field }),
      )
      const memory = Buffer.alloc(codec.layout.recordSize)
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
      expect(() => codec.patch(JSON.parse(json), view, memory, 0)).toThrow(
        expect.objectContaining({ code: 'ERR_STRIDE_RECORD', field }),
      )
    }
  })

  it('is ignored by a loose object, and does not become the prototype of what a refinement sees', () => {
    const seen: unknown[] = []
    const schema = z.looseObject({ a: u8().default(1) }).refine(record => {
      seen.push(Object.getPrototypeOf(record))
      return true
    })
    for (const codec of both(schema))
      expect(written(codec, JSON.parse('{"__proto__":{"a":9}}'))).toEqual({ a: 1 })
    expect(seen).toEqual([Object.prototype, Object.prototype])
  })
})

describe('a default', () => {
  it('whose function throws refuses the record by that very error', () => {
    const mine = new Error('none left')
    const schema = z.object({
      a: u8(),
      b: u8().default(() => {
        throw mine
      }),
    })
    for (const codec of both(schema)) {
      expect(() => written(codec, { a: 1 })).toThrow(mine)
      expect(written(codec, { a: 1, b: 2 })).toEqual({ a: 1, b: 2 })
    }
  })

  it('that is one shared object is not changed by a refinement, and stored as it was', () => {
    const date = new Date(5)
    const list = [1, 2]
    const schema = z.object({
      d: z
        .date()
        .default(date)
        .refine(d => d.setTime(9) === 9),
      l: z
        .array(u8())
        .length(2)
        .default(list)
        .refine(l => l.reverse().length === 2),
    })
    for (const codec of both(schema)) expect(written(codec, {})).toEqual({ d: new Date(5), l: [1, 2] })
    expect([date.getTime(), ...list]).toEqual([5, 1, 2])
  })

  it('whose function writes with the same codec gets its own bytes', () => {
    for (const compile of [true, false]) {
      let codec: Codec | undefined
      let depth = 0
      const inner: unknown[] = []
      const schema = z.object({
        a: u8(),
        n: z.array(z.object({ d: u8().default(() => nest()) })).length(2),
        z: u8(),
      })
      const nest = (): number => {
        if (depth++ === 0) inner.push(written(codec as Codec, { a: 3, n: [{ d: 4 }, { d: 5 }], z: 6 }))
        return 9
      }
      codec = codecOf(schema, { compile }) as Codec
      expect(written(codec, { a: 1, n: [{}, { d: 2 }], z: 7 })).toEqual({ a: 1, n: [{ d: 9 }, { d: 2 }], z: 7 })
      expect(inner).toEqual([{ a: 3, n: [{ d: 4 }, { d: 5 }], z: 6 }])
    }
  })
})

describe('a refinement', () => {
  it('that changes what it is shown changes neither what is stored nor what was given', () => {
    const schema = z
      .object({ d: z.date(), b: bytes(3), l: z.array(z.object({ x: u8() })).length(1) })
      .refine(record => {
        record.d.setTime(77)
        record.b.fill(7)
        ;(record.l[0] as { x: number }).x = 7
        return true
      })
    const given = { d: new Date(5), b: Uint8Array.of(1, 2, 3), l: [{ x: 1 }] }
    const before = structuredClone(given)
    for (const codec of both(schema)) {
      expect(written(codec, given)).toEqual(before)
      expect(given).toEqual(before)
    }
  })

  it('that refuses a patch leaves the record as it was', () => {
    for (const codec of both(z.object({ a: u8().max(9), b: u8() }))) {
      const memory = Buffer.from([1, 2])
      const view = new DataView(memory.buffer, memory.byteOffset, 2)
      expect(() => codec.patch({ b: 5, a: 10 }, view, memory, 0)).toThrow('Too big')
      expect([...memory]).toEqual([1, 2])
    }
  })
})
