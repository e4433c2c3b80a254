/**
 * What could go wrong with the locks: readers that ask for the writer keep a new one out, a network file system has two openers,
 * or a clock that is set back makes an opener wait for hours.
 * Rules of docs/concurrency.md: S1; of engine/sharing/locks.ts: LK1.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { lockPathOf } from '../../src/engine/format/file-names.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import { choosePlatform } from '../../src/mmap/choose-platform.ts'
import type { Platform, PlatformFile } from '../../src/mmap/platform.ts'
import { childScript } from '../child-scripts.ts'
import { codeOf, Point, temporaryFolder } from './support.ts'

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url))

/** The platform of this system, and what was called on its files. */
function watched(path: string): { readonly platform: Platform; readonly calls: string[] } {
  const calls: string[] = []
  const { platform } = choosePlatform('auto', path)
  const watch = (file: PlatformFile): PlatformFile =>
    new Proxy(file, {
      get(target, name) {
        const value = Reflect.get(target, name, target) as unknown
        if (typeof value !== 'function') return value
        calls.push(String(name))
        return value.bind(target)
      },
    })
  return { platform: { ...platform, open: (name, options) => watch(platform.open(name, options)) }, calls }
}

/** Runs a module of TypeScript in a thread; it gets `data` and answers with messages. */
async function inThread(
  source: string,
  data: unknown,
): Promise<{ readonly first: unknown; tell(message: string): void; end(): Promise<void> }> {
  const worker = new Worker(childScript(source), { workerData: data })
  const exited = new Promise<void>(resolve => worker.once('exit', () => resolve()))
  const first = await new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return { first, tell: message => worker.postMessage(message), end: () => exited }
}

describe('asking for the writer', () => {
  test('takes no lock, whether there is a writer, none, or one that died', () => {
    const path = join(temporaryFolder(), 'points.stride')
    const left = join(temporaryFolder(), 'left.stride')
    const writer = openStore(path, Point)
    writer.append({ x: 1, tag: 1 })
    writer.commitSync()
    // What a process leaves that died: nobody holds the lock.
    for (const ending of ['', '-journal', '-lock']) copyFileSync(path + ending, left + ending)
    const { platform, calls } = watched(path)
    const open = (where = path) => openStoreOn(platform, where, Point, { readOnly: true })
    const reader = open()
    expect(reader.count).toBe(1)
    writer.append({ x: 2, tag: 2 })
    writer.commitSync()
    expect(reader.count).toBe(2)
    writer.close()
    expect(reader.get(1)).toEqual({ x: 2, tag: 2 })
    reader.close()
    for (const [where, count] of [
      [path, 2],
      [left, 1],
    ] as const) {
      using alone = open(where)
      expect(alone.count).toBe(count)
    }
    expect(calls).toContain('isLocked')
    expect(calls.filter(name => name === 'tryLock' || name === 'unlock')).toEqual([])
  })

  test('by taking a lock, as on a system that cannot be asked otherwise, makes a writer wait and does not refuse it', async () => {
    const path = join(temporaryFolder(), 'points.stride')
    openStore(path, Point).close()
    const thread = await inThread(
      `import { parentPort, workerData } from 'node:worker_threads'
       import { choosePlatform } from 'src/mmap/choose-platform.ts'
       const file = choosePlatform('file', workerData).platform.open(workerData, { access: 'readwrite' })
       for (const byte of [0, 2]) if (!file.tryLock(byte, 'shared')) throw new Error('not free')
       parentPort.postMessage('held')
       const sleep = new Int32Array(new SharedArrayBuffer(4))
       Atomics.wait(sleep, 0, 0, 300)
       file.unlock(0)
       Atomics.wait(sleep, 0, 0, 300)
       file.close()`,
      lockPathOf(path),
    )
    expect(thread.first).toBe('held')
    const writer = openStore(path, Point)
    expect(codeOf(() => openStore(path, Point))).toBe('ERR_STRIDE_BUSY')
    writer.close()
    await thread.end()
  })
})

describe('a writer that waits for another one', () => {
  test('opens once that one has closed, and is refused where it may not wait', async () => {
    const path = join(temporaryFolder(), 'points.stride')
    openStore(path, Point).close()
    const thread = await inThread(
      `import { parentPort, workerData } from 'node:worker_threads'
       import { openStore } from 'src/index.ts'
       const store = openStore(workerData)
       store.append({ x: 7, tag: 7 })
       store.commitSync()
       parentPort.postMessage('held')
       parentPort.once('message', () => {
         // Longer than who does not wait is patient.
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
         store.close()
       })`,
      path,
    )
    expect(thread.first).toBe('held')
    expect(codeOf(() => openStore(path, Point))).toBe('ERR_STRIDE_BUSY')
    expect(codeOf(() => openStore(path, Point, { lockTimeoutMs: 1 }))).toBe('ERR_STRIDE_BUSY')
    thread.tell('close')
    using writer = openStore(path, Point, { lockTimeoutMs: 60_000 })
    expect(writer.get(0)).toEqual({ x: 7, tag: 7 })
    await thread.end()
  })
})

describe('a network file system', () => {
  test('lets one opener in at a time, for reading or for writing', () => {
    const path = join(temporaryFolder(), 'points.stride')
    const platform: Platform = { ...choosePlatform('file', path).platform, isNetworkPath: () => true }
    const open = (readOnly: boolean) => openStoreOn(platform, path, Point, { readOnly })
    open(false).close()
    for (const isFirstReader of [true, false]) {
      const first = open(isFirstReader)
      for (const isReader of [true, false]) expect(codeOf(() => open(isReader))).toBe('ERR_STRIDE_BUSY')
      first.close()
    }
    open(true).close()
  })
})

describe('a clock that is set back', () => {
  test('makes nobody wait: each wait ends where it would have ended', () => {
    const path = join(temporaryFolder(), 'points.stride')
    const writer = openStore(path, Point)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        childScript(`const start = Date.now()
         let back = 0
         Date.now = () => start - 1000 * back++
         const { openStore, openStoreAsync } = await import('src/index.ts')
         const codes = []
         try { openStore(process.argv[2], { lockTimeoutMs: 40 }) } catch (error) { codes.push(error.code) }
         await openStoreAsync(process.argv[2], { lockTimeoutMs: 40 }).catch(error => codes.push(error.code))
         console.log(codes.join())`),
        path,
      ],
      { encoding: 'utf8', timeout: 60_000 },
    )
    writer.close()
    expect([status, stdout.trim(), stderr]).toEqual([0, 'ERR_STRIDE_BUSY,ERR_STRIDE_BUSY', ''])
  })

  test('is asked for nothing but the date of creation', () => {
    const asking: string[] = []
    for (const entry of readdirSync(SOURCES, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
      if (/Date\.now\(|new Date\(\)|[^.]performance\.now\(/.test(text)) asking.push(entry.name)
    }
    expect(asking).toEqual(['identity.ts'])
  })
})
