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
import { coalesce } from '../../src/mmap/window-reading.ts'
import { createWindowPool, type WindowOptions, type WindowPool } from '../../src/mmap/windows.ts'
import { newFolder } from './places.ts'

const MiB = 1024 * 1024
const SIZE = 48 * MiB
const POSIX_FADV_DONTNEED = 4

const { calls } = systemCalls()
if (calls === undefined || process.platform !== 'linux')
  console.warn('SKIPPED: no mapping on Linux, so nothing is cold')

describe.runIf(calls !== undefined && process.platform === 'linux')('cold files', () => {
  const { posixFadvise } = calls as SystemCalls

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
    posixFadvise(fd, 0, 0, POSIX_FADV_DONTNEED)
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

  it('read ahead of a walk, in steps', ({ skip }) => {
    const { pool, file, cold } = coldPool()
    if (!cold()) skip('this file system keeps its pages in memory')
    const asked: number[] = []
    const readAhead = file.readAhead.bind(file)
    file.readAhead = (offset, length) => {
      asked.push(offset, offset + length)
      readAhead(offset, length)
    }
    let at = 0
    let steps = 0
    while (at < SIZE) {
      const window = pool.acquire(at, 100, SIZE - at)
      steps++
      for (; at + 100 <= window.end && at < SIZE; at += 4096) {
        expect(window.view?.getUint8(at - window.start)).toBe(7)
      }
      if (at + 100 > window.end && at < SIZE) expect(asked.at(-1)).toBeGreaterThan(at)
    }
    expect(steps).toBeGreaterThan(8)
    expect(asked[0]).toBe(0)
    expect(asked.at(-1)).toBe(SIZE)
    for (let i = 2; i < asked.length; i += 2) expect(asked[i]).toBe(asked[i - 1])
    // What is warm is not asked for again.
    asked.length = 0
    for (at = 0; at < SIZE; at += 4 * MiB) pool.acquire(at, 100, SIZE - at)
    expect(asked).toEqual([])
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
