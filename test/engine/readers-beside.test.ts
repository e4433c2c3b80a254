/**
 * Read-only openers beside a writer that grows, compacts, migrates, fails or died. What could go wrong: a reading mixes two
 * states, records that a commit put behind the room of the root are not reached, damage is reported where there is none, a
 * failed writer makes every reading wait.
 * Rules of docs/durability.md: D9; of docs/concurrency.md: S2.
 */

import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrateStore, openStore, type Store } from 'stridedb'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { IndexSet } from '../../src/engine/indexes/lifecycle/index-set.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import { readingOf } from '../../src/engine/read/point-reader.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { Faults, failingPlatform } from '../crash/failing-platform.ts'
import { BACKENDS, codeOf, codeOfAsync, isWindows, Point, temporaryFolder } from './support.ts'

type PointStore = Store<typeof Point>
/** The same, opened on a platform of the test's own. */
type OwnStore = ReturnType<typeof openStoreOn<typeof Point>>

const points = (count: number, x = 0): { x: number; tag: number }[] =>
  Array.from({ length: count }, (_, i) => ({ x: x + i, tag: 255 }))

describe.each(BACKENDS)('on the $name backend', ({ options }) => {
  test.each([1000, 100_000])('%d records that a killed writer left in place are reached', async count => {
    const folder = temporaryFolder()
    const path = join(folder, 'points.stride')
    const store = openStore(path, Point, options)
    store.append({ x: 0, tag: 0 })
    store.commitSync()
    store.appendMany(points(count, 1))
    store.commitSync()
    const left = join(folder, 'left.stride')
    for (const suffix of ['', '-journal']) copyFileSync(path + suffix, left + suffix)
    store.close()
    using reader = openStore(left, Point, { ...options, readOnly: true })
    expect([reader.count, reader.field(count, 'x'), reader.gather('x').length]).toEqual([
      count + 1,
      count,
      count + 1,
    ])
    expect([...reader.scan()].length).toBe(count + 1)
    expect(await reader.verify()).toMatchObject({ ok: true, recordsChecked: count + 1 })
    await reader.backup(join(folder, 'copy.stride'))
    expect(openStore(join(folder, 'copy.stride'), Point, { readOnly: true }).field(count, 'x')).toBe(count)
  })

  test('a reader that stays at a commit notes no keys of what a bulk load appends meanwhile', async () => {
    const path = join(temporaryFolder(), 'points.stride')
    const indexes = { byX: { on: 'x', kind: 'ordered' }, byTag: { on: 'tag' } } as const
    using writer = openStore(path, Point, { ...options, indexes, journalBytes: 1 << 20 })
    writer.appendMany(points(1000))
    writer.commitSync()
    await writer.checkpoint()
    using reader = openStore(path, Point, { ...options, readOnly: true })
    using snapshot = reader.snapshot()
    const note = vi.spyOn(IndexSet.prototype, 'note')
    let notes = 0
    try {
      for (let k = 0; k < 30; k++) {
        writer.appendMany(points(1000, writer.size))
        writer.update(k, { tag: 7 })
        writer.commitSync()
        // Publishes pages of the later commits.
        if (k % 5 === 4) await writer.checkpoint()
        const before = note.mock.calls.length
        const byX = snapshot.index('byX')
        expect([byX.number(3), byX.number(5000), byX.last()?.x, byX.count()]).toEqual([3, -1, 999, 1000])
        const byTag = snapshot.index('byTag')
        expect([byTag.all(255).length, byTag.all(7).length]).toEqual([1000, 0])
        notes += note.mock.calls.length - before
      }
    } finally {
      note.mockRestore()
    }
    // Each record that was appended would be one, under each index or under both.
    expect(notes).toBeLessThan(5000)
  })

  test("a reader's backup is whole although the tables behind the array move meanwhile", async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'points.stride')
    using writer = openStore(path, Point, options)
    writer.appendMany(points(40_000))
    writer.delete(5)
    writer.commitSync()
    await writer.checkpoint()
    using reader = openStore(path, Point, { ...options, readOnly: true })
    const before = writer.stats().capacity
    // In the middle of a turn of the copying: as another process would.
    growWithin(reader, () => {
      writer.appendMany(points(60_000))
      writer.delete(7)
      writer.commitSync()
    })
    await reader.backup(join(folder, 'copy.stride'))
    expect(writer.stats().capacity).toBeGreaterThan(before)
    using copy = openStore(join(folder, 'copy.stride'), Point, { readOnly: true })
    expect([copy.size, copy.count]).toEqual([100_000, 99_998])
    expect([...copy].length).toBe(99_998)
  })

  const reading: readonly (readonly [string, (reader: PointStore) => unknown])[] = [
    ['get', reader => reader.get(1)?.x],
    ['field', reader => reader.field(1, 'x')],
    ['getMany', reader => reader.getMany([1])[0]?.x],
    ['gather', reader => reader.gather('x')[1]],
    ['gather of numbers', reader => reader.gather('x', [1])[0]],
    ['read', reader => reader.read(() => reader.field(1, 'x'))],
    ['row', reader => reader.row(1).x],
    ['scan', reader => [...reader.scan()].length === 2 && reader.field(1, 'x')],
  ]
  // Windows replaces no file that a reader has open: openers.test.ts.
  test.skipIf(isWindows).each(reading)(
    '%s is right at once after another opener compacted',
    async (_, read) => {
      const path = join(temporaryFolder(), 'points.stride')
      using writer = openStore(path, Point, options)
      writer.appendMany(points(3))
      writer.commitSync()
      using reader = openStore(path, Point, { ...options, readOnly: true })
      expect(reader.field(1, 'x')).toBe(1)
      writer.delete(0)
      writer.commitSync()
      await writer.compact()
      expect(read(reader)).toBe(2)
    },
  )
})

/** Runs `work` once, within the next reading that the reader repeats when a commit comes between. */
function growWithin(reader: PointStore, work: () => void): void {
  const { deletionBits } = readingOf(reader as never).source.locator
  const isDeleted = deletionBits.isDeleted.bind(deletionBits)
  let calls = 0
  deletionBits.isDeleted = n => {
    if (++calls === 2) work()
    return isDeleted(n)
  }
}

test('verify beside a writer reports no damage that is not there', async () => {
  const path = join(temporaryFolder(), 'points.stride')
  using writer = openStore(path, Point, { checksums: true, reuseNumbers: true })
  writer.appendMany(points(50_000))
  writer.commitSync()
  using reader = openStore(path, Point, { readOnly: true })
  let over = false
  const writing = (async () => {
    for (let i = 0; !over; i++) {
      for (let n = 0; n < 200; n++) writer.update(1 + ((i * 31 + n * 17) % 49_999), { x: -i })
      if (i % 2 === 0) writer.delete(0)
      else writer.append({ x: i, tag: 0 })
      await writer.commit()
    }
    return writer.commitNumber
  })()
  for (let i = 0; i < 10; i++) expect((await reader.verify()).findings).toEqual([])
  over = true
  expect(await writing).toBeGreaterThan(10)
})

test.skipIf(isWindows)(
  'a reader whose store was migrated is told so, and shows nothing of the new layout by the old one',
  () => {
    const path = join(temporaryFolder(), 'points.stride')
    const store = openStore(path, Point)
    store.appendMany(points(10))
    store.commitSync()
    store.close()
    const reader = openStore(path, { readOnly: true })
    const row = reader.row(3) as unknown as { readonly x: number; seek(n: number): { readonly x: number } }
    expect(row.x).toBe(3)
    migrateStore(path, z.object({ wide: z.float64().default(1), x: z.float64() }))
    expect(codeOf(() => row.seek(3).x)).toBe('ERR_STRIDE_SCHEMA_MISMATCH')
    expect(codeOf(() => reader.get(3))).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => row.x)).toBe('ERR_STRIDE_CLOSED')
    expect((openStore(path, { readOnly: true }).get(3) as { x: number }).x).toBe(3)
  },
)

describe('beside a writer whose store failed half-way', () => {
  function poisoned(): { readonly reader: OwnStore; readonly late: () => OwnStore; readonly writer: OwnStore } {
    const faults = new Faults()
    const platform = failingPlatform(createSimulatedPlatform(), faults)
    const path = '/points.stride'
    const writer = openStoreOn(platform, path, Point)
    writer.appendMany(points(10))
    writer.commitSync()
    const late = (): OwnStore => openStoreOn(platform, path, Point, { readOnly: true })
    const reader = late()
    writer.update(3, { x: 33 })
    faults.arm()
    writer.commitSync()
    const applied = faults.calls.findIndex(({ name, path: of }) => name === 'store' && of === path)
    expect(applied).toBeGreaterThan(0)
    writer.update(3, { x: 333 })
    faults.arm({ at: applied + 1, fault: 'EIO', forever: false })
    expect(codeOf(() => writer.commitSync())).toBe('ERR_STRIDE_IO')
    faults.disarm()
    return { reader, late, writer }
  }

  test('reading waits for nothing, and shows a whole commit', () => {
    const { reader, late, writer } = poisoned()
    const began = performance.now()
    for (const store of [reader, late()]) expect([33, 333]).toContain(store.field(3, 'x'))
    expect(writer.field(3, 'x')).toBe(33)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

test('a failure near stagedBytesMax rejects the commit, and reads show the last one', async () => {
  const faults = new Faults()
  const platform = failingPlatform(createSimulatedPlatform(), faults)
  const writer = openStoreOn(platform, '/points.stride', Point, { stagedBytesMax: 2.5 * 2 ** 20 })
  writer.appendMany(points(200_000))
  await writer.commit()
  const fill = (x: number): void => {
    for (let n = 0; ; n++) {
      try {
        writer.update(n, { x })
      } catch {
        return
      }
    }
  }
  fill(-1)
  await writer.commit()
  fill(-2)
  expect(writer.field(0, 'x')).toBe(-2)
  faults.arm({ at: 2, fault: 'EIO', forever: true })
  expect(await codeOfAsync(writer.commit())).toBe('ERR_STRIDE_IO')
  faults.disarm()
  expect([writer.field(0, 'x'), codeOf(() => writer.update(0, { x: 1 }))]).toEqual([-1, 'ERR_STRIDE_POISONED'])
})
