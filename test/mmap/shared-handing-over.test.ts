/**
 * What could go wrong when shared memory is handed over: a thread or child gets another object of the name, or none; the memory ends
 * with the one that handed it over; a descriptor of something else is taken; an unlinked name leads to the old object.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { SharedMemory, type SharedMemoryHandle } from '../../src/mmap/index.ts'
import { childScript } from '../child-scripts.ts'
import { Companion, codeOf, isWindows, newFolder, thrownBy } from './places.ts'

let made = 0
const newName = (): string => `hand-${process.pid}-${made++}`

/** Adds to a word of the memory that workerData is a handle of. */
const WORKER = `
  import { parentPort, workerData } from 'node:worker_threads'
  import { SharedMemory } from 'src/mmap/index.ts'
  const shared = SharedMemory.fromHandle(workerData)
  const words = new Int32Array(shared.view().bytes.buffer, 0, 2)
  for (let i = 0; i < 50_000; i++) Atomics.add(words, 0, 1)
  shared.close()
  parentPort.postMessage([shared.created, shared.size])`

/** Opens descriptor 3, says when, and answers with what it finds once it is asked. */
const CHILD = `
  import { SharedMemory } from 'src/mmap/index.ts'
  const shared = SharedMemory.fromDescriptor(3)
  const { dataView } = shared.view()
  console.log([shared.name, shared.size, shared.created, dataView.getInt32(0, true)].join(' '))
  process.stdin.once('data', () => {
    dataView.setInt32(0, dataView.getInt32(0, true) + 1, true)
    console.log('added ' + dataView.getInt32(0, true))
    process.exit(0)
  })`

describe('a handle of shared memory', () => {
  it('opens the same memory in worker threads, each with a mapping of its own', async () => {
    using shared = SharedMemory.open(newName(), { size: 100 })
    const script = childScript(WORKER)
    const workers = [0, 1].map(() => new Worker(script, { workerData: shared.share() }))
    const said = await Promise.all(workers.map(worker => once(worker, 'message')))
    expect(said).toEqual([[[false, 100]], [[false, 100]]])
    await Promise.all(workers.map(worker => worker.terminate()))
    expect(shared.view().dataView.getInt32(0, true)).toBe(100_000)
  })

  it('survives JSON, and opens that object alone: not a later one of the name', () => {
    const name = newName()
    const first = SharedMemory.open(name, { size: 8 })
    const handle = JSON.parse(JSON.stringify(first.share())) as SharedMemoryHandle
    using same = SharedMemory.fromHandle(handle)
    expect(same.share()).toEqual(first.share())
    first.close()
    same.close()
    expect(codeOf(() => SharedMemory.fromHandle(handle))).toBe('ERR_STRIDE_NOT_FOUND')
    using other = SharedMemory.open(name, { size: 8 })
    expect(other.share()).not.toEqual(handle)
    expect(thrownBy(() => SharedMemory.fromHandle(handle))).toMatchObject({ code: 'ERR_STRIDE_NOT_FOUND' })
  })

  it('is refused if it is none', () => {
    for (const handle of [undefined, null, 'x', {}, { name: 5, id: '' }, ['a', 'b']]) {
      expect(thrownBy(() => SharedMemory.fromHandle(handle as never))).toBeInstanceOf(TypeError)
    }
    expect(thrownBy(() => SharedMemory.fromHandle({ name: '../x', id: '' }))).toBeInstanceOf(RangeError)
    const shared = SharedMemory.open(newName(), { size: 8 })
    shared.close()
    expect(codeOf(() => shared.share())).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => shared.descriptor)).toBe('ERR_STRIDE_CLOSED')
  })
})

describe.skipIf(isWindows)('a descriptor of shared memory', () => {
  it('opens the memory in a child that inherits it, also when its name and its first holder are gone', async () => {
    const name = newName()
    const shared = SharedMemory.open(name, { size: 5000 })
    shared.view().dataView.setInt32(0, 41, true)
    expect(SharedMemory.unlink(name)).toBe(true)
    const child = spawn(process.execPath, [childScript(CHILD)], {
      stdio: ['pipe', 'pipe', 'inherit', shared.descriptor],
    })
    const [first] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    expect(String(first).trim()).toBe(`${name} 5000 false 41`)
    shared.close()
    child.stdin?.write('add\n')
    const [second] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    expect(String(second).trim()).toBe('added 42')
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
  })

  it('counts as an opener: the object keeps its name for it', () => {
    const name = newName()
    const shared = SharedMemory.open(name, { size: 100 })
    const other = SharedMemory.fromDescriptor(shared.descriptor)
    shared.view().bytes[99] = 5
    shared.close()
    using third = SharedMemory.open(name)
    expect([third.created, third.view().bytes[99], other.view().bytes[99]]).toEqual([false, 5, 5])
    other.close()
    third.close()
    expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
  })

  it('is refused if it belongs to something else', () => {
    const path = join(newFolder(), 'file')
    fs.writeFileSync(path, new Uint8Array(10_000))
    const fd = fs.openSync(path, 'r+')
    expect(codeOf(() => SharedMemory.fromDescriptor(fd))).toBe('ERR_STRIDE_NOT_MAPPABLE')
    // It is still the caller's.
    fs.closeSync(fd)
    expect(codeOf(() => SharedMemory.fromDescriptor(100_000))).toBe('ERR_STRIDE_NOT_FOUND')
    for (const descriptor of [-1, 0.5, Number.NaN])
      expect(thrownBy(() => SharedMemory.fromDescriptor(descriptor))).toBeInstanceOf(RangeError)
    expect(thrownBy(() => SharedMemory.fromDescriptor('3' as never))).toBeInstanceOf(TypeError)
  })
})

describe('unlink', () => {
  it('says whether there was such a name, and refuses names that are none', () => {
    expect(SharedMemory.unlink(newName())).toBe(false)
    for (const name of ['', '/x', 'a/b', '..', 'x'.repeat(201), 'a\0b'])
      expect(
        thrownBy(() => SharedMemory.unlink(name)),
        name,
      ).toBeInstanceOf(RangeError)
    expect(thrownBy(() => SharedMemory.unlink(5 as never))).toBeInstanceOf(TypeError)
  })

  it.skipIf(isWindows)('leaves the memory to its holders, and the name to the next opener', async () => {
    const name = newName()
    const old = SharedMemory.open(name, { size: 10 })
    old.view().bytes[0] = 1
    expect(SharedMemory.unlink(name)).toBe(true)
    expect(SharedMemory.unlink(name)).toBe(false)
    using next = SharedMemory.open(name, { size: 20, initialize: view => view.bytes.fill(2) })
    expect([next.created, next.initialized, next.size]).toEqual([true, true, 20])
    expect(old.view().bytes[0]).toBe(1)
    // The old object does not take the new one's name with it.
    old.close()
    using same = SharedMemory.open(name)
    expect([same.created, same.view().bytes[0]]).toEqual([false, 2])
  })

  it.skipIf(isWindows)('removes what a killed process left', async () => {
    const name = newName()
    const child = new Companion(
      childScript(`import { SharedMemory } from 'src/mmap/index.ts'
        const shared = SharedMemory.open(process.argv[2], { size: 8 })
        console.log(shared.created); process.stdin.resume()`),
      [name],
    )
    await child.line()
    await child.kill()
    expect(SharedMemory.unlink(name)).toBe(true)
    expect(fs.existsSync(`/dev/shm/stridedb.${name}`)).toBe(false)
  })

  it.runIf(isWindows)('is not possible while it is open', () => {
    const name = newName()
    const shared = SharedMemory.open(name, { size: 8 })
    expect(codeOf(() => SharedMemory.unlink(name))).toBe('ERR_STRIDE_BUSY')
    shared.close()
    expect(SharedMemory.unlink(name)).toBe(false)
  })
})
