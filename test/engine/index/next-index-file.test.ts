/**
 * What could go wrong when compact dies between the renames of its two files: indexes that are lost, and those of another file
 * that are believed.
 */

import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrateStore, openStore, StrideError } from 'stridedb'
import { describe, expect, it, vi } from 'vitest'
import { IndexCheckpointer } from '../../../src/engine/indexes/lifecycle/index-checkpointer.ts'
import { createIndexFile, IndexFile } from '../../../src/engine/indexes/lifecycle/index-file.ts'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { DiskEvent } from '../../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { Trade, temporaryFolder, trade } from '../support.ts'

const ioError = (path: string): StrideError => new StrideError('ERR_STRIDE_IO', 'no folder today', { path })

const OWNER = { storeId: '00112233445566778899aabbccddeeff', generation: 0 }
const WINDOWS = {
  windowBytes: 2 ** 20,
  mappedBytesMax: Number.POSITIVE_INFINITY,
  advice: 'normal',
  readsFirst: false,
} as const

const indexes = { byId: { on: 'id', unique: true }, inOrder: { on: 'id', kind: 'ordered' } } as const
const open = (path: string, options = {}) => openStore(path, Trade, { ...options, indexes })

interface Left {
  readonly path: string
  readonly index: string
  readonly next: string
  /** The index file of before the compaction. */
  readonly before: string
}

/** A compacted store of 900 trades, with a copy of its index file of before. */
async function compacted(): Promise<Left> {
  const path = join(temporaryFolder(), 'x.stride')
  const left = { path, index: `${path}-index`, next: `${path}-index-next`, before: `${path}-before` }
  const store = open(path)
  store.appendMany(Array.from({ length: 1000 }, (_, n) => trade(n)))
  for (let n = 0; n < 1000; n += 10) store.delete(n)
  await store.commit()
  await store.checkpoint()
  copyFileSync(left.index, left.before)
  await store.compact()
  store.close()
  return left
}

function expectIndexes(path: string, options = {}): void {
  using store = open(path, options)
  expect(store.recovery.indexesBuilt).toBeUndefined()
  expect(store.index('inOrder').count()).toBe(900)
  for (const n of [1, 499, 999]) expect(store.index('byId').field(trade(n).id, 'price')).toBe(trade(n).price)
  expect(store.index('byId').number(trade(10).id)).toBe(-1)
}

describe('an index file that waits for its name', () => {
  it('counts where a foreign file has that name, which stays as it is', async () => {
    const { path, index, next } = await compacted()
    renameSync(index, next)
    writeFileSync(index, 'precious text of the user')
    expectIndexes(path, { readOnly: true })
    for (let opening = 0; opening < 2; opening++) {
      expectIndexes(path)
      expect(readFileSync(index, 'utf8')).toBe('precious text of the user')
      expect(existsSync(next)).toBe(true)
    }
  })

  it('counts where the process died after the store had its own', async () => {
    const { path, index, next, before } = await compacted()
    renameSync(index, next)
    copyFileSync(before, index)
    expectIndexes(path, { readOnly: true })
    expect(existsSync(next)).toBe(true)
    expectIndexes(path)
    expect(existsSync(next)).toBe(false)
    expectIndexes(path, { readOnly: true })
  })

  it('counts where there is no other', async () => {
    const { path, index, next } = await compacted()
    renameSync(index, next)
    expectIndexes(path, { readOnly: true })
    expectIndexes(path)
    expect(existsSync(next)).toBe(false)
  })

  it('stays where the new file took its name and the folder could not be synced', async () => {
    const path = '/next/x.stride'
    let isCompacting = false
    let isRenamed = false
    const observer = (event: DiskEvent): void => {
      if (!isCompacting) return
      if (event.kind === 'sync-folder' && isRenamed) throw ioError(path)
      if (event.kind === 'rename' && event.to === path) isRenamed = true
    }
    const platform = createSimulatedPlatform({ observer })
    const store = openStoreOn(platform, path, Trade, { indexes })
    store.appendMany(Array.from({ length: 20 }, (_, n) => trade(n)))
    store.delete(3)
    await store.commit()
    isCompacting = true
    await expect(store.compact()).rejects.toThrow('no folder today')
    store.close()
    const files = platform.files()
    using again = openStoreOn(createSimulatedPlatform({ files }), path, Trade, { indexes })
    expect([again.size, again.recovery.indexesBuilt]).toEqual([19, undefined])
    expect(again.index('inOrder').count()).toBe(19)
  })

  it('is removed where the store has its index file', async () => {
    const { path, index, next, before } = await compacted()
    for (const file of [before, index]) {
      copyFileSync(file, next)
      expectIndexes(path, { readOnly: true })
      expectIndexes(path)
      expect(existsSync(next)).toBe(false)
    }
  })

  it('is written by each compact, whatever was staged and rolled back before', async () => {
    const settle = vi.spyOn(IndexCheckpointer.prototype, 'settle')
    const path = join(temporaryFolder(), 'x.stride')
    using store = open(path)
    store.appendMany(Array.from({ length: 20 }, (_, n) => trade(n)))
    await store.commit()
    store.appendMany(Array.from({ length: 20 }, (_, n) => trade(100 + n)))
    store.delete(3)
    store.rollback()
    store.delete(5)
    await store.commit()
    await store.compact()
    expect(await settle.mock.results[0]?.value).toBe(true)
    expect(store.index('inOrder').count()).toBe(19)
    settle.mockRestore()
  })

  for (const replace of ['compact', 'migrate'] as const) {
    it(`is not believed when it was left by an earlier compact: ${replace}`, async () => {
      const { path, index, next } = await compacted()
      const other = `${path}-other`
      copyFileSync(path, other)
      copyFileSync(index, `${other}-index`)
      const abandoned = open(other)
      abandoned.delete(0)
      await abandoned.commit()
      await abandoned.compact()
      abandoned.close()

      const store = openStore(path, Trade)
      store.delete(899)
      await store.commit()
      // Of the generation that comes next, and not of its records.
      copyFileSync(`${other}-index`, next)
      if (replace === 'compact') {
        for (const { name } of store.indexes) await store.dropIndex(name)
        await store.compact()
      }
      store.close()
      if (replace === 'migrate') migrateStore(path, Trade)
      expect(existsSync(next)).toBe(false)
      using again = open(path)
      expect(again.recovery.indexesBuilt?.length).toBe(2)
      expect(again.index('inOrder').count()).toBe(899)
      expect(again.index('byId').number(trade(1).id)).toBe(0)
    })
  }
})

describe('the names of index files', () => {
  it('are durable before compact uses one of them again', async () => {
    const events: DiskEvent[] = []
    const platform = createSimulatedPlatform({ observer: event => events.push(event) })
    const store = openStoreOn(platform, '/x.stride', Trade, { indexes })
    store.appendMany(Array.from({ length: 20 }, (_, n) => trade(n)))
    await store.commit()
    await store.compact()
    await store.compact()
    store.close()
    const at = (name: string): number[] =>
      events.flatMap((event, i) => (event.kind === 'rename' && event.to === name ? [i] : []))
    const [tookOver = -1] = at('/x.stride-index').slice(-2)
    const [, again = -1] = at('/x.stride-index-next')
    expect(tookOver).toBeGreaterThan(0)
    expect(again).toBeGreaterThan(tookOver)
    expect(events.slice(tookOver, again).map(({ kind }) => kind)).toContain('sync-folder')
  })
})

describe('an index file without an index', () => {
  it('is no older than the store, whatever commit it is of', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const store = openStore(path, Trade)
    await store.createIndex('byId', indexes.byId)
    await store.dropIndex('byId')
    copyFileSync(`${path}-index`, `${path}-before`)
    store.append(trade(1))
    await store.commit()
    store.close()
    copyFileSync(`${path}-before`, `${path}-index`)
    using again = open(path)
    expect(again.recovery.indexesBuilt).toEqual([
      { index: 'byId', reason: 'it was not there yet' },
      { index: 'inOrder', reason: 'it was not there yet' },
    ])
    expect(again.index('byId').number(trade(1).id)).toBe(0)
  })
})

describe('the newest root of an index file', () => {
  it('is synced before the other one is stored over: a process that died may have left it in memory alone', () => {
    const events: DiskEvent[] = []
    const platform = createSimulatedPlatform({ observer: event => events.push(event) })
    createIndexFile(platform, 'x', OWNER, undefined)
    const file = IndexFile.open('x', OWNER, { platform, windows: WINDOWS, readOnly: false }) as IndexFile
    events.length = 0
    file.beginWriting()
    expect(events.map(({ kind }) => kind)).toEqual([
      'store',
      'sync-begin',
      'sync-end',
      'store',
      'sync-begin',
      'sync-end',
    ])
    file.close()
  })
})
