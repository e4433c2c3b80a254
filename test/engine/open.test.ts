/**
 * What could go wrong at opening: foreign, damaged, newer or shortened files believed; wrong schemas accepted; files
 * changed or littered by an opening that is refused; options misspelt in silence.
 * Rules of docs/durability.md: D8.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { openStore, openStoreAsync, u8 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, isWindows, Point, Trade, temporaryFolder, trade } from './support.ts'

function filled(count = 10): string {
  const path = join(temporaryFolder(), 'trades.stride')
  const store = openStore(path, Trade)
  store.appendMany(Array.from({ length: count }, (_, i) => trade(i)))
  store.commitSync()
  store.close()
  return path
}

function damage(path: string, offset: number, bytes: readonly number[]): void {
  const content = readFileSync(path)
  content.set(bytes, offset)
  writeFileSync(path, content)
}

/** Asserts that opening is refused with this code and leaves the file, byte for byte, and its folder alone. */
function refuses(path: string, code: string, open: () => unknown = () => openStore(path, Trade)): string {
  const before = readFileSync(path)
  const folder = readdirSync(join(path, '..')).sort()
  let message = ''
  expect(
    codeOf(() => {
      try {
        return open()
      } catch (error) {
        message = (error as Error).message
        throw error
      }
    }),
  ).toBe(code)
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(readdirSync(join(path, '..')).sort()).toEqual(folder)
  return message
}

describe('opening', () => {
  test('creates an empty store, and finds it empty again', () => {
    const path = join(temporaryFolder(), 'new.stride')
    const store = openStore(path, Trade)
    expect([store.count, store.size, store.recordSize, store.commitNumber]).toEqual([0, 0, 125, 0])
    expect([...store]).toEqual([])
    expect(store.get(0)).toBeUndefined()
    expect(store.gather('price')).toEqual(new Float64Array(0))
    store.close()
    const again = openStore(path, Trade)
    expect(again.count).toBe(0)
    again.close()
  })

  test('rebuilds the schema from the header', () => {
    const path = filled()
    const store = openStore(path)
    expect(store.get(7)).toEqual(trade(7))
    expect(store.append(trade(10))).toBe(10)
    expect(codeOf(() => store.append({ ...trade(11), qty: -1 }))).toBe('ERR_STRIDE_RECORD')
    store.commitSync()
    store.close()
    expect(openStore(path, Trade, { readOnly: true }).get(10)).toEqual(trade(10))
  })

  test('refuses an absent file without a schema, with create false, and read-only', () => {
    const path = join(temporaryFolder(), 'absent.stride')
    expect(codeOf(() => openStore(path))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(codeOf(() => openStore(path, Trade, { create: false }))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(codeOf(() => openStore(path, Trade, { readOnly: true }))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  test('refuses a directory', () => {
    const path = join(temporaryFolder(), 'folder.stride')
    mkdirSync(path)
    expect(codeOf(() => openStore(path, Trade))).toBe('ERR_STRIDE_IS_DIRECTORY')
    expect(existsSync(`${path}-lock`)).toBe(false)
  })

  test('refuses a file with the wrong magic', () => {
    const path = join(temporaryFolder(), 'foreign.stride')
    writeFileSync(path, 'PK\u0003\u0004 something else entirely')
    expect(refuses(path, 'ERR_STRIDE_NOT_A_STORE')).toContain('504b0304')
  })

  test('refuses an empty file', () => {
    const path = join(temporaryFolder(), 'empty.stride')
    writeFileSync(path, '')
    refuses(path, 'ERR_STRIDE_NOT_A_STORE')
  })

  test('refuses a file with a newer format version', () => {
    const path = filled()
    const page = readFileSync(path).subarray(0, 4096)
    page.writeUInt32LE(3, 8)
    page.writeUInt32LE(crc32(page.subarray(0, 4092)), 4092)
    damage(path, 0, [...page])
    expect(refuses(path, 'ERR_STRIDE_FORMAT_NEWER')).toContain('version 3')
  })

  test('refuses a truncated header', () => {
    const path = filled()
    truncateSync(path, 2000)
    refuses(path, 'ERR_STRIDE_TRUNCATED')
  })

  test('refuses truncated records', () => {
    const path = filled(1000)
    truncateSync(path, 60_000)
    const message = refuses(path, 'ERR_STRIDE_TRUNCATED')
    expect(message).toContain('60000')
  })

  test.each([
    { what: 'the identity page', offset: 40 },
    { what: 'the layout', offset: 4 * 4096 + 5 },
  ])('refuses a flipped byte in $what', ({ offset }) => {
    const path = filled()
    damage(path, offset, [0xff ^ (readFileSync(path)[offset] as number)])
    refuses(path, 'ERR_STRIDE_CORRUPT')
  })

  test('opens with the other root when one is damaged, and refuses when both are', () => {
    const path = filled()
    damage(path, 4096 + 20, [0xff, 0xff])
    const store = openStore(path, Trade, { readOnly: true })
    expect([0, 10]).toContain(store.count)
    store.close()
    damage(path, 2 * 4096 + 20, [0xff, 0xff])
    refuses(path, 'ERR_STRIDE_CORRUPT')
  })

  test('names the fields that differ from another schema', () => {
    const path = filled()
    const Other = Trade.extend({ qty: z.int32(), extra: u8() }).omit({ note: true })
    const message = refuses(path, 'ERR_STRIDE_SCHEMA_MISMATCH', () => openStore(path, Other))
    expect(message).toContain('qty')
    expect(message).toContain('extra')
    expect(message).toContain('note')
  })

  test.each([
    { options: { readonly: true }, message: /'readonly': did you mean 'readOnly'/ },
    { options: { windowbytes: 65536 }, message: /did you mean 'windowBytes'/ },
    { options: { backend: 'mmap' }, message: /backend must be one of auto, mapped, file, memory: 'mmap'/ },
    { options: { windowBytes: 100_000 }, message: /power of two/ },
    { options: { capacity: -1 }, message: /capacity must be a whole number from 0: -1/ },
    { options: { readOnly: 'yes' }, message: /readOnly must be true or false/ },
  ])('refuses the options $options', ({ options, message }) => {
    const path = join(temporaryFolder(), 'options.stride')
    expect(() => openStore(path, Point, options as object)).toThrow(message)
    expect(existsSync(path)).toBe(false)
  })

  // A new file of Windows has the permissions of its folder.
  test.skipIf(isWindows)('keeps a created file to its owner unless told', () => {
    const folder = temporaryFolder()
    openStore(join(folder, 'own.stride'), Point).close()
    openStore(join(folder, 'all.stride'), Point, { mode: 0o644 }).close()
    const modes = ['own.stride', 'all.stride'].map(name => statMode(join(folder, name)))
    expect(modes).toEqual([0o600, 0o644])
  })

  test('makes room for the capacity asked for', () => {
    const path = join(temporaryFolder(), 'roomy.stride')
    const store = openStore(path, Trade, { capacity: 50_000 })
    expect(store.stats().capacity).toBeGreaterThanOrEqual(50_000)
    expect(store.stats().fileBytes).toBeGreaterThanOrEqual(50_000 * 125)
    expect(store.size).toBe(0)
    store.close()
  })

  test('works with using, twice closed, and refuses everything after', async () => {
    const path = filled()
    const store = openStore(path, Trade)
    const row = store.row(3)
    const scan = store.scan()
    scan.next()
    store.close()
    store.close()
    await store.closeAsync()
    for (const call of [
      () => store.get(0),
      () => store.field(0, 'price'),
      () => store.has(0),
      () => store.count,
      () => store.size,
      () => store.append(trade(1)),
      () => store.update(0, {}),
      () => store.put(0, trade(1)),
      () => store.delete(0),
      () => store.getMany([0]),
      () => store.gather('price'),
      () => store.scan(),
      () => [...store],
      () => store.commitSync(),
      () => store.rollback(),
      () => store.stats(),
      () => store.trim(),
      () => row.price,
      () => row.toObject(),
      () => row.seek(0),
      () => scan.next(),
    ]) {
      expect(codeOf(call)).toBe('ERR_STRIDE_CLOSED')
    }
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_STRIDE_CLOSED' })
    await expect(store.verify()).rejects.toMatchObject({ code: 'ERR_STRIDE_CLOSED' })
    await expect(store.prefetch([0])).rejects.toMatchObject({ code: 'ERR_STRIDE_CLOSED' })
    {
      using scoped = openStore(path, Trade)
      expect(scoped.count).toBe(10)
    }
    openStore(path, Trade).close()
  })

  test('waits for another writer without blocking when opened asynchronously', async () => {
    const path = filled()
    const first = openStore(path, Trade)
    await expect(openStoreAsync(path, Trade)).rejects.toMatchObject({ code: 'ERR_STRIDE_BUSY' })
    setTimeout(() => first.close(), 100)
    const second = await openStoreAsync(path, Trade, { lockTimeoutMs: 5000 })
    expect(second.count).toBe(10)
    second.close()
  })
})

function statMode(path: string): number {
  return statSync(path).mode & 0o777
}
