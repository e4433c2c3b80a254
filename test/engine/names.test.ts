/**
 * What could go wrong with names: a store reached by two of them has two writers, a journal lands beside another store
 * after a change of the working directory, files of another store are replaced or removed.
 * Rules of docs/durability.md: D8; of docs/concurrency.md: S1.
 */

import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { afterEach, describe, expect, test } from 'vitest'
import { codeOf, codeOfAsync, Point, temporaryFolder } from './support.ts'

const at = process.cwd()
afterEach(() => process.chdir(at))

function filled(path: string, xs: readonly number[]): Store<typeof Point> {
  const store = openStore(path, Point)
  store.appendMany(xs.map(x => ({ x, tag: 0 })))
  store.commitSync()
  return store
}

/** A store as a killed process leaves it: one commit, in the journal. */
function left(folder: string, name: string, x: number): string {
  const store = filled(join(folder, 'first'), [x])
  const path = join(folder, name)
  for (const suffix of ['', '-journal']) copyFileSync(join(folder, `first${suffix}`), path + suffix)
  store.close()
  return path
}

describe('a relative path', () => {
  test.skipIf(process.platform === 'win32')(
    'means the same file after a change of the working directory',
    () => {
      const one = temporaryFolder()
      const two = temporaryFolder()
      const other = left(two, 'x.stride', 2)
      process.chdir(one)
      const store = openStore('x.stride', Point)
      process.chdir(two)
      store.append({ x: 1, tag: 0 })
      store.commitSync()
      expect(existsSync(join(one, 'x.stride-journal'))).toBe(true)
      store.close()
      expect(openStore(other, Point).field(0, 'x')).toBe(2)
      expect(openStore(join(one, 'x.stride'), Point).field(0, 'x')).toBe(1)
    },
  )
})

describe.skipIf(process.platform === 'win32')('another name of the file', () => {
  test.each([
    ['a symbolic link', (from: string, to: string) => symlinkSync(from, to)],
    ['a hard link', (from: string, to: string) => linkSync(from, to)],
  ])('%s lets no second writer in', (_, link) => {
    const folder = temporaryFolder()
    using _store = filled(join(folder, 'real.stride'), [1])
    link(join(folder, 'real.stride'), join(folder, 'other.stride'))
    expect(codeOf(() => openStore(join(folder, 'other.stride'), Point))).toBe('ERR_STRIDE_BUSY')
    using reader = openStore(join(folder, 'real.stride'), Point, { readOnly: true })
    expect(reader.count).toBe(1)
  })

  test('a lock file that was deleted lets no second writer in either', () => {
    const path = join(temporaryFolder(), 'x.stride')
    using _store = filled(path, [1])
    rmSync(`${path}-lock`)
    expect(codeOf(() => openStore(path, Point))).toBe('ERR_STRIDE_BUSY')
  })

  test('a link stays one through compact, and a dangling one is where the store is created', async () => {
    const folder = temporaryFolder()
    symlinkSync('real.stride', join(folder, 'link.stride'))
    const store = filled(join(folder, 'link.stride'), [1, 2, 3])
    expect(store.path.endsWith('real.stride')).toBe(true)
    store.delete(0)
    store.commitSync()
    await store.compact()
    store.close()
    expect(lstatSync(join(folder, 'link.stride')).isSymbolicLink()).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['link.stride', 'real.stride', 'real.stride-lock'])
    using real = openStore(join(folder, 'real.stride'), { readOnly: true })
    expect([...real.gather('x')]).toEqual([2, 3])
  })
})

describe('a file that is not the store any more', () => {
  test.skipIf(process.platform === 'win32')('takes no commit, and the files of the new one stay', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x.stride')
    const store = filled(path, [1])
    store.close()
    const open = openStore(path, Point)
    renameSync(left(folder, 'new', 2), path)
    renameSync(join(folder, 'new-journal'), `${path}-journal`)
    open.append({ x: 3, tag: 0 })
    expect(codeOf(() => open.commitSync())).toBe('ERR_STRIDE_REPLACED')
    expect([open.count, open.readOnly]).toEqual([2, false])
    open.close()
    using now = openStore(path, Point)
    expect([now.count, now.field(0, 'x')]).toEqual([1, 2])
  })

  test("is not created beside another store's journal", () => {
    const folder = temporaryFolder()
    const path = left(folder, 'x.stride', 1)
    rmSync(path)
    expect(codeOf(() => openStore(path, Point))).toBe('ERR_STRIDE_EXISTS')
    expect([existsSync(path), existsSync(`${path}-journal`)]).toEqual([false, true])
  })
})

describe("a backup's target", () => {
  test("is none of the store's own files, nor one that a journal lies beside", async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x.stride')
    using store = openStore(path, Point)
    for (const suffix of ['', '-journal', '-lock']) {
      expect(await codeOfAsync(store.backup(path + suffix)), suffix).toBe('ERR_STRIDE_EXISTS')
    }
    const other = left(folder, 'other.stride', 1)
    rmSync(other)
    expect(await codeOfAsync(store.backup(other))).toBe('ERR_STRIDE_EXISTS')
  })
})
