/**
 * What could go wrong: two processes are both first, or neither is; the object outlives its last user, or goes
 * while a process has it; what a killed process left is taken for alive; a name leads to something of others.
 */

import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { afterEach, describe, expect, it } from 'vitest'
import { SharedMemory, type SharedMemoryOptions } from '../../src/mmap/index.ts'
import { type Koffi, loadKoffi } from '../../src/mmap/koffi.ts'
import type { SharedObject } from '../../src/mmap/mapping-system.ts'
import { recordLocks } from '../../src/mmap/posix/record-locks.ts'
import { openSharedObject, type SharedFile } from '../../src/mmap/posix/shared-object.ts'
import { type SystemCalls, systemCalls } from '../../src/mmap/posix/system-calls.ts'
import { openSharedSection } from '../../src/mmap/win32/shared-section.ts'
import { type Win32Calls, win32Calls } from '../../src/mmap/win32/win32-calls.ts'
import { childScript } from '../child-scripts.ts'
import { Companion, codeOf, isWindows, runScript, thrownBy } from './places.ts'

const { calls } = systemCalls()
const REQUEST = { size: undefined, mode: 0o600, isInitialized: true, patienceMs: 10_000 }
const names: string[] = []
const newName = (): string => {
  const name = `test-${process.pid}-${Math.random().toString(36).slice(2)}`
  names.push(name)
  return name
}
/** Whether anybody can see the object: its file in /dev/shm, or a section of this name. */
const exists = (name: string): boolean => {
  if (!isWindows) return fs.existsSync(objectPath(name))
  const handle = (win32Calls().calls as Win32Calls).openSection(4, `Local\\stridedb.${name}`)
  if (handle > 0) win32Calls().calls?.closeHandle(handle)
  return handle > 0
}
const objectPath = (name: string): string => `/dev/shm/stridedb.${name}`

afterEach(() => {
  for (const name of isWindows ? [] : names.splice(0))
    fs.rmSync(objectPath(name), { recursive: true, force: true })
})

/** Who may do what with a section, in Microsoft's security descriptor definition language. */
function descriptionOf(name: string): string {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi & {
    decode(at: bigint, type: string, n: number): string
  }
  const { calls: win32 } = win32Calls() as { calls: Win32Calls }
  const advapi32 = koffi.load('advapi32.dll')
  const bind = (name: string, ...parameters: string[]) => advapi32.func(name, 'int', parameters)
  const handle = win32.openSection(0x20000, `Local\\stridedb.${name}`)
  const descriptor = new Uint8Array(1024)
  const text = new BigUint64Array(1)
  const needed = new Uint32Array(1)
  const get = bind('GetKernelObjectSecurity', 'intptr_t', 'uint32_t', 'void *', 'uint32_t', 'void *')
  const convert = bind(
    'ConvertSecurityDescriptorToStringSecurityDescriptorW',
    'void *',
    'uint32_t',
    'uint32_t',
    'void *',
    'void *',
  )
  expect(get(handle, 4, descriptor, descriptor.length, needed)).not.toBe(0)
  expect(convert(descriptor, 1, 4, text, null)).not.toBe(0)
  win32.closeHandle(handle)
  return koffi.decode(text[0] as bigint, 'char16_t', -1)
}

/** Opens, tells what it found, and does as the test says. */
const COMPANION = `
  import { SharedMemory } from 'src/mmap/index.ts'
  const [name, size] = process.argv.slice(2)
  try {
    const shared = SharedMemory.open(name, size === undefined ? {} : { size: Number(size) })
    const words = new Int32Array(shared.view(0, 64).bytes.buffer, 0, 16)
    console.log(JSON.stringify({ created: shared.created, size: shared.size, first: words[0] }))
    process.stdin.on('data', line => {
      const said = String(line).trim()
      if (said === 'add') { for (let i = 0; i < 100_000; i++) Atomics.add(words, 1, 1); console.log('added') }
      else if (said === 'close') { shared.close(); console.log('closed') }
      else if (said === 'exit') process.exit(0)
      else { words[0] = Number(said); console.log('stored') }
    })
  } catch (error) { console.log(JSON.stringify({ code: error.code })) }`

const companion = (name: string, size?: number): Companion =>
  new Companion(childScript(COMPANION), [name, ...(size === undefined ? [] : [String(size)])])

describe('shared memory', () => {
  it('is created by who is first, zeroed, and has its size for all later ones', async () => {
    const name = newName()
    using shared = SharedMemory.open(name, { size: 10_000 })
    expect([shared.created, shared.size, shared.name]).toEqual([true, 10_000, name])
    expect(shared.view().bytes.every(byte => byte === 0)).toBe(true)
    new Int32Array(shared.view().bytes.buffer, 0, 1)[0] = 77
    using second = SharedMemory.open(name)
    expect([second.created, second.size]).toEqual([false, 10_000])
    const child = companion(name, 99_999)
    expect(JSON.parse(await child.line())).toEqual({ created: false, size: 10_000, first: 77 })
    child.say('123')
    await child.line()
    expect(second.view().dataView.getInt32(0, true)).toBe(123)
  })

  it('does not exist where nobody has it open', () => {
    const name = newName()
    expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
    SharedMemory.open(name, { size: 100 }).close()
    expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(exists(name)).toBe(false)
  })

  it('exists until the last one closes it, in whichever process that is', async () => {
    const name = newName()
    const shared = SharedMemory.open(name, { size: 100 })
    shared.view().dataView.setInt32(0, 5, true)
    const child = companion(name)
    expect(JSON.parse(await child.line())).toMatchObject({ created: false, first: 5 })
    shared.close()
    const again = SharedMemory.open(name)
    expect(again.view().dataView.getInt32(0, true)).toBe(5)
    again.close()
    child.say('close')
    await child.line()
    expect(exists(name)).toBe(false)
  })

  it('goes with a process that ends without closing it', async () => {
    const name = newName()
    const child = companion(name, 100)
    await child.line()
    child.say('exit')
    expect(await child.ended()).toBe(0)
    expect(exists(name)).toBe(false)
  })

  it('counts what a killed process left as new: created again, and zeroed', async () => {
    const name = newName()
    const child = companion(name, 100)
    await child.line()
    child.say('99')
    await child.line()
    await child.kill()
    // Windows ends an object with its last process.
    expect(exists(name)).toBe(!isWindows)
    using shared = SharedMemory.open(name, { size: 200 })
    expect([shared.created, shared.size]).toEqual([true, 200])
    expect(shared.view().bytes.every(byte => byte === 0)).toBe(true)
  })

  it('does not give what a killed process left to an opener that names no size', async () => {
    const name = newName()
    const child = companion(name, 100)
    await child.line()
    await child.kill()
    expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(exists(name)).toBe(false)
  })

  it('adds exactly with Atomics from several processes', async () => {
    const name = newName()
    using shared = SharedMemory.open(name, { size: 64 })
    const children = [companion(name), companion(name)]
    for (const child of children) await child.line()
    for (const child of children) child.say('add')
    for (const child of children) await child.line()
    expect(shared.view().dataView.getInt32(4, true)).toBe(200_000)
  })

  it('has a first when one is killed while making it and two more come at once', ({ skip }) => {
    if (calls === undefined || calls.abi.system !== 'linux')
      return skip('objects of shm_open are tried on Linux')
    const name = newName()
    const maker = fs.openSync(objectPath(name), 'w+')
    fs.ftruncateSync(maker, 4096)
    expect(recordLocks(calls).tryLock(maker, name, 0, 'exclusive')).toBe(true)
    let isMade = false
    const opened: SharedObject[] = []
    const attempt = (): void => {
      try {
        opened.push(openSharedObject(calls, name, { ...REQUEST, size: 4096, patienceMs: 0 }))
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_STRIDE_BUSY' })
      }
    }
    // The maker dies just before the first opener asks for a lock beside others; the second opener comes after each
    // lock of the first one, until it is in.
    const interrupted: SystemCalls = {
      ...calls,
      fcntl(fd, command, argument) {
        if (!isMade && new Int16Array(argument.buffer)[0] === calls.abi.F_RDLCK) {
          isMade = true
          fs.closeSync(maker)
        }
        const result = calls.fcntl(fd, command, argument)
        if (opened.length === 0) attempt()
        return result
      },
    }
    opened.push(openSharedObject(interrupted, name, { ...REQUEST, size: 4096 }))
    expect(isMade).toBe(true)
    expect(opened.filter(({ created }) => created)).toHaveLength(1)
    for (const object of opened) object.close()
    expect(exists(name)).toBe(false)
  })

  it('keeps its size to itself: a larger one assigned would show bytes past its end', () => {
    using shared = SharedMemory.open(newName(), { size: 4096 })
    expect(thrownBy(() => Object.assign(shared, { size: 1e9 }))).toBeInstanceOf(TypeError)
    expect(thrownBy(() => shared.view(0, 8192))).toBeInstanceOf(RangeError)
  })

  it('has exactly one first among many that open and close at once', () => {
    const name = newName()
    // Each round: open, look whether the memory is as its state promises, close. A second "first" while another
    // has it open would find the mark of the other one, or zero it.
    const script = childScript(`import { SharedMemory } from 'src/mmap/index.ts'
       const rounds = 300
       let wrong = 0, firsts = 0
       for (let i = 0; i < rounds; i++) {
         const shared = SharedMemory.open(process.argv[2], { size: 4096 })
         const words = new Int32Array(shared.view().bytes.buffer, 0, 2)
         if (shared.created) { firsts++; if (Atomics.add(words, 0, 1) !== 0) wrong++ }
         Atomics.add(words, 1, 1)
         for (let spin = 0; spin < 1000; spin++) if (Atomics.load(words, 1) < 1 || Atomics.load(words, 0) > 1) wrong++
         shared.close()
       }
       console.log(wrong + ' ' + firsts)`)
    const runner = childScript(`import { spawn } from 'node:child_process'
       const run = () => new Promise(resolve => {
         let out = ''
         const child = spawn(process.execPath, [process.argv[2], process.argv[3]])
         child.stdout.on('data', part => { out += part }); child.stderr.on('data', part => { out += part })
         child.on('exit', () => resolve(out.trim()))
       })
       console.log(JSON.stringify(await Promise.all([run(), run(), run(), run()])))`)
    const { stdout, stderr } = runScript(runner, { args: [script, name] })
    const results = JSON.parse(stdout || `["${stderr}"]`) as string[]
    expect(results).toHaveLength(4)
    for (const result of results) expect(result).toMatch(/^0 \d+$/)
    expect(results.reduce((sum, result) => sum + Number(result.split(' ')[1]), 0)).toBeGreaterThan(0)
    expect(exists(name)).toBe(false)
  })

  it.runIf(calls !== undefined)(
    'is the object that has the name, not one that lost it while it was being opened',
    () => {
      const name = newName()
      const real = calls as SystemCalls
      const old = openSharedObject(real, name, { ...REQUEST, size: 100 })
      let next: SharedFile | undefined
      let opens = 0
      const interrupted: SystemCalls = {
        ...real,
        shmOpen(path, flags, mode) {
          const fd = real.shmOpen(path, flags, mode)
          if (++opens === 1) {
            old.close()
            next = openSharedObject(real, name, { ...REQUEST, size: 200 })
          }
          return fd
        },
      }
      const late = openSharedObject(interrupted, name, { ...REQUEST, size: 300 })
      expect([next?.created, late.created, late.size]).toEqual([true, false, 200])
      expect(late.memory.identity()).toBe(next?.memory.identity())
      next?.close()
      late.close()
      expect(exists(name)).toBe(false)
    },
  )

  it.runIf(calls !== undefined)('goes when its last two users close it at once', () => {
    const name = newName()
    const real = calls as SystemCalls
    const b = openSharedObject(real, name, { ...REQUEST, size: 100 })
    let isClosing = false
    const a = openSharedObject(
      {
        ...real,
        fcntl(fd, command, argument) {
          const result = real.fcntl(fd, command, argument)
          // a has just seen that it is not alone.
          if (isClosing && result < 0) {
            isClosing = false
            b.close()
          }
          return result
        },
      },
      name,
      { ...REQUEST, size: 100 },
    )
    isClosing = true
    a.close()
    expect(isClosing).toBe(false)
    expect(exists(name)).toBe(false)
  })

  it.runIf(!isWindows)('belongs to its owner alone unless told', () => {
    const [a, b] = [newName(), newName()]
    using _first = SharedMemory.open(a, { size: 1 })
    using _second = SharedMemory.open(b, { size: 1, mode: 0o640 })
    expect(fs.statSync(objectPath(a)).mode & 0o777).toBe(0o600)
    expect(fs.statSync(objectPath(b)).mode & 0o777).toBe(0o640)
  })

  it.runIf(isWindows)(
    'belongs to the user of its process alone unless told, and others may do what the mode says',
    () => {
      const [a, b] = [newName(), newName()]
      using _first = SharedMemory.open(a, { size: 1 })
      using _second = SharedMemory.open(b, { size: 1, mode: 0o664 })
      const own = descriptionOf(a)
      expect(own).toMatch(/^D:P\(A;;(GA|0xf001f|0xf000f|CCDCLCSWRPSDRCWDWO);;;S-1-5-21-[-\d]+\)$/)
      const shared = descriptionOf(b)
      expect(shared.startsWith(own)).toBe(true)
      expect(shared.slice(own.length)).toMatch(/^\(A;;[^;]+;;;AU\)\(A;;[^;]+;;;WD\)$/)
    },
  )

  it.runIf(isWindows)(
    'says that the name belongs to an object of another kind, or to a section of others',
    () => {
      const { calls: win32 } = win32Calls() as { calls: Win32Calls }
      const koffi = loadKoffi().koffi as Koffi
      const kernel32 = koffi.load('kernel32.dll')
      const createEvent = kernel32.func('CreateEventW', 'intptr_t', ['void *', 'int', 'int', 'str16'])
      const name = newName()
      const event = createEvent(null, 1, 0, `Local\\stridedb.${name}`) as number
      for (const options of [{}, { size: 100 }])
        expect(codeOf(() => SharedMemory.open(name, options))).toBe('ERR_STRIDE_NAME_TAKEN')
      win32.closeHandle(event)
      const { handle } = win32.createSection(-1, 4, 4096, `Local\\stridedb.${name}`)
      for (const options of [{}, { size: 100 }])
        expect(codeOf(() => SharedMemory.open(name, options))).toBe('ERR_STRIDE_NAME_TAKEN')
      win32.closeHandle(handle)
      using free = SharedMemory.open(name, { size: 100 })
      expect(free.created).toBe(true)
    },
  )

  it.runIf(isWindows)(
    'waits for the size that its first opener has yet to write, and gives up some time',
    () => {
      const { calls: win32 } = win32Calls() as { calls: Win32Calls }
      const name = newName()
      const { handle } = win32.createSection(-1, 4, 65_536 + 4096, `Local\\stridedb.${name}`)
      expect(codeOf(() => openSharedSection(win32, name, { ...REQUEST, size: 100, patienceMs: 50 }))).toBe(
        'ERR_STRIDE_BUSY',
      )
      win32.closeHandle(handle)
      expect(exists(name)).toBe(false)
    },
  )

  it.runIf(!isWindows)('says that the name belongs to something else', () => {
    const name = newName()
    fs.mkdirSync(objectPath(name))
    expect(codeOf(() => SharedMemory.open(name, { size: 100 }))).toBe('ERR_STRIDE_NAME_TAKEN')
    const link = newName()
    fs.symlinkSync('/dev/null', objectPath(link))
    expect(codeOf(() => SharedMemory.open(link, { size: 100 }))).toBe('ERR_STRIDE_NAME_TAKEN')
  })

  it('refuses names, sizes and options that are none', () => {
    for (const name of ['', '/x', 'a/b', '..', '.x', 'a b', 'x'.repeat(201), 'a\0b']) {
      expect(
        thrownBy(() => SharedMemory.open(name, { size: 1 })),
        name,
      ).toBeInstanceOf(RangeError)
    }
    for (const size of [0, -1, 0.5, Number.NaN]) {
      expect(
        thrownBy(() => SharedMemory.open('x', { size })),
        String(size),
      ).toBeInstanceOf(RangeError)
    }
    expect(thrownBy(() => SharedMemory.open('x', { sise: 1 } as SharedMemoryOptions)).message).toContain(
      "'size'",
    )
  })

  it('says that memory is full instead of dying at a touch, and leaves no object', () => {
    const name = newName()
    const { bsize, blocks } = isWindows ? { bsize: 4096, blocks: 2 ** 36 } : fs.statfsSync('/dev/shm')
    expect(codeOf(() => SharedMemory.open(name, { size: bsize * blocks * 2 }))).toBe('ERR_STRIDE_NO_SPACE')
    expect(exists(name)).toBe(false)
  })

  it('throws after close, and its views end with it', () => {
    const shared = SharedMemory.open(newName(), { size: 100 })
    const view = shared.view(10, 20)
    expect(thrownBy(() => shared.view(90, 11))).toBeInstanceOf(RangeError)
    shared.close()
    shared.close()
    expect(codeOf(() => view.bytes)).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => shared.view())).toBe('ERR_STRIDE_CLOSED')
  })
})
