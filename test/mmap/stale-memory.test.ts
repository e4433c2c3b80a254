/**
 * What could go wrong: a program keeps a view longer than its mapping, or a file is shortened under a window, and
 * the process dies by a signal, or shows bytes of another file. Each case runs in a child, since the bad outcome
 * is its death; Node 20, which cannot detach buffers, and newer ones run where they are installed.
 * Rules of docs/concurrency.md: S4.
 */

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { childScript } from '../child-scripts.ts'
import { isWindows, newFolder, runScript } from './places.ts'

/** Other Node versions, if the machine has them: paths in STRIDE_NODES, separated by colons. */
const NODES = [
  process.execPath,
  ...(process.env['STRIDE_NODES'] ?? '').split(':').filter(path => fs.existsSync(path)),
]

function versionOf(node: string): string {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
}

describe.each(NODES.map(node => ({ node, version: versionOf(node) })))('Node $version', ({ node }) => {
  const run = (source: string, args: string[] = [], nodeArgs: string[] = []): string[] => {
    const script = childScript(source)
    // `node` first: the wrapper takes the place of this process's own node.
    const { status, signal, stdout, stderr } = runScript(script, {
      args,
      nodeArgs,
      ...(node === process.execPath ? {} : { wrapper: ['/bin/sh', '-c', `shift; exec "${node}" "$@"`, 'sh'] }),
    })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
    return stdout.trim().split('\n')
  }
  const newFile = (fill: number, length = 1 << 20): string => {
    const path = join(newFolder(), 'a.bin')
    fs.writeFileSync(path, new Uint8Array(length).fill(fill))
    return path
  }

  it('reads nothing and stores nothing through views that were kept', () => {
    const path = newFile(7)
    const other = newFile(200)
    const [first, second] = run(
      `import { FileMapping } from 'src/mmap/index.ts'
       const mapping = FileMapping.open(process.argv[2], { access: 'readwrite' })
       const kept = []
       for (let i = 0; i < 20; i++) kept.push(mapping.view(i * 4096 + 5, 8192))
       const held = kept.map(view => [view.bytes, view.dataView])
       mapping.close()
       const others = []
       for (let i = 0; i < 20; i++) others.push(FileMapping.open(process.argv[3]).view().bytes[0])
       const seen = new Set()
       for (const [bytes, view] of held) {
         for (let i = 0; i < 8192; i += 512) {
           let value = bytes[i] ?? 'none'
           try { value = view.getUint8(i) } catch { value = 'throws' }
           seen.add(value)
           bytes[i] = 99
         }
       }
       console.log([...seen].join())
       console.log(others.every(byte => byte === 200))`,
      [path, other],
    )
    expect(['0', 'throws']).toContain(first)
    expect(second).toBe('true')
    for (const [file, fill] of [
      [path, 7],
      [other, 200],
    ] as const) {
      expect(fs.readFileSync(file).every(byte => byte === fill)).toBe(true)
    }
  })

  it.each([
    ['a shadowed transfer', "Object.defineProperty(buffer, 'transfer', { value() {} })"],
    ['a shadowed length', "Object.defineProperty(buffer, 'byteLength', { value: 0 })"],
    ['buffers that may not be transferred', 'markAsUntransferable(buffer)'],
    ['a polyfill that copies', '', 'ArrayBuffer.prototype.transfer = function (n) { return this.slice(0, n) }'],
  ])('reads nothing and stores nothing in spite of %s', (_, late, early = '') => {
    const path = newFile(7)
    const [before, after, closed] = run(
      `import { markAsUntransferable } from 'node:worker_threads'
       ${early}
       const { FileMapping } = await import('src/mmap/index.ts')
       const mapping = FileMapping.open(process.argv[2], { access: 'readwrite' })
       const view = mapping.view()
       const { bytes } = view
       const { buffer } = bytes
       console.log(bytes[5000])
       ${late}
       view.unmap()
       console.log(bytes[5000] ?? 0)
       for (let i = 0; i < bytes.length; i += 100) bytes[i] = 99
       try { view.bytes } catch (error) { console.log(error.code) }`,
      [path],
    )
    expect([before, after, closed]).toEqual(['7', '0', 'ERR_STRIDE_CLOSED'])
    expect(fs.readFileSync(path).every(byte => byte === 7)).toBe(true)
  })

  // Windows has no call that lays zeros over a view: for a moment nothing is there, and a thread that reads then ends all.
  it.runIf(!isWindows).each(['view.unmap()', 'mapping.close()', 'mapping.resize(5000)'])(
    'lets zlib and crypto, which work on the bytes in threads of their own, end safely after %s',
    ending => {
      const [outcome] = run(
        `import { FileMapping } from 'src/mmap/index.ts'
         import { randomFill } from 'node:crypto'
         import { gzip } from 'node:zlib'
         process.on('uncaughtException', () => {})
         const mapping = FileMapping.open(process.argv[2], { access: 'readwrite' })
         const view = mapping.view()
         for (let i = 0; i < 3; i++) { gzip(view.bytes, () => {}); randomFill(view.bytes, () => {}) }
         await new Promise(done => setTimeout(done, 20))
         ${ending}
         await new Promise(done => setTimeout(done, 400))
         console.log('alive')
         process.exit(0)`,
        [newFile(7, 64 << 20)],
      )
      expect(outcome).toBe('alive')
    },
  )

  it.runIf(fs.existsSync('/proc/self/maps'))('gives the addresses back once nobody can reach them', () => {
    const path = newFile(7)
    const [mapped] = run(
      `import { FileMapping } from 'src/mmap/index.ts'
       import { readFileSync } from 'node:fs'
       const mapping = FileMapping.open(process.argv[2])
       const count = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').length
       const before = count()
       const touch = () => { for (let i = 0; i < 200; i++) { const view = mapping.view(); view.bytes[0]; view.dataView; view.unmap() } }
       touch()
       const left = []
       for (let i = 0; i < 20 && (i < 3 || count() > before + 40); i++) { gc(); await new Promise(done => setTimeout(done, 20)) }
       console.log(count() - before)`,
      [path],
      ['--expose-gc'],
    )
    expect(Number(mapped)).toBeLessThan(60)
  })

  it('opens many large private views without asking for memory', () => {
    const path = newFile(1, 1)
    fs.truncateSync(path, 3 * 1024 ** 3)
    const [last] = run(
      `import { FileMapping } from 'src/mmap/index.ts'
       const mapping = FileMapping.open(process.argv[2])
       const views = Array.from({ length: 40 }, () => mapping.view())
       console.log(views.reduce((sum, view) => sum + view.bytes[0], 0))`,
      [path],
    )
    expect(last).toBe('40')
  })

  it('answers ERR_STRIDE_LIMIT, and does not abort, where a view is longer than the runtime allows', () => {
    const path = newFile(1, 1)
    fs.truncateSync(path, 3 * 1024 ** 4)
    const [code, after] = run(
      `import { FileMapping } from 'src/mmap/index.ts'
       const mapping = FileMapping.open(process.argv[2])
       try { mapping.view(); console.log('mapped') } catch (error) { console.log(error.code) }
       console.log(mapping.view(2 * 1024 ** 4, 10).bytes[0])`,
      [path],
    )
    expect(code).toBe('ERR_STRIDE_LIMIT')
    expect(after).toBe('0')
  })

  it.runIf(!isWindows)(
    'throws ERR_STRIDE_TRUNCATED in the turn after a file was shortened under its windows',
    () => {
      const path = newFile(7)
      const lines = run(
        `import { choosePlatform } from 'src/mmap/choose-platform.ts'
       import { createWindowPool } from 'src/mmap/window-pool/create-window-pool.ts'
       import { truncateSync } from 'node:fs'
       const path = process.argv[2]
       const file = choosePlatform('mapped', path).platform.open(path, { access: 'readwrite' })
       const pool = createWindowPool(file, { windowBytes: 65536, mappedBytesMax: 2 ** 30, itemBytesMax: 4096, advice: 'normal' })
       pool.setEnd(2 ** 20)
       const words = file.sharedWords(2 ** 20 - 4096, 1)
       console.log(words.load(0))
       const windows = []
       for (let k = 0; k < 16; k++) windows.push(pool.acquire(k * 65536, 10))
       truncateSync(path, 5000)
       await new Promise(done => setImmediate(done))
       const attempt = run => { try { return run() } catch (error) { return error.code } }
       for (let k = 0; k < 16; k++) if (windows[k].view !== null) console.log('still shown', k)
       console.log(attempt(() => pool.acquire(15 * 65536, 10).view.getUint8(0)))
       console.log(attempt(() => pool.acquire(0, 10).view.getUint8(0)))
       console.log(attempt(() => words.load(0)))
       console.log(await pool.prefetch([{ offset: 0, length: 2 ** 20 }]).then(() => 'read', error => error.code))`,
        [path],
      )
      expect(lines).toEqual(['117901063', ...new Array<string>(4).fill('ERR_STRIDE_TRUNCATED')])
    },
  )

  it('ends safely when pool and file are closed while pages are brought in', () => {
    const path = newFile(7, 64 << 20)
    const [outcome] = run(
      `import { choosePlatform } from 'src/mmap/choose-platform.ts'
       import { createWindowPool } from 'src/mmap/window-pool/create-window-pool.ts'
       const path = process.argv[2]
       for (let i = 0; i < 30; i++) {
         const file = choosePlatform('mapped', path).platform.open(path, { access: 'read' })
         const pool = createWindowPool(file, { windowBytes: 2 ** 24, mappedBytesMax: 2 ** 30, itemBytesMax: 4096, advice: 'normal' })
         pool.setEnd(2 ** 26)
         const fetching = pool.prefetch([{ offset: 0, length: 2 ** 26 }])
         if (i % 3 === 0) await new Promise(done => setImmediate(done))
         if (i % 3 === 1) await new Promise(done => setTimeout(done, 1))
         pool.close(); file.close()
         await fetching
       }
       console.log('done')`,
      [path],
    )
    expect(outcome).toBe('done')
  })
})

describe.runIf(isWindows)('Windows', () => {
  it('shortens no file that is mapped, so that no touch ends the process', () => {
    const path = join(newFolder(), 'a.bin')
    fs.writeFileSync(path, new Uint8Array(1 << 20).fill(7))
    const script = childScript(`import { FileMapping } from 'src/mmap/index.ts'
       import { truncateSync } from 'node:fs'
       const mapping = FileMapping.open(process.argv[2])
       const { bytes } = mapping.view()
       try { truncateSync(process.argv[2], 10); console.log('cut') } catch { console.log('refused') }
       console.log(bytes[900_000])
       mapping.close()
       truncateSync(process.argv[2], 10)`)
    expect(
      runScript(script, { args: [path] })
        .stdout.trim()
        .split('\n'),
    ).toEqual(['refused', '7'])
    expect(fs.statSync(path).size).toBe(10)
  })

  it('ends a process that touches what is no longer mapped, so the tests above would notice', () => {
    const path = join(newFolder(), 'a.bin')
    fs.writeFileSync(path, new Uint8Array(1 << 20).fill(7))
    const script = childScript(`import { win32Calls } from 'src/mmap/win32/win32-calls.ts'
       import { createWin32Platform } from 'src/mmap/win32/win32-platform.ts'
       const { calls } = win32Calls()
       const file = createWin32Platform(calls).open(process.argv[2], { access: 'read' })
       const address = calls.mapView(file.sections.reaching(1 << 20, 'read'), 4, 0, 0, 0)
       const bytes = new Uint8Array(calls.view(address, 1 << 20))
       console.log(bytes[900_000])
       calls.unmapView(address)
       console.log(bytes[900_000])`)
    const { status, stdout } = runScript(script, { args: [path] })
    expect(stdout.trim()).toBe('7')
    expect(status).not.toBe(0)
  })
})

describe.runIf(!isWindows)('the canary', () => {
  it('dies by SIGBUS where nothing asks for the size, so the tests above would notice', () => {
    const path = join(newFolder(), 'a.bin')
    fs.writeFileSync(path, new Uint8Array(1 << 20))
    const script = childScript(`import { FileMapping } from 'src/mmap/index.ts'
       import { truncateSync } from 'node:fs'
       const { bytes } = FileMapping.open(process.argv[2]).view()
       truncateSync(process.argv[2], 10)
       console.log(bytes[900_000])`)
    const { status, signal } = runScript(script, { args: [path] })
    expect(signal ?? status).toSatisfy((end: unknown) => end === 'SIGBUS' || end === 135)
  })
})
