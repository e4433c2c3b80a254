/**
 * What could go wrong with indexes while the disk is full, or the index file as large as files may be: an answer that is wrong, records
 * that are refused, an index that is never kept again; and a failed sync that is taken for a full disk and asked again.
 */

import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Platform, PlatformFile } from '../../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { errnoError } from '../../../src/mmap/system-errors.ts'
import { codeOf, codeOfAsync, isWindows, Trade, trade } from '../support.ts'

const indexes = { byId: { on: 'id', unique: true }, byPrice: { on: 'price', kind: 'ordered' } } as const
const FIRST = 2_000
const COUNT = 20_000
const PATH = '/full/x.stride'
const open = (platform: Platform) => openStoreOn(platform, PATH, Trade, { capacity: COUNT, indexes })

describe('indexes on a full disk', () => {
  // Windows has other numbers for them.
  it.skipIf(isWindows).each(['ENOSPC', 'EFBIG'] as const)(
    'find everything, and are kept again by the first checkpoint that has room: %s',
    async name => {
      let isFull = false
      const platform = createSimulatedPlatform({
        observer: ({ kind }) => {
          if (isFull && kind === 'allocate') throw errnoError('posix_fallocate', constants.errno[name], PATH)
        },
      })
      const store = open(platform)
      store.appendMany(Array.from({ length: FIRST }, (_, n) => trade(n)))
      await store.commit()
      await store.checkpoint()
      // More keys than the pages that are free will take.
      store.appendMany(Array.from({ length: COUNT - FIRST }, (_, n) => trade(FIRST + n)))
      for (let n = 0; n < COUNT; n++) store.update(n, { id: 100_000 + n })
      await store.commit()

      isFull = true
      await store.checkpoint()
      expect(await codeOfAsync(store.createIndex('bySymbol', { on: 'symbol' }))).toBe('ERR_STRIDE_NO_SPACE')
      expect(store.indexes.map(({ name }) => name)).toEqual(['byId', 'byPrice'])
      const ids = Array.from({ length: COUNT }, (_, n) => 100_000 + n)
      const numbers = Float64Array.from(ids, (_, n) => n)
      expect(store.index('byId').numbers(ids)).toEqual(numbers)
      expect(store.index('byId').number(7)).toBe(-1)
      const crashed = open(createSimulatedPlatform({ files: platform.files() }))
      expect(crashed.recovery.indexesBuilt?.length).toBe(2)
      crashed.close()

      isFull = false
      await store.checkpoint()
      const kept = open(createSimulatedPlatform({ files: platform.files() }))
      expect(kept.recovery.indexesBuilt).toBeUndefined()
      expect(kept.index('byId').numbers(ids)).toEqual(numbers)
      expect(await kept.verify()).toMatchObject({ ok: true })
      kept.close()
      await store.createIndex('bySymbol', { on: 'symbol' })
      const again = open(createSimulatedPlatform({ files: platform.files() }))
      expect(again.recovery.indexesBuilt).toBeUndefined()
      expect(again.index('byId').numbers(ids)).toEqual(numbers)
      expect(again.index('byPrice').count()).toBe(COUNT)
      expect(again.indexes.length).toBe(3)
      expect(await again.verify()).toMatchObject({ ok: true })
      again.close()
      store.close()
    },
  )
})

/** The same object with some of its methods replaced. */
function replaced<T extends object>(target: T, methods: Readonly<Record<string, unknown>>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (typeof name === 'string' && name in methods) return methods[name]
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A platform that asks before each sync of a file. */
function askedBeforeSyncs(inner: Platform, ask: (path: string) => void): Platform {
  const open: Platform['open'] = (path, options) => {
    const file = inner.open(path, options)
    const sync = (): void => {
      ask(path)
      file.sync()
    }
    const syncAsync: PlatformFile['syncAsync'] = async () => {
      ask(path)
      await file.syncAsync()
    }
    return replaced(file, { sync, syncAsync })
  }
  return replaced(inner, { open })
}

describe('a sync of the index file that fails', () => {
  const calls = {
    checkpoint: store => store.checkpoint(),
    close: async store => store.close(),
    createIndex: store => store.createIndex('bySymbol', { on: 'symbol' }),
    dropIndex: store => store.dropIndex('byPrice'),
  } satisfies Record<string, (store: ReturnType<typeof open>) => Promise<unknown>>

  for (const [name, call] of Object.entries(calls)) {
    for (const errno of ['ENOSPC', 'EFBIG', 'EIO'] as const) {
      it(`poisons, and is not asked again: ${name}, ${errno}`, async () => {
        const disk = createSimulatedPlatform()
        let isFailing = false
        let failed = 0
        let asked = 0
        const platform = askedBeforeSyncs(disk, path => {
          if (!path.endsWith('-index')) return
          if (failed > 0) asked++
          if (!isFailing) return
          isFailing = false
          failed++
          throw errnoError('fdatasync', constants.errno[errno], path)
        })
        const store = open(platform)
        store.appendMany(Array.from({ length: 300 }, (_, n) => trade(n)))
        await store.commit()
        await store.checkpoint()
        for (let n = 0; n < 300; n++) store.update(n, { id: 100_000 + n })
        await store.commit()
        isFailing = true
        expect(await codeOfAsync(call(store))).toBe('ERR_STRIDE_IO')
        expect(failed).toBe(1)
        if (name !== 'close') {
          expect(codeOf(() => store.append(trade(1)))).toBe('ERR_STRIDE_POISONED')
          expect(store.index('byId').number(100_007)).toBe(7)
          store.close()
        }
        expect(asked).toBe(0)
        const again = open(createSimulatedPlatform({ files: disk.files() }))
        expect(again.index('byId').number(100_007)).toBe(7)
        expect(again.index('byId').number(7)).toBe(-1)
        expect(await again.verify()).toMatchObject({ ok: true })
        again.close()
      })
    }
  }
})
