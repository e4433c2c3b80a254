/**
 * A store that is handed to worker threads and other processes. What could go wrong: a path that means another file there, options that
 * JSON loses, a handle that is believed although it is none.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Worker } from 'node:worker_threads'
import { openShared, openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { childScript } from '../child-scripts.ts'
import { BACKENDS, codeOf, Point, temporaryFolder } from './support.ts'

const READING = `
  const sumOf = handle => {
    const store = openShared(handle)
    const seen = [store.readOnly, store.backend, store.gather('x').reduce((sum, x) => sum + x, 0)]
    store.close()
    return seen
  }
`

describe.each(BACKENDS)('a shared store, $name', ({ name, options }) => {
  const filled = () => {
    const folder = temporaryFolder()
    // Relative, as programs give it: other processes may have another working folder.
    const store = openStore(relative(process.cwd(), join(folder, 'points.stride')), Point, options)
    store.appendMany([1, 2, 3].map(x => ({ x, tag: 1 })))
    store.commitSync()
    return store
  }

  test('is read by a worker thread beside its writer', async () => {
    using store = filled()
    const script = childScript(`import { parentPort, workerData } from 'node:worker_threads'
      import { openShared } from 'src/index.ts'
      ${READING}
      parentPort.postMessage(sumOf(workerData))`)
    const worker = new Worker(script, { workerData: store.share() })
    // The end may come in the same turn as the message.
    const ended = once(worker, 'exit')
    expect(await once(worker, 'message')).toEqual([[true, name, 6]])
    await ended
    store.append({ x: 10, tag: 1 })
    expect(store.commitSync()).toBe(2)
  })

  test('is read by a process with another working folder, which gets the handle as JSON', async () => {
    using store = filled()
    const script = childScript(`import { openShared } from 'src/index.ts'
      ${READING}
      process.on('message', text => process.send(sumOf(JSON.parse(text)), () => process.disconnect()))`)
    const cwd = join(temporaryFolder(), 'elsewhere')
    mkdirSync(cwd)
    const child = fork(script, { cwd })
    const ended = once(child, 'exit')
    child.send(JSON.stringify(store.share()))
    expect((await once(child, 'message'))[0]).toEqual([true, name, 6])
    await ended
  })

  test('is opened after its close, too, with the types that the handle carries', () => {
    const store = filled()
    const handle = store.share()
    store.close()
    using again = openShared(structuredClone(handle))
    const x: number = again.field(2, 'x')
    expect([x, again.stats().windows <= 1]).toEqual([3, true])
    using typed = openShared(JSON.parse(JSON.stringify(handle)), Point)
    expect(typed.get(0)).toEqual({ x: 1, tag: 1 })
    expect(codeOf(() => again.append({ x: 1, tag: 1 }))).toBe('ERR_STRIDE_READ_ONLY')
  })
})

test('a store in memory cannot be shared, and what is no handle is refused', () => {
  using store = openStore('points', Point, { backend: 'memory' })
  expect(() => store.share()).toThrow(TypeError)
  const path = join(temporaryFolder(), 'none.stride')
  for (const handle of [undefined, null, 'x', {}, { path }, { path, options: 3 }, { path: 3, options: {} }])
    expect(() => openShared(handle as never)).toThrow(TypeError)
  expect(() => openShared({ path, options: { bakend: 'file' } } as never)).toThrow(/backend/)
  expect(codeOf(() => openShared({ path, options: {} }))).toBe('ERR_STRIDE_NOT_FOUND')
})
