/**
 * Waiting for a later commit. What could go wrong: a commit between looking and watching that nobody hears of; a wait that only a poll
 * ends although the system tells of the commit; one that never ends after close, abort or compact.
 * Rules: BE1, BE3 (src/engine/sharing/bell.ts), BE4 (src/engine/sharing/commit-wait.ts).
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { openStore, type StoreOptions } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { BellWatch } from '../../src/engine/sharing/bell.ts'
import { choosePlatform } from '../../src/mmap/choose-platform.ts'
import { childScript } from '../child-scripts.ts'
import { codeOfAsync, Point, temporaryFolder } from './support.ts'

/** Longer than a test may take: only being told can end such a wait. */
const NEVER_MS = 24 * 3_600_000
const point = (x: number) => ({ x, tag: 1 })

describe.each(['mapped', 'file', 'memory'] as const)('in the writing process, %s', backend => {
  const opened = (options: StoreOptions = {}) =>
    openStore(backend === 'memory' ? 'points' : join(temporaryFolder(), 'points.stride'), Point, {
      backend,
      ...options,
    })

  test('changed resolves with the next commit, however it is made, and refresh tells the present one', async () => {
    using store = opened()
    expect(store.refresh()).toBe(0)
    for (const commit of [
      () => store.commit(),
      async () => store.commitSync(),
      async () => store.commit({ durability: 'process' }),
    ]) {
      const before = store.refresh()
      const waiting = store.changed({ pollMs: NEVER_MS })
      store.append(point(1))
      await commit()
      expect(await waiting).toBe(before + 1)
    }
    expect(await store.changed({ after: 1, pollMs: NEVER_MS })).toBe(store.refresh())
  })

  test('a rollback, a staged change and an empty commit are no commits', async () => {
    using store = opened()
    const waiting = store.changed({ pollMs: 1 })
    let isOver = false
    void waiting.then(() => (isOver = true))
    store.append(point(1))
    store.rollback()
    await store.commit()
    store.append(point(2))
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setTimeout(resolve, 1))
    expect(isOver).toBe(false)
    store.commitSync()
    expect(await waiting).toBe(1)
  })

  test('ends with the store, and with its signal', async () => {
    const store = opened()
    const abort = new AbortController()
    const waits = [
      codeOfAsync(store.changed({ pollMs: NEVER_MS })),
      codeOfAsync(store.changed({ pollMs: NEVER_MS, signal: abort.signal })),
    ]
    abort.abort(new RangeError('enough'))
    expect(await waits[1]).toContain('enough')
    expect(await codeOfAsync(store.changed({ signal: abort.signal }))).toContain('enough')
    store.close()
    expect(await waits[0]).toBe('ERR_STRIDE_CLOSED')
    expect(await codeOfAsync(store.changed())).toBe('ERR_STRIDE_CLOSED')
  })
})

describe.each(['mapped', 'file'] as const)('beside a writer in another process, %s', backend => {
  const SCRIPT = `import { openStore } from 'src/index.ts'
    import { z } from 'zod'
    import { u8 } from 'src/index.ts'
    const store = openStore(process.argv[2], z.object({ x: z.float64(), tag: u8() }))
    if (store.size === 0) { store.append({ x: 0, tag: 0 }); store.commitSync() }
    console.log('ready')
    process.stdin.on('data', async bytes => {
      for (const what of bytes.toString()) {
        if (what === 'c') { store.append({ x: store.size, tag: 0 }); await store.commit() }
        if (what === 's') { store.append({ x: store.size, tag: 0 }); store.commitSync() }
        if (what === 'z') { store.delete(0); await store.commit(); await store.compact() }
      }
      console.log('done')
    })
    process.stdin.on('end', () => store.close())`

  test('is told of commits, also after compact, and misses none between looking and waiting', async () => {
    const path = join(temporaryFolder(), 'points.stride')
    const child = spawn(process.execPath, [childScript(SCRIPT), path], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    await lines.next()
    using reader = openStore(path, Point, { backend, readOnly: true })
    expect([reader.refresh(), existsSync(`${path}-bell`)]).toEqual([1, false])
    // The bell is made here: this one may be polled for, those that follow not (BE1).
    const first = reader.changed()
    child.stdin.write('c')
    expect([await first, existsSync(`${path}-bell`)]).toEqual([2, true])
    await lines.next()
    for (let commit = 3; commit < 30; commit++) {
      const waiting = reader.changed({ pollMs: NEVER_MS })
      child.stdin.write(commit % 2 === 0 ? 'c' : 's')
      expect(await waiting).toBe(commit)
      await lines.next()
    }
    const waiting = reader.changed({ pollMs: NEVER_MS })
    child.stdin.write('z')
    expect(await waiting).toBe(30)
    await lines.next()
    const after = reader.refresh()
    child.stdin.write('c')
    expect(await reader.changed({ after, pollMs: NEVER_MS })).toBe(after + 1)
    child.stdin.end()
    await ended
  })
})

test('a worker thread waits for commits of the main thread', async () => {
  const path = join(temporaryFolder(), 'points.stride')
  using store = openStore(path, Point)
  store.append(point(0))
  store.commitSync()
  const script = childScript(`import { parentPort, workerData } from 'node:worker_threads'
    import { openShared } from 'src/index.ts'
    const store = openShared(workerData)
    const first = store.changed()
    parentPort.postMessage('waiting')
    parentPort.postMessage(await first)
    const second = store.changed({ pollMs: ${NEVER_MS} })
    parentPort.postMessage('waiting')
    parentPort.postMessage(await second)
    store.close()`)
  const worker = new Worker(script, { workerData: store.share() })
  const ended = once(worker, 'exit')
  for (const commit of [2, 3]) {
    expect((await once(worker, 'message'))[0]).toBe('waiting')
    const told = once(worker, 'message')
    store.append(point(1))
    await store.commit()
    expect((await told)[0]).toBe(commit)
  }
  await ended
})

test('where no bell can be made, the store is looked at', async () => {
  const path = join(temporaryFolder(), 'points.stride')
  using store = openStore(path, Point)
  // A folder has the name.
  const { mkdirSync } = await import('node:fs')
  mkdirSync(`${path}-bell`)
  using reader = openStore(path, Point, { readOnly: true })
  const waiting = reader.changed({ pollMs: 1 })
  store.append(point(1))
  expect(store.commitSync()).toBe(1)
  expect(await waiting).toBe(1)
})

test('where the system tells of commits, fruitless looks become rarer, until something is found', async () => {
  const platform = choosePlatform('mapped', '.').platform
  const path = join(temporaryFolder(), 'points.stride')
  using store = openStore(path, Point)
  store.append(point(1))
  store.commitSync()
  const file = platform.open(path, { access: 'read' })
  const pollMs = 20
  const watch = new BellWatch(platform, path, file, pollMs)
  const lasted = async (waits: number): Promise<number> => {
    const begun = performance.now()
    for (let i = 0; i < waits; i++) await watch.wait()
    return performance.now() - begun
  }
  // Timers may be a little early, and never shorter than that.
  expect(await lasted(5)).toBeGreaterThan((1 + 2 + 4 + 8 + 10 - 1) * pollMs)
  watch.ring()
  expect(await lasted(2)).toBeGreaterThan(9 * pollMs)
  watch.found()
  await lasted(1)
  expect(await lasted(1)).toBeGreaterThan(pollMs)
  watch.close()
  file.close()
})
