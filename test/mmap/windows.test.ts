/**
 * What could go wrong: an item that crosses the edge of a window is split, a token shows another part of the file
 * than it says, a pinned window slides away, a read is served from bytes of yesterday, memory grows without bound.
 * Rules of docs/concurrency.md: S4.
 */

import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PlatformFile } from '../../src/mmap/platform.ts'
import {
  createWindowPool,
  type Window,
  type WindowOptions,
  type WindowPool,
} from '../../src/mmap/window-pool/create-window-pool.ts'
import { propertyOptions } from '../property.ts'
import { codeOf, newFolder, nextTurn, PLATFORMS, thrownBy } from './places.ts'

const KiB = 1024
const GiB = 1024 ** 3
const SMALL: WindowOptions = {
  windowBytes: 64 * KiB,
  mappedBytesMax: 300 * KiB,
  itemBytesMax: 5000,
  advice: 'normal',
}

/** The byte that a test file has at this offset. */
const byteAt = (offset: number): number => (offset * 31 + Math.floor(offset / 251)) & 0xff

function patterned(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byteAt(from + i))
}

/** The bytes that a window shows of [offset, offset + length), by both of its faces. */
function shown(window: Window, offset: number, length: number): number[] {
  const view = window.view as DataView
  expect(offset).toBeGreaterThanOrEqual(window.start)
  expect(offset + length).toBeLessThanOrEqual(window.end)
  const at = offset - window.start
  const bytes = [...window.bytes.subarray(at, at + length)]
  expect(Array.from({ length }, (_, i) => view.getUint8(at + i))).toEqual(bytes)
  return bytes
}

describe.each(PLATFORMS)('windows on $name', ({ create }) => {
  const start = (size: number, options: Partial<WindowOptions> = {}) => {
    const platform = create()
    const path = join(newFolder(), 'a.bin')
    const file = platform.open(path, { access: 'readwrite', create: 'always' })
    if (size > 0) file.store(patterned(size), 0)
    const pool = createWindowPool(file, { ...SMALL, ...options })
    pool.setEnd(size)
    return { platform, path, file, pool }
  }
  const end = (pool: WindowPool, file: PlatformFile): void => {
    pool.close()
    file.close()
  }

  it('shows every item whole, wherever it lies, also across the edges of windows', () => {
    const size = 400 * KiB
    const { file, pool } = start(size)
    for (const edge of [64, 128, 192, 320].map(k => k * KiB)) {
      for (const [offset, length] of [
        [edge - 1, 2],
        [edge - 5000, 5000],
        [edge - 4999, 5000],
        [edge - 1, 5000],
        [edge, 1],
      ] as const) {
        expect(shown(pool.acquire(offset, length), offset, length)).toEqual([...patterned(length, offset)])
      }
    }
    expect(shown(pool.acquire(size - 1, 1), size - 1, 1)).toEqual([byteAt(size - 1)])
    end(pool, file)
  })

  it.each([{ readsFirst: false }, { readsFirst: true }])(
    'agrees with a plain array after any sequence of reads, stores, growth, turns and expiries, %o',
    async options => {
      const action = fc.record({
        kind: fc.constantFrom(
          'read',
          'read',
          'read',
          'walk',
          'store',
          'grow',
          'turn',
          'expire',
          'trim',
          'pin',
          'unpin',
        ),
        place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        length: fc.integer({ min: 1, max: 5000 }),
      })
      const property = fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 60 }), async actions => {
        let model = patterned(100 * KiB)
        const { file, pool } = start(model.length, options)
        const pinned: Window[] = []
        for (const { kind, place, length } of actions) {
          const offset = Math.floor(place * (model.length - length))
          if (kind === 'read' || kind === 'walk') {
            const window = pool.acquire(offset, length, kind === 'walk' ? 200 * KiB : undefined)
            expect(shown(window, offset, length)).toEqual([...model.subarray(offset, offset + length)])
            expect(pool.stats().mappedBytes).toBeLessThan(SMALL.mappedBytesMax + (pinned.length + 1) * 70 * KiB)
          } else if (kind === 'store') {
            const bytes = new Uint8Array(length).fill(length & 0xff)
            model.set(bytes, offset)
            pool.store(bytes, offset)
          } else if (kind === 'grow' && model.length < 900 * KiB) {
            const more = patterned(length * 7)
            file.store(more, model.length)
            model = Uint8Array.from([...model, ...more])
            pool.setEnd(model.length)
          } else if (kind === 'turn') {
            await nextTurn()
          } else if (kind === 'expire') {
            pool.expire()
          } else if (kind === 'trim') {
            pool.trim()
          } else if (kind === 'pin' && pinned.length < 2) {
            const window = pool.acquire(offset, length)
            pool.pin(window)
            pinned.push(window)
          } else if (kind === 'unpin') {
            const window = pinned.pop()
            if (window !== undefined) pool.unpin(window)
          }
        }
        end(pool, file)
      })
      await fc.assert(property, propertyOptions(25))
    },
  )

  it('tells a token that its bytes have gone before other bytes lie there', () => {
    const { file, pool } = start(2000 * KiB)
    const held: { window: Window; offset: number }[] = []
    for (let i = 0; i < 200; i++) {
      const offset = (i * 7919 * 131) % (2000 * KiB - 200)
      held.push({ window: pool.acquire(offset, 200), offset })
      for (const { window, offset: at } of held) {
        if (window.view === null) continue
        expect(window.view.getUint8(at - window.start)).toBe(byteAt(at))
      }
    }
    expect(held.some(({ window }) => window.view === null)).toBe(true)
    end(pool, file)
  })

  it('shows stores of the pool and of other handles to the next acquire', () => {
    const { platform, path, file, pool } = start(200 * KiB)
    const other = platform.open(path, { access: 'readwrite' })
    pool.acquire(1000, 100)
    pool.store(Uint8Array.of(201), 1050)
    expect(shown(pool.acquire(1050, 1), 1050, 1)).toEqual([201])
    other.store(Uint8Array.of(202), 1050)
    expect(shown(pool.acquire(1050, 1), 1050, 1)).toEqual([202])
    other.close()
    end(pool, file)
  })

  it('keeps a walk its chunk, but no chunk that was stored over', () => {
    const { file, pool } = start(200 * KiB)
    const walk = pool.acquire(0, 100, 150 * KiB)
    pool.store(Uint8Array.of(77), 500)
    if (walk.view !== null) expect(walk.view.getUint8(500)).toBe(77)
    expect(shown(pool.acquire(500, 1, 150 * KiB), 500, 1)).toEqual([77])
    end(pool, file)
  })

  it('gives nothing away between turns: tokens are null until the file was asked for its size', async () => {
    const { file, pool } = start(100 * KiB)
    const window = pool.acquire(10, 10)
    expect(window.view).not.toBeNull()
    await nextTurn()
    expect(window.view).toBeNull()
    const again = pool.acquire(10, 10)
    expect(again.view).not.toBeNull()
    if (pool.live) expect(again).toBe(window)
    end(pool, file)
  })

  it('throws ERR_STRIDE_TRUNCATED once the file is shorter than its end', async () => {
    const { file, pool } = start(200 * KiB)
    const window = pool.acquire(0, 100)
    file.resize(150 * KiB)
    expect(codeOf(() => pool.checkSize())).toBe('ERR_STRIDE_TRUNCATED')
    expect(window.view).toBeNull()
    expect(codeOf(() => pool.acquire(0, 100))).toBe('ERR_STRIDE_TRUNCATED')
    await nextTurn()
    expect(codeOf(() => pool.acquire(190 * KiB, 100))).toBe('ERR_STRIDE_TRUNCATED')
    pool.setEnd(150 * KiB)
    expect(shown(pool.acquire(0, 100), 0, 100)).toEqual([...patterned(100)])
    end(pool, file)
  })

  it('makes tokens null for ever at expire, and answers with new ones', () => {
    const { file, pool } = start(200 * KiB)
    const window = pool.acquire(0, 100)
    const walk = pool.acquire(0, 100, 190 * KiB)
    pool.expire()
    const again = pool.acquire(0, 100)
    expect([window.view, walk.view]).toEqual([null, null])
    expect(again).not.toBe(window)
    expect(shown(again, 0, 100)).toEqual([...patterned(100)])
    end(pool, file)
  })

  it('never gives back a token that expired while it was suspended', async () => {
    const { file, pool } = start(200 * KiB)
    const window = pool.acquire(0, 100)
    await nextTurn()
    pool.expire()
    expect(pool.acquire(0, 100)).not.toBe(window)
    expect(window.view).toBeNull()
    end(pool, file)
  })

  it('lets windows reach as far as the end that was set, and no further', () => {
    const { file, pool } = start(100 * KiB)
    pool.setEnd(80 * KiB)
    expect(thrownBy(() => pool.acquire(80 * KiB - 10, 11))).toBeInstanceOf(RangeError)
    const before = pool.acquire(80 * KiB - 10, 10)
    expect(before.end).toBeLessThanOrEqual(80 * KiB)
    pool.setEnd(100 * KiB)
    const window = pool.acquire(80 * KiB - 10, 11)
    expect(shown(window, 80 * KiB - 10, 11)).toEqual([...patterned(11, 80 * KiB - 10)])
    pool.setEnd(70 * KiB)
    expect(window.view).toBeNull()
    expect(thrownBy(() => pool.acquire(75 * KiB, 1))).toBeInstanceOf(RangeError)
    end(pool, file)
  })

  it('refuses items longer than agreed and offsets that are none', () => {
    const { file, pool } = start(100 * KiB)
    for (const [offset, length] of [
      [0, 5001],
      [-1, 1],
      [0.5, 1],
      [Number.NaN, 1],
      [2 ** 53, 1],
      [100 * KiB, 1],
    ] as const) {
      expect(
        thrownBy(() => pool.acquire(offset, length)),
        `${offset}, ${length}`,
      ).toBeInstanceOf(RangeError)
    }
    end(pool, file)
  })

  it('reads beyond 4 GiB of a sparse file', () => {
    const { file, pool } = start(0)
    file.resize(5 * GiB)
    pool.setEnd(5 * GiB)
    const place = 4 * GiB + 64 * KiB - 3
    file.store(Uint8Array.of(1, 2, 3, 4, 5, 6), place)
    expect(shown(pool.acquire(place, 6), place, 6)).toEqual([1, 2, 3, 4, 5, 6])
    expect(shown(pool.acquire(64 * KiB - 3, 6), 64 * KiB - 3, 6)).toEqual([0, 0, 0, 0, 0, 0])
    expect(shown(pool.acquire(5 * GiB - 1, 1), 5 * GiB - 1, 1)).toEqual([0])
    end(pool, file)
  })

  it('throws ERR_STRIDE_CLOSED after close, and leaves no token showing', () => {
    const { file, pool } = start(100 * KiB)
    const window = pool.acquire(0, 10)
    pool.pin(window)
    pool.close()
    pool.close()
    expect(window.view).toBeNull()
    for (const use of [
      () => pool.acquire(0, 10),
      () => pool.checkSize(),
      () => pool.setEnd(5),
      () => pool.store(Uint8Array.of(1), 0),
      () => pool.trim(),
      () => pool.readAhead(0, 1),
    ]) {
      expect(codeOf(use), String(use)).toBe('ERR_STRIDE_CLOSED')
    }
    file.close()
  })

  it('prefetches ranges in any number, and survives being closed meanwhile', async () => {
    const { file, pool } = start(700 * KiB)
    await pool.prefetch([])
    await pool.prefetch([
      { offset: 0, length: 100 },
      { offset: 300 * KiB, length: 350 * KiB },
    ])
    const late = pool.prefetch([{ offset: 0, length: 700 * KiB }])
    pool.close()
    await late
    await expect(pool.prefetch([{ offset: 0, length: 1 }])).rejects.toMatchObject({ code: 'ERR_STRIDE_CLOSED' })
    file.close()
  })

  it('gives memory back at trim and goes on', () => {
    const { file, pool } = start(200 * KiB)
    const window = pool.acquire(0, 10)
    pool.trim()
    expect(window.view).toBeNull()
    expect(pool.stats()).toMatchObject({ windows: 0, mappedBytes: 0 })
    expect(shown(pool.acquire(0, 10), 0, 10)).toEqual([...patterned(10)])
    end(pool, file)
  })
})

describe.each(PLATFORMS.filter(({ name }) => !name.startsWith('file')))(
  'live windows on $name',
  ({ create }) => {
    const start = (size: number, options: Partial<WindowOptions> = {}) => {
      const file = create().open(join(newFolder(), 'a.bin'), { access: 'readwrite', create: 'always' })
      file.store(patterned(size), 0)
      const pool = createWindowPool(file, { ...SMALL, ...options })
      pool.setEnd(size)
      return { file, pool }
    }
    const window = (k: number): number => k * 64 * KiB

    it('lets the least recently used window go first', () => {
      const { pool, file } = start(1000 * KiB, { mappedBytesMax: 3 * 80 * KiB })
      const [a, b] = [pool.acquire(window(0), 1), pool.acquire(window(1), 1)]
      const c = pool.acquire(window(2), 1)
      pool.acquire(window(0), 1)
      pool.acquire(window(3), 1)
      expect([a.view === null, b.view === null, c.view === null]).toEqual([false, true, false])
      pool.acquire(window(4), 1)
      expect([a.view === null, c.view === null]).toEqual([false, true])
      expect(pool.stats().windows).toBe(3)
      pool.close()
      file.close()
    })

    it('keeps pinned windows, counts pins, and allows one window more when all are pinned', () => {
      const { pool, file } = start(1000 * KiB, { mappedBytesMax: 2 * 80 * KiB })
      const [a, b] = [pool.acquire(window(0), 1), pool.acquire(window(1), 1)]
      pool.pin(a)
      pool.pin(a)
      pool.pin(b)
      for (let k = 2; k < 12; k++) {
        expect(shown(pool.acquire(window(k), 1), window(k), 1)).toEqual([byteAt(window(k))])
        expect(pool.stats().windows).toBe(3)
      }
      pool.unpin(a)
      for (let k = 2; k < 6; k++) pool.acquire(window(k), 1)
      expect(a.view?.getUint8(0)).toBe(byteAt(0))
      pool.unpin(a)
      for (let k = 2; k < 6; k++) pool.acquire(window(k), 1)
      expect(a.view).toBeNull()
      expect(b.view).not.toBeNull()
      expect(pool.stats().windows).toBe(2)
      pool.close()
      file.close()
    })

    it('reserves what it shows and not a whole window, and grows without mapping for each append', () => {
      const { pool, file } = start(12_500, { windowBytes: GiB, mappedBytesMax: Number.POSITIVE_INFINITY })
      const capacities: number[] = []
      const reserve = file.reserve.bind(file)
      file.reserve = capacity => {
        capacities.push(capacity)
        return reserve(capacity)
      }
      let size = 12_500
      for (let i = 0; i < 2000; i++) {
        file.store(patterned(125, size), size)
        size += 125
        pool.setEnd(size)
        expect(pool.acquire(size - 125, 125).view?.getUint8(size - 125)).toBe(byteAt(size - 125))
      }
      expect(capacities).toEqual([64, 128, 256, 512].map(k => k * KiB).slice(0, capacities.length))
      expect(Math.max(...capacities)).toBeLessThanOrEqual(512 * KiB)
      expect(pool.stats().mappedBytes).toBe(size)
      pool.close()
      file.close()
    })

    it('ends the old token when a window is extended, and keeps its pins', () => {
      const { pool, file } = start(100 * KiB)
      const token = pool.acquire(window(1), 10)
      pool.pin(token)
      file.store(patterned(100 * KiB, 100 * KiB), 100 * KiB)
      pool.setEnd(200 * KiB)
      expect(token.view?.byteLength).toBe(36 * KiB)
      const longer = pool.acquire(105 * KiB, 10)
      expect(token.view).toBeNull()
      expect(longer.view?.getUint8(105 * KiB - longer.start)).toBe(byteAt(105 * KiB))
      for (let k = 0; k < 3; k++) for (let i = 0; i < 4; i++) pool.acquire(window(k), 1)
      expect(longer.view).not.toBeNull()
      pool.close()
      file.close()
    })

    describe('that read first', () => {
      const READS_FIRST = { readsFirst: true, mappedBytesMax: 3 * 80 * KiB }
      const earn = (pool: WindowPool, k: number): number => {
        const before = pool.stats().slides
        for (let i = 1; i <= 200; i++) {
          const at = window(k) + i * 7
          expect(shown(pool.acquire(at, 5), at, 5)).toEqual([...patterned(5, at)])
          if (pool.stats().slides > before) return i
        }
        throw new Error('200 lookups earned no window')
      }

      it('show no window for a few lookups, and one for many', () => {
        const { pool, file } = start(1000 * KiB, READS_FIRST)
        const copy = pool.acquire(window(3) + 10, 100)
        expect([copy.isCopy, copy.start, copy.end]).toEqual([true, window(3) + 10, window(3) + 110])
        expect(pool.stats()).toMatchObject({ windows: 0, mappedBytes: 0, slides: 0 })
        expect(earn(pool, 3)).toBeGreaterThan(10)
        expect(pool.acquire(window(3), 1).isCopy).toBe(false)
        expect(pool.stats()).toMatchObject({ windows: 1, slides: 1 })
        pool.close()
        file.close()
      })

      it('earn every window of a file that is looked up all over, however many there are', () => {
        const { pool, file } = start(64 * KiB, { readsFirst: true, mappedBytesMax: Number.POSITIVE_INFINITY })
        const count = 2000
        file.resize(window(count))
        pool.setEnd(window(count))
        for (let round = 0; round < 200 && pool.stats().slides < count; round++)
          for (let k = 0; k < count; k++) pool.acquire(window(k) + round, 1)
        expect(pool.stats().slides).toBe(count)
        pool.close()
        file.close()
      })

      it('make a window earn its place again once it had to go', () => {
        const { pool, file } = start(1000 * KiB, READS_FIRST)
        for (let k = 0; k < 6; k++) earn(pool, k)
        expect(pool.stats().windows).toBe(3)
        expect(pool.acquire(window(0), 1).isCopy).toBe(true)
        expect(pool.acquire(window(5), 1).isCopy).toBe(false)
        expect(earn(pool, 0)).toBeGreaterThan(10)
        pool.close()
        file.close()
      })

      it('count reads however long they take', () => {
        const { pool, file } = start(1000 * KiB, READS_FIRST)
        const read = file.read.bind(file)
        file.read = (target, offset) => {
          const until = performance.now() + 0.05
          while (performance.now() < until);
          return read(target, offset)
        }
        for (let i = 0; i < 16; i++) expect(pool.acquire(window(1) + i, 1).isCopy).toBe(true)
        expect(pool.acquire(window(1), 1).isCopy).toBe(false)
        pool.close()
        file.close()
      })

      it('end their copies with a store over them, an expiry, a new end, a turn, and eight others', async () => {
        const { pool, file } = start(1000 * KiB, READS_FIRST)
        const endings: readonly (() => unknown)[] = [
          () => pool.store(Uint8Array.of(1), 109),
          () => pool.expire(),
          () => pool.setEnd(1000 * KiB),
          () => nextTurn(),
          () => Array.from({ length: 8 }, (_, k) => pool.acquire(window(k), 1)),
          () => pool.close(),
        ]
        for (const end of endings) {
          const copy = pool.acquire(100, 10)
          expect(copy.isCopy).toBe(true)
          pool.acquire(window(8), 1)
          if (!String(end).includes('close')) pool.store(Uint8Array.of(1), 110)
          expect(copy.view).not.toBeNull()
          await end()
          expect(copy.view, String(end)).toBeNull()
        }
        file.close()
      })

      it('show a window for a walk at once, and throw where the file is shorter', () => {
        const { pool, file } = start(1000 * KiB, READS_FIRST)
        expect(pool.acquire(window(2), 10, 200 * KiB).isCopy).toBe(false)
        expect(pool.stats().windows).toBe(1)
        pool.acquire(window(9), 10)
        file.resize(500 * KiB)
        expect(codeOf(() => pool.acquire(window(9), 10))).toBe('ERR_STRIDE_TRUNCATED')
        pool.close()
        file.close()
      })
    })

    it('keeps within the bound when a window grows where it is', () => {
      const bound = 264 * KiB
      const { pool, file } = start(3 * 64 * KiB + 4 * KiB, { mappedBytesMax: bound })
      for (const k of [3, 0, 1, 2]) pool.acquire(window(k), 1)
      expect(pool.stats()).toMatchObject({ windows: 4, mappedBytes: (72 + 72 + 68 + 4) * KiB })
      file.store(patterned(60 * KiB, 196 * KiB), 196 * KiB)
      pool.setEnd(256 * KiB)
      const at = 256 * KiB - 10
      expect(shown(pool.acquire(at, 10), at, 10)).toEqual([...patterned(10, at)])
      expect(pool.stats().mappedBytes).toBeLessThanOrEqual(bound)
      expect(pool.stats().windows).toBe(3)
      pool.close()
      file.close()
    })

    it('finds windows whose numbers differ by multiples of the table size, and lets them slide', () => {
      const { pool, file } = start(64 * KiB, { mappedBytesMax: 5 * 80 * KiB })
      const places = Array.from({ length: 12 }, (_, i) => window(i * 512))
      file.resize(window(12 * 512))
      pool.setEnd(window(12 * 512))
      for (const at of places) file.store(patterned(16, at), at)
      const random = fc.sample(fc.integer({ min: 0, max: 11 }), { numRuns: 3000, seed: 7 })
      for (const i of random) {
        const at = places[i] as number
        expect(shown(pool.acquire(at, 16), at, 16)).toEqual([...patterned(16, at)])
      }
      expect(pool.stats().windows).toBeLessThanOrEqual(5)
      pool.setEnd(window(512) + 16)
      expect(pool.stats().windows).toBeLessThanOrEqual(2)
      expect(shown(pool.acquire(window(512), 16), window(512), 16)).toEqual([...patterned(16, window(512))])
      pool.close()
      file.close()
    })

    it('slides with the views and the memory that it has, also where the last window is short', () => {
      const { pool, file } = start(20 * 64 * KiB + 20 * KiB, { mappedBytesMax: 3 * 80 * KiB })
      let reserved = 0
      const reserve = file.reserve.bind(file)
      file.reserve = capacity => {
        reserved++
        return reserve(capacity)
      }
      const views = new Set<unknown>()
      const random = fc.sample(fc.integer({ min: 0, max: 20 }), { numRuns: 4000, seed: 11 })
      for (const k of random) {
        const { view, bytes, end, start: from } = pool.acquire(window(k), 1)
        if (end - from === 72 * KiB) views.add(view).add(bytes)
      }
      expect(pool.stats().slides).toBeGreaterThan(2000)
      expect(reserved).toBeLessThan(10)
      expect(views.size).toBeLessThan(600)
      pool.close()
      file.close()
    })

    it('keeps nothing of windows that slid away, within one turn of the event loop too', () => {
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc') as () => void
      const { pool, file } = start(100 * 64 * KiB, { mappedBytesMax: 3 * 80 * KiB })
      const slide = (times: number): void => {
        for (let i = 0; i < times; i++) pool.acquire(window(i % 100), 1)
      }
      slide(500)
      collect()
      const before = process.memoryUsage().heapUsed
      slide(20_000)
      collect()
      // A slot and its token are about 400 bytes: 8 MB where they are kept.
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(2_000_000)
      pool.close()
      file.close()
    })

    it('asks for the size of the file once a turn, and when a window slides', async () => {
      const { pool, file } = start(1000 * KiB)
      let asked = 0
      const size = file.size.bind(file)
      file.size = () => {
        asked++
        return size()
      }
      for (let i = 0; i < 100; i++) pool.acquire(i, 1)
      expect(asked).toBe(1)
      await nextTurn()
      for (let i = 0; i < 100; i++) pool.acquire(i, 1)
      expect(asked).toBe(2)
      pool.acquire(window(1), 1)
      expect(asked).toBe(3)
      pool.close()
      file.close()
    })
  },
)
