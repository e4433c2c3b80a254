/**
 * What could go wrong: something that the source articles describe of Win32 does not hold here, or on one system only.
 *
 * The articles are "Managing Memory-Mapped Files in Win32" and its companion on shared memory; each test is named by their
 * term, in their order. Where Windows answers with an error of its own, its name stands beside the code that it has here.
 */

import * as fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ascii, openFlatFile, StrideError, u8, utf8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { canDetach } from '../../src/mmap/detach.ts'
import { FileMapping, SharedMemory, type ViewAccess } from '../../src/mmap/index.ts'
import { type Koffi, loadKoffi } from '../../src/mmap/koffi.ts'
import { type ThisSystem, thisSystem } from '../../src/mmap/this-system.ts'
import { win32Calls } from '../../src/mmap/win32/win32-calls.ts'
import { childScript } from '../child-scripts.ts'
import { Companion, codeOf, isWindows, newFolder, thrownBy } from './places.ts'

const GiB = 1024 ** 3
const newPath = (): string => join(newFolder(), 'mapped.bin')
const newName = (): string => `articles-${process.pid}-${Math.random().toString(36).slice(2)}`

function newFile(bytes: Uint8Array | number): string {
  const path = newPath()
  fs.writeFileSync(path, typeof bytes === 'number' ? new Uint8Array(bytes) : bytes)
  return path
}

/** A file of so many bytes that are not on the disk, or in no memory. */
function sparseFile(size: number): string {
  const path = newFile(0)
  fs.truncateSync(path, size)
  return path
}

/** A child that opens what it is told, and answers each word that it is told to add with what it found there. */
const ADDER = `
  import { FileMapping, SharedMemory } from 'src/mmap/index.ts'
  const [kind, name] = process.argv.slice(2)
  const opened = kind === 'file' ? FileMapping.open(name, { access: 'readwrite' }) : SharedMemory.open(name)
  const view = opened.view(0, 64).dataView
  console.log('ready ' + opened.size)
  process.stdin.on('data', said => {
    const found = view.getInt32(0, true)
    view.setInt32(0, found + Number(said), true)
    console.log(found)
  })`
const adder = (kind: 'file' | 'memory', name: string): Companion =>
  new Companion(childScript(ADDER), [kind, name])

describe('CreateFileMapping: what is mapped', () => {
  it('a new temporary file: FILE_FLAG_DELETE_ON_CLOSE', () => {
    const folder = newFolder()
    const mapping = FileMapping.open(folder, { temporary: true, size: 100_000 })
    mapping.view(99_999, 1).bytes[0] = 5
    expect(mapping.view(99_999).bytes[0]).toBe(5)
    mapping.close()
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it('an existing file: CreateFile, then CreateFileMapping with its handle', () => {
    using mapping = FileMapping.open(newFile(Uint8Array.of(1, 2, 3)))
    expect([...mapping.view().bytes]).toEqual([1, 2, 3])
  })

  it('no file: INVALID_HANDLE_VALUE, memory of the page file', () => {
    using shared = SharedMemory.open(newName(), { size: 5000 })
    const { bytes } = shared.view()
    expect(bytes.every(byte => byte === 0)).toBe(true)
    bytes[4999] = 7
    expect(shared.view(4999, 1).bytes[0]).toBe(7)
  })
})

describe('dwMaximumSize', () => {
  it('given: the file grows to it; smaller than the file: so much is mapped', () => {
    const path = newFile(100)
    FileMapping.open(path, { access: 'readwrite', size: 10_000 }).close()
    expect(fs.statSync(path).size).toBe(10_000)
    using part = FileMapping.open(path, { size: 50 })
    expect(thrownBy(() => part.view(0, 51))).toBeInstanceOf(RangeError)
    expect(fs.statSync(path).size).toBe(10_000)
  })

  it('zero: the size that the file has', () => {
    using mapping = FileMapping.open(newFile(1234), { size: 0 })
    expect([mapping.size, mapping.view().length]).toEqual([1234, 1234])
  })

  it('zero, of an empty file: ERROR_FILE_INVALID, here ERR_STRIDE_EMPTY_FILE', () => {
    const path = newFile(0)
    for (const access of ['read', 'readwrite', 'copy'] as const)
      expect(codeOf(() => FileMapping.open(path, { access }))).toBe('ERR_STRIDE_EMPTY_FILE')
    using mapping = FileMapping.open(path, { access: 'readwrite', size: 10 })
    expect(mapping.size).toBe(10)
  })

  it('zero, of the page file: ERROR_INVALID_PARAMETER, here a RangeError', () => {
    expect(thrownBy(() => SharedMemory.open(newName(), { size: 0 }))).toBeInstanceOf(RangeError)
    expect(codeOf(() => FileMapping.open(undefined, { temporary: true }))).toBe('ERR_STRIDE_EMPTY_FILE')
  })

  it('beyond the end with PAGE_READONLY: ERROR_NOT_ENOUGH_MEMORY, here ERR_STRIDE_READ_ONLY; the file is untouched', () => {
    const path = newFile(100)
    for (const access of ['read', 'copy'] as const)
      expect(codeOf(() => FileMapping.open(path, { access, size: 101 }))).toBe('ERR_STRIDE_READ_ONLY')
    expect(fs.statSync(path).size).toBe(100)
  })

  it('in two halves, dwFileOffsetHigh and dwFileOffsetLow: one number, beyond 4 GiB too', () => {
    const path = sparseFile(6 * GiB)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    expect(mapping.size).toBe(6 * GiB)
    for (const offset of [2 * GiB - 3, 4 * GiB - 3, 5 * GiB + 7]) {
      mapping.view(offset, 6).bytes.set([1, 2, 3, 4, 5, 6])
      const read = new Uint8Array(6)
      const fd = fs.openSync(path, 'r')
      fs.readSync(fd, read, 0, 6, offset)
      fs.closeSync(fd)
      expect([...read], String(offset)).toEqual([1, 2, 3, 4, 5, 6])
    }
    expect(thrownBy(() => mapping.view(2 ** 53, 1))).toBeInstanceOf(RangeError)
  })
})

describe('fdwProtect', () => {
  const outcomes: readonly [term: string, access: ViewAccess, inFile: number][] = [
    ['PAGE_READONLY: a store stays in this process instead of ending it', 'read', 7],
    ['PAGE_READWRITE: a store reaches the file', 'readwrite', 1],
    ['PAGE_WRITECOPY: a store makes a page of its own', 'copy', 7],
  ]
  it.each(outcomes)('%s', (_, access, inFile) => {
    const path = newFile(new Uint8Array(10_000).fill(7))
    using mapping = FileMapping.open(path, { access })
    const view = mapping.view()
    view.bytes[5000] = 1
    expect(view.bytes[5000]).toBe(1)
    expect(fs.readFileSync(path)[5000]).toBe(inFile)
    expect(fs.readFileSync(path)[0]).toBe(7)
  })

  it('PAGE_READWRITE of a file that may only be read: ERROR_ACCESS_DENIED, here ERR_STRIDE_PERMISSION', ({
    skip,
  }) => {
    const path = newFile(100)
    fs.chmodSync(path, 0o400)
    if (mayWrite(path)) skip('root may write every file')
    expect(codeOf(() => FileMapping.open(path, { access: 'readwrite' }))).toBe('ERR_STRIDE_PERMISSION')
    FileMapping.open(path).close()
    fs.chmodSync(path, 0o600)
  })
})

describe('lpszMapName', () => {
  it('a name that exists: the existing object with its existing size, ERROR_ALREADY_EXISTS, here created: false', () => {
    const name = newName()
    using first = SharedMemory.open(name, { size: 5000 })
    using second = SharedMemory.open(name, { size: 99_999 })
    using third = SharedMemory.open(name)
    expect([first, second, third].map(({ created }) => created)).toEqual([true, false, false])
    expect([first, second, third].map(({ size }) => size)).toEqual([5000, 5000, 5000])
    first.view().bytes[4321] = 9
    expect([second, third].map(shared => shared.view(4321, 1).bytes[0])).toEqual([9, 9])
  })

  it('OpenFileMapping of a name that nobody has: ERROR_FILE_NOT_FOUND, here ERR_STRIDE_NOT_FOUND', () => {
    expect(codeOf(() => SharedMemory.open(newName()))).toBe('ERR_STRIDE_NOT_FOUND')
  })

  it('the name of another kind of object: ERROR_INVALID_HANDLE, here ERR_STRIDE_NAME_TAKEN', () => {
    const name = newName()
    const takeAway = isWindows ? takeNameOnWindows(name) : takeNameOnLinux(name)
    expect(codeOf(() => SharedMemory.open(name, { size: 100 }))).toBe('ERR_STRIDE_NAME_TAKEN')
    takeAway()
    SharedMemory.open(name, { size: 100 }).close()
  })

  it('what is no name: a RangeError', () => {
    for (const name of ['', 'a\\b', 'a/b', 'Global\\x', 'x'.repeat(300)])
      expect(
        thrownBy(() => SharedMemory.open(name, { size: 1 })),
        name,
      ).toBeInstanceOf(RangeError)
  })

  it('goes with its last handle', () => {
    const name = newName()
    const [a, b] = [SharedMemory.open(name, { size: 10 }), SharedMemory.open(name)]
    a.close()
    expect(SharedMemory.open(name).created).toBe(false)
    b.close()
  })

  it('PortTool: the first process initialises, the next ones attach', async () => {
    const name = newName()
    using first = SharedMemory.open(name, { size: 4096 })
    expect(first.created).toBe(true)
    first.view().dataView.setInt32(0, 8080, true)
    const next = adder('memory', name)
    expect(await next.line()).toBe('ready 4096')
    next.say('1')
    expect(await next.line()).toBe('8080')
    expect(first.view().dataView.getInt32(0, true)).toBe(8081)
  })

  it('inheriting and duplicating handles: a worker and a child get the name, and attach', async () => {
    const name = newName()
    using shared = SharedMemory.open(name, { size: 4096 })
    // Workers of Node 20 run no TypeScript: this one has the built library.
    const script = join(newFolder(), 'worker.mjs')
    const library = new URL('../../dist/mmap/index.js', import.meta.url).href
    fs.writeFileSync(
      script,
      `import { workerData } from 'node:worker_threads'
       import { SharedMemory } from ${JSON.stringify(library)}
       const shared = SharedMemory.open(workerData)
       Atomics.add(new Int32Array(shared.view(0, 64).bytes.buffer, 0, 1), 0, 5)
       shared.close()`,
    )
    const worker = new Worker(pathToFileURL(script), { workerData: name })
    expect(await new Promise(resolve => worker.once('exit', resolve))).toBe(0)
    const child = adder('memory', name)
    await child.line()
    child.say('2')
    expect(await child.line()).toBe('5')
    expect(shared.view().dataView.getInt32(0, true)).toBe(7)
  })
})

it('lpsa, security attributes: the permission bits of `mode`, the owner alone by default', () => {
  const name = newName()
  using shared = SharedMemory.open(name, { size: 10 })
  expect(shared.created).toBe(true)
  // On Windows the descriptor is looked at in shared-memory.test.ts.
  if (!isWindows) expect(fs.statSync(`/dev/shm/stridedb.${name}`).mode & 0o777).toBe(0o600)
})

describe('MapViewOfFile', () => {
  it('part or all of a file, several views, overlapping, and all of them agree', () => {
    const path = newFile(300_000)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const [all, part, other] = [mapping.view(), mapping.view(65_000, 2000), mapping.view(66_000, 100_000)]
    all.dataView.setUint32(66_500, 0xcafe)
    expect([part.dataView.getUint32(1500), other.dataView.getUint32(500)]).toEqual([0xcafe, 0xcafe])
    other.dataView.setUint32(600, 0xbeef)
    expect([all.dataView.getUint32(66_600), part.dataView.getUint32(1600)]).toEqual([0xbeef, 0xbeef])
  })

  it('at an offset that is no multiple of the granularity: ERROR_MAPPED_ALIGNMENT there, any offset here', () => {
    using mapping = FileMapping.open(newFile(Uint8Array.from({ length: 200_000 }, (_, i) => i & 0xff)))
    for (const offset of [1, 4095, 65_535, 65_537, 131_071])
      expect(mapping.view(offset, 2).bytes[0], String(offset)).toBe(offset & 0xff)
  })

  it('past the end of the mapping: ERROR_ACCESS_DENIED there, a RangeError here', () => {
    using mapping = FileMapping.open(newFile(1000))
    for (const [offset, length] of [
      [0, 1001],
      [999, 2],
      [1000, 1],
    ] as const)
      expect(thrownBy(() => mapping.view(offset, length))).toBeInstanceOf(RangeError)
  })

  it('coherent between processes that map one file', async () => {
    const path = newFile(100_000)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const { dataView } = mapping.view()
    dataView.setInt32(0, 41, true)
    const child = adder('file', path)
    expect(await child.line()).toBe('ready 100000')
    child.say('1')
    expect(await child.line()).toBe('41')
    expect(dataView.getInt32(0, true)).toBe(42)
    expect(fs.readFileSync(path).readInt32LE(0)).toBe(42)
    await child.kill()
  })

  it('MapViewOfFileEx: windows of a store come back to the address that they had', () => {
    const path = newFile(Uint8Array.from({ length: 256 * 1024 }, (_, i) => i >> 16))
    const file = (thisSystem().system as ThisSystem).createPlatform().open(path, { access: 'read' })
    const region = file.reserve(65_536)
    const { buffer } = region
    const bytes = new Uint8Array(buffer)
    for (const k of [0, 3, 1, 2]) {
      region.point(k * 65_536, 65_536)
      expect([bytes[0], bytes[65_535]]).toEqual([k, k])
    }
    expect(region.buffer).toBe(buffer)
    file.close()
  })
})

describe('UnmapViewOfFile', () => {
  it('any time; what was stored reaches the file all the same', () => {
    const path = newFile(10_000)
    const mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view()
    view.bytes.fill(3)
    view.unmap()
    expect(fs.readFileSync(path).every(byte => byte === 3)).toBe(true)
    mapping.close()
  })

  it('after CloseHandle, the order that the article allows: closing ends the views, nothing is lost', () => {
    const path = newFile(10_000)
    const mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view()
    view.bytes[9999] = 3
    mapping.close()
    view.unmap()
    expect(fs.readFileSync(path)[9999]).toBe(3)
  })

  it('and then the pointer: an access violation there, an error or zeros here', () => {
    using mapping = FileMapping.open(newFile(new Uint8Array(10_000).fill(7)))
    const view = mapping.view()
    const { bytes } = view
    view.unmap()
    expect(codeOf(() => view.bytes)).toBe('ERR_STRIDE_CLOSED')
    expect(bytes[0]).toBe(canDetach ? undefined : 0)
  })
})

describe('FlushViewOfFile', () => {
  it('of a range, now, or off the event loop', async () => {
    const path = newFile(300_000)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view()
    view.bytes.fill(1, 100_000, 200_000)
    view.flush(100_000, 100_000)
    await view.flushAsync()
    expect(
      fs
        .readFileSync(path)
        .subarray(100_000, 200_000)
        .every(byte => byte === 1),
    ).toBe(true)
    expect(thrownBy(() => view.flush(299_999, 2))).toBeInstanceOf(RangeError)
  })

  it('of a view that never reaches the file: ERR_STRIDE_READ_ONLY', () => {
    using mapping = FileMapping.open(newFile(100))
    expect(codeOf(() => mapping.view().flush())).toBe('ERR_STRIDE_READ_ONLY')
  })
})

describe('the flat-file database of 1,000,000 records of 125 bytes', () => {
  const Record = z.object({
    id: z.uint32(),
    time: z.float64(),
    price: z.float64(),
    qty: z.uint32(),
    flags: u8(),
    symbol: ascii(8),
    name: utf8(32),
    note: utf8(60),
  })

  it('opens at once and uses no memory until it is touched', () => {
    using mapping = FileMapping.open(sparseFile(125_000_000))
    const view = mapping.view()
    expect(view.residency()).toEqual({ pages: Math.ceil(125_000_000 / 4096), resident: 0 })
    expect(view.bytes[62_500_000]).toBe(0)
    const { resident } = view.residency()
    expect(resident).toBeGreaterThan(0)
    expect(resident).toBeLessThan(view.residency().pages / 2)
  })

  it('finds a record by arithmetic', () => {
    const path = sparseFile(125_000_000)
    using records = openFlatFile(path, Record)
    expect([records.count, records.recordSize]).toEqual([1_000_000, 125])
    for (const n of [0, 523_987, 999_999]) records.update(n, { id: n, symbol: `S${n}` })
    records.commitSync()
    const fd = fs.openSync(path, 'r')
    const id = new Uint32Array(1)
    fs.readSync(fd, id, 0, 4, 523_987 * 125)
    fs.closeSync(fd)
    expect(id[0]).toBe(523_987)
    expect([records.field(999_999, 'id'), records.get(523_987)?.symbol]).toEqual([999_999, 'S523987'])
  })
})

describe('VirtualQuery, VirtualLock, IsBadReadPtr', () => {
  it('VirtualLock: the pages are in memory, and stay', () => {
    using mapping = FileMapping.open(sparseFile(1_000_000), { access: 'readwrite' })
    const view = mapping.view(0, 20_000)
    view.lock()
    expect(view.residency()).toEqual({ pages: 5, resident: 5 })
    view.unlock()
  })

  it('IsBadReadPtr: a bad access throws before anything is touched', () => {
    using mapping = FileMapping.open(newFile(1000))
    const view = mapping.view()
    expect(thrownBy(() => view.dataView.getUint8(1000))).toBeInstanceOf(RangeError)
    expect(view.bytes[1000]).toBeUndefined()
  })

  it('GetLastError: an error says the call, the number and the name', () => {
    const path = newPath()
    const error = thrownBy(() => FileMapping.open(path)) as StrideError
    expect(error).toBeInstanceOf(StrideError)
    expect(error).toMatchObject({ code: 'ERR_STRIDE_NOT_FOUND', path, errno: 2 })
    expect(error.message).toContain(isWindows ? 'CreateFileW failed with ERROR_FILE_NOT_FOUND (2)' : 'ENOENT')
  })
})

function mayWrite(path: string): boolean {
  try {
    fs.closeSync(fs.openSync(path, 'r+'))
    return true
  } catch {
    return false
  }
}

function takeNameOnLinux(name: string): () => void {
  const path = `/dev/shm/stridedb.${name}`
  fs.mkdirSync(path)
  return () => fs.rmdirSync(path)
}

/** A mutex; sections, events, mutexes and semaphores share their names. */
function takeNameOnWindows(name: string): () => void {
  const kernel32 = (loadKoffi().koffi as Koffi).load('kernel32.dll')
  const createMutex = kernel32.func('CreateMutexW', 'intptr_t', ['void *', 'int', 'str16'])
  const handle = createMutex(null, 0, `Local\\stridedb.${name}`) as number
  expect(handle).toBeGreaterThan(0)
  return () => win32Calls().calls?.closeHandle(handle)
}
