/**
 * Do `get` and `field` of a reader class answer what lies there? What could go wrong: a record outside the hot stretch
 * read by arithmetic, the stretch's first number or position left out, a base class that is no longer asked.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ascii, codecOf, ReaderBase, readerAccess, u8 } from '../../src/schema/index.ts'

const Tick = z.object({
  price: z.float64(),
  symbol: ascii(4),
  flags: u8().nullable(),
  at: z.object({ x: z.uint32() }),
})
const codec = codecOf(Tick)
const { recordSize } = codec.layout
const PADDING = 3
const COUNT = 5

const tick = (n: number): z.output<typeof Tick> => ({
  price: n + 0.5,
  symbol: `S${n}`,
  flags: n % 2 === 0 ? n : null,
  at: { x: n * 1000 },
})

const bytes = Buffer.alloc(PADDING + COUNT * recordSize)
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
for (let n = 0; n < COUNT; n++) codec.encode(tick(n), view, bytes, PADDING + n * recordSize)

/** Knows all records; which of them are hot is the test's choice. */
class TestReader extends ReaderBase {
  readonly located: number[] = []

  constructor() {
    super()
    const locate = (n: number): number => this.locate(n)
    readerAccess.call(this, locate, n => codec.decode(view, bytes, locate(n)), locate)
  }

  locate(n: number): number {
    this.located.push(n)
    if (!(Number.isInteger(n) && n >= 0 && n < COUNT)) throw new RangeError(`no record ${n}`)
    readerAccess.point(this, { view, bytes })
    return PADDING + n * recordSize
  }
  override get(n: number): unknown {
    return codec.decode(view, bytes, this.locate(n))
  }
  override field(n: number, name: string): unknown {
    return codec.readField(view, bytes, this.locate(n), name)
  }

  heat(first: number, count: number): void {
    readerAccess.point(this, { view, bytes })
    readerAccess.heat(this, first, count, PADDING + first * recordSize)
  }
}

describe('a reader class', () => {
  const Reader = codec.readerClass(TestReader)

  it('reads hot records without asking where they are, and all others after asking', () => {
    const reader = new Reader()
    reader.heat(2, 2)
    for (let n = 0; n < COUNT; n++) {
      expect(reader.get(n)).toEqual(tick(n))
      for (const name of ['price', 'symbol', 'flags'] as const)
        expect(reader.field(n, name)).toEqual(tick(n)[name])
      expect(reader.field(n, 'at.x')).toBe(tick(n).at.x)
    }
    expect(new Set(reader.located)).toEqual(new Set([0, 1, 4]))
  })

  it('asks for everything once nothing is hot', () => {
    const reader = new Reader()
    reader.heat(0, COUNT)
    expect(reader.field(1, 'price')).toBe(1.5)
    readerAccess.cool(reader)
    expect(reader.field(1, 'price')).toBe(1.5)
    expect(reader.located).toEqual([1])
  })

  it.each([-1, 0.5, COUNT, 2 ** 32, 2 ** 40 + 1, Number.NaN, Number.POSITIVE_INFINITY])(
    'takes %d for no hot record',
    n => {
      const reader = new Reader()
      reader.heat(0, COUNT)
      expect(() => reader.get(n)).toThrow(RangeError)
      expect(() => reader.field(n, 'price')).toThrow(RangeError)
    },
  )

  it('refuses an unknown field by name', () => {
    const reader = new Reader()
    reader.heat(0, COUNT)
    expect(() => reader.field(0, 'prize')).toThrow(/prize/)
  })

  it('is the base class where no code is generated', () => {
    expect(codecOf(Tick, { compile: false }).readerClass(TestReader)).toBe(TestReader)
  })

  describe('of memory that another process may change', () => {
    const Shared = codec.readerClass(TestReader, true)
    /** Every look at the word but the first few finds it moved. */
    const watched = (looks: number) => {
      const reader = new Shared()
      const word = new Int32Array([7])
      const settled: number[] = []
      let left = looks
      const settle = (n: number): number => {
        settled.push(n)
        return reader.locate(n)
      }
      readerAccess.call(
        reader,
        n => reader.locate(n),
        n => ['asked for', n],
        settle,
      )
      reader.heat(0, COUNT)
      readerAccess.watch(reader, word, 7)
      const read = (name: string, n: number): unknown => {
        if (left-- <= 0) word[0] = 8
        return name === '' ? reader.get(n) : reader.field(n, name)
      }
      return { reader, read, settled }
    }

    it('counts what was read while the word stayed as it was', () => {
      const { read, settled, reader } = watched(3)
      expect(read('', 1)).toEqual(tick(1))
      expect(read('price', 2)).toBe(2.5)
      expect(read('flags', 3)).toBeNull()
      expect([settled, reader.located]).toEqual([[], []])
    })

    it('reads again, in memory that nobody changes, what was read otherwise', () => {
      const { read, settled } = watched(0)
      expect(read('', 1)).toEqual(['asked for', 1])
      expect(read('price', 2)).toBe(2.5)
      expect(settled).toEqual([2])
    })

    it('takes damage for a trace of a change, unless the word stayed as it was', () => {
      const Flag = codecOf(z.object({ flag: z.boolean() }))
      const damaged = Buffer.from([9])
      const Reader = Flag.readerClass(TestReader, true)
      for (const moved of [false, true]) {
        const reader = new Reader()
        readerAccess.point(reader, {
          view: new DataView(damaged.buffer, damaged.byteOffset, 1),
          bytes: damaged,
        })
        readerAccess.heat(reader, 0, 1, 0)
        readerAccess.watch(reader, new Int32Array([moved ? 8 : 7]), 7)
        const whole = Buffer.from([1])
        const settle = (): number => {
          readerAccess.point(reader, { view: new DataView(whole.buffer, whole.byteOffset, 1), bytes: whole })
          return 0
        }
        readerAccess.call(reader, settle, () => 'asked for', settle)
        if (moved) expect([reader.get(0), reader.field(0, 'flag')]).toEqual(['asked for', true])
        else expect(() => reader.field(0, 'flag')).toThrow('no boolean has the code 9')
      }
    })
  })
})
