/**
 * What could go wrong past the sizes that 32 bits count: offsets that wrap at 4 GiB, numbers at 2^31, live bits far
 * behind, a file that is shortened, a full disk.
 * Rules of docs/concurrency.md: S6.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readingOf } from '../../src/engine/read/point-reader.ts'
import { childScript } from '../child-scripts.ts'
import { BACKENDS, codeOf, isWindows, Trade, temporaryFolder, trade } from './support.ts'

const Big = z.object({ n: z.float64(), pad: z.array(z.uint32()).length(1022) })
const Tiny = z.object({ v: z.uint32() })
const pad = (value: number): number[] => Array.from({ length: 1022 }, () => value)

describe.each(BACKENDS)('far records on the $name backend', ({ options }) => {
  test('beyond 4 GiB of file are written, found and deleted', async () => {
    const path = join(temporaryFolder(), 'big.stride')
    const capacity = 1_500_000
    const far = 1_400_000
    const store = openStore(path, Big, { ...options, capacity, allocate: 'sparse' })
    expect(statSync(path).size).toBeGreaterThan(6e9)
    growSparsely(store, far)
    store.append({ n: far, pad: pad(7) })
    store.update(far - 1, { n: -1 })
    store.delete(1_100_000)
    await store.commit()
    store.close()
    using again = openStore(path, Big, { ...options, readOnly: true })
    expect([again.size, again.count]).toEqual([far + 1, far])
    expect(again.get(far)).toEqual({ n: far, pad: pad(7) })
    expect(again.field(far - 1, 'n')).toBe(-1)
    expect([again.has(1_100_000), again.has(1_100_001)]).toEqual([false, true])
    expect([...again.gather('n', [far, 0, far - 1])]).toEqual([far, 0, -1])
    const seen: number[] = []
    for (const row of again.scan({ from: far - 3 })) seen.push(row.n)
    expect(seen).toEqual([0, 0, -1, far])
  })

  test('beyond number 2^31 are written, found, deleted and scanned', async () => {
    const path = join(temporaryFolder(), 'tiny.stride')
    const far = 2 ** 31 + 5
    const store = openStore(path, Tiny, { ...options, capacity: far + 100, allocate: 'sparse' })
    growSparsely(store, far)
    expect(store.append({ v: 42 })).toBe(far)
    store.delete(2 ** 31 + 1)
    store.update(2 ** 31 + 2, { v: 43 })
    await store.commit()
    store.close()
    using again = openStore(path, Tiny, { ...options, readOnly: true })
    expect([again.size, again.count]).toEqual([far + 1, far])
    expect([again.field(far, 'v'), again.get(2 ** 31 + 2)]).toEqual([42, { v: 43 }])
    expect(again.has(2 ** 31 + 1)).toBe(false)
    const seen: [number, number][] = []
    for (const row of again.scan({ from: 2 ** 31 - 1 })) seen.push([row.number - 2 ** 31, row.v])
    expect(seen).toEqual([
      [-1, 0],
      [0, 0],
      [2, 43],
      [3, 0],
      [4, 0],
      [5, 42],
    ])
  })
})

/** Commits `count` zero records of a sparse store without writing them, as a hole in the file reads. */
function growSparsely(store: object, count: number): void {
  readingOf(store as never).source.locator.staging.rebase(count)
}

// Windows shortens no file that is mapped.
test.skipIf(isWindows)('a file shortened from outside ends in a coded error, not in a dead process', () => {
  const path = join(temporaryFolder(), 'short.stride')
  const store = openStore(path, Trade)
  store.appendMany(Array.from({ length: 100_000 }, (_, i) => trade(i)))
  store.commitSync()
  store.close()
  const child = spawnSync(
    process.execPath,
    [
      childScript(`import { truncateSync } from 'node:fs'
       import { openStore } from 'src/index.ts'
       const store = openStore(process.argv[2], { readOnly: true })
       store.field(99_000, 'price')
       const row = store.row(99_001)
       truncateSync(process.argv[2], 1_000_000)
       await new Promise(resolve => setImmediate(resolve))
       const codes = []
       for (const call of [() => store.field(99_000, 'price'), () => store.get(99_000), () => row.price,
         () => store.gather('price'), () => [...store], () => store.getMany([1])]) {
         try { call(); codes.push('none') } catch (error) { codes.push(error.code) }
       }
       console.log(codes.join(' '))`),
      path,
    ],
    { encoding: 'utf8', cwd: process.cwd() },
  )
  expect([child.status, child.signal, child.stderr]).toEqual([0, null, ''])
  expect(new Set(child.stdout.trim().split(' '))).toEqual(new Set(['ERR_STRIDE_TRUNCATED']))
})

const mayMount = process.platform === 'linux' && process.getuid?.() === 0 && canMount()
function canMount(): boolean {
  const folder = join(temporaryFolder(), 'probe')
  mkdirSync(folder)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0
  if (mounted) spawnSync('umount', [folder])
  return mounted
}
if (!mayMount) console.warn('SKIPPED: full-disk tests need root and mount(8)')

test.skipIf(!mayMount)(
  'a full disk refuses an append, keeps what was committed, and goes on once there is room',
  () => {
    const folder = join(temporaryFolder(), 'disk')
    mkdirSync(folder)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
    try {
      const path = join(folder, 'trades.stride')
      const store = openStore(path, Trade)
      store.appendMany([0, 1, 2].map(trade))
      store.commitSync()
      let appended = 0
      const fill = (): void => {
        for (;;) {
          store.append(trade(3 + appended))
          appended++
        }
      }
      expect(codeOf(fill)).toBe('ERR_STRIDE_NO_SPACE')
      expect(appended).toBeGreaterThan(20_000)
      expect(store.size).toBe(3 + appended)
      const many = Array.from({ length: 50_000 }, (_, i) => trade(i))
      expect(codeOf(() => store.appendMany(many))).toBe('ERR_STRIDE_NO_SPACE')
      expect(store.size).toBe(3 + appended)
      store.commitSync()
      expect(store.get(2 + appended)).toEqual(trade(2 + appended))
      store.close()
      const again = openStore(path, Trade)
      expect(again.count).toBe(3 + appended)
      expect(codeOf(() => openStore(join(folder, 'other.stride'), Trade, { capacity: 100_000 }))).toBe(
        'ERR_STRIDE_NO_SPACE',
      )
      expect(readdirSync(folder).filter(name => name.includes('-new-'))).toEqual([])
      again.close()
    } finally {
      execFileSync('umount', [folder])
    }
  },
)
