/**
 * What could go wrong: a mapping that should not change a file does, a size is taken wrongly, views of one file
 * disagree with each other or with plain reads, a use after the end shows foreign bytes.
 * Rules of docs/concurrency.md: S3.
 */

import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import { openFlatFile, u8 } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { canDetach } from '../../src/mmap/detach.ts'
import { FileMapping, type FileMappingOptions, type MappedView } from '../../src/mmap/index.ts'
import { mappingSystem } from '../../src/mmap/this-system.ts'
import { childScript } from '../child-scripts.ts'
import { Companion, codeOf, isWindows, newFolder, thrownBy } from './places.ts'

const GiB = 1024 ** 3

function newFile(bytes: Uint8Array | number): string {
  const path = join(newFolder(), 'mapped.bin')
  fs.writeFileSync(path, typeof bytes === 'number' ? new Uint8Array(bytes) : bytes)
  return path
}

const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 0xff)

describe('opening a mapping', () => {
  it('takes the size of the file where none, or 0, is given', () => {
    const path = newFile(5000)
    for (const options of [{}, { size: 0 }, { access: 'copy', size: 0 }] satisfies FileMappingOptions[]) {
      using mapping = FileMapping.open(path, options)
      expect(mapping.size).toBe(5000)
      expect(mapping.view().length).toBe(5000)
    }
  })

  it('grows the file to the size given, with blocks, and keeps what it had', () => {
    const path = newFile(counted(100))
    using mapping = FileMapping.open(path, { access: 'readwrite', size: 1_000_000 })
    expect(mapping.size).toBe(1_000_000)
    expect(fs.statSync(path).size).toBe(1_000_000)
    expect(fs.statSync(path).blocks * 512).toBeGreaterThanOrEqual(999_000)
    expect([...mapping.view(98, 4).bytes]).toEqual([98, 99, 0, 0])
  })

  it('maps only so much of a file as the size says', () => {
    using mapping = FileMapping.open(newFile(5000), { size: 1000 })
    expect(mapping.size).toBe(1000)
    expect(thrownBy(() => mapping.view(0, 1001))).toBeInstanceOf(RangeError)
  })

  it('never extends a file that is not opened for writing', () => {
    const path = newFile(100)
    for (const access of ['read', 'copy'] as const) {
      expect(codeOf(() => FileMapping.open(path, { access, size: 101 }))).toBe('ERR_STRIDE_READ_ONLY')
    }
    expect(fs.statSync(path).size).toBe(100)
  })

  it('refuses an empty file without a size, and takes it with one', () => {
    const path = newFile(0)
    expect(codeOf(() => FileMapping.open(path))).toBe('ERR_STRIDE_EMPTY_FILE')
    expect(codeOf(() => FileMapping.open(path, { access: 'readwrite' }))).toBe('ERR_STRIDE_EMPTY_FILE')
    using mapping = FileMapping.open(path, { access: 'readwrite', size: 10 })
    expect(mapping.size).toBe(10)
  })

  it('creates a missing file only for writing and with a size', () => {
    const folder = newFolder()
    const path = join(folder, 'new.bin')
    expect(codeOf(() => FileMapping.open(path))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(codeOf(() => FileMapping.open(path, { size: 10 }))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(codeOf(() => FileMapping.open(path, { access: 'readwrite' }))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(fs.existsSync(path)).toBe(false)
    FileMapping.open(path, { access: 'readwrite', size: 10, mode: 0o640 }).close()
    // A new file of Windows has the permissions of its folder.
    if (!isWindows) expect(fs.statSync(path).mode & 0o777).toBe(0o640)
    expect(codeOf(() => FileMapping.open(join(folder, 'no', 'x'), { access: 'readwrite', size: 1 }))).toBe(
      'ERR_STRIDE_NOT_FOUND',
    )
  })

  it('refuses folders and things that are no files', () => {
    expect(codeOf(() => FileMapping.open(newFolder()))).toBe('ERR_STRIDE_IS_DIRECTORY')
    expect(codeOf(() => FileMapping.open(isWindows ? '\\\\.\\NUL' : '/dev/null'))).toBe(
      'ERR_STRIDE_NOT_MAPPABLE',
    )
  })

  it('refuses misspelt options with the right name, and values that are none', () => {
    const path = newFile(10)
    const wrong = thrownBy(() => FileMapping.open(path, { acces: 'read' } as FileMappingOptions))
    expect(wrong).toBeInstanceOf(TypeError)
    expect(wrong.message).toContain("'access'")
    expect(thrownBy(() => FileMapping.open(path, { access: 'write' as 'read' }))).toBeInstanceOf(TypeError)
    expect(thrownBy(() => FileMapping.open(path, { size: -1 }))).toBeInstanceOf(RangeError)
    expect(thrownBy(() => FileMapping.open(path, { size: 1.5 }))).toBeInstanceOf(RangeError)
  })

  it('makes a temporary file that goes with its mapping, and on Linux has no name from the start', () => {
    const folder = newFolder()
    const mapping = FileMapping.open(folder, { temporary: true, size: 100_000 })
    expect(fs.readdirSync(folder)).toEqual(isWindows ? [basename(mapping.path)] : [])
    expect(mapping.path.startsWith(folder)).toBe(true)
    const view = mapping.view(50_000, 10)
    view.bytes.set([1, 2, 3])
    expect([...mapping.view(50_000, 3).bytes]).toEqual([1, 2, 3])
    mapping.resize(200_000)
    expect([...mapping.view(50_000, 3).bytes]).toEqual([1, 2, 3])
    mapping.close()
    expect(fs.readdirSync(folder)).toEqual([])
    expect(codeOf(() => FileMapping.open(undefined, { temporary: true }))).toBe('ERR_STRIDE_EMPTY_FILE')
    using elsewhere = FileMapping.open(undefined, { temporary: true, size: 1 })
    expect(basename(elsewhere.path)).toMatch(/^stridedb-/)
  })
})

describe('views', () => {
  it('begin at any byte and end at any byte, over page-aligned memory', () => {
    const path = newFile(counted(20_000))
    using mapping = FileMapping.open(path)
    const unit = mappingSystem('a test').granularity
    for (const [offset, length] of [
      [0, 1],
      [1, 1],
      [4095, 2],
      [4096, 4096],
      [4097, 9000],
      [19_999, 1],
    ] as const) {
      const view = mapping.view(offset, length)
      expect([view.offset, view.length, view.bytes.length]).toEqual([offset, length, length])
      expect(view.bytes.byteOffset).toBe(offset % unit)
      expect([...view.bytes]).toEqual([...counted(20_000).subarray(offset, offset + length)])
      expect(view.dataView.getUint8(length - 1)).toBe((offset + length - 1) & 0xff)
      expect(view.dataView.byteLength).toBe(length)
    }
  })

  it('reach beyond 4 GiB', () => {
    const path = newFile(1)
    fs.truncateSync(path, 5 * GiB)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view(4 * GiB + 12_345, 100)
    view.bytes.set([7, 8, 9], 5)
    const fd = fs.openSync(path, 'r')
    const read = new Uint8Array(3)
    fs.readSync(fd, read, 0, 3, 4 * GiB + 12_350)
    fs.closeSync(fd)
    expect([...read]).toEqual([7, 8, 9])
    expect(mapping.view(5 * GiB - 1).length).toBe(1)
  })

  it('agree with each other, with other mappings and with plain reads and writes', () => {
    const path = newFile(20_000)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    using other = FileMapping.open(path)
    const [a, b, c] = [mapping.view(100, 10_000), mapping.view(5000, 5000), other.view(0)]
    a.dataView.setUint32(5900, 0xdecafbad)
    expect(b.dataView.getUint32(1000)).toBe(0xdecafbad)
    expect(c.dataView.getUint32(6000)).toBe(0xdecafbad)
    expect(fs.readFileSync(path).readUInt32BE(6000)).toBe(0xdecafbad)
    const fd = fs.openSync(path, 'r+')
    fs.writeSync(fd, Uint8Array.of(1, 2, 3, 4), 0, 4, 6000)
    fs.closeSync(fd)
    expect(a.dataView.getUint32(5900)).toBe(0x01020304)
  })

  it('agree between processes, both ways', async () => {
    const path = newFile(100_000)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const { bytes } = mapping.view(60_000, 100)
    const script = childScript(`import { FileMapping } from 'src/mmap/index.ts'
       const view = FileMapping.open(process.argv[2], { access: 'readwrite' }).view(60_000, 100)
       console.log(view.bytes[0])
       process.stdin.on('data', () => { view.bytes[1] = view.bytes[2] + 1; console.log('done'); process.exit() })`)
    bytes[0] = 5
    const child = new Companion(script, [path])
    expect(await child.line()).toBe('5')
    bytes[2] = 40
    child.say('go')
    expect(await child.line()).toBe('done')
    expect(bytes[1]).toBe(41)
    await child.ended()
  })

  it.each(['read', 'copy'] as const)('of access %s keep stores to themselves and do not crash', access => {
    const path = newFile(counted(10_000))
    using mapping = FileMapping.open(path, { access })
    const [a, b] = [mapping.view(), mapping.view()]
    a.bytes[5000] = 1
    a.bytes.fill(9, 0, 10)
    expect(a.bytes[5000]).toBe(1)
    expect(b.bytes[5000]).toBe(5000 & 0xff)
    expect(codeOf(() => a.flush())).toBe('ERR_STRIDE_READ_ONLY')
    a.unmap()
    mapping.close()
    expect([...fs.readFileSync(path)]).toEqual([...counted(10_000)])
  })

  it('show later changes of the file in pages that were not stored to', () => {
    const path = newFile(10_000)
    using mapping = FileMapping.open(path, { access: 'copy' })
    const { bytes } = mapping.view()
    bytes[0] = 1
    const fd = fs.openSync(path, 'r+')
    for (const offset of [10, 9000]) fs.writeSync(fd, Uint8Array.of(7), 0, 1, offset)
    fs.closeSync(fd)
    expect([bytes[0], bytes[10], bytes[9000]]).toEqual([1, 0, 7])
  })

  it('name what is out of bounds', () => {
    using mapping = FileMapping.open(newFile(1000))
    for (const [offset, length] of [
      [0, 1001],
      [1000, 1],
      [5, 0],
      [-1, 1],
      [0.5, 1],
      [2 ** 53, 1],
      [0, Number.NaN],
    ] as const) {
      const error = thrownBy(() => mapping.view(offset, length))
      expect(error, `${offset}, ${length}`).toBeInstanceOf(RangeError)
    }
    expect(thrownBy(() => mapping.view(999, 2)).message).toContain('1000 bytes')
  })

  it('name what is no number', () => {
    using mapping = FileMapping.open(newFile(1000), { access: 'readwrite' })
    const view = mapping.view()
    const calls: readonly [() => unknown, string][] = [
      [() => mapping.view(1n as never, 10), 'offset must be a number, not a bigint: 1n'],
      [() => mapping.view(1n as never), 'offset must be a number, not a bigint: 1n'],
      [() => mapping.view(0, 10n as never), 'length must be a number, not a bigint: 10n'],
      [() => mapping.view('7' as never, 10), 'offset must be a number, not a string: 7'],
      [() => mapping.view(Symbol('s') as never, 10), 'offset must be a number, not a symbol: Symbol(s)'],
      [() => mapping.resize(5n as never), 'size must be a number, not a bigint: 5n'],
      [() => view.flush(1n as never), 'offset must be a number, not a bigint: 1n'],
      [() => view.flush(0, 1n as never), 'length must be a number, not a bigint: 1n'],
    ]
    for (const [call, message] of calls) {
      const error = thrownBy(call)
      expect(error, String(call)).toBeInstanceOf(TypeError)
      expect(error.message).toContain(message)
    }
    expect(view.isMapped).toBe(true)
  })

  it('keep their place to themselves: another one assigned would reach memory of others', () => {
    using mapping = FileMapping.open(newFile(10_000))
    const view = mapping.view(0, 100)
    for (const change of [{ length: 1e12 }, { offset: 1e12 }])
      expect(thrownBy(() => Object.assign(view, change))).toBeInstanceOf(TypeError)
    expect([view.offset, view.length, view.residency().pages]).toEqual([0, 100, 1])
    expect(thrownBy(() => Object.assign(mapping, { size: 1e9 }))).toBeInstanceOf(TypeError)
    expect(thrownBy(() => Object.assign(mapping, { access: 'readwrite' }))).toBeInstanceOf(TypeError)
  })

  it('are refused with ERR_STRIDE_TRUNCATED where the file has become shorter', () => {
    const path = newFile(100_000)
    using mapping = FileMapping.open(path)
    fs.truncateSync(path, 50_000)
    expect(codeOf(() => mapping.view())).toBe('ERR_STRIDE_TRUNCATED')
    expect(mapping.view(0, 50_000).length).toBe(50_000)
  })

  it('flush, wholly and in part, now and later, and refuse ranges past their end', async () => {
    using mapping = FileMapping.open(newFile(20_000), { access: 'readwrite' })
    const view = mapping.view(4000, 10_000)
    view.bytes.fill(3)
    view.flush()
    view.flush(100, 5000)
    view.flush(10_000)
    await Promise.all([view.flushAsync(), view.flushAsync(5, 5), view.flushAsync(9999)])
    expect(thrownBy(() => view.flush(9999, 2))).toBeInstanceOf(RangeError)
    await expect(view.flushAsync(-1)).rejects.toBeInstanceOf(RangeError)
    const closing = view.flushAsync()
    mapping.close()
    await closing.catch(error => expect(error.code).toBe('ERR_STRIDE_CLOSED'))
  })

  it('tell how many of their pages are in memory, and hold them there', () => {
    const path = newFile(1)
    fs.truncateSync(path, 100 * 4096)
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view(4096 * 10 + 1, 4096 * 4)
    expect(view.residency()).toEqual({ pages: 5, resident: 0 })
    view.lock()
    expect(view.residency()).toEqual({ pages: 5, resident: 5 })
    view.unlock()
  })
})

describe('the end of a view', () => {
  const endings: readonly [string, (mapping: FileMapping, view: MappedView) => void][] = [
    ['unmap', (_, view) => view.unmap()],
    ['resize', mapping => mapping.resize(30_000)],
    ['a resize to less', mapping => mapping.resize(10)],
    ['close', mapping => mapping.close()],
    ['dispose', (_, view) => view[Symbol.dispose]()],
  ]

  it.each(endings)('comes with %s: every use throws, kept objects show nothing', (_, endIt) => {
    const path = newFile(new Uint8Array(20_000).fill(7))
    const mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view(100, 1000)
    const { bytes, dataView } = view
    endIt(mapping, view)
    for (const use of [
      () => view.bytes,
      () => view.dataView,
      () => view.flush(),
      () => view.residency(),
      () => view.lock(),
      () => view.unlock(),
    ]) {
      expect(codeOf(use), String(use)).toBe('ERR_STRIDE_CLOSED')
    }
    if (canDetach) {
      expect(bytes.length).toBe(0)
      expect(thrownBy(() => dataView.getUint8(0))).toBeInstanceOf(TypeError)
    } else {
      expect([bytes[0], dataView.getUint8(999)]).toEqual([0, 0])
      bytes.fill(9)
    }
    expect([0, 7]).toContain(fs.readFileSync(path)[100] ?? 0)
    view.unmap()
    mapping.close()
    mapping.close()
  })

  it('leaves changed bytes in the file, flushed or not', () => {
    const path = newFile(20_000)
    const mapping = FileMapping.open(path, { access: 'readwrite' })
    mapping.view(0, 10).bytes.fill(1)
    mapping.view(10_000, 10).bytes.fill(2)
    mapping.close()
    expect([...fs.readFileSync(path).subarray(9998, 10_002)]).toEqual([0, 0, 2, 2])
    expect(fs.readFileSync(path)[9]).toBe(1)
  })

  it('of a view whose buffer was moved away, leaves that buffer with zeros', () => {
    const path = newFile(new Uint8Array(8192).fill(7))
    using mapping = FileMapping.open(path, { access: 'readwrite' })
    const view = mapping.view()
    const buffer = view.bytes.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer }
    if (buffer.transfer === undefined) return
    const bytes = new Uint8Array(buffer.transfer())
    expect(bytes[0]).toBe(7)
    view.unmap()
    expect(bytes.every(byte => byte === 0)).toBe(true)
    bytes.fill(3)
    expect(fs.readFileSync(path)[0]).toBe(7)
  })

  it.runIf(isWindows)(
    'is not brought by another mapping: Windows cuts no file that another opener maps',
    () => {
      const path = newFile(new Uint8Array(40_000).fill(7))
      const cutting = FileMapping.open(path, { access: 'readwrite' })
      const showing = FileMapping.open(path)
      const view = showing.view(30_000, 10)
      const error = thrownBy(() => cutting.resize(20_000))
      expect(error).toMatchObject({ code: 'ERR_STRIDE_BUSY', path, errno: 1224 })
      expect([cutting.size, fs.statSync(path).size, view.bytes[9]]).toEqual([40_000, 40_000, 7])
      cutting.resize(50_000)
      showing.close()
      cutting.resize(20_000)
      expect([cutting.size, fs.statSync(path).size, cutting.view().bytes[19_999]]).toEqual([20_000, 20_000, 7])
      cutting.close()
    },
  )

  it.runIf(!isWindows)('is not brought by another mapping that would cut the file under it', () => {
    const path = newFile(new Uint8Array(40_000).fill(7))
    const cutting = FileMapping.open(path, { access: 'readwrite' })
    const showing = FileMapping.open(path)
    const far = showing.view(30_000, 10)
    showing.view(0, 10)
    const error = thrownBy(() => cutting.resize(20_000))
    expect(error).toMatchObject({ code: 'ERR_STRIDE_BUSY', path })
    expect(error.message).toContain('30010')
    expect([cutting.size, fs.statSync(path).size, far.bytes[9]]).toEqual([40_000, 40_000, 7])
    cutting.resize(30_010)
    far.unmap()
    cutting.resize(20_000)
    expect(fs.statSync(path).size).toBe(20_000)
    const flat = openFlatFile(path, z.object({ value: u8() }), { readOnly: true, backend: 'mapped' })
    expect(flat.gather('value').every(value => value === 7)).toBe(true)
    expect(codeOf(() => cutting.resize(10_000))).toBe('ERR_STRIDE_BUSY')
    flat.close()
    cutting.resize(10_000)
    showing.close()
    cutting.close()
  })

  it('sets sizes both ways, and refuses to without write access', () => {
    const path = newFile(counted(10_000))
    const mapping = FileMapping.open(path, { access: 'readwrite' })
    mapping.resize(30_000)
    expect([mapping.size, fs.statSync(path).size]).toEqual([30_000, 30_000])
    mapping.resize(5)
    expect([mapping.size, fs.statSync(path).size]).toEqual([5, 5])
    expect([...mapping.view().bytes]).toEqual([0, 1, 2, 3, 4])
    expect(thrownBy(() => mapping.resize(0))).toBeInstanceOf(RangeError)
    mapping.close()
    expect(codeOf(() => mapping.resize(5))).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => mapping.view())).toBe('ERR_STRIDE_CLOSED')
    using reader = FileMapping.open(path)
    expect(codeOf(() => reader.resize(100))).toBe('ERR_STRIDE_READ_ONLY')
    expect(fs.statSync(path).size).toBe(5)
  })
})
