/**
 * Do the two codecs agree with each other and with the values? What could go wrong: an offset one byte off, a
 * null bit of the wrong element, a value cut to fit, a gap that keeps old bytes, a check only one codec makes.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Codec } from '../../src/schema/index.ts'
import { codecFromCanonical, codecOf, layoutOf, schemaOf } from '../../src/schema/index.ts'
import { runSeed } from '../crash/random.ts'
import { propertyOptions } from '../property.ts'
import { JUNK, recordCase, spoil } from './samples.ts'

const SEED = runSeed()
const check = (property: fc.IRawProperty<unknown>, usualRuns = 300): void => {
  fc.assert(property as fc.IProperty<unknown>, propertyOptions(usualRuns))
}

/** A record among bytes that are not its own, all of them dirty. */
function dirty(size: number): { view: DataView; bytes: Buffer; at: number } {
  const bytes = Buffer.alloc(size + 32, 0xa5)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 13 }
}

function encoded(codec: Codec, record: unknown): { view: DataView; bytes: Buffer; at: number } {
  const image = dirty(codec.layout.recordSize)
  codec.encode(record, image.view, image.bytes, image.at)
  return image
}

/** What a write comes to: its bytes, or why it was refused. */
function outcome(size: number, write: (view: DataView, bytes: Buffer, at: number) => void): unknown {
  const { view, bytes, at } = dirty(size)
  try {
    write(view, bytes, at)
    return bytes.toString('hex')
  } catch (error) {
    const { code, field, issues, message } = error as {
      code: string
      field: string
      issues: unknown
      message: string
    }
    if (code === undefined) throw error
    return { code, field, issues, message }
  }
}

/** The property that every pair of codecs must pass. */
function agree(reference: Codec, codec: Codec, records: readonly unknown[]): void {
  for (const record of records) {
    const expected = encoded(reference, record)
    const got = encoded(codec, record)
    expect(got.bytes.toString('hex')).toBe(expected.bytes.toString('hex'))
    expect(codec.decode(got.view, got.bytes, got.at)).toEqual(reference.decode(got.view, got.bytes, got.at))
  }
}

describe('the codecs', () => {
  it('give back what was written, and touch no byte around the record', () => {
    check(
      fc.property(recordCase, ({ schema, options, records }) => {
        for (const codec of [codecOf(schema, options), codecOf(schema, { ...options, compile: false })]) {
          for (const record of records) {
            const { view, bytes, at } = encoded(codec, record)
            const read = codec.decode(view, bytes, at) as Record<string, unknown>
            expect(read).toEqual(filledAs(record, read))
            const end = at + codec.layout.recordSize
            expect([...bytes.subarray(0, at), ...bytes.subarray(end)].every(byte => byte === 0xa5)).toBe(true)
          }
        }
      }),
    )
  })

  it('write the same bytes and read the same values', () => {
    check(
      fc.property(recordCase, ({ schema, options, records }) => {
        const compiled = codecOf(schema, options)
        expect(compiled.compiled).toBe(true)
        agree(codecOf(schema, { ...options, compile: false }), compiled, records)
      }),
    )
  })

  it('are caught by that property when one is a byte off (canary)', () => {
    const spoilt = (codec: Codec): Codec => ({
      ...codec,
      encode: (value, view, bytes, at) => codec.encode(value, view, bytes, at + 1),
    })
    const property = fc.property(recordCase, ({ schema, options, records }) => {
      agree(codecOf(schema, { ...options, compile: false }), spoilt(codecOf(schema, options)), records)
    })
    expect(fc.check(property, { seed: SEED, numRuns: 20 }).failed).toBe(true)
  })

  it('refuse the same values for the same reasons, and accept the same', () => {
    let refused = 0
    let tried = 0
    const spoilt = fc.tuple(
      recordCase,
      fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...JUNK),
    )
    check(
      fc.property(spoilt, ([{ schema, options, records }, where, junk]) => {
        const compiled = codecOf(schema, options)
        const plain = codecOf(schema, { ...options, compile: false })
        const record = spoil(records[0], where, junk)
        const size = compiled.layout.recordSize
        const expected = outcome(size, (view, bytes, at) => plain.encode(record, view, bytes, at))
        expect(outcome(size, (view, bytes, at) => compiled.encode(record, view, bytes, at))).toEqual(expected)
        tried++
        if (typeof expected !== 'string') refused++
      }),
      1000,
    )
    expect(refused).toBeGreaterThan(tried / 4)
  })

  it('patch alike, and leave every other field as it was', () => {
    check(
      fc.property(
        recordCase,
        fc.nat(100),
        fc.constantFrom(...JUNK),
        ({ schema, options, records }, pick, junk) => {
          const compiled = codecOf(schema, options)
          const plain = codecOf(schema, { ...options, compile: false })
          const [before, after] = records as [Record<string, unknown>, Record<string, unknown>]
          const names = Object.keys(after)
          const chosen = names.filter((_, i) => (pick >> i) & 1)
          const change = Object.fromEntries(chosen.map(name => [name, after[name]]))
          const patched = (codec: Codec, by: unknown) =>
            outcome(codec.layout.recordSize, (view, bytes, at) => {
              codec.encode(before, view, bytes, at)
              codec.patch(by, view, bytes, at)
            })
          const whole = outcome(plain.layout.recordSize, (view, bytes, at) =>
            plain.encode({ ...before, ...change }, view, bytes, at),
          )
          expect(patched(plain, change)).toBe(whole)
          expect(patched(compiled, change)).toBe(whole)
          const bad = { ...change, [names[pick % names.length] as string]: junk }
          expect(patched(compiled, bad)).toEqual(patched(plain, bad))
        },
      ),
    )
  })

  it('read each field alone as decode reads it', () => {
    check(
      fc.property(recordCase, ({ schema, options, records }) => {
        const compiled = codecOf(schema, options)
        const plain = codecOf(schema, { ...options, compile: false })
        const { view, bytes, at } = encoded(plain, records[0])
        const whole = plain.decode(view, bytes, at)
        for (const { path } of plain.layout.fields) {
          const expected = valueAt(whole, path)
          expect(plain.readField(view, bytes, at, path)).toEqual(expected)
          expect(compiled.readField(view, bytes, at, path)).toEqual(expected)
          expect(compiled.hasField(path)).toBe(true)
        }
      }),
    )
  })

  it('gather columns alike, in a span and by number', () => {
    check(
      fc.property(recordCase, fc.array(fc.nat(3), { maxLength: 6 }), ({ schema, options, records }, wanted) => {
        const compiled = codecOf(schema, options)
        const plain = codecOf(schema, { ...options, compile: false })
        const { recordSize } = plain.layout
        const { view, bytes, at } = dirty(recordSize * records.length)
        for (const [i, record] of records.entries()) plain.encode(record, view, bytes, at + i * recordSize)
        const numbers = wanted.map(n => 100 + (n % records.length))
        for (const { path } of plain.layout.fields) {
          const [a, b] = [plain.column(path), compiled.column(path)]
          expect(b.width).toBe(a.width)
          const [x, y] = [a.allocate(records.length), b.allocate(records.length)]
          a.span(view, bytes, at, records.length, x, 0)
          b.span(view, bytes, at, records.length, y, 0)
          expect(y).toEqual(x)
          const [p, q] = [a.allocate(numbers.length), b.allocate(numbers.length)]
          expect(a.run(view, bytes, at, 100, records.length, numbers, 0, numbers.length, p)).toBe(
            numbers.length,
          )
          expect(b.run(view, bytes, at, 100, records.length, numbers, 0, numbers.length, q)).toBe(
            numbers.length,
          )
          expect(q).toEqual(p)
          for (const [i, n] of numbers.entries()) {
            const from = (n - 100) * a.width
            expect(p.slice(i * a.width, (i + 1) * a.width)).toEqual(x.slice(from, from + a.width))
          }
        }
      }),
    )
  })

  it('are rebuilt from the canonical text alone, and read and write the same bytes', () => {
    check(
      fc.property(recordCase, ({ schema, options, records }) => {
        const codec = codecOf(schema, options)
        const again = codecFromCanonical(codec.layout.canonical)
        expect(again.layout.fingerprint).toBe(codec.layout.fingerprint)
        expect(again.layout.fields).toEqual(codec.layout.fields)
        const { recordSize, canonical } = again.layout
        expect(layoutOf(schemaOf(again.layout), { recordSize }).canonical).toBe(canonical)
        for (const record of records) {
          const first = encoded(codec, record)
          const read = again.decode(first.view, first.bytes, first.at)
          expect(read).toEqual(codec.decode(first.view, first.bytes, first.at))
          expect(encoded(again, read).bytes.equals(first.bytes)).toBe(true)
        }
      }),
    )
  })
})

/** The record as reading must show it: defaults are taken from what was read where the record had nothing. */
function filledAs(record: unknown, read: unknown): unknown {
  if (record === undefined) return read
  if (typeof record !== 'object' || record === null || typeof read !== 'object' || read === null) return record
  if (Array.isArray(record)) return record.map((item, i) => filledAs(item, (read as unknown[])[i]))
  if (Object.getPrototypeOf(record) !== Object.prototype && Object.getPrototypeOf(record) !== null)
    return record
  return Object.fromEntries(
    Object.keys(read).map(key => [
      key,
      filledAs((record as Record<string, unknown>)[key], (read as Record<string, unknown>)[key]),
    ]),
  )
}

function valueAt(record: unknown, path: string): unknown {
  let value = record
  for (const name of path.split('.')) {
    if (value === null || value === undefined) return value
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
