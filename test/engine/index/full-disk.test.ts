/**
 * What could go wrong with indexes while the disk is full: an answer that is wrong, and an index that is never kept again.
 */

import { StrideError } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Platform } from '../../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { codeOfAsync, Trade, trade } from '../support.ts'

const indexes = { byId: { on: 'id', unique: true }, byPrice: { on: 'price', kind: 'ordered' } } as const
const FIRST = 2_000
const COUNT = 20_000
const PATH = '/full/x.stride'
const open = (platform: Platform) => openStoreOn(platform, PATH, Trade, { capacity: COUNT, indexes })

describe('indexes on a full disk', () => {
  it('find everything, and are kept again by the first checkpoint that has room', async () => {
    let isFull = false
    const platform = createSimulatedPlatform({
      observer: ({ kind }) => {
        if (isFull && kind === 'allocate') throw new StrideError('ERR_STRIDE_NO_SPACE', 'the disk is full')
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
  })
})
