/**
 * What could go wrong with names that a store gives to its own files: a user's file, or another store, that has one of them is replaced
 * or removed without a word.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrateStore, openStore, StrideError } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { temporaryFolder } from '../support.ts'

const Item = z.object({ id: z.uint32() })
const indexes = { byId: { on: 'id', unique: true } } as const

/** What may lie under a name that a store of the same schema gives to its files. */
const CONTENTS: Readonly<Record<string, (folder: string) => Buffer>> = {
  'a text': () => Buffer.from('precious text of the user\n'.repeat(10)),
  'an empty file': () => Buffer.alloc(0),
  'a file of zeros': () => Buffer.alloc(8192),
  'another store': folder => otherFile(folder, ''),
  "another store's index file": folder => otherFile(folder, '-index'),
  "another store's journal": folder => otherFile(folder, '-journal'),
}

function otherFile(folder: string, suffix: string): Buffer {
  const path = join(folder, 'other')
  const store = openStore(path, Item, { indexes, journalBytes: 65_536 })
  store.append({ id: 1 })
  store.commitSync()
  const bytes = readFileSync(path + suffix)
  store.close()
  return bytes
}

/** @returns the error of a call that refuses, whose path is named */
async function refusal(work: () => unknown): Promise<StrideError | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (error instanceof StrideError) return error
    throw error
  }
}

describe.each(Object.entries(CONTENTS))('%s under the name of', (_, contentOf) => {
  it('the index file is never replaced, and is named', async () => {
    const folder = temporaryFolder()
    const content = contentOf(folder)
    const path = join(folder, 'stock')
    const taken = `${path}-index`
    writeFileSync(taken, content)
    const created = await refusal(() => openStore(path, Item, { indexes }))
    expect([created?.code, created?.path]).toEqual(['ERR_STRIDE_EXISTS', taken])
    expect(existsSync(path)).toBe(false)
    using store = openStore(path, Item)
    store.append({ id: 1 })
    await store.commit()
    const late = await refusal(() => store.createIndex('byId', indexes.byId))
    expect([late?.code, late?.path]).toEqual(['ERR_STRIDE_EXISTS', taken])
    expect(store.indexes).toEqual([])
    store.append({ id: 2 })
    await store.commit()
    await store.compact()
    store.close()
    const opened = await refusal(() => openStore(path, Item, { indexes }))
    expect([opened?.code, opened?.path]).toEqual(['ERR_STRIDE_EXISTS', taken])
    expect(migrateStore(path, Item)).toBe(2)
    expect(readFileSync(taken).equals(content)).toBe(true)
  })

  it('the index file that compact writes is never replaced or removed, and is named', async () => {
    const folder = temporaryFolder()
    const content = contentOf(folder)
    const path = join(folder, 'stock')
    const taken = `${path}-index-next`
    writeFileSync(taken, content)
    const store = openStore(path, Item, { indexes })
    store.append({ id: 1 })
    store.append({ id: 2 })
    await store.commit()
    store.delete(0)
    await store.commit()
    const refused = await refusal(() => store.compact())
    expect([refused?.code, refused?.path]).toEqual(['ERR_STRIDE_EXISTS', taken])
    expect(store.index('byId').number(2)).toBe(1)
    store.append({ id: 3 })
    await store.commit()
    store.close()
    expect(migrateStore(path, Item)).toBe(2)
    using again = openStore(path, Item, { indexes })
    expect(again.index('byId').number(3)).toBe(2)
    expect(readFileSync(taken).equals(content)).toBe(true)
  })

  it('the journal is never replaced or removed, and is named', async () => {
    const folder = temporaryFolder()
    const content = contentOf(folder)
    const path = join(folder, 'stock')
    const taken = `${path}-journal`
    const store = openStore(path, Item, { indexes })
    writeFileSync(taken, content)
    writeFileSync(`${taken}-new`, content)
    store.append({ id: 1 })
    const commit = await refusal(() => store.commit())
    expect([commit?.code, commit?.path]).toEqual(['ERR_STRIDE_EXISTS', taken])
    store.close()
    const opened = await refusal(() => openStore(path, Item, { indexes }))
    expect([opened?.code, opened?.path]).toEqual(['ERR_STRIDE_CORRUPT', taken])
    expect(readFileSync(taken).equals(content)).toBe(true)
    expect(readFileSync(`${taken}-new`).equals(content)).toBe(true)
  })
})

describe('a store whose name is made of the name of another', () => {
  it('goes on, and so does the other', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'stock')
    using one = openStore(`${path}-index`, Item)
    one.append({ id: 1 })
    await one.commit()
    expect((await refusal(() => openStore(path, Item, { indexes })))?.code).toBe('ERR_STRIDE_EXISTS')
    using plain = openStore(path, Item)
    plain.append({ id: 2 })
    await plain.commit()
    one.append({ id: 3 })
    await one.commit()
    expect([one.count, plain.count]).toEqual([2, 1])
  })
})
