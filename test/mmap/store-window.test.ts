/**
 * What could go wrong: pieces that are stored through memory land elsewhere than those that are stored by position, are not seen by
 * others or not synced; a page that cannot be had ends the process; the mapping outlives its file.
 * Rules: SV1 to SV4 of posix/store-window.ts, PI1 of pieces.ts.
 */

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Pieces } from '../../src/mmap/pieces.ts'
import { type PlatformFile, STORE_BLOCK_BYTES, type StoreWindow } from '../../src/mmap/platform.ts'
import { thisSystem } from '../../src/mmap/this-system.ts'
import { createWindowPool } from '../../src/mmap/window-pool/create-window-pool.ts'
import { childScript } from '../child-scripts.ts'
import { propertyOptions } from '../property.ts'
import { codeOf, newFolder, PLATFORMS, runScript } from './places.ts'

const isLinux = process.platform === 'linux'
const OFFERED = ['simulated', ...(isLinux ? ['posix'] : [])]
const CAPACITY_MIN = 2 * STORE_BLOCK_BYTES
const FILE_BYTES = 5 * STORE_BLOCK_BYTES + 1000

const newFile = (name: string, size = FILE_BYTES): PlatformFile => {
  const platform = PLATFORMS.find(each => each.name === name)?.create()
  if (platform === undefined) throw new Error(name)
  const file = platform.open(join(newFolder(), 'a.bin'), { access: 'readwrite', create: 'always' })
  file.allocate(0, size)
  onTestFinished(() => file.close())
  return file
}

/** Bytes that tell where they come from. */
const heap = Buffer.from(Array.from({ length: 100_000 }, (_, i) => 1 + (i % 251)))
const source = { view: new DataView(heap.buffer, heap.byteOffset, heap.length), bytes: heap }

const piecesOf = (parts: readonly { at: number; length: number; offset: number }[]): Pieces => {
  const pieces = new Pieces()
  for (const { at, length, offset } of parts) pieces.add(source, at, length, offset)
  return pieces
}
const contentOf = (file: PlatformFile, size = FILE_BYTES): Buffer => {
  const bytes = Buffer.alloc(size)
  file.read(bytes, 0)
  return bytes
}
/** Writable mappings of the file in this process. */
const writableMappings = (path: string): number =>
  fs
    .readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .filter(line => line.includes(path) && line.includes(' rw-s ')).length

it('is offered where the system populates for writing and the file system overwrites in place', () => {
  const offered = PLATFORMS.filter(({ name }) => newFile(name, 4096).storeWindow(CAPACITY_MIN) !== undefined)
  expect(offered.map(({ name }) => name).sort()).toEqual(OFFERED.sort())
})

describe.each(OFFERED)('a window for stores on %s', name => {
  /** Pieces of one block, as gaps and lengths. */
  const block = fc.record({
    block: fc.nat({ max: 4 }),
    parts: fc.array(
      fc.record({
        gap: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 9000 }), fc.nat({ max: 300_000 })),
        length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 70_000 })),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  })

  it('stores random pieces where stores by position would', () => {
    const file = newFile(name)
    const window = file.storeWindow(CAPACITY_MIN) as StoreWindow
    const model = contentOf(file)
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), blocks => {
        for (const { block: index, parts } of blocks) {
          let offset = index * STORE_BLOCK_BYTES
          const placed: { at: number; length: number; offset: number }[] = []
          for (const { gap, length } of parts) {
            offset += gap
            if (offset >= (index + 1) * STORE_BLOCK_BYTES || offset + length > FILE_BYTES) break
            placed.push({ at: (offset * 7) % (heap.length - length), length, offset })
            offset += length
          }
          window.store(piecesOf(placed))
          for (const { at, length, offset: to } of placed) heap.copy(model, to, at, at + length)
        }
        expect(contentOf(file).equals(model)).toBe(true)
      }),
      propertyOptions(60),
    )
  })

  it('shows its stores at once to windows, to reads by position, and to other handles', () => {
    const file = newFile(name)
    const pool = createWindowPool(file, {
      windowBytes: 65_536,
      mappedBytesMax: 300_000,
      itemBytesMax: 1000,
      advice: 'normal',
    })
    pool.setEnd(FILE_BYTES)
    const before = pool.acquire(8192, 10)
    expect(before.bytes[8192 - before.start]).toBe(0)
    pool.storePieces(piecesOf([{ at: 4, length: 3, offset: 8192 }]))
    expect([...before.bytes.subarray(8192 - before.start, 8196 - before.start)]).toEqual([5, 6, 7, 0])
    expect([...contentOf(file).subarray(8191, 8196)]).toEqual([0, 5, 6, 7, 0])
    pool.trim()
    pool.storePieces(piecesOf([{ at: 1, length: 1, offset: 8192 }]))
    expect(pool.acquire(8192, 1).bytes[8192 - before.start]).toBe(2)
    pool.close()
  })

  it('refuses what lies behind the end of the file, and what comes after close', () => {
    const file = newFile(name)
    const window = file.storeWindow(CAPACITY_MIN) as StoreWindow
    window.store(piecesOf([{ at: 0, length: 5, offset: 40_000 }]))
    file.resize(8192)
    const behind = piecesOf([{ at: 0, length: 5, offset: 40_000 }])
    expect(codeOf(() => window.store(behind))).toBe('ERR_STRIDE_TRUNCATED')
    expect(file.size()).toBe(8192)
    window.store(piecesOf([{ at: 0, length: 5, offset: 8000 }]))
    expect(contentOf(file, 8192)[8004]).toBe(5)
    file.close()
    expect(codeOf(() => window.store(piecesOf([{ at: 0, length: 5, offset: 8000 }])))).toBe('ERR_STRIDE_CLOSED')
  })
})

describe.runIf(isLinux)('its mapping', () => {
  it('is as long as allowed, slides, is given back by trim() and ends with the file', () => {
    const file = newFile('posix')
    const options = { windowBytes: 65_536, itemBytesMax: 1000, advice: 'normal' } as const
    const pool = createWindowPool(file, { ...options, mappedBytesMax: CAPACITY_MIN })
    const one = (offset: number): Pieces => piecesOf([{ at: 9, length: 2, offset }])
    expect(pool.piecesFrom).toBeLessThan(512)
    expect(writableMappings(file.path)).toBe(0)
    for (const offset of [0, FILE_BYTES - 2, STORE_BLOCK_BYTES, 3 * STORE_BLOCK_BYTES - 1]) {
      pool.storePieces(one(offset))
      expect(writableMappings(file.path)).toBe(1)
      expect([...contentOf(file).subarray(offset, offset + 2)]).toEqual([10, 11])
    }
    pool.trim()
    expect(writableMappings(file.path)).toBe(0)
    pool.storePieces(one(5))
    expect(writableMappings(file.path)).toBe(1)
    file.close()
    expect(writableMappings(file.path)).toBe(0)
  })

  /** Cuts the file under the window; `answer`: what populating says instead of the kernel. */
  const cutChild = (answer?: number): string =>
    childScript(`import * as fs from 'node:fs'
      import { Pieces } from 'src/mmap/pieces.ts'
      import { createPosixPlatform } from 'src/mmap/posix/posix-platform.ts'
      import { systemCalls } from 'src/mmap/posix/system-calls.ts'
      const { calls } = systemCalls()
      const madvise = ${answer === undefined ? 'calls.madvise' : `() => ${answer}`}
      const file = createPosixPlatform({ ...calls, madvise }).open(process.argv[2], { access: 'readwrite', create: 'always' })
      file.allocate(0, 1_000_000)
      const window = file.storeWindow(1)
      const bytes = Buffer.alloc(9, 7)
      const pieces = new Pieces()
      for (let i = 0; i < 100; i++) pieces.add({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset, 9) }, 0, 9, i * 9000)
      window.store(pieces)
      fs.truncateSync(process.argv[2], 500_000)
      try { window.store(pieces); console.log('stored') } catch (error) { console.log(error.code, error.offset, file.size()) }`)

  it('answers with an error where the file was cut short under it', () => {
    const { stdout, stderr, signal } = runScript(cutChild(), { args: [join(newFolder(), 'a.bin')] })
    expect({ stdout, stderr, signal }).toEqual({
      stdout: 'ERR_STRIDE_TRUNCATED 500000 500000\n',
      stderr: '',
      signal: null,
    })
  })

  it('would end the process by SIGBUS without populating, so the test above would notice', () => {
    const { stdout, signal, status } = runScript(cutChild(0), { args: [join(newFolder(), 'a.bin')] })
    expect(stdout).toBe('')
    expect(signal ?? status).toSatisfy((end: unknown) => end === 'SIGBUS' || end === 135)
  })
})

describe.runIf(isLinux)('on other file systems', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'stridedb-stores-'))
  const mounted: string[] = []
  const mount = (name: string, ...options: string[]): void => {
    const place = join(folder, name)
    fs.mkdirSync(place)
    if (spawnSync('mount', [...options, place]).status === 0) mounted.push(name)
    else console.warn(`SKIPPED: ${name} cannot be mounted here`)
  }
  beforeAll(() => {
    mount('tmpfs', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs')
    const [lower, upper, work] = ['l', 'u', 'w'].map(name => join(folder, name))
    for (const place of [lower, upper, work]) fs.mkdirSync(place as string)
    mount('overlay', '-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, 'overlay')
  })
  afterAll(() => {
    for (const name of mounted) spawnSync('umount', ['-l', join(folder, name)])
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const open = (name: string): PlatformFile => {
    const path = join(folder, name, 'a.bin')
    const { system } = thisSystem()
    const file = system?.createPlatform().open(path, { access: 'readwrite', create: 'always' }) as PlatformFile
    onTestFinished(() => file.close())
    return file
  }

  it('is not offered where a page that is written back may need room again', () => {
    if (mounted.includes('overlay')) expect(open('overlay').storeWindow(CAPACITY_MIN)).toBeUndefined()
  })

  it('answers with ERR_STRIDE_NO_SPACE where a hole finds the disk full', () => {
    if (!mounted.includes('tmpfs')) return
    const file = open('tmpfs')
    file.resize(4_000_000)
    const window = file.storeWindow(CAPACITY_MIN) as StoreWindow
    const pages = Array.from({ length: 400 }, (_, i) => ({ at: i, length: 20, offset: i * 4096 }))
    expect(codeOf(() => window.store(piecesOf(pages)))).toBe('ERR_STRIDE_NO_SPACE')
    fs.truncateSync(file.path, 0)
    file.resize(400_000)
    window.store(piecesOf(pages.slice(0, 90)))
    expect(contentOf(file, 400_000)[89 * 4096 + 19]).toBe(heap[89 + 19])
  })
})
