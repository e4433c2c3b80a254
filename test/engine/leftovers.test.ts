/**
 * What could go wrong: a process that is killed while it writes a file beside a store leaves it there for ever; or the cleaning
 * takes a file of the user's, or one that another process is writing; or creating a store replaces one.
 */

import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { migrateStore, openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { openStoreOn } from '../../src/engine/open.ts'
import { createBeside, removeLeftovers } from '../../src/engine/whole-files/temporary-files.ts'
import { choosePlatform } from '../../src/mmap/choose-platform.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { childScript } from '../child-scripts.ts'
import { codeOf, codeOfAsync, Point, temporaryFolder } from './support.ts'

const { platform } = choosePlatform('auto', temporaryFolder())

function filled(path: string): void {
  const store = openStore(path, Point)
  store.appendMany([
    { x: 1, tag: 0 },
    { x: 2, tag: 0 },
    { x: 3, tag: 0 },
  ])
  store.commitSync()
  store.close()
}

/** A file beside `path` as a process that died left it. */
function leave(path: string, bytes: Uint8Array | string): string {
  const { file } = createBeside(platform, path, undefined)
  file.close()
  writeFileSync(file.path, bytes)
  return file.path
}

const besides = (folder: string): string[] => readdirSync(folder).filter(name => name.includes('-new-'))

describe('what a killed process left', () => {
  test('is removed by the next writer, whole, in part or empty, beside the store and its indexes', () => {
    const path = join(temporaryFolder(), 'x')
    filled(path)
    const whole = readFileSync(path)
    leave(path, whole)
    leave(`${path}-index`, '')
    leave(`${path}-index-next`, new Uint8Array(100_000))
    expect(besides(join(path, '..'))).toHaveLength(3)
    openStore(path, { readOnly: true }).close()
    expect(besides(join(path, '..'))).toHaveLength(3)
    const store = openStore(path)
    expect(besides(join(path, '..'))).toEqual([])
    expect(store.count).toBe(3)
    store.close()
  })

  test('by kills, as often as they come, does not pile up', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    const script = childScript(
      `import { createBeside } from 'src/engine/whole-files/temporary-files.ts'
       import { choosePlatform } from 'src/mmap/choose-platform.ts'
       const { file } = createBeside(choosePlatform('auto', process.argv[2]).platform, process.argv[2], undefined)
       file.store(new Uint8Array(5000), 0); console.log('written'); setInterval(() => {}, 1000)`,
    )
    filled(path)
    for (let i = 0; i < 2; i++) {
      const child = spawn(process.execPath, [script, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
        cwd: process.cwd(),
      })
      await new Promise(resolve => child.stdout.once('data', resolve))
      // It is being written: nobody takes it away, and another one finds another name.
      removeLeftovers(platform, path)
      expect(besides(folder)).toHaveLength(1)
      const other = createBeside(platform, path, undefined)
      expect(besides(folder)).toHaveLength(2)
      other.file.close()
      child.kill('SIGKILL')
      await new Promise(resolve => child.once('exit', resolve))
    }
    const store = openStore(path)
    expect(besides(folder)).toEqual([])
    await store.compact()
    store.close()
  })

  test('leaves files of others alone, whatever their names and contents', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    filled(path)
    const ours = leave(path, 'text of a user')
    const kept = ['x-new', 'x-new-20261130', 'x-new-0123456789ab', 'x-newer', 'x-index-new-abcdef'].map(name =>
      join(folder, name),
    )
    for (const name of kept) copyFileSync(path, name)
    const store = openStore(path)
    store.delete(0)
    await store.commit()
    await store.compact()
    store.close()
    for (const name of kept) expect(existsSync(name), name).toBe(true)
    expect(readFileSync(ours, 'utf8')).toBe('text of a user')
    // All names taken by others: a coded error, and the store goes on.
    const taken: string[] = []
    for (;;) {
      try {
        taken.push(leave(path, 'mine'))
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_STRIDE_EXISTS' })
        break
      }
    }
    expect(taken).toHaveLength(2)
    const again = openStore(path)
    expect(await codeOfAsync(again.compact())).toBe('ERR_STRIDE_EXISTS')
    again.append({ x: 9, tag: 0 })
    await again.commit()
    expect(again.count).toBe(3)
    again.close()
    for (const name of taken) expect(readFileSync(name, 'utf8')).toBe('mine')
  })

  test('of a backup goes with the next backup to the same place', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    filled(path)
    mkdirSync(join(folder, 'b'))
    leave(join(folder, 'b', 'copy'), readFileSync(path).subarray(0, 5000))
    const store = openStore(path, { readOnly: true })
    await store.backup(join(folder, 'b', 'copy'))
    expect(readdirSync(join(folder, 'b'))).toEqual(['copy'])
    store.close()
  })

  test('of several backups, killed in the middle, goes with the next one to the same place, under each name', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    const target = join(folder, 'copy')
    const writer = openStore(path, Point)
    writer.appendMany(Array.from({ length: 600_000 }, (_, i) => ({ x: i, tag: 0 })))
    writer.commitSync()
    writer.close()
    const script = childScript(
      `import { writeSync } from 'node:fs'
       import { openStore } from 'src/index.ts'
       const store = openStore(process.argv[2], { readOnly: true })
       // It waits in the middle, and is killed there.
       await store.backup(process.argv[3], { progress: () => {
         writeSync(1, 'copying')
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
       } })`,
    )
    const children = []
    for (let i = 0; i < 2; i++) {
      const child = spawn(process.execPath, [script, path, target], {
        stdio: ['ignore', 'pipe', 'inherit'],
        cwd: process.cwd(),
      })
      await new Promise(resolve => child.stdout.once('data', resolve))
      children.push(child)
    }
    expect(besides(folder)).toHaveLength(2)
    for (const child of children) {
      child.kill('SIGKILL')
      await new Promise(resolve => child.once('exit', resolve))
    }
    expect(besides(folder)).toHaveLength(2)
    const store = openStore(path, { readOnly: true })
    await store.backup(target)
    store.close()
    expect(besides(folder)).toEqual([])
    expect(openStore(target, { readOnly: true }).count).toBe(600_000)
  })
})

describe('a whole file of another store under a name of ours', () => {
  /** The files of a store that is open and has committed. */
  function otherFiles(folder: string): Readonly<Record<'' | '-index' | '-journal', Buffer>> {
    const path = join(folder, 'other')
    const store = openStore(path, Point, { indexes: { i: { on: 'x' } }, journalBytes: 65_536 })
    store.append({ x: 7, tag: 1 })
    store.commitSync()
    const [index, journal] = [readFileSync(`${path}-index`), readFileSync(`${path}-journal`)]
    store.close()
    return { '': readFileSync(path), '-index': index, '-journal': journal }
  }

  test('stays there, whoever opens, creates, compacts, migrates or backs up', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    const files = otherFiles(folder)
    const left = Object.entries(files).map(
      ([suffix, bytes]) => [leave(`${path}${suffix}`, bytes), bytes] as const,
    )
    left.push([leave(join(folder, 'copy'), files['']), files['']])
    const store = openStore(path, Point, { indexes: { i: { on: 'x' } } })
    store.append({ x: 1, tag: 0 })
    await store.commit()
    await store.compact()
    await store.backup(join(folder, 'copy'))
    store.close()
    expect(migrateStore(path, Point)).toBe(1)
    openStore(path).close()
    for (const [name, bytes] of left) expect(readFileSync(name).equals(bytes), name).toBe(true)
    expect(besides(folder)).toHaveLength(left.length)
  })

  test('goes where it is of this store, or holds nothing: a part, or what creation left', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    const files = otherFiles(folder)
    filled(path)
    const empty = join(folder, 'empty')
    openStore(empty, Point).close()
    for (const bytes of [readFileSync(path), files[''].subarray(0, 5000), readFileSync(empty)]) {
      leave(path, bytes)
      expect(besides(folder)).toHaveLength(1)
      openStore(path).close()
      expect(besides(folder)).toEqual([])
    }
  })
})

describe('creating a store', () => {
  /** A platform whose look at names says that `path` is absent. */
  const blind = (path: string): Platform => ({
    ...platform,
    exists: name => name !== path && platform.exists(name),
  })

  test('never replaces a file, even one that appeared after the check', () => {
    const path = join(temporaryFolder(), 'x')
    filled(path)
    const before = readFileSync(path)
    expect(codeOf(() => openStoreOn(blind(path), path, Point))).toBe('ERR_STRIDE_EXISTS')
    expect(readFileSync(path)).toEqual(before)
    expect(besides(join(path, '..'))).toEqual([])
  })

  test('does not happen where the file vanished and nobody asked for one', () => {
    const path = join(temporaryFolder(), 'x')
    for (const options of [{ create: false }, { readOnly: true }])
      expect(codeOf(() => openStoreOn(blind(path), path, Point, options))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(existsSync(path)).toBe(false)
  })

  test('is refused where looking fails, and where links lead in a circle', () => {
    const path = join(temporaryFolder(), 'x')
    filled(path)
    const before = readFileSync(path)
    const failing: Platform = {
      ...platform,
      exists(name) {
        if (name === path) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        return platform.exists(name)
      },
    }
    expect(codeOf(() => openStoreOn(failing, path, Point))).toContain('EIO')
    expect(readFileSync(path)).toEqual(before)
    if (process.platform === 'win32') return
    symlinkSync('x-loop', `${path}-loop`)
    expect(codeOf(() => openStore(`${path}-loop`, Point))).toBe('ERR_STRIDE_IO')
  })

  test.skipIf(process.platform === 'win32')(
    'is refused where a file beside it would have too long a name; as long as may be, everything works',
    async () => {
      const folder = temporaryFolder()
      const IX = { indexes: { i: { on: 'x' } } } as const
      for (const length of [234, 240, 255, 256])
        expect(
          codeOf(() => openStore(join(folder, 'n'.repeat(length)), Point)),
          String(length),
        ).toBe('ERR_STRIDE_LIMIT')
      expect(readdirSync(folder)).toEqual([])
      // Bytes count, not characters.
      expect(codeOf(() => openStore(join(folder, 'é'.repeat(120)), Point))).toBe('ERR_STRIDE_LIMIT')
      const path = join(folder, 'n'.repeat(233))
      const store = openStore(path, Point, IX)
      store.appendMany([
        { x: 1, tag: 0 },
        { x: 2, tag: 0 },
      ])
      await store.commit()
      store.delete(0)
      await store.commit()
      await store.compact()
      expect(store.index('i').number(2)).toBe(0)
      store.close()
      // A closed store is one file, and may be read under a longer name.
      copyFileSync(path, join(folder, 'm'.repeat(255)))
      const copy = openStore(join(folder, 'm'.repeat(255)), { readOnly: true })
      expect(copy.count).toBe(1)
      copy.close()
    },
  )
})
