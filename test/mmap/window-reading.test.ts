/**
 * What could go wrong: a lookup of one cold record reads megabytes, a cold walk reads page by page, prefetching
 * answers before the pages are there, or takes windows away from others.
 */

import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PlatformFile } from '../../src/mmap/platform.ts'
import { createPosixPlatform } from '../../src/mmap/posix/posix-platform.ts'
import { type SystemCalls, systemCalls } from '../../src/mmap/posix/system-calls.ts'
import {
  createWindowPool,
  type Window,
  type WindowOptions,
  type WindowPool,
} from '../../src/mmap/window-pool/create-window-pool.ts'
import { coalesce } from '../../src/mmap/window-pool/read-ahead.ts'
import { newFolder, nextTurn } from './places.ts'

const MiB = 1024 * 1024
const SIZE = 48 * MiB
const POSIX_FADV_DONTNEED = 4

const { calls } = systemCalls()
if (calls === undefined || process.platform !== 'linux')
  console.warn('SKIPPED: no mapping on Linux, so nothing is cold')

describe.runIf(calls !== undefined && process.platform === 'linux')('cold files', () => {
  /** A file none of whose pages is in memory, or undefined where the file system keeps them. */
  function coldPool(options: Partial<WindowOptions> = {}): {
    pool: WindowPool
    file: PlatformFile
    cold(at?: number[]): boolean
  } {
    const path = join(newFolder(), 'cold.bin')
    fs.writeFileSync(path, new Uint8Array(SIZE).fill(7))
    const file = createPosixPlatform(calls as SystemCalls).open(path, { access: 'readwrite' })
    file.sync()
    const fd = fs.openSync(path, 'r')
    calls?.posixFadvise(fd, 0, 0, POSIX_FADV_DONTNEED)
    fs.closeSync(fd)
    const pool = createWindowPool(file, {
      ...{
        windowBytes: 64 * MiB,
        mappedBytesMax: Number.POSITIVE_INFINITY,
        itemBytesMax: 4096,
        advice: 'normal',
      },
      ...options,
    })
    pool.setEnd(SIZE)
    onTestFinished(() => {
      pool.close()
      file.close()
    })
    return { pool, file, cold: (at = [0, SIZE / 2, SIZE - 1]) => at.every(offset => !pool.isResident(offset)) }
  }
  const resident = (pool: WindowPool): number => pool.stats().residentBytes

  it('give a lookup its page and not much more', ({ skip }) => {
    const { pool, cold } = coldPool()
    if (!cold()) skip('this file system keeps its pages in memory')
    for (let i = 0; i < 20; i++) {
      const offset = i * 2 * MiB + 12_345
      const window = pool.acquire(offset, 100)
      expect(window.view?.getUint8(offset - window.start)).toBe(7)
    }
    expect(resident(pool)).toBeGreaterThanOrEqual(20 * 4096)
    expect(resident(pool)).toBeLessThan(4 * MiB)
  })

  it('are read ahead for a walk, where it walks and nowhere else', ({ skip }) => {
    const { pool, cold } = coldPool()
    if (!cold()) skip('this file system keeps its pages in memory')
    const touch = (window: Window, offset: number): void =>
      expect(window.view?.getUint8(offset - window.start)).toBe(7)
    touch(pool.acquire(4096, 100, SIZE), 4096)
    // Readable is what has arrived; the device may be set to read less ahead than it does here.
    expect(pool.isResident(4096 + 64 * 1024)).toBe(true)
    touch(pool.acquire(40 * MiB, 100), 40 * MiB)
    expect(pool.isResident(40 * MiB)).toBe(true)
    expect(pool.isResident(40 * MiB + 64 * 1024)).toBe(false)
  })

  it('are looked up page by page again where a walk has gone on, or ended with its turn', async ({ skip }) => {
    const { pool, cold } = coldPool()
    if (!cold()) skip('this file system keeps its pages in memory')
    pool.acquire(0, 100, SIZE)
    pool.acquire(20 * MiB, 100, SIZE)
    await nextTurn()
    for (const offset of [MiB, 21 * MiB]) {
      const window = pool.acquire(offset, 100)
      expect(window.view?.getUint8(offset - window.start)).toBe(7)
      expect(pool.isResident(offset + 64 * 1024)).toBe(false)
    }
  })

  it('are walked in steps, each of which comes by the pool', () => {
    const { pool } = coldPool()
    let steps = 0
    for (let at = 0; at < SIZE; steps++) {
      const window = pool.acquire(at, 100, SIZE - at)
      expect(window.end).toBeGreaterThan(at)
      for (; at + 100 <= window.end; at += 100) expect(window.view?.getUint8(at - window.start)).toBe(7)
      if (SIZE - at < 100) break
    }
    expect(steps).toBeGreaterThan(8)
    expect(steps).toBeLessThan(20)
  })

  it('are in memory when prefetch answers, and it kept the event loop free', async ({ skip }) => {
    const { pool, cold } = coldPool({ windowBytes: 8 * MiB })
    if (!cold()) skip('this file system keeps its pages in memory')
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    await pool.prefetch([
      { offset: 0, length: 10 * MiB },
      { offset: 30 * MiB, length: 100 },
    ])
    clearInterval(ticking)
    for (let offset = 0; offset < 10 * MiB; offset += 4096) expect(pool.isResident(offset)).toBe(true)
    expect(pool.isResident(30 * MiB)).toBe(true)
    expect(pool.isResident(46 * MiB)).toBe(false)
    expect(turns).toBeGreaterThan(0)
  })

  it('are asked of the system where no window may be shown for them, and no window gives way', async ({
    skip,
  }) => {
    const { pool, file, cold } = coldPool({ windowBytes: 8 * MiB, mappedBytesMax: 9 * MiB })
    if (!cold([0])) skip('this file system keeps its pages in memory')
    const window = pool.acquire(0, 100)
    const asked: number[] = []
    const readAhead = file.readAhead.bind(file)
    file.readAhead = (offset, length) => {
      asked.push(offset)
      readAhead(offset, length)
    }
    const { slides } = pool.stats()
    await pool.prefetch([{ offset: 20 * MiB, length: 20 * MiB }])
    expect(asked[0]).toBe(20 * MiB)
    expect(pool.stats().slides).toBe(slides)
    expect(pool.acquire(0, 100).start).toBe(window.start)
  })
})

describe('ranges to prefetch', () => {
  it('are joined where they touch, overlap or lie near each other', () => {
    const ranges = [
      { offset: 0, length: 100 },
      { offset: 50, length: 10 },
      { offset: 70_000, length: 0 },
      { offset: 60_000, length: 100 },
      { offset: 200_000, length: 5 },
    ]
    expect(coalesce(ranges)).toEqual([
      { offset: 0, length: 60_100 },
      { offset: 200_000, length: 5 },
    ])
  })
})
