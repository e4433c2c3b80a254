/**
 * What could go wrong: of many small changes one lands elsewhere, or not at all, because of the way in which they are stored; pages
 * are counted that no change touched, so that the wrong way is taken, and many times the changed bytes are written back.
 * Rules: SB1 to SB3 of store-batch.ts, DR1 of dirty-ranges.ts.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { openStore } from 'stridedb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DirtyRanges } from '../../src/engine/data-file/dirty-ranges.ts'
import { StoreBatch } from '../../src/engine/data-file/store-batch.ts'
import type { Pieces } from '../../src/mmap/pieces.ts'
import { type PlatformFile, STORE_BLOCK_BYTES } from '../../src/mmap/platform.ts'
import { createWindowPool, type WindowPool } from '../../src/mmap/window-pool/create-window-pool.ts'
import { PLATFORMS } from '../mmap/places.ts'
import { propertyOptions } from '../property.ts'
import { Point, temporaryFolder } from './support.ts'

const FILE_BYTES = 3 * STORE_BLOCK_BYTES + 5000
const PAGE_BYTES = 4096

/** A pool that counts how pieces were stored, and thinks as it is told of the window. */
class WatchedPool {
  calls = 0
  pieces = 0
  readonly pool: WindowPool

  constructor(inner: WindowPool, piecesFrom: number) {
    const own: Partial<WindowPool> = {
      piecesFrom: Number.isFinite(inner.piecesFrom) ? piecesFrom : inner.piecesFrom,
      store: (bytes: Uint8Array, offset: number) => {
        this.calls++
        inner.store(bytes, offset)
      },
      storePieces: (pieces: Pieces) => {
        this.pieces += pieces.count
        inner.storePieces(pieces)
      },
    }
    this.pool = new Proxy(inner, {
      get(target, name) {
        if (name in own) return own[name as keyof WindowPool]
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

describe.each(PLATFORMS)('many small stores on $name', ({ create }) => {
  const start = (): { file: PlatformFile; pool: WindowPool } => {
    const file = create().open(join(temporaryFolder(), 'a.bin'), { access: 'readwrite', create: 'always' })
    file.allocate(0, FILE_BYTES)
    onTestFinished(() => file.close())
    const pool = createWindowPool(file, {
      windowBytes: 65_536,
      mappedBytesMax: 300_000,
      itemBytesMax: 1000,
      advice: 'normal',
    })
    pool.setEnd(FILE_BYTES)
    return { file, pool }
  }
  const contentOf = (file: PlatformFile): Buffer => {
    const bytes = Buffer.alloc(FILE_BYTES)
    file.read(bytes, 0)
    return bytes
  }

  it('leave the same bytes as a copy of each, by whichever way', () => {
    const { file, pool } = start()
    const model = contentOf(file)
    const dirty = new DirtyRanges()
    let isSynced = 0
    const piece = fc.record({
      gap: fc.oneof(fc.constant(0), fc.nat({ max: 50 }), fc.nat({ max: 8000 }), fc.nat({ max: 900_000 })),
      length: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 100_000 })),
    })
    const batch = fc.record({ pieces: fc.array(piece, { maxLength: 60 }), from: fc.constantFrom(0, 1, 4, 12) })
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), fc.nat({ max: 255 }), (batches, salt) => {
        for (const { pieces, from } of batches) {
          const stores = new StoreBatch(new WatchedPool(pool, from).pool, dirty)
          let offset = 0
          for (const { gap, length } of pieces) {
            offset += gap
            if (offset + length > FILE_BYTES) break
            const bytes = Buffer.from(Array.from({ length: length + 3 }, (_, i) => (i + salt + offset) & 0xff))
            stores.add({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset) }, 3, length, offset)
            bytes.copy(model, offset, 3)
            offset += length
          }
          stores.flush()
          if (++isSynced % 5 === 0) dirty.clear()
        }
        expect(contentOf(file).equals(model)).toBe(true)
      }),
      propertyOptions(45),
    )
  })

  it('go through memory where many pages of their block changed since the last sync, and only there', () => {
    const { pool } = start()
    const dirty = new DirtyRanges()
    const bytes = Buffer.alloc(8, 1)
    const source = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, 8) }
    const run = (offsets: readonly number[]): [calls: number, pieces: number] => {
      const watched = new WatchedPool(pool, 10)
      const stores = new StoreBatch(watched.pool, dirty)
      for (const offset of offsets) stores.add(source, 0, 8, offset)
      stores.flush()
      return [watched.calls, watched.pieces]
    }
    const isOffered = Number.isFinite(pool.piecesFrom)
    const pages = (block: number, from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, i) => block * STORE_BLOCK_BYTES + (from + i) * 2 * PAGE_BYTES)
    const expected = (calls: number, pieces: number): [number, number] =>
      isOffered ? [calls, pieces] : [calls + pieces, 0]
    expect(run(pages(0, 0, 9))).toEqual([9, 0])
    // The same pages again: none is new.
    expect(run(pages(0, 0, 9))).toEqual([9, 0])
    expect(run([...pages(0, 9, 10), ...pages(1, 0, 3)])).toEqual(expected(3, 1))
    expect(run([...pages(0, 0, 1), ...pages(1, 3, 12)])).toEqual(expected(0, 10))
    dirty.clear()
    expect(run(pages(0, 0, 2))).toEqual([2, 0])
  })
})

describe('pages stored into', () => {
  it('are counted once each, by block and by piece, until they are taken', () => {
    const range = fc.record({
      offset: fc.nat({ max: FILE_BYTES * 2 }),
      length: fc.integer({ min: 1, max: 400_000 }),
    })
    const step = fc.oneof(
      { weight: 5, arbitrary: range },
      { weight: 1, arbitrary: fc.constant('take' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const dirty = new DirtyRanges()
        const model = new Set<number>()
        const within = (bytes: number): number[] =>
          [...new Set([...model].map(page => Math.floor((page * PAGE_BYTES) / bytes)))].sort((a, b) => a - b)
        for (const each of steps) {
          if (each === 'take') {
            const pieces = within(dirty.pieceBytes).map(index => index * dirty.pieceBytes)
            expect(dirty.take()).toEqual(pieces)
            model.clear()
          } else {
            dirty.add(each.offset, each.length)
            const end = each.offset + each.length
            for (let page = Math.floor(each.offset / PAGE_BYTES); page * PAGE_BYTES < end; page++)
              model.add(page)
          }
          for (let block = 0; block < 8; block++) {
            const from = (block * STORE_BLOCK_BYTES) / PAGE_BYTES
            const to = from + STORE_BLOCK_BYTES / PAGE_BYTES
            const count = [...model].filter(page => page >= from && page < to).length
            expect(dirty.pagesAround(block * STORE_BLOCK_BYTES + 77)).toBe(count)
          }
        }
      }),
      propertyOptions(60),
    )
  })
})

describe.runIf(process.platform === 'linux')('a mapped store', () => {
  const RECORDS = 130_000
  const writableMappings = (path: string): number =>
    readFileSync('/proc/self/maps', 'latin1')
      .split('\n')
      .filter(line => line.endsWith(path) && line.includes(' rw-s ')).length

  it('maps its file for storing when a commit changes most of its pages, gives it back, and has stored all', async () => {
    const path = join(temporaryFolder(), 'points.stride')
    const store = openStore(path, Point, { checksums: true, backend: 'mapped' })
    store.appendMany(Array.from({ length: RECORDS }, (_, i) => ({ x: i, tag: 1 })))
    store.commitSync()
    store.delete(17)
    store.commitSync()
    await store.checkpoint()
    // The page of the shared words.
    expect(writableMappings(path)).toBe(1)
    store.update(5, { tag: 3 })
    store.commitSync()
    expect(writableMappings(path)).toBe(1)
    const isChanged = (n: number): boolean => n % 400 === 7
    for (let n = 7; n < RECORDS; n += 400) store.update(n, { x: -n })
    store.delete(1000)
    store.commitSync()
    expect(writableMappings(path)).toBe(2)
    store.trim()
    expect(writableMappings(path)).toBe(1)
    store.update(8, { tag: 4 })
    store.commitSync()
    store.close()
    expect(writableMappings(path)).toBe(0)

    const again = openStore(path, Point, { backend: 'file', readOnly: true })
    onTestFinished(() => again.close())
    expect((await again.verify()).ok).toBe(true)
    expect([again.count, again.get(17), again.get(1000)]).toEqual([RECORDS - 2, undefined, undefined])
    const wrong: number[] = []
    for (let n = 1; n < RECORDS; n++) {
      if (n === 17 || n === 1000) continue
      if (again.field(n, 'x') !== (isChanged(n) ? -n : n)) wrong.push(n)
    }
    expect(wrong).toEqual([])
  })
})
