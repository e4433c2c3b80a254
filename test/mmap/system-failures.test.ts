/**
 * What could go wrong: a system call fails and nobody looks, errno is read too late, a full disk kills the process
 * or leaves half a growth, a failed sync is tried again and then "succeeds".
 */

import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { canDetach } from '../../src/mmap/detach.ts'
import { type ForeignFunction, type Koffi, loadKoffi } from '../../src/mmap/koffi.ts'
import { createFilePlatform } from '../../src/mmap/node-fs/file-platform.ts'
import type { Platform, PlatformFile } from '../../src/mmap/platform.ts'
import { abiOfThisSystem } from '../../src/mmap/posix/abi.ts'
import { createPosixPlatform, mappingObstacle } from '../../src/mmap/posix/posix-platform.ts'
import { bindSystemCalls, type SystemCalls } from '../../src/mmap/posix/system-calls.ts'
import { thisSystem } from '../../src/mmap/this-system.ts'
import { createWindowPool } from '../../src/mmap/window-pool/create-window-pool.ts'
import { childScript } from '../child-scripts.ts'
import { codeOf, newFolder, nextTurn, runScript, thrownBy } from './places.ts'

const { EAGAIN, EIO, EINTR, EINVAL, ENOMEM, EOPNOTSUPP, EFAULT } = constants.errno
const { koffi } = loadKoffi()
const abi = abiOfThisSystem()
const isMappable = koffi !== undefined && typeof abi !== 'string'
if (!isMappable)
  console.warn('SKIPPED: nothing can be mapped on this system, so no failure of mapping is tried')

/** For each function: what its next calls do. A number is an errno to fail with, undefined the real call. */
type Plan = Record<string, (number | undefined)[]>

/** The system's calls, some of which fail as planned. `called` counts by name. */
function failingCalls(plan: Plan): { readonly calls: SystemCalls; readonly called: Map<string, number> } {
  const real = (koffi as Koffi).load(null)
  const called = new Map<string, number>()
  let errno: number | undefined
  const answersErrno = ['posix_fallocate', 'posix_fadvise']
  const library = {
    func(name: string, result: string, parameters: readonly string[]): ForeignFunction {
      const bound = real.func(name, result, parameters)
      const next = (): number | undefined => {
        called.set(name, (called.get(name) ?? 0) + 1)
        errno = plan[name]?.shift()
        return errno
      }
      const failure = (code: number): unknown =>
        answersErrno.includes(name) ? code : name === 'mmap' ? 18446744073709551615n : -1
      const wrapped = (...args: unknown[]): unknown => {
        const code = next()
        return code === undefined ? bound(...args) : failure(code)
      }
      return Object.assign(wrapped, {
        async(...args: unknown[]): void {
          const code = next()
          if (code === undefined) bound.async(...args)
          else
            setImmediate(() => (args.at(-1) as (error: unknown, value: unknown) => void)(null, failure(code)))
        },
      })
    },
  }
  const watched: Koffi = {
    load: () => library,
    view: (address, length) => (koffi as Koffi).view(address, length),
    errno: () => errno ?? (koffi as Koffi).errno(),
  }
  if (typeof abi === 'string') throw new Error(abi)
  return { calls: bindSystemCalls(watched, library, abi), called }
}

const newFile = (platform: Platform, size: number): PlatformFile => {
  const file = platform.open(join(newFolder(), 'a.bin'), { access: 'readwrite', create: 'always' })
  if (size > 0) file.store(new Uint8Array(size).fill(7), 0)
  onTestFinished(() => file.close())
  return file
}

describe.runIf(isMappable)('calls that fail', () => {
  it('mmap: the region shows zeros, the call says why, and the next one works', () => {
    const plan: Plan = {}
    const { calls } = failingCalls(plan)
    const file = newFile(createPosixPlatform(calls), 65_536)
    const region = file.reserve(65_536)
    region.point(0, 65_536)
    plan['mmap'] = [ENOMEM]
    const error = thrownBy(() => region.point(4096, 8192))
    expect(error).toMatchObject({
      code: 'ERR_STRIDE_NO_SPACE',
      syscall: 'mmap',
      errno: ENOMEM,
      path: file.path,
    })
    expect(new Uint8Array(region.buffer).every(byte => byte === 0)).toBe(true)
    region.point(4096, 8192)
    expect(new Uint8Array(region.buffer)[8191]).toBe(7)
  })

  it('mmap in a pool: tokens on the window are null, its bytes are not counted, the pool goes on', () => {
    const plan: Plan = {}
    const { calls } = failingCalls(plan)
    const file = newFile(createPosixPlatform(calls), 400_000)
    const pool = createWindowPool(file, {
      windowBytes: 65_536,
      mappedBytesMax: 100_000,
      itemBytesMax: 1000,
      advice: 'normal',
    })
    pool.setEnd(400_000)
    const token = pool.acquire(0, 10)
    plan['mmap'] = [ENOMEM]
    expect(codeOf(() => pool.acquire(200_000, 10))).toBe('ERR_STRIDE_NO_SPACE')
    expect(token.view).toBeNull()
    expect(pool.stats()).toMatchObject({ windows: 0, mappedBytes: 0 })
    expect(pool.acquire(200_000, 10).view?.getUint8(5)).toBe(7)
    pool.close()
  })

  it('mmap at reserving: address space that is not there is ERR_STRIDE_NO_SPACE', () => {
    const { calls } = failingCalls({ mmap: [ENOMEM] })
    expect(codeOf(() => newFile(createPosixPlatform(calls), 0).reserve(4096))).toBe('ERR_STRIDE_NO_SPACE')
  })

  it('a runtime that lays no buffers over memory is recognised, not run into', () => {
    const { calls } = failingCalls({})
    const forbidden: SystemCalls = {
      ...calls,
      view: () => {
        throw new Error('This runtime does not support external buffers')
      },
    }
    expect(mappingObstacle(calls)).toBeUndefined()
    expect(mappingObstacle(forbidden)).toContain('no buffer over mapped memory')
    expect(codeOf(() => newFile(createPosixPlatform(forbidden), 0).reserve(1))).toBe('ERR_STRIDE_NOT_MAPPABLE')
  })

  it('madvise: interrupted ones are repeated, old kernels are asked in the old way, EFAULT names the file', async () => {
    const plan: Plan = {}
    const { calls, called } = failingCalls(plan)
    const file = newFile(createPosixPlatform(calls), 65_536)
    const region = file.reserve(65_536)
    region.point(0, 65_536)
    plan['madvise'] = [EINTR, EINTR, EINVAL]
    region.populate(0, 65_536)
    expect(called.get('madvise')).toBe(4)
    plan['madvise'] = [EFAULT]
    expect(thrownBy(() => region.populate(0, 10))).toMatchObject({ code: 'ERR_STRIDE_IO', errno: EFAULT })
    plan['madvise'] = [undefined, EINTR, EIO]
    await expect(region.populateAsync(0, 65_536)).rejects.toMatchObject({ code: 'ERR_STRIDE_IO', errno: EIO })
  })

  it.runIf(canDetach)(
    'munmap waits for an asynchronous call that runs over the range; the bytes are gone at once',
    async () => {
      const { calls, called } = failingCalls({})
      const answers: ((errno: number) => void)[] = []
      const slow: SystemCalls = { ...calls, madviseAsync: () => new Promise(resolve => answers.push(resolve)) }
      const region = newFile(createPosixPlatform(slow), 65_536).reserve(65_536)
      region.point(0, 65_536)
      const { buffer } = region
      const populated = region.populateAsync(0, 65_536)
      await nextTurn()
      region.release()
      expect(buffer.byteLength).toBe(0)
      expect([answers.length, called.get('munmap')]).toEqual([1, undefined])
      answers[0]?.(0)
      await populated
      expect(called.get('munmap')).toBe(1)
    },
  )

  it('fcntl: a lock held by others is an answer, everything else an error', () => {
    const { calls } = failingCalls({ fcntl: [EAGAIN, EINTR, undefined, EIO] })
    const file = newFile(createPosixPlatform(calls), 0)
    expect(file.tryLock(0, 'exclusive')).toBe(false)
    expect(file.tryLock(0, 'exclusive')).toBe(true)
    expect(thrownBy(() => file.tryLock(0, 'exclusive'))).toMatchObject({ syscall: 'fcntl', errno: EIO })
  })

  it('posix_fallocate: zeros are written where the file system knows it not', () => {
    const { calls, called } = failingCalls({ posix_fallocate: [EOPNOTSUPP, EINTR] })
    const file = newFile(createPosixPlatform(calls), 100)
    file.allocate(0, 3_000_000)
    expect(file.size()).toBe(3_000_000)
    expect(fs.statSync(file.path).blocks * 512).toBeGreaterThanOrEqual(3_000_000)
    expect(fs.readFileSync(file.path).subarray(0, 102)).toEqual(Buffer.from([...new Array(100).fill(7), 0, 0]))
    file.allocate(3_000_000, 10)
    expect(called.get('posix_fallocate')).toBe(3)
  })
})

describe('syncs', () => {
  it('of one file never overlap, and a blocking one beside them has a description of its own', async () => {
    const path = join(newFolder(), 'a.bin')
    const script = childScript(`import { createFilePlatform } from 'src/mmap/node-fs/file-platform.ts'
       const file = createFilePlatform().open(process.argv[2], { access: 'readwrite', create: 'always' })
       file.store(new Uint8Array(100_000), 0)
       const all = [1, 2, 3].map(() => file.syncAsync())
       file.sync()
       await Promise.all(all)
       file.sync()
       file.close()`)
    const trace = join(newFolder(), 'trace')
    const { status } = runScript(script, {
      args: [path],
      wrapper: ['strace', '-f', '-tt', '-e', 'trace=fdatasync', '-o', trace],
    })
    if (status === null || !fs.existsSync(trace)) {
      console.warn('SKIPPED: strace does not run here')
      return
    }
    expect(status).toBe(0)
    const running = new Map<string, string>()
    const used: string[] = []
    for (const line of fs.readFileSync(trace, 'utf8').split('\n')) {
      const thread = line.split(' ')[0] as string
      const call = /fdatasync\((\d+)/.exec(line)
      if (call !== null) {
        const fd = call[1] as string
        expect([...running.values()], line).not.toContain(fd)
        used.push(fd)
        if (line.includes('unfinished')) running.set(thread, fd)
      } else if (line.includes('resumed')) {
        running.delete(thread)
      }
    }
    expect(used).toHaveLength(5)
    expect(new Set(used).size).toBe(2)
  })

  it('that fail are errors with errno, are not tried again, and do not stop the next file', () => {
    const script = childScript(`import { createFilePlatform } from 'src/mmap/node-fs/file-platform.ts'
       const file = createFilePlatform().open(process.argv[2], { access: 'readwrite', create: 'always' })
       file.store(new Uint8Array(1000), 0)
       const out = []
       try { file.sync(); out.push('synced') } catch (error) { out.push(error.code, error.syscall, error.errno) }
       await file.syncAsync().then(() => out.push('synced'), error => out.push(error.code, error.errno))
       await file.syncAsync().then(() => out.push('synced'), error => out.push(error.code))
       console.log(out.join())`)
    const { status, stdout, stderr } = runScript(script, {
      args: [join(newFolder(), 'a.bin')],
      // strace counts for each thread: the first sync of this one fails, and the first of the pool's only one.
      wrapper: [
        ...['env', 'UV_THREADPOOL_SIZE=1', 'strace', '-f', '-qq', '-o', '/dev/null'],
        ...['-e', 'inject=fdatasync:error=EIO:when=1'],
      ],
    })
    if (status === null) {
      console.warn('SKIPPED: strace does not run here')
      return
    }
    expect({ stdout: stdout.trim(), stderr }).toEqual({
      stdout: `ERR_STRIDE_IO,fdatasync,${EIO},ERR_STRIDE_IO,${EIO},synced`,
      stderr: '',
    })
  })

  it('and waits for pages together take at most two threads of the pool', async () => {
    const platform = thisSystem().system?.createPlatform() ?? createFilePlatform()
    let running = 0
    let most = 0
    const { inPoolShare } = await import('../../src/mmap/pool-share.ts')
    const files = Array.from({ length: 5 }, () => newFile(platform, 1000))
    const probes = Array.from({ length: 20 }, () =>
      inPoolShare(async () => {
        most = Math.max(most, ++running)
        await nextTurn()
        running--
      }),
    )
    await Promise.all([...probes, ...files.map(file => file.syncAsync())])
    expect(most).toBe(2)
    await expect(inPoolShare(() => Promise.reject(new Error('x')))).rejects.toThrow('x')
    expect(await inPoolShare(async () => 5)).toBe(5)
  })
})

describe('a full disk', () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'stridedb-full-'))
  let isMounted = false
  beforeAll(() => {
    isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0
    if (!isMounted) console.warn('SKIPPED: no small file system can be mounted here, so no disk is filled')
  })
  afterAll(() => {
    if (isMounted) execFileSync('umount', ['-l', folder])
    fs.rmdirSync(folder)
  })

  const { system } = thisSystem()
  const platforms = [
    ...(system === undefined ? [] : [{ name: 'mapped', platform: system.createPlatform() }]),
    { name: 'file', platform: createFilePlatform(system?.fileHelp) },
    { name: 'file without koffi', platform: createFilePlatform() },
  ]

  it.each(platforms)(
    'is ERR_STRIDE_NO_SPACE at allocating on $name, and the file is as it was',
    ({ name, platform }) => {
      if (!isMounted) return
      const path = join(folder, `${name}.bin`)
      const file = platform.open(path, { access: 'readwrite', create: 'always' })
      file.store(new Uint8Array(300_000).fill(5), 0)
      expect(codeOf(() => file.allocate(300_000, 4_000_000))).toBe('ERR_STRIDE_NO_SPACE')
      expect(file.size()).toBe(300_000)
      expect(fs.readFileSync(path).every(byte => byte === 5)).toBe(true)
      file.allocate(300_000, 100_000)
      expect(file.size()).toBe(400_000)
      expect(codeOf(() => file.store(new Uint8Array(4_000_000), 400_000))).toBe('ERR_STRIDE_NO_SPACE')
      file.close()
      fs.unlinkSync(path)
    },
  )

  it('leaves neither a longer nor a new file behind a mapping that does not fit', async () => {
    if (!isMounted) return
    const { FileMapping } = await import('../../src/mmap/index.ts')
    const path = join(folder, 'mapped.bin')
    expect(codeOf(() => FileMapping.open(path, { access: 'readwrite', size: 9_000_000 }))).toBe(
      'ERR_STRIDE_NO_SPACE',
    )
    expect(fs.existsSync(path)).toBe(false)
    expect(codeOf(() => FileMapping.open(folder, { temporary: true, size: 9_000_000 }))).toBe(
      'ERR_STRIDE_NO_SPACE',
    )
    using mapping = FileMapping.open(path, { access: 'readwrite', size: 1000 })
    mapping.view().bytes.fill(3)
    expect(codeOf(() => mapping.resize(9_000_000))).toBe('ERR_STRIDE_NO_SPACE')
    expect([mapping.size, fs.statSync(path).size]).toEqual([1000, 1000])
    expect(mapping.view().bytes[999]).toBe(3)
  })
})
