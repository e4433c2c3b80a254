/**
 * What could go wrong with what a store promises by its indexes: a unique constraint that goes with the index file, with a copy or a
 * backup, that comes back after it was dropped, or that a caller changes through an array that it gave or got.
 */

import { createHash } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, migrateStore, migrateStoreAsync, openStore, type StoreOptions } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { PAGE_BYTES, SHARED_OFFSET } from '../../../src/engine/format/store-format.ts'
import { openStoreOn } from '../../../src/engine/open.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { codeOf, codeOfAsync, temporaryFolder } from '../support.ts'

const Item = z.object({ id: z.uint32(), v: z.uint32() })
const UNIQUE = { on: 'id', unique: true } as const
const open = (path: string, options: StoreOptions = {}) => openStore(path, Item, options)

/** A closed store of some records with a unique index. */
async function indexed(count = 20): Promise<string> {
  const path = join(temporaryFolder(), 'x.stride')
  const store = open(path)
  store.appendMany(Array.from({ length: count }, (_, i) => ({ id: i, v: i })))
  await store.commit()
  await store.createIndex('byId', UNIQUE)
  store.close()
  return path
}

/** The index is there, right, and refuses what is there already. */
async function expectUnique(path: string, count = 20): Promise<void> {
  using store = open(path)
  expect(store.indexes).toEqual([{ name: 'byId', on: ['id'], kind: 'hash', unique: true }])
  for (let i = 0; i < count; i++) expect(store.index('byId').number(i)).toBe(i)
  if (count > 0) expect(codeOf(() => store.append({ id: count - 1, v: 0 }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
  expect(store.append({ id: count, v: 0 })).toBe(count)
  expect(codeOf(() => store.append({ id: count, v: 0 }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
  store.rollback()
  expect(await store.verify()).toMatchObject({ ok: true })
}

/** Without the shared page, which says that a writer was there. */
function contentOf(path: string): string {
  const bytes = readFileSync(path)
  if (path.endsWith('.stride')) bytes.fill(0, SHARED_OFFSET, SHARED_OFFSET + PAGE_BYTES)
  return createHash('sha256').update(bytes).digest('hex')
}

describe('the definitions of indexes', () => {
  for (const count of [0, 1, 20]) {
    it(`stay with the data file alone: ${count} records`, async () => {
      const path = await indexed(count)
      rmSync(`${path}-index`)
      const reader = open(path, { readOnly: true })
      expect(reader.indexes.map(({ name }) => name)).toEqual(['byId'])
      expect(codeOf(() => reader.index('byId').number(0))).toBe('ERR_STRIDE_INDEX_NOT_BUILT')
      expect(() => reader.index('other')).toThrow(RangeError)
      reader.close()
      const store = open(path)
      expect(store.recovery.indexesBuilt).toEqual([{ index: 'byId', reason: 'there is no index file' }])
      store.close()
      await expectUnique(path, count)
    })
  }

  it('go with a backup, made by a writer or by a reader', async () => {
    const path = await indexed()
    for (const readOnly of [false, true]) {
      const target = `${path}-backup-${readOnly}`
      const store = open(path, { readOnly })
      await store.backup(target)
      store.close()
      const restored = open(target)
      expect(restored.recovery.indexesBuilt?.map(({ index }) => index)).toEqual(['byId'])
      restored.close()
      await expectUnique(target)
    }
  })

  it('are durable once createIndex and dropIndex return, before anything is committed', async () => {
    const platform = createSimulatedPlatform()
    const store = openStoreOn(platform, '/x.stride', Item)
    const namesAfterPowerCut = (): string[] => {
      // What is there without the index file, and without closing.
      const files = new Map([...platform.files()].filter(([path]) => !path.endsWith('-index')))
      const left = openStoreOn(createSimulatedPlatform({ files }), '/x.stride', Item)
      const names = left.indexes.map(({ name }) => name)
      left.close()
      return names
    }
    await store.createIndex('byId', UNIQUE)
    expect(namesAfterPowerCut()).toEqual(['byId'])
    await store.createIndex('byV', { on: 'v' })
    expect(namesAfterPowerCut()).toEqual(['byId', 'byV'])
    await store.dropIndex('byId')
    expect(namesAfterPowerCut()).toEqual(['byV'])
    store.append({ id: 1, v: 1 })
    await store.commit()
    await store.dropIndex('byV')
    expect(namesAfterPowerCut()).toEqual([])
    store.close()
  })

  it('survive damage to either root', async () => {
    for (const page of [1, 2]) {
      const path = await indexed()
      const bytes = readFileSync(path)
      bytes[page * 4096 + 20] = (bytes[page * 4096 + 20] as number) ^ 1
      writeFileSync(path, bytes)
      await expectUnique(path)
    }
  })

  it('of an index that was dropped and created otherwise stay through compact, whatever opening declared', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const store = openStore(path, Item, { indexes: { a: { on: 'id' } } })
    store.appendMany(Array.from({ length: 20 }, (_, id) => ({ id, v: 100 + id })))
    await store.commit()
    await store.dropIndex('a')
    await store.createIndex('a', { on: 'v', unique: true })
    store.delete(0)
    await store.commit()
    await store.compact()
    expect(store.indexes).toMatchObject([{ name: 'a', on: ['v'], unique: true }])
    expect(store.get(0)).toEqual({ id: 1, v: 101 })
    expect([store.recovery.indexesBuilt, (await store.verify()).ok]).toEqual([undefined, true])
    store.close()
  })

  it('stand in both roots once createIndex and dropIndex return', async () => {
    const platform = createSimulatedPlatform()
    const store = openStoreOn(platform, '/x.stride', Item)
    store.append({ id: 1, v: 1 })
    await store.commit()
    /** What is left without closing, with one root or the other damaged. */
    const namesWithOneRoot = (): string[][] =>
      [1, 2].map(page => {
        const files = new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
        const bytes = files.get('/x.stride') as Uint8Array
        bytes[page * 4096 + 20] = (bytes[page * 4096 + 20] as number) ^ 1
        using left = openStoreOn(createSimulatedPlatform({ files }), '/x.stride', Item)
        return left.indexes.map(({ name }) => name)
      })
    await store.createIndex('byId', UNIQUE)
    expect(namesWithOneRoot()).toEqual([['byId'], ['byId']])
    await store.createIndex('byV', { on: 'v' })
    expect(namesWithOneRoot()).toEqual([
      ['byId', 'byV'],
      ['byId', 'byV'],
    ])
    await store.dropIndex('byId')
    expect(namesWithOneRoot()).toEqual([['byV'], ['byV']])
    store.close()
  })

  const tooMany = Object.fromEntries(
    Array.from({ length: 90 }, (_, i) => [
      createHash('sha512').update(String(i)).digest('base64url').repeat(2),
      { on: 'v' } as const,
    ]),
  )
  it.each<[string, string, Readonly<Record<string, unknown>>]>([
    ['the root has no room for them', 'ERR_STRIDE_LIMIT', tooMany],
    ['a field is not there', 'RangeError', { byV: { on: 'v' }, more: { on: ['v', 'w'] } }],
    ['a field is named twice', 'TypeError', { more: { on: ['v', 'id', 'v'] } }],
    ['a key of an ordered index is too long', 'ERR_STRIDE_LIMIT', { more: { on: 'text', kind: 'ordered' } }],
  ])('are refused where %s, with nothing created or changed', async (_, code, declared) => {
    const Wide = Item.extend({ text: ascii(600).default('') })
    const refusedAt = (path: string): string =>
      codeOf(() => openStore(path, Wide, { indexes: declared as never })).replace(/:.*/, '')
    const folder = temporaryFolder()
    const absent = join(folder, 'absent.stride')
    expect(refusedAt(absent)).toBe(code)
    expect(readdirSync(folder)).toEqual(['absent.stride-lock'])
    const plain = join(folder, 'plain.stride')
    openStore(plain, Wide).close()
    const indexed = join(folder, 'indexed.stride')
    openStore(indexed, Wide, { indexes: { byId: UNIQUE } }).close()
    const files = (): Record<string, string> =>
      Object.fromEntries(readdirSync(folder).map(name => [name, contentOf(join(folder, name))]))
    const before = files()
    for (const path of [plain, indexed]) expect(refusedAt(path)).toBe(code)
    expect(files()).toEqual(before)
    using store = openStore(indexed, Wide)
    expect(store.indexes.map(({ name }) => name)).toEqual(['byId'])
    expect(store.recovery.indexesBuilt).toBeUndefined()
  })

  it('are kept by compact, and by migrateStore where the fields are', async () => {
    const path = await indexed()
    {
      const store = open(path)
      await store.compact()
      store.close()
    }
    await expectUnique(path)
    rmSync(`${path}-index`)
    await expectUnique(path)
    migrateStore(path, z.object({ id: z.uint32(), w: z.uint32().default(3) }))
    rmSync(`${path}-index`, { force: true })
    using store = openStore(path)
    expect(store.indexes.map(({ name }) => name)).toEqual(['byId'])
    expect(codeOf(() => store.append({ id: 3, w: 1 } as never))).toBe('ERR_STRIDE_DUPLICATE_KEY')
  })

  it('keep migrateStore from dropping the field of a unique index', async () => {
    const path = await indexed()
    const before = readFileSync(path)
    expect(codeOf(() => migrateStore(path, z.object({ v: z.uint32() })))).toBe('ERR_STRIDE_SCHEMA_MISMATCH')
    expect(readFileSync(path).subarray(16_384).equals(before.subarray(16_384))).toBe(true)
    await expectUnique(path)
    using store = open(path)
    await store.dropIndex('byId')
    store.close()
    expect(migrateStore(path, z.object({ v: z.uint32() }))).toBe(20)
  })

  it('keep migrateStore from giving two records one key in a unique index', async () => {
    const path = await indexed()
    const before = readFileSync(path).subarray(16_384)
    const twins = (old: Record<string, unknown>, n: number) => ({ id: n === 7 ? 3 : (old.id as number), v: 0 })
    expect(codeOf(() => migrateStore(path, Item, twins))).toBe('ERR_STRIDE_DUPLICATE_KEY')
    expect(await codeOfAsync(migrateStoreAsync(path, Item, twins))).toBe('ERR_STRIDE_DUPLICATE_KEY')
    expect(readFileSync(path).subarray(16_384).equals(before)).toBe(true)
    await expectUnique(path)
    expect(migrateStore(path, Item, (old, n) => ({ id: old.id as number, v: n }))).toBe(20)
    await expectUnique(path)
  })

  it('change by declaring them otherwise; where that cannot be, the old one stays', async () => {
    const path = await indexed()
    {
      using store = open(path)
      store.update(3, { v: 4 })
      await store.commit()
    }
    const declared = { byId: { on: 'v', unique: true } } as const
    expect(codeOf(() => openStore(path, Item, { indexes: declared }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
    await expectUnique(path)
    rmSync(`${path}-index`)
    await expectUnique(path)
    openStore(path, Item, { indexes: { byId: { on: 'v' } } }).close()
    rmSync(`${path}-index`)
    using store = open(path)
    expect(store.indexes).toEqual([{ name: 'byId', on: ['v'], kind: 'hash', unique: false }])
  })

  it.each([
    ['unique', { on: 'id' }, [['id'], 'hash', false]],
    ['kind', { on: 'id', kind: 'ordered', unique: true }, [['id'], 'ordered', true]],
    ['fields', { on: ['id', 'v'], unique: true }, [['id', 'v'], 'hash', true]],
  ] as const)('change where nothing but %s is declared otherwise', async (_, declared, expected) => {
    const path = await indexed()
    openStore(path, Item, { indexes: { byId: declared as never } }).close()
    using store = open(path)
    expect(store.recovery.indexesBuilt).toBeUndefined()
    expect(store.indexes.map(({ on, kind, unique }) => [on, kind, unique])).toEqual([expected])
    const isRefused = codeOf(() => store.append({ id: 3, v: 3 })) === 'ERR_STRIDE_DUPLICATE_KEY'
    expect(isRefused).toBe(expected[2])
  })

  it('of a store of version 1 come to stand in the data file with its first write', async () => {
    const path = join(temporaryFolder(), 'old.stride')
    for (const suffix of ['', '-index'])
      copyFileSync(`test/golden/format-1-indexed.stride${suffix}`, path + suffix)
    const store = openStore(path)
    store.delete(7)
    await store.commit()
    store.close()
    rmSync(`${path}-index`)
    using again = openStore(path)
    expect(again.indexes.map(({ name }) => name)).toEqual(['byE', 'byText'])
    expect(again.recovery.indexesBuilt?.length).toBe(2)
  })

  it('are refused where the root has no room for all of them, with nothing changed', async () => {
    const path = await indexed()
    const store = open(path)
    let code = ''
    let seed = 1
    const random = (): string => {
      seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9
      return (seed >>> 0).toString(36)
    }
    let made = 0
    while (code === '' && made < 100) {
      const name = Array.from({ length: 30 }, random).join('').slice(0, 200)
      const result = await codeOfAsync(store.createIndex(name, { on: 'v' }))
      if (result === 'nothing was thrown') made++
      else code = result
    }
    expect(code).toBe('ERR_STRIDE_LIMIT')
    expect(made).toBeGreaterThan(15)
    expect(store.indexes.length).toBe(made + 1)
    store.append({ id: 99, v: 99 })
    await store.commit()
    store.close()
    using again = open(path)
    expect(again.indexes.length).toBe(made + 1)
    expect(again.recovery.indexesBuilt).toBeUndefined()
  })
})

describe('arrays of index definitions', () => {
  it('are copies: what the caller does to them reaches no file', async () => {
    for (const kind of ['hash', 'ordered'] as const) {
      const path = join(temporaryFolder(), 'x.stride')
      const on: ('v' | 'id')[] = ['v', 'id']
      const declared = { pair: { on, kind, unique: true } }
      const store = openStore(path, Item, { indexes: declared })
      store.appendMany(Array.from({ length: 100 }, (_, i) => ({ id: 1000 - i, v: i })))
      await store.commit()
      on.sort()
      declared.pair.unique = false
      expect(() => (store.index('pair').on as string[]).sort()).toThrow(TypeError)
      expect(() => ((store.indexes[0] as { on: readonly string[] }).on as string[]).reverse()).toThrow(
        TypeError,
      )
      expect(() => Object.assign(store.indexes[0] as object, { unique: false })).toThrow(TypeError)
      await store.checkpoint()
      store.delete(99)
      await store.commit()
      await store.compact()
      const late = ['id', 'v']
      await store.createIndex('late', { on: late as never, kind })
      late.sort().reverse()
      store.close()
      using again = openStore(path)
      expect(again.recovery.indexesBuilt).toBeUndefined()
      expect(again.indexes.map(({ on, unique }) => [on, unique])).toEqual([
        [['v', 'id'], true],
        [['id', 'v'], false],
      ])
      for (let i = 0; i < 99; i++) {
        expect(again.index('pair').number([i, 1000 - i])).toBe(i)
        expect(again.index('late').number([1000 - i, i])).toBe(i)
      }
    }
  })
})
