/**
 * What could go wrong with a key: null taken for no bound, a field's own value refused, a getter that runs twice or spoils what is
 * being looked up, the value that was given not found where it was rounded. Whole grids of them: key-agreement.test.ts.
 */

import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { ascii, bytes, f32, i16, openStore, u8, utf8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { codeOf, temporaryFolder } from '../support.ts'

const asking =
  <T>(ask: () => unknown, value: T): (() => T) =>
  () => {
    ask()
    return value
  }

const memory = { backend: 'memory' as const }

describe('null', () => {
  const Item = z.object({ k: z.uint32().nullish(), n: z.uint32() })
  const filled = () => {
    const store = openStore('/nulls', Item, {
      ...memory,
      indexes: {
        k: { on: 'k', kind: 'ordered' },
        kn: { on: ['k', 'n'], kind: 'ordered' },
        n: { on: 'n', kind: 'ordered' },
      },
    })
    for (const k of [undefined, null, null, 5, 6]) store.append({ k, n: store.size })
    return store
  }

  it('is a bound like any other: what is absent stands before it, values behind', () => {
    using store = filled()
    const k = store.index('k')
    const numbers = (range: Parameters<typeof k.range>[0]): number[] => [...k.range(range).numbers()]
    expect(numbers({ lte: null })).toEqual([0, 1, 2])
    expect(numbers({ lt: null })).toEqual([0])
    expect(numbers({ gte: null })).toEqual([1, 2, 3, 4])
    expect(numbers({ gt: null })).toEqual([3, 4])
    expect(numbers({ gte: null, lte: null })).toEqual([1, 2])
    expect(numbers({ prefix: null })).toEqual([1, 2])
    expect([k.count({ lte: null }), k.first({ gte: null })?.n, k.last({ lte: null })?.n]).toEqual([3, 1, 2])
    const kn = store.index('kn')
    expect([...kn.range({ lte: null }).numbers()]).toEqual([0, 1, 2])
    expect([...kn.range({ gte: [null], lt: [null, 2] }).numbers()]).toEqual([1])
    expect(() => k.range({ gte: null, gt: 5 })).toThrow('not with both')
  })

  it('is refused where the field cannot be null, and undefined wherever it is a bound', () => {
    using store = filled()
    const n = store.index('n') as unknown as { count(range: object): number; number(key: unknown): number }
    for (const name of ['gte', 'gt', 'lte', 'lt', 'prefix']) {
      expect(() => n.count({ [name]: null }), name).toThrow("'n' of a key takes a number: null")
      expect(() => n.count({ [name]: undefined }), name).toThrow('undefined')
      expect(() => store.index('k').count({ [name]: undefined }), name).toThrow('undefined')
    }
    expect(() => n.number(null)).toThrow(TypeError)
    expect(() => n.number(undefined)).toThrow(TypeError)
    expect(store.index('k').number(undefined)).toBe(0)
  })

  it('has the lowest number in a unique index, too, whatever waits and whatever is in the pages', async () => {
    for (const kind of ['hash', 'ordered'] as const) {
      const Row = z.object({ k: z.uint32().nullable(), v: z.uint32() })
      const path = join(temporaryFolder(), 'x.stride')
      {
        using store = openStore(path, Row)
        for (const [v, k] of [1, null, null].entries()) store.append({ k, v })
        store.commitSync()
        await store.createIndex('k', { on: 'k', kind, unique: true })
        store.update(0, { k: null })
        const k = store.index('k')
        expect([k.number(null), k.get(null)?.v, k.field(null, 'v'), [...k.numbers([null])]], kind).toEqual([
          0,
          0,
          0,
          [0],
        ])
        store.commitSync()
      }
      using store = openStore(path, Row)
      expect(store.index('k').number(null), kind).toBe(0)
    }
  })

  it('is found where a literal lists it, whether or not the field can be missing', () => {
    const listed = z.literal(['x', null, 7])
    const Row = z.object({
      o: listed.optional(),
      l: listed.nullable(),
      d: listed,
      at: z.object({ x: listed }).nullish(),
    })
    const fields = ['o', 'l', 'd', 'at.x'] as const
    for (const kind of ['hash', 'ordered'] as const) {
      using store = openStore('/listed', Row, {
        ...memory,
        indexes: {
          o: { on: 'o', kind },
          l: { on: 'l', kind },
          d: { on: 'd', kind },
          'at.x': { on: 'at.x', kind },
        },
      })
      const at = [{ x: 'x' as const }, { x: null }, null, undefined, { x: 7 as const }]
      for (const [i, o] of (['x', null, undefined, 7, null] as const).entries()) {
        store.append({ o, l: o ?? null, d: o ?? null, at: at[i] })
      }
      for (const field of fields) {
        for (const key of ['x', null, undefined, 7] as const) {
          const holders = Array.from({ length: 5 }, (_, n) => n).filter(n => store.field(n, field) === key)
          const find = (): number[] => [...store.index(field).all(key as null)]
          const isKey = key !== undefined || field === 'o' || field === 'at.x'
          if (isKey) expect(find(), `${field} ${key} ${kind}`).toEqual(holders)
          else expect(find, `${field} ${key} ${kind}`).toThrow(TypeError)
        }
      }
    }
  })

  it('may be had by many in a unique index where a literal lists it', () => {
    for (const kind of ['hash', 'ordered'] as const) {
      using store = openStore('/many', z.object({ d: z.literal(['x', null]) }), {
        ...memory,
        indexes: { d: { on: 'd', kind, unique: true } },
      })
      for (const d of ['x', null, null] as const) store.append({ d })
      expect(codeOf(() => store.append({ d: 'x' }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
      expect([...store.index('d').all(null)]).toEqual([1, 2])
    }
  })
})

describe('a field with one part', () => {
  it('takes the value of the field for a key, in lookups and ranges, and not the bare part', () => {
    const One = z.object({
      t: z.tuple([z.uint32()]),
      i: z.tuple([z.int32()]),
      o: z.object({ x: z.float64() }),
      a: z.array(ascii(4)).length(1),
      deep: z.object({ l: z.array(z.tuple([z.date()])).length(1) }),
      k: z.uint32(),
    })
    const fields = ['t', 'i', 'o', 'a', 'deep'] as const
    for (const kind of ['hash', 'ordered'] as const) {
      const indexes = Object.fromEntries(fields.map(on => [on, { on, kind }]))
      using store = openStore('/one', One, { ...memory, indexes: { ...indexes, kt: { on: ['k', 't'], kind } } })
      for (let v = 0; v < 5; v++)
        store.append({ t: [v], i: [-v], o: { x: v }, a: [`t${v}`], deep: { l: [[new Date(v)]] }, k: v })
      const record = store.get(3) as z.output<typeof One>
      for (const field of fields) {
        const index = store.index<string>(field)
        expect(index.number(record[field] as never), field).toBe(3)
        expect([...index.numbers([record[field], record[field]] as never)], field).toEqual([3, 3])
        if (kind === 'ordered')
          expect(index.count({ gte: record[field] } as never), field).toBe(field === 'i' ? 4 : 2)
        const part = Object.values(record[field])[0]
        expect(() => index.number(part as never), field).toThrow(TypeError)
      }
      expect(store.index('kt').number([3, [3]] as never)).toBe(3)
    }
  })
})

describe('a key that runs code when it is read', () => {
  const Row = z.object({ o: z.object({ x: z.uint32(), y: z.uint32() }), l: z.array(z.uint32()).length(2) })
  const filled = () => {
    const store = openStore('/getters', Row, {
      ...memory,
      indexes: { o: { on: 'o', kind: 'ordered' }, h: { on: 'o' }, l: { on: 'l' }, ol: { on: ['o', 'l'] } },
    })
    for (const [x, y] of [
      [1, 2],
      [5, 2],
      [5, 5],
    ] as const)
      store.append({ o: { x, y }, l: [x, y] })
    store.commitSync()
    return store
  }

  it('is read once, and may ask the same index', () => {
    using store = filled()
    for (const name of ['o', 'h'] as const) {
      const index = store.index(name)
      let reads = 0
      const key = {
        x: 1,
        get y() {
          reads++
          for (const each of [
            { x: 5, y: 5 },
            { x: 5, y: 2 },
          ])
            index.number(each)
          index.numbers([{ x: 5, y: 5 }])
          return 2
        },
      }
      const once = (call: () => unknown, answer: unknown): void => {
        reads = 0
        expect(call()).toEqual(answer)
        expect(reads, String(call)).toBe(1)
      }
      once(() => index.number(key), 0)
      once(() => index.has(key), true)
      once(() => index.get(key)?.l, [1, 2])
      once(() => index.field(key, 'l'), [1, 2])
      once(() => [...index.all(key)], [0])
      once(() => [...index.numbers([key, { x: 5, y: 5 }])], [0, 2])
      once(() => index.getMany([key])[0]?.l, [1, 2])
      once(() => codeOf(() => index.field({ ...key, x: 9 }, 'l')), 'ERR_STRIDE_NO_RECORD')
    }
    const list = [1, 2]
    Object.defineProperty(list, 1, { get: asking(() => store.index('l').number([5, 5]), 2) })
    expect(store.index('l').number(list)).toBe(0)
    const pair = [{ x: 1, y: 2 }, list] as const
    Object.defineProperty(pair, 0, {
      get: asking(() => store.index('ol').number([{ x: 5, y: 5 }, [5, 5]]), { x: 1, y: 2 }),
    })
    expect(store.index('ol').number(pair)).toBe(0)
    let bounds = 0
    const ask = (): void => {
      bounds++
      store.index('o').number({ x: 5, y: 5 })
    }
    const y = { get: asking(ask, 2), enumerable: true }
    const bound = Object.defineProperty({ x: 1 }, 'y', y) as { x: number; y: number }
    const walk = store.index('o').range({ gte: bound })
    store.append({ o: { x: 7, y: 7 }, l: [7, 7] })
    expect([...walk.numbers()]).toEqual([0, 1, 2])
    expect(bounds).toBe(1)
  })

  it('may stage records, drop the index, or close the store: the lookup goes by what is there then', async () => {
    using store = filled()
    const index = store.index('o')
    const key = (run: () => unknown) => ({
      x: 8,
      get y() {
        run()
        return 8
      },
    })
    expect(index.number(key(() => store.append({ o: { x: 8, y: 8 }, l: [8, 8] })))).toBe(3)
    store.commitSync()
    expect(codeOf(() => index.number(key(() => store.close())))).toBe('ERR_STRIDE_CLOSED')
    using other = filled()
    expect(codeOf(() => other.index('h').numbers([key(() => other.close())]))).toBe('ERR_STRIDE_CLOSED')
    using third = filled()
    expect(codeOf(() => third.index('o').count({ gte: key(() => third.close()) }))).toBe('ERR_STRIDE_CLOSED')
  })

  it("is the same through another class of array, and a thrown error is the caller's own", () => {
    using store = filled()
    class Other extends Array<number> {
      static override get [Symbol.species](): ArrayConstructor {
        throw new Error('nobody asks')
      }
    }
    expect(store.index('l').number(Other.from([5, 5]))).toBe(2)
    const error = new TypeError('mine')
    const key = {
      x: 1,
      get y(): number {
        throw error
      },
    }
    let thrown: unknown
    try {
      store.index('o').number(key)
    } catch (caught) {
      thrown = caught
    }
    expect(thrown).toBe(error)
  })
})

describe('a value that is stored rounded', () => {
  const Floats = z.object({ f: f32(), g: f32().nullable(), s: z.object({ x: z.float32() }), n: u8() })

  it('is found by the value that was given as by the value that is stored', () => {
    for (const kind of ['hash', 'ordered'] as const) {
      using store = openStore('/floats', Floats, {
        ...memory,
        indexes: {
          f: { on: 'f', kind, unique: true },
          g: { on: 'g', kind },
          s: { on: 's', kind },
          gn: { on: ['g', 'n'], kind },
        },
      })
      const given = [0.1, 0.2, -0.3, 16_777_217, 1e-50, 3.4028234663852886e38, 1 / 3]
      for (const [n, f] of given.entries()) store.append({ f, g: f, s: { x: f }, n })
      for (const [n, f] of given.entries()) {
        for (const key of [f, store.field(n, 'f')]) {
          expect(store.index('f').number(key), `${key}`).toBe(n)
          expect(store.index('g').number(key)).toBe(n)
          expect(store.index('s').number({ x: key })).toBe(n)
          expect(store.index('gn').number([key, n])).toBe(n)
        }
      }
      // A field refuses them, so no record has been given one.
      for (const key of [3.5e38, -3.5e38, 3.4028235e38, Number.POSITIVE_INFINITY]) {
        expect(store.index('f').number(key), `${key}`).toBe(-1)
      }
      expect(codeOf(() => store.append({ f: 0.1, g: null, s: { x: 0 }, n: 9 }))).toBe(
        'ERR_STRIDE_DUPLICATE_KEY',
      )
    }
  })

  it('is within a range over given values, the bounds rounded likewise', () => {
    using store = openStore('/floats', Floats, { ...memory, indexes: { f: { on: 'f', kind: 'ordered' } } })
    // 0.1 is stored higher, 0.7 lower.
    for (const f of [0.1, 0.7]) {
      const n = store.append({ f, g: null, s: { x: 0 }, n: 0 })
      const index = store.index('f')
      const counts = [{ gte: f }, { lte: f }, { gt: f }, { lt: f }, { prefix: f }].map(range =>
        index.count(range),
      )
      expect(counts, String(f)).toEqual([1, 1, 0, 0, 1])
      expect(index.count({ gte: f - 1e-12, lte: f + 1e-12 })).toBe(1)
      store.delete(n)
    }
    store.append({ f: 3.4028234663852886e38, g: null, s: { x: 0 }, n: 0 })
    expect(store.index('f').count({ gt: 3.4028235e38 })).toBe(0)
    expect(store.index('f').count({ lt: 3.4028235e38 })).toBe(1)
    expect(store.index('f').count({ gte: -3.5e38, lte: Number.POSITIVE_INFINITY })).toBe(1)
  })
})

describe('a bound or a prefix that no key can have', () => {
  const Row = z.object({ u: u8(), i: i16(), t: utf8(6), b: bytes(2), f: z.float64() })
  const filled = () => {
    const on = <const F extends string>(field: F) => ({ on: field, kind: 'ordered' }) as const
    const store = openStore('/bounds', Row, {
      ...memory,
      indexes: {
        u: on('u'),
        i: on('i'),
        t: on('t'),
        b: on('b'),
        f: on('f'),
        ut: { on: ['u', 't'], kind: 'ordered' },
      },
    })
    for (const [u, t] of [
      [0, 'a'],
      [1, '\ud7ff'],
      [255, '\ue000'],
    ] as const)
      store.append({ u, i: u - 128, t, b: Uint8Array.of(u, u), f: u })
    return store
  }

  it('of an empty prefix has no records, and never all of them', () => {
    using store = filled()
    const counts = (name: string, prefixes: readonly unknown[]): number[] =>
      prefixes.map(prefix =>
        (store.index(name) as unknown as { count(range: object): number }).count({ prefix }),
      )
    expect(counts('u', [-1, 256, 0.5, 255, 0])).toEqual([0, 0, 0, 1, 1])
    expect(counts('i', [-32_769, 40_000, -128])).toEqual([0, 0, 1])
    expect(counts('t', ['too long!', '\0', '\ud83d', 'a\0', 'a', ''])).toEqual([0, 0, 0, 0, 1, 3])
    expect(counts('b', [Uint8Array.of(255, 255, 255), Uint8Array.of(255), new Uint8Array(0)])).toEqual([
      0, 1, 3,
    ])
    expect(counts('ut', [[-1], [-1, 'a'], [0, 'b'], [0, '']])).toEqual([0, 0, 0, 1])
  })

  it('lies where the value would be; half of a surrogate pair among the code points', () => {
    using store = filled()
    const t = store.index('t')
    expect([t.count({ gt: '\ud800' }), t.count({ lt: '\ud800' }), t.count({ lte: '\udfff' })]).toEqual([
      1, 2, 2,
    ])
    expect(t.number('\ud800')).toBe(-1)
    const u = store.index('u')
    expect([u.count({ gte: -1 }), u.count({ lte: -1 }), u.count({ gt: 0.5, lt: 300 })]).toEqual([3, 0, 2])
  })

  it('is refused where it is NaN and the field has none, and is found nowhere', () => {
    using store = filled()
    for (const name of ['u', 'i', 'f'] as const) {
      const index = store.index(name) as unknown as {
        count(range: object): number
        number(key: number): number
      }
      for (const bound of ['gte', 'gt', 'lte', 'lt', 'prefix']) {
        expect(() => index.count({ [bound]: Number.NaN }), `${name} ${bound}`).toThrow(TypeError)
      }
      expect(index.number(Number.NaN), name).toBe(-1)
    }
    expect(() => store.index('ut').count({ gte: [Number.NaN, 'a'] })).toThrow(TypeError)
  })
})

describe('a key of another realm', () => {
  it('is as good as one of this realm, and what only looks like one is refused', () => {
    const Row = z.object({ d: z.date(), b: bytes(2), l: z.array(z.uint32()).length(1) })
    for (const kind of ['hash', 'ordered'] as const) {
      using store = openStore('/realms', Row, {
        ...memory,
        indexes: {
          d: { on: 'd', kind },
          b: { on: 'b', kind },
          l: { on: 'l', kind },
          all: { on: ['d', 'b', 'l'], kind },
        },
      })
      store.append({ d: new Date(5), b: Uint8Array.of(1, 2), l: [3] })
      const [d, b, l] = runInNewContext('[new Date(5), Uint8Array.of(1, 2), [3]]') as [
        Date,
        Uint8Array,
        number[],
      ]
      expect([store.index('d').number(d), store.index('b').number(b), store.index('l').number(l)]).toEqual([
        0, 0, 0,
      ])
      expect(store.index('all').number([d, b, l])).toBe(0)
      expect(() => store.index('d').number(Object.create(Date.prototype) as Date)).toThrow(TypeError)
      expect(() => store.index('d').number(5 as never)).toThrow(TypeError)
      expect(() => store.index('b').number(Object.create(Uint8Array.prototype) as Uint8Array)).toThrow(
        TypeError,
      )
      expect(() => store.index('b').number([1, 2] as never)).toThrow(TypeError)
    }
  })
})
