/**
 * What could go wrong with a damaged index: it is emptied and then answers that there is nothing; the damage of a record is taken
 * for its own; rebuilding it takes staged changes for committed ones; a reader tries to mend what it may not write.
 */

import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { openStore } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { codeOf, codeOfAsync, temporaryFolder } from '../support.ts'

const Pair = z.object({ k: z.uint32(), v: z.uint32() })
const V = 0xabcdef01
const PAGE = 4096
const PAGE_MAGIC = 0x47505849

function* pairs(from: number, count: number) {
  for (let k = from; k < from + count; k++) yield { k, v: V }
}

/** Changes a byte of every page of one index, or of all. */
function damageIndex(path: string, indexNumber?: number): void {
  const bytes = readFileSync(`${path}-index`)
  let damaged = 0
  for (let at = 3 * PAGE; at < bytes.length; at += PAGE) {
    if (bytes.readUInt32LE(at) !== PAGE_MAGIC) continue
    if (indexNumber !== undefined && bytes.readUInt32LE(at + 4) !== indexNumber) continue
    bytes[at + 100] = (bytes[at + 100] as number) ^ 1
    damaged++
  }
  expect(damaged).toBeGreaterThan(0)
  writeFileSync(`${path}-index`, bytes)
}

/** Changes a byte of the record with this key. */
function damageRecord(path: string, k: number): void {
  const record = Buffer.alloc(8)
  record.writeUInt32LE(k, 0)
  record.writeUInt32LE(V, 4)
  const at = readFileSync(path).indexOf(record)
  expect(at).toBeGreaterThan(0)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from([0x55]), 0, 1, at + 4)
  closeSync(file)
}

describe('a damaged index', () => {
  it('says so until it is whole again, where it cannot be rebuilt', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const options = { checksums: true, verifyReads: true, indexes: { k: { on: 'k', unique: true } } } as const
    {
      using store = openStore(path, Pair, options)
      store.appendMany(pairs(0, 3_000))
      store.commitSync()
    }
    damageIndex(path)
    damageRecord(path, 1_500)
    using store = openStore(path, Pair, options)
    expect(codeOf(() => store.index('k').number(7))).toBe('ERR_STRIDE_CORRUPT')
    expect(await codeOfAsync(store.checkpoint())).toBe('ERR_STRIDE_CORRUPT')
    expect(codeOf(() => store.index('k').number(7))).toBe('ERR_STRIDE_CORRUPT')
    expect(codeOf(() => store.append({ k: 7, v: 1 }))).toBe('ERR_STRIDE_CORRUPT')
  })

  it('is not what a damaged record makes of it', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const options = { checksums: true, verifyReads: true, indexes: { k: { on: 'k' } } } as const
    {
      using store = openStore(path, Pair, options)
      store.appendMany(pairs(0, 3_000))
      store.commitSync()
    }
    using store = openStore(path, Pair, options)
    store.appendMany(pairs(3_000, 1_000))
    store.commitSync()
    damageRecord(path, 3_500)
    await store.checkpoint()
    const byKey = store.index('k')
    expect([7, 3_499, 3_501].map(k => byKey.number(k))).toEqual([7, 3_499, 3_501])
    expect(codeOf(() => byKey.get(3_500))).toBe('ERR_STRIDE_CORRUPT')
    expect(store.append({ k: 4_000, v: 1 })).toBe(4_000)
  })

  it('is left alone by a reader, and mended by the writer', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const options = { indexes: { k: { on: 'k' } } } as const
    {
      using store = openStore(path, Pair, options)
      store.appendMany(pairs(0, 3_000))
      store.commitSync()
    }
    damageIndex(path)
    {
      using reader = openStore(path, Pair, { ...options, readOnly: true })
      for (let round = 0; round < 2; round++) {
        expect(codeOf(() => reader.index('k').number(7))).toBe('ERR_STRIDE_CORRUPT')
        await reader.checkpoint()
      }
    }
    using store = openStore(path, Pair, options)
    expect(codeOf(() => store.index('k').number(7))).toBe('ERR_STRIDE_CORRUPT')
    const bytesBefore = readFileSync(`${path}-index`).length
    await Promise.all([store.checkpoint(), store.checkpoint()])
    expect(store.index('k').number(7)).toBe(7)
    for (let k = 0; k < 3_000; k += 2) store.update(k, { k: k + 10_000 })
    await store.commit()
    await store.checkpoint()
    // The damaged pages are used again.
    expect(readFileSync(`${path}-index`).length).toBeLessThan(2.5 * bytesBefore)
  })

  it('is rebuilt as of the last commit, whatever is staged', async () => {
    const path = join(temporaryFolder(), 'x.stride')
    const indexes = { k: { on: 'k' }, v: { on: 'v', kind: 'ordered' } } as const
    const count = 20_000
    {
      using store = openStore(path, Pair, { indexes })
      store.appendMany(Array.from({ length: count }, (_, k) => ({ k, v: Math.imul(k, 0x9e3779b1) >>> 0 })))
      store.commitSync()
    }
    damageIndex(path, 1)
    using store = openStore(path, Pair, { indexes })
    for (let n = 0; n < count; n += 7) store.update(n, { v: Math.imul(n, 40_503) >>> 0 })
    store.commitSync()
    expect(codeOf(() => store.index('k').number(7))).toBe('ERR_STRIDE_CORRUPT')
    store.delete(8)
    const rootsOf = (): string =>
      readFileSync(`${path}-index`)
        .subarray(0, 3 * PAGE)
        .toString('hex')
    let roots = rootsOf()
    let images = 0
    let isOver = false
    const checkpoint = store.checkpoint().finally(() => {
      isOver = true
    })
    while (!isOver) {
      await new Promise(setImmediate)
      const now = rootsOf()
      if (now === roots) continue
      roots = now
      // What a process leaves that is killed now.
      const folder = join(temporaryFolder(), 'image')
      mkdirSync(folder)
      for (const name of readdirSync(dirname(path))) copyFileSync(join(dirname(path), name), join(folder, name))
      const image = openStore(join(folder, 'x.stride'), Pair, { indexes })
      const code = codeOf(() => expect(image.index('k').number(8)).toBe(8))
      expect(['nothing was thrown', 'ERR_STRIDE_CORRUPT']).toContain(code)
      if (code === 'nothing was thrown') images++
      image.close()
    }
    await checkpoint
    expect(images).toBeGreaterThan(0)
    expect(store.index('k').number(8)).toBe(-1)
    store.rollback()
    expect(store.index('k').number(8)).toBe(8)
    expect((await store.verify()).findings).toEqual([])
  })
})

/** What may be left of an index file; `index` is what it was. */
const REMNANTS: Readonly<Record<string, (index: Buffer) => Buffer>> = {
  nothing: () => Buffer.alloc(0),
  'its first byte': index => index.subarray(0, 1),
  'half of its magic': index => index.subarray(0, 4),
  'its magic': index => index.subarray(0, 8),
  'a byte more than its magic': index => index.subarray(0, 9),
  'half of its store id': index => index.subarray(0, 20),
  'half of its header': index => index.subarray(0, 256),
  'its header page': index => index.subarray(0, PAGE),
  'half of it': index => index.subarray(0, index.length / 2),
  'three zeros': () => Buffer.alloc(3),
  'a page of zeros': () => Buffer.alloc(PAGE),
  'zeros of its length': index => Buffer.alloc(index.length),
  'all but its header page, which is zeros': index => Buffer.concat([Buffer.alloc(PAGE), index.subarray(PAGE)]),
  'all but its magic': index => Buffer.concat([Buffer.alloc(8), index.subarray(8)]),
  'all but a bit of its store id': index =>
    Buffer.concat([index.subarray(0, 12), Buffer.of(0xff), index.subarray(13)]),
}

describe('what damage left of an index file', () => {
  const made = (folder: string, name: string) => {
    const path = join(folder, name)
    const store = openStore(path, Pair, { indexes: { k: { on: 'k', unique: true } } })
    store.appendMany(pairs(0, 5000))
    store.commitSync()
    store.close()
    return path
  }

  it.each(Object.keys(REMNANTS))(
    '%s: is rebuilt by the next writer, whether or not it declares indexes',
    async name => {
      const folder = temporaryFolder()
      const path = made(folder, 'x.stride')
      const left = (REMNANTS[name] as (index: Buffer) => Buffer)(readFileSync(`${path}-index`))
      for (const options of [{}, { indexes: { k: { on: 'k', unique: true } } } as const]) {
        writeFileSync(`${path}-index`, left)
        const reader = openStore(path, Pair, { readOnly: true })
        expect(codeOf(() => reader.index('k').get(77))).toBe('ERR_STRIDE_INDEX_NOT_BUILT')
        expect(reader.get(77)).toEqual({ k: 77, v: V })
        reader.close()
        using store = openStore(path, Pair, options)
        expect(store.recovery.indexesBuilt?.map(({ index }) => index)).toEqual(['k'])
        expect(store.index('k').number(4321)).toBe(4321)
        expect(codeOf(() => store.append({ k: 77, v: 0 }))).toBe('ERR_STRIDE_DUPLICATE_KEY')
        expect(await store.verify()).toMatchObject({ ok: true })
        store.close()
      }
    },
  )

  it('is not what begins with zeros and goes on otherwise, nor the damaged index file of another store or history', () => {
    const folder = temporaryFolder()
    const path = made(folder, 'x.stride')
    const other = readFileSync(`${made(folder, 'other.stride')}-index`)
    const image = Buffer.concat([Buffer.alloc(40_000), Buffer.from('precious')])
    const headless = Buffer.concat([Buffer.alloc(PAGE), other.subarray(PAGE)])
    const older = readFileSync(`${path}-index`)
    {
      using store = openStore(path, Pair)
      store.append({ k: 9000, v: 1 })
      store.commitSync()
    }
    const past = Buffer.concat([Buffer.alloc(PAGE), older.subarray(PAGE)])
    for (const content of [
      image,
      headless,
      past,
      other,
      Buffer.from('STRX'),
      Buffer.from('S\0'),
      other.subarray(0, 20),
    ]) {
      writeFileSync(`${path}-index`, content)
      expect(codeOf(() => openStore(path, Pair))).toBe('ERR_STRIDE_EXISTS')
      expect(readFileSync(`${path}-index`).equals(content)).toBe(true)
    }
  })
})
