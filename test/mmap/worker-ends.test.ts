/**
 * What could go wrong when a worker thread ends without close(): its locks stay for as long as the process lives, its mappings and
 * descriptors stay, shared memory keeps its bytes, a call in flight ends the process, or memory that a living thread has is taken.
 * Rules: LK2 of disk-file.ts, TL1 to TL4 of posix/thread-ledger.ts.
 */

import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canDetach } from '../../src/mmap/detach.ts'
import { newFolder } from './places.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
// Inside the repository, so that koffi is found.
const BUILT = fileURLToPath(new URL('.built/', import.meta.url))
const isLinux = process.platform === 'linux'

/** Ways in which a thread ends; `run` is the last that it does. */
const ENDS = {
  'by itself': '',
  'by process.exit': 'process.exit(0)',
  'by an exception': "setImmediate(() => { throw new Error('a bug of the worker') })",
  'terminated while idle': 'setInterval(() => {}, 1000)',
  'terminated in a loop': 'work()',
}

const MAIN = `
import fs from 'node:fs'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { z } from 'zod'
const Point = z.object({ x: z.float64(), n: z.uint32() })
const here = fileURLToPath(import.meta.url)
/** What this process has of a file: its mappings, and its descriptors. */
const leftOf = (path: string): string => {
  const maps = fs.readFileSync('/proc/self/maps', 'latin1').split('\\n').filter(line => line.includes(path)).length
  const links = fs.readdirSync('/proc/self/fd').map(fd => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch { return '' } })
  return maps + ' mappings, ' + links.filter(link => link.startsWith(path)).length + ' descriptors'
}
/**
 * The same once it is nothing, or has not become nothing in ten seconds. A worker that begins to map may be taking away what this
 * one left at the moment when its parent hears of its end; nobody else does it twice.
 */
const leftAtLast = async (path: string): Promise<string> => {
  for (let tries = 0; tries < 400 && leftOf(path) !== '0 mappings, 0 descriptors'; tries++) await sleep(25)
  return leftOf(path)
}
/** Starts a worker and waits for its first message. */
const start = async (data: object): Promise<{ worker: Worker, said: any, ended: Promise<unknown> }> => {
  const worker = new Worker(here, { workerData: data, argv: process.argv.slice(2) })
  worker.on('error', error => { if (!error.message.includes('a bug of the worker')) console.log(error) })
  const ended = new Promise(resolve => worker.once('exit', resolve))
  // Not events.once: an error that comes first would reject it.
  const said = await new Promise<any>(resolve => worker.once('message', resolve))
  return { worker, said, ended }
}
`

/** Bundles a program with the sources, since threads would start slowly with a compiler, and runs it. @returns its lines */
async function linesOf(source: string): Promise<string[]> {
  const outfile = join(BUILT, `${randomUUID()}.mjs`)
  const contents = `${MAIN}${source}`.replaceAll("'src/", `'${ROOT}/src/`)
  onTestFinished(() => rmSync(outfile, { force: true }))
  await build({
    stdin: { contents, loader: 'ts', resolveDir: ROOT },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['koffi'],
    logLevel: 'silent',
  })
  const { stderr, status, signal, stdout } = spawnSync(process.execPath, [outfile, newFolder()], {
    encoding: 'utf8',
    timeout: 100_000,
  })
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null })
  return stdout.trim().split('\n')
}

describe.runIf(isLinux)('a worker that ends without close()', () => {
  it.each(['auto', 'file'])(
    'lets go of a store (%s): its locks, mappings and descriptors, and what was staged',
    async backend => {
      const cases = Object.entries(ENDS).map(([how, run], i) => ({ how, i, run }))
      const lines = await linesOf(
        `
const { openStore } = await import('src/index.ts')
if (isMainThread) {
  const one = async (how: string, i: number): Promise<string> => {
    const path = process.argv[2] + '/' + i + '.stride'
    const { worker, ended } = await start({ path, i })
    if (how.startsWith('terminated')) await worker.terminate()
    await ended
    const left = await leftAtLast(path)
    const store = openStore(path, Point, { indexes: { byN: { on: 'n' } } })
    const isWhole = store.count > 0 && [...store].every(({ n }) => n === 1) && (await store.verify()).ok
    store.close()
    return how + ': ' + left + ', ' + isWhole + ', ' + leftOf(path)
  }
  const all = await Promise.all([${cases.map(({ how, i }) => `one('${how}', ${i})`).join()}])
  console.log(all.join('\\n'))
} else {
  const store = openStore(workerData.path, Point, { backend: '${backend}', indexes: { byN: { on: 'n' } } })
  store.append({ x: 1, n: 1 })
  store.commitSync()
  store.index('byN').get(1)
  for (const row of store.scan()) row.x
  const work = (): void => { for (;;) { store.append({ x: 2, n: 1 }); store.commitSync(); store.get(0) } }
  ;(globalThis as any).kept = store
  store.append({ x: 3, n: 7 })
  parentPort!.postMessage('open')
  ${cases.map(({ i, run }) => `if (workerData.i === ${i}) { ${run === 'work()' ? 'store.rollback(); work()' : run} }`).join('\n  ')}
}`,
      )
      const none = '0 mappings, 0 descriptors'
      expect(lines).toEqual(cases.map(({ how }) => `${how}: ${none}, true, ${none}`))
    },
  )

  it('lets go of a window for stores', async () => {
    const lines = await linesOf(`
import { Pieces } from 'src/mmap/pieces.ts'
const { thisSystem } = await import('src/mmap/this-system.ts')
if (isMainThread) {
  const path = process.argv[2] + '/a.bin'
  const { worker, said, ended } = await start({ path })
  console.log(said)
  await worker.terminate()
  await ended
  console.log(await leftAtLast(path) + ', ' + fs.readFileSync(path)[9000])
} else {
  const file = thisSystem().system!.createPlatform().open(workerData.path, { access: 'readwrite', create: 'always' })
  file.allocate(0, 20_000)
  const window = file.storeWindow(1)!
  const bytes = Buffer.of(7)
  const pieces = new Pieces()
  pieces.add({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset, 1) }, 0, 1, 9000)
  window.store(pieces)
  ;(globalThis as any).kept = window
  parentPort!.postMessage(leftOf(workerData.path))
  setInterval(() => {}, 1000)
}`)
    expect(lines).toEqual(['1 mappings, 2 descriptors', '0 mappings, 0 descriptors, 7'])
  })

  it('lets go of mappings and shared memory, whose bytes are gone', async () => {
    const cases = Object.entries(ENDS).map(([how, run], i) => ({ how, i, run }))
    const lines = await linesOf(
      `
const { FileMapping, SharedMemory } = await import('src/mmap/index.ts')
const name = (i: number): string => 'worker-ends-' + process.pid + '-' + i
if (isMainThread) {
  const warnings: string[] = []
  process.on('warning', warning => warnings.push(warning.message))
  const one = async (how: string, i: number): Promise<string> => {
    const path = process.argv[2] + '/' + i
    fs.writeFileSync(path, Buffer.alloc(100_000, 7))
    const { worker, ended } = await start({ path, i })
    if (how.startsWith('terminated')) await worker.terminate()
    await ended
    const object = '/dev/shm/stridedb.' + name(i)
    const left = (await leftAtLast(path)) + '; ' + (await leftAtLast(object))
    for (let tries = 0; tries < 400 && fs.existsSync(object); tries++) await sleep(25)
    const shm = fs.existsSync(object)
    const shared = SharedMemory.open(name(i), { size: 8192 })
    const first = shared.created + ' ' + shared.view().bytes[0]
    shared.close()
    return how + ': ' + left + '; ' + shm + ' ' + first + ' ' + leftOf(path)
  }
  console.log((await Promise.all([${cases.map(({ how, i }) => `one('${how}', ${i})`).join()}])).join('\\n'))
  console.log(warnings.length)
} else {
  const mapping = FileMapping.open(workerData.path, { access: 'readwrite' })
  const closed = SharedMemory.open(name(workerData.i) + '-closed', { size: 4096 })
  closed.close()
  const view = mapping.view()
  const shared = SharedMemory.open(name(workerData.i), { size: 8192 })
  shared.view().bytes[0] = 1
  // Maps nothing: that is the moment that is not safe (docs/concurrency.md, Worker threads that end).
  const work = (): void => { for (;;) { view.bytes[0] = 1; view.flush(0, 10) } }
  ;(globalThis as any).kept = [view, shared]
  parentPort!.postMessage(view.bytes[5])
  ${cases.map(({ i, run }) => `if (workerData.i === ${i}) { ${run} }`).join('\n  ')}
}`,
    )
    const none = '0 mappings, 0 descriptors'
    expect(lines).toEqual([...cases.map(({ how }) => `${how}: ${none}; ${none}; false true 0 ${none}`), '0'])
  })

  it('is cleaned up after by the next thread where its parent has not loaded the library, and nobody else is touched', async () => {
    const lines = await linesOf(
      `
if (isMainThread) {
  const path = (i: number): string => process.argv[2] + '/' + i
  for (const i of [0, 1, 2]) fs.writeFileSync(path(i), Buffer.alloc(300_000, i + 1))
  const living = await start({ path: path(0) })
  for (let round = 0; round < 3; round++) {
    const first = await start({ path: path(1) })
    await first.worker.terminate()
    const next = await start({ path: path(2) })
    living.worker.postMessage('sum')
    const [sum] = await once(living.worker, 'message')
    console.log([first.said, next.said, sum, leftOf(path(1)).split(',')[0], leftOf(path(0)).split(',')[0]].join(' '))
    await next.worker.terminate()
  }
  // One ledger for each thread that lived at the same time.
  console.log(fs.readFileSync('/proc/self/maps', 'latin1').split('\\n').filter(line => line.includes('stridedb-ledger')).length)
  await living.worker.terminate()
} else {
  const { FileMapping } = await import('src/mmap/index.ts')
  const view = FileMapping.open(workerData.path).view()
  const sum = (): number => view.bytes.reduce((all, byte) => all + byte, 0)
  parentPort!.on('message', () => parentPort!.postMessage(sum()))
  parentPort!.postMessage(sum())
}`,
    )
    expect(lines).toEqual([...new Array<string>(3).fill('600000 900000 300000 0 mappings 1 mappings'), '2'])
  })

  it('lets another process write its store, although nothing has taken its mappings away yet', async () => {
    const lines = await linesOf(
      `
import { spawnSync } from 'node:child_process'
const path = process.argv[2] + '/x.stride'
const write = async (): Promise<any> => {
  const { openStore } = await import('src/index.ts')
  const store = openStore(path, Point)
  store.append({ x: 1, n: 1 })
  store.commitSync()
  store.get(0)
  return store
}
if (!isMainThread) {
  ;(globalThis as any).kept = await write()
  parentPort!.postMessage('open')
  setInterval(() => {}, 1000)
} else if (process.argv[3] === 'beside') {
  const store = await write()
  console.log(store.count)
  store.close()
} else {
  const { worker } = await start({})
  await worker.terminate()
  console.log(leftOf(path))
  console.log(spawnSync(process.execPath, [here, process.argv[2]!, 'beside'], { encoding: 'utf8' }).stdout.trim())
}`,
    )
    expect(lines).toEqual([expect.stringMatching(/^[1-9]\d* mappings, 0 descriptors$/), '2'])
  })

  it.skipIf(!canDetach)(
    'takes no memory from a thread that lives and was given the buffer: it reads zeros',
    async () => {
      const lines = await linesOf(
        `
if (isMainThread) {
  await import('src/mmap/index.ts')
  const path = process.argv[2] + '/x'
  fs.writeFileSync(path, Buffer.alloc(100_000, 7))
  const { worker, said, ended } = await start({ path })
  const bytes = new Uint8Array(said)
  const before = bytes[5]
  await worker.terminate()
  await ended
  bytes[6] = 1
  console.log(before, bytes[5], bytes[6], leftOf(path), fs.readFileSync(path)[6])
} else {
  const { FileMapping } = await import('src/mmap/index.ts')
  const view = FileMapping.open(workerData.path, { access: 'readwrite' }).view()
  ;(globalThis as any).kept = view
  const moved = (view.bytes.buffer as any).transfer()
  parentPort!.postMessage(moved, [moved])
  setInterval(() => {}, 1000)
}`,
      )
      expect(lines).toEqual(['7 0 1 0 mappings, 0 descriptors 7'])
    },
  )

  it('takes no call in flight down with it', async () => {
    const lines = await linesOf(
      `
const { openStore } = await import('src/index.ts')
const { FileMapping } = await import('src/mmap/index.ts')
const path = process.argv[2] + '/x'
if (isMainThread) {
  for (let round = 0; round < 4; round++) {
    const { worker } = await start({ path: process.argv[2] })
    for (let turns = 0; turns < 40 * round; turns++) await new Promise(resolve => setImmediate(resolve))
    await worker.terminate()
  }
  const store = openStore(path + '.stride', Point)
  console.log((await store.verify()).ok, store.count > 0)
  store.close()
} else {
  const path = workerData.path + '/x'
  fs.writeFileSync(path, Buffer.alloc(2_000_000, 1))
  const view = FileMapping.open(path, { access: 'readwrite' }).view()
  const store = openStore(path + '.stride', Point)
  store.appendMany(Array.from({ length: 20_000 }, (_, n) => ({ x: n, n })))
  await store.commit()
  parentPort!.postMessage('open')
  for (let i = 0; ; i++) {
    for (let at = 0; at < view.bytes.length; at += 4096) view.bytes[at] = i
    store.update(i % store.count, { x: i })
    await Promise.all([view.flushAsync(), store.commit(), store.prefetch([0, 10_000, 19_999])])
  }
}`,
    )
    expect(lines).toEqual(['true true'])
  })
})
