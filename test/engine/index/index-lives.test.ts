/**
 * What could go wrong: a process dies while it creates indexes or compacts, the next one believes what the page cache shows, the
 * power goes, and the store has to build indexes again that were said to be there.
 * Rules: D10 (docs/durability.md), NI3 (src/engine/indexes/lifecycle/next-index-file.ts).
 */

import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Platform } from '../../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { errnoError } from '../../../src/mmap/system-errors.ts'
import { createMortalPlatform, discard } from '../../crash/mortal-platform.ts'
import { beginning, STORE_PATH } from '../../crash/run-workload.ts'
import { openUnderTest } from '../../crash/store-under-test.ts'
import { SyncFailure } from '../../crash/sync-failure.ts'
import { dieThenCut, failThenCut } from '../../crash/two-lives.ts'
import { codeOf, codeOfAsync } from '../support.ts'

const PATH = '/lives/x.stride'
const Item = z.object({ id: z.uint32(), kind: z.uint32() })
const RECORDS = [
  { id: 7, kind: 1 },
  { id: 8, kind: 2 },
  { id: 9, kind: 1 },
]
const BY_ID = { byId: { on: 'id', unique: true } } as const
const BOTH = { ...BY_ID, byKind: { on: 'kind', kind: 'ordered' } } as const

type Indexes = typeof BOTH | typeof BY_ID | Record<never, never>
type Files = ReadonlyMap<string, Uint8Array>

const open = (platform: Platform, indexes: Indexes = {}) =>
  openStoreOn(platform, PATH, Item, { journalBytes: 64 * 1024, windowBytes: 64 * 1024, indexes })

const openAndClose = async (platform: Platform, indexes: Indexes): Promise<void> =>
  open(platform, indexes).close()

/** A closed store of these records, the first one deleted. */
async function closedStore(indexes: Indexes): Promise<Files> {
  const platform = createSimulatedPlatform()
  const store = open(platform, indexes)
  store.appendMany(RECORDS)
  store.delete(0)
  await store.commit()
  store.close()
  return platform.files()
}

/** The store holds its records, and has the pages of every index that its root names. */
async function look(files: Files): Promise<void> {
  const platform = createMortalPlatform({ files })
  const store = open(platform)
  try {
    expect([...store]).toEqual(RECORDS.slice(1))
    expect(store.recovery.indexesBuilt ?? []).toEqual([])
    expect(await store.verify()).toMatchObject({ ok: true })
  } finally {
    discard(store, platform)
  }
}

describe('an index that the root names is in the index file, on the disk', () => {
  test.each([
    ['died while it created the first index', dieThenCut, {}, BY_ID],
    ['died while it created one more index', dieThenCut, BY_ID, BOTH],
    ['ended after a failed sync while it created the first index', failThenCut, {}, BY_ID],
    ['ended after a failed sync while it created one more index', failThenCut, BY_ID, BOTH],
  ] as const)('when a process %s', async (_, enumerate, before, after) => {
    const files = await closedStore(before)
    const first = async (platform: Platform): Promise<void> => openAndClose(platform, after)
    const second = async (platform: Platform): Promise<void> => openAndClose(platform, after)
    const { lives, images } = await enumerate({ files, first, second, look })
    expect(lives).toBeGreaterThan(4)
    expect(images).toBeGreaterThan(lives)
  })

  test.each([
    ['died', dieThenCut],
    ['ended after a failed sync', failThenCut],
  ] as const)('when a process %s while it compacted', async (_, enumerate) => {
    const first = async (platform: Platform): Promise<void> => {
      const store = open(platform, BOTH)
      try {
        await store.compact()
      } finally {
        store.close()
      }
    }
    const second = async (platform: Platform): Promise<void> => openAndClose(platform, BOTH)
    const { lives, images } = await enumerate({ files: await closedStore(BOTH), first, second, look })
    expect(lives).toBeGreaterThan(4)
    expect(images).toBeGreaterThan(lives)
  })
})

test('a sync of the index file that fails during compact refuses it, and the store is poisoned', async () => {
  let failing = 0
  let syncs = 0
  const { files: found } = await beginning('small', 'holes')
  const files = new Map([...found].map(([name, bytes]) => [name.replace(STORE_PATH, PATH), bytes]))
  const index = [...files.keys()].indexOf(`${PATH}-index`) + 1
  for (failing = 1; failing <= 4; failing++) {
    syncs = 0
    const platform = createSimulatedPlatform({
      files,
      observer(event) {
        const isSync = event.kind === 'sync-end' && event.file === index
        if (isSync && ++syncs === failing) throw errnoError('fdatasync', constants.errno.EIO, PATH)
      },
    })
    const store = openUnderTest(platform, PATH, 'small', { reuseNumbers: true })
    const code = await codeOfAsync(store.compact())
    if (syncs < failing) {
      expect(code).toBe('nothing was thrown')
    } else {
      expect(['ERR_STRIDE_IO', 'ERR_STRIDE_POISONED']).toContain(code)
      expect(codeOf(() => store.update(2, { mark: 6 }))).toBe('ERR_STRIDE_POISONED')
    }
    store.close()
  }
  expect(syncs).toBeGreaterThan(0)
})

test('a sync that fails while an index is created poisons the store, and is not repeated', async () => {
  let failed = 0
  for (let at = 1; ; at++) {
    const failure = new SyncFailure(at, () => {})
    const platform = createSimulatedPlatform({ files: await closedStore(BY_ID), observer: failure.observer })
    const store = open(platform, BY_ID)
    failure.arm()
    const code = await codeOfAsync(store.createIndex('byKind', { on: 'kind' }))
    if (!failure.hasFailed) {
      expect(code).toBe('nothing was thrown')
      expect(failed).toBeGreaterThan(3)
      store.close()
      return
    }
    failed++
    expect(code, `sync ${at}`).toBe('ERR_STRIDE_IO')
    const { count } = failure
    const writing = codeOf(() => {
      store.update(1, { kind: 9 })
      store.commitSync()
    })
    expect(writing, `sync ${at}`).toBe('ERR_STRIDE_POISONED')
    expect(failure.count).toBe(count)
    store.close()
  }
})
