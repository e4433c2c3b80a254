/**
 * What could go wrong: a file system that maps nothing is taken for a broken one, a hole on a full disk or one view too many ends
 * the process.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFlatFile, openStore } from 'stridedb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadKoffi } from '../../src/mmap/koffi.ts'
import { createPosixPlatform } from '../../src/mmap/posix/posix-platform.ts'
import { type SystemCalls, systemCalls } from '../../src/mmap/posix/system-calls.ts'
import { createWindowPool } from '../../src/mmap/window-pool/create-window-pool.ts'
import { childScript } from '../child-scripts.ts'
import { Point } from '../engine/support.ts'
import { newFolder, runScript, thrownBy } from './places.ts'

const { calls } = systemCalls()
const isMappable = loadKoffi().koffi !== undefined && calls !== undefined && process.platform === 'linux'
const hasStrace = spawnSync('strace', ['-V']).status === 0
if (!isMappable) console.warn('SKIPPED: nothing is mapped here, or this is not Linux')
if (!hasStrace) console.warn('SKIPPED: no strace here, so mmap is not made to fail in a store')

describe.runIf(isMappable)('a file whose mapping is refused', () => {
  const refusing = (errno: number, which: (protection: number) => boolean): SystemCalls => {
    const real = calls as SystemCalls
    const mmap: SystemCalls['mmap'] = (address, length, protection, flags, fd, offset) =>
      fd >= 0 && which(protection) ? -errno : real.mmap(address, length, protection, flags, fd, offset)
    return { ...real, mmap }
  }
  const { ENODEV, EINVAL, ENOMEM } = constants.errno

  it.each([
    ['ENODEV', ENODEV, 'ERR_STRIDE_NOT_MAPPABLE'],
    ['EINVAL', EINVAL, 'ERR_STRIDE_NOT_MAPPABLE'],
    ['ENOMEM', ENOMEM, 'ERR_STRIDE_NO_SPACE'],
  ])('with %s says why, before anything of it is shown', (_, errno, code) => {
    const path = join(newFolder(), 'a')
    fs.writeFileSync(path, new Uint8Array(8192))
    const platform = createPosixPlatform(refusing(errno, () => true))
    const file = platform.open(path, { access: 'read' })
    expect(platform.obstacle(file)).toContain('mmap failed')
    expect(thrownBy(() => file.reserve(4096).point(0, 4096))).toMatchObject({ code, errno, path })
    file.close()
    // Some file systems map nothing that may be stored to: only a writer needs that.
    const { PROT_WRITE } = (calls as SystemCalls).abi
    const halves = createPosixPlatform(refusing(errno, protection => (protection & PROT_WRITE) !== 0))
    for (const access of ['read', 'readwrite'] as const) {
      const opened = halves.open(path, { access })
      expect(halves.obstacle(opened) !== undefined).toBe(access === 'readwrite')
      opened.close()
    }
  })

  it.runIf(hasStrace)('is read by position where the backend is chosen, and says so', () => {
    const path = join(newFolder(), 'x')
    const store = openStore(path, Point)
    store.append({ x: 5, tag: 1 })
    store.commitSync()
    store.close()
    const script = childScript(`import { openStore, openFlatFile, u8 } from 'src/index.ts'
       import { z } from 'zod'
       const path = process.argv[2]
       const Point = z.object({ x: z.float64(), tag: u8() })
       const store = openStore(path, Point, { indexes: { i: { on: 'x' } } })
       store.append({ x: 7, tag: 2 })
       store.commitSync()
       console.log(store.backend, store.backendReason, store.get(1).x, store.index('i').number(5), [...store.gather('x')].join())
       store.close()
       const reader = openStore(path, { readOnly: true })
       console.log(reader.backend, reader.get(1).x)
       const flat = openFlatFile(path, z.object({ a: z.uint32() }), { readOnly: true, count: 10 })
       console.log(flat.backend, flat.get(0).a)
       try { openStore(path, { backend: 'mapped', readOnly: true }) } catch (error) { console.log(error.code) }`)
    const wrapper = [
      'strace',
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-P',
      path,
      '-e',
      'trace=mmap',
      '-e',
      'inject=mmap:error=ENODEV',
    ]
    const { stdout, stderr } = runScript(fs.realpathSync(script), { args: [path], wrapper })
    expect({ said: stdout.trim().split('\n'), stderr }).toEqual({
      said: [
        expect.stringMatching(/^file mmap failed with ENODEV.* 7 0 5,7$/),
        'file 7',
        `file ${fs.readFileSync(path).readUInt32LE(0)}`,
        'ERR_STRIDE_NOT_MAPPABLE',
      ],
      stderr: '',
    })
  })
})

describe.runIf(isMappable)('holes on a full disk', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'stridedb-holes-'))
  let isMounted = false
  beforeAll(() => {
    isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder]).status === 0
    if (!isMounted) console.warn('SKIPPED: no small file system can be mounted here, so no disk is filled')
  })
  afterAll(() => {
    if (isMounted) execFileSync('umount', ['-l', folder])
    fs.rmdirSync(folder)
  })
  const fill = (): (() => void) => {
    const filler = join(folder, 'filler')
    const fd = fs.openSync(filler, 'w')
    try {
      for (;;) fs.writeSync(fd, Buffer.alloc(4096, 1))
    } catch {
      // Full.
    }
    fs.closeSync(fd)
    return () => fs.rmSync(filler)
  }

  it('never end the process: a store is read by position, or a coded error says that there is no room', ({
    skip,
  }) => {
    if (!isMounted) skip('nothing is mounted')
    const path = join(folder, 'x')
    const store = openStore(path, Point)
    store.appendMany(Array.from({ length: 50_000 }, () => ({ x: 0, tag: 0 })))
    store.commitSync()
    store.close()
    execFileSync('cp', ['--sparse=always', path, `${path}2`])
    fs.renameSync(`${path}2`, path)
    const free = fill()
    const script = childScript(`import { openStore, openFlatFile } from 'src/index.ts'
       import { FileMapping } from 'src/mmap/index.ts'
       import { z } from 'zod'
       const path = process.argv[2]
       const tried = (what, run) => { try { console.log(what, run()) } catch (error) { console.log(what, error.code ?? error) } }
       const sum = store => { let sum = 0; for (const row of store.scan()) sum += row.tag; return store.backend + ' ' + sum + ' ' + store.size }
       tried('auto', () => { const store = openStore(path, { readOnly: true }); return sum(store) })
       tried('mapped', () => { const store = openStore(path, { readOnly: true, backend: 'mapped' }); return sum(store) })
       const Flat = z.object({ tag: z.uint32() })
       tried('flat', () => sum(openFlatFile(path, Flat, { readOnly: true, count: 100_000 })))
       tried('flat mapped', () => sum(openFlatFile(path, Flat, { readOnly: true, count: 100_000, backend: 'mapped' })))
       for (const access of ['read', 'copy', 'readwrite']) tried(access, () => FileMapping.open(path, { access }).view().bytes.reduce((a, b) => a + b, 0) > 0)
       tried('writer', () => openStore(path, { backend: 'mapped' }).size)`)
    const { status, signal, stdout } = runScript(script, { args: [path] })
    const lines = stdout.trim().split('\n')
    expect({ status, signal }).toEqual({ status: 0, signal: null })
    expect(lines[0]).toBe('auto file 0 50000')
    expect(lines.find(line => line.startsWith('flat file'))).toMatch(/^flat file \d+ 100000$/)
    for (const what of ['mapped', 'flat mapped', 'read', 'copy', 'readwrite'])
      expect(lines).toContain(`${what} ERR_STRIDE_NO_SPACE`)
    expect(lines.some(line => line.startsWith('writer '))).toBe(true)
    free()
    // With room again the same calls show what is there.
    const again = openFlatFile(path, Point, { readOnly: true, count: 100, backend: 'mapped' })
    expect(again.size).toBe(100)
    expect(again.get(99)).toBeDefined()
    again.close()
  })
})

describe.runIf(isMappable)('more views than the system allows', () => {
  it('are a coded error, and once some have ended there are others', () => {
    // The real limit takes long to reach: the system's answers are given for it.
    const script = childScript(`import fs from 'node:fs'
       import { syncBuiltinESMExports } from 'node:module'
       const read = fs.readFileSync
       fs.readFileSync = (path, ...rest) => path === '/proc/sys/vm/max_map_count' ? '5000' : read(path, ...rest)
       syncBuiltinESMExports()
       const { FileMapping } = await import('src/mmap/index.ts')
       fs.writeFileSync(process.argv[2], Buffer.alloc(1 << 20))
       const mapping = FileMapping.open(process.argv[2], { access: 'readwrite' })
       const held = []
       try { for (;;) held.push(mapping.view((held.length % 200) * 4096, 64)) } catch (error) { console.log(error.code, held.length > 2500, held.length < 3751) }
       for (const view of held.splice(0, 2000)) view.unmap()
       for (let i = 0; i < 1000; i++) held.push(mapping.view((i % 200) * 4096, 64))
       mapping.close()
       console.log('alive')`)
    const { stdout, stderr } = runScript(script, { args: [join(newFolder(), 'a')] })
    expect({ said: stdout.trim().split('\n'), stderr }).toEqual({
      said: ['ERR_STRIDE_LIMIT true true', 'alive'],
      stderr: '',
    })
  })

  it('let windows of a store give way to one another', () => {
    const real = calls as SystemCalls
    const path = join(newFolder(), 'a')
    fs.writeFileSync(path, new Uint8Array(1 << 20).fill(7))
    let left = 3
    const few: SystemCalls = {
      ...real,
      mmap(address, length, protection, flags, fd, offset) {
        if (fd < 0 && address === 0 && left-- <= 0) {
          left++
          return -constants.errno.ENOMEM
        }
        return real.mmap(address, length, protection, flags, fd, offset)
      },
      munmap(address, length) {
        left++
        return real.munmap(address, length)
      },
    }
    const file = createPosixPlatform(few).open(path, { access: 'read' })
    const pool = createWindowPool(file, {
      windowBytes: 65_536,
      mappedBytesMax: 1e9,
      itemBytesMax: 100,
      advice: 'normal',
    })
    pool.setEnd(1 << 20)
    for (let offset = 0; offset < 1 << 20; offset += 65_536)
      expect(pool.acquire(offset, 10).view?.getUint8(3)).toBe(7)
    pool.close()
    file.close()
  })
})
