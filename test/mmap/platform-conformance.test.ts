/**
 * What could go wrong: an implementation of the seam behaves otherwise than the next one, and the engine, which
 * does not know which it has, is right on one and wrong on the other.
 * Rules of docs/concurrency.md: S5.
 */

import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { StrideError } from '../../src/errors.ts'
import type { OpenFileOptions, Platform, PlatformFile } from '../../src/mmap/platform.ts'
import { codeOf, isWindows, newFolder, PLATFORMS, thrownBy } from './places.ts'

const MiB = 1024 * 1024
const GiB = 1024 * MiB

const CREATE: OpenFileOptions = { access: 'readwrite', create: 'always' }

describe.each(PLATFORMS)('the seam on $name', ({ create }) => {
  /** unit: regions may be pointed at its multiples. */
  const start = (): { platform: Platform; path: string; file: PlatformFile; unit: number } => {
    const platform = create()
    const path = join(newFolder(), 'a.bin')
    const file = platform.open(path, CREATE)
    onTestFinished(() => file.close())
    return { platform, path, file, unit: Math.max(4096, platform.granularity) }
  }
  const bytesOf = (file: PlatformFile, offset: number, length: number): number[] => {
    const target = new Uint8Array(length)
    return [...target.subarray(0, file.read(target, offset))]
  }

  it('stores bytes and reads them back, fewer only at the end of the file', () => {
    const { file } = start()
    file.store(Uint8Array.of(1, 2, 3, 4, 5), 3)
    expect(file.size()).toBe(8)
    expect(bytesOf(file, 0, 5)).toEqual([0, 0, 0, 1, 2])
    expect(bytesOf(file, 6, 100)).toEqual([4, 5])
    expect(bytesOf(file, 8, 4)).toEqual([])
    expect(bytesOf(file, 5000, 4)).toEqual([])
    file.close()
  })

  it('reaches bytes beyond 2 GiB and beyond 4 GiB', () => {
    const { file } = start()
    file.resize(6 * GiB)
    const places = [2 * GiB - 2, 2 * GiB + 5, 4 * GiB - 2, 4 * GiB + 5, 6 * GiB - 4]
    for (const [i, offset] of places.entries()) file.store(Uint8Array.of(i + 1, i + 2, i + 3, i + 4), offset)
    expect(file.size()).toBe(6 * GiB)
    for (const [i, offset] of places.entries())
      expect(bytesOf(file, offset, 4)).toEqual([i + 1, i + 2, i + 3, i + 4])
    expect(bytesOf(file, 1, 1)).toEqual([0])

    const region = file.reserve(64 * 1024)
    region.point(4 * GiB, 64 * 1024)
    expect(new Uint8Array(region.buffer, 5, 4)).toEqual(Uint8Array.of(4, 5, 6, 7))
    file.close()
  })

  it('grows with zeros, and forgets what was cut off', () => {
    const { file } = start()
    file.store(new Uint8Array(10_000).fill(7), 0)
    file.resize(4097)
    file.resize(9000)
    expect(bytesOf(file, 4096, 4)).toEqual([7, 0, 0, 0])
    expect(bytesOf(file, 8999, 4)).toEqual([0])
    file.close()
  })

  it('allocates to the end of the range and keeps what is stored there', () => {
    const { file } = start()
    file.store(Uint8Array.of(9, 9), 0)
    file.resize(10_000)
    file.allocate(0, 1_500_000)
    expect(file.size()).toBe(1_500_000)
    expect(bytesOf(file, 0, 3)).toEqual([9, 9, 0])
    expect(bytesOf(file, 1_499_998, 5)).toEqual([0, 0])
    file.allocate(0, 100)
    expect(file.size()).toBe(1_500_000)
    file.close()
  })

  it('refuses offsets and sizes that are no safe integers', () => {
    const { file } = start()
    const one = new Uint8Array(1)
    for (const offset of [-1, 0.5, Number.NaN, 2 ** 53, Number.MAX_SAFE_INTEGER]) {
      expect(
        thrownBy(() => file.store(one, offset)),
        `store ${offset}`,
      ).toBeInstanceOf(RangeError)
      expect(
        thrownBy(() => file.read(one, offset)),
        `read ${offset}`,
      ).toBeInstanceOf(RangeError)
      expect(
        thrownBy(() => file.allocate(offset, 1)),
        `allocate ${offset}`,
      ).toBeInstanceOf(RangeError)
    }
    expect(thrownBy(() => file.resize(-1))).toBeInstanceOf(RangeError)
    expect(file.size()).toBe(0)
    file.close()
  })

  it('opens by the rule asked for: never, missing, always', () => {
    const { platform, path, file } = start()
    file.store(Uint8Array.of(1), 0)
    const absent = `${path}-absent`
    expect(codeOf(() => platform.open(absent, { access: 'readwrite' }))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(codeOf(() => platform.open(path, CREATE))).toBe('ERR_STRIDE_EXISTS')
    expect(thrownBy(() => platform.open(absent, { access: 'read' }))).toMatchObject({
      path: absent,
      syscall: expect.stringMatching(isWindows ? /^(CreateFileW|open)$/ : /^open$/),
    })
    expect(platform.exists(absent)).toBe(false)
    const again = platform.open(path, { access: 'readwrite', create: 'missing' })
    expect(again.size()).toBe(1)
    const made = platform.open(absent, { access: 'readwrite', create: 'missing' })
    expect(made.size()).toBe(0)
    for (const each of [file, again, made]) each.close()
  })

  it('refuses every change through a handle for reading', () => {
    const { platform, path, file } = start()
    file.store(new Uint8Array(4096), 0)
    const reader = platform.open(path, { access: 'read' })
    const changes: (() => void)[] = [
      () => reader.store(Uint8Array.of(1), 0),
      () => reader.resize(1),
      () => reader.allocate(0, 9999),
      () => reader.sharedWords(0, 1).store(0, 1),
    ]
    for (const change of changes) expect(codeOf(change), String(change)).toBe('ERR_STRIDE_READ_ONLY')
    expect(bytesOf(reader, 0, 1)).toEqual([0])
    expect(reader.size()).toBe(4096)
    reader.close()
    file.close()
  })

  it('shows the stores of one handle to all others at once', () => {
    const { platform, path, file } = start()
    file.resize(100)
    const reader = platform.open(path, { access: 'read' })
    file.store(Uint8Array.of(42), 50)
    expect(bytesOf(reader, 50, 1)).toEqual([42])
    expect(reader.identity()).toBe(file.identity())
    reader.close()
    file.close()
  })

  it('gives a file a name that nobody has, and takes none away', () => {
    const { platform, path, file } = start()
    file.store(Uint8Array.of(1), 0)
    const other = platform.open(`${path}-new`, CREATE)
    other.store(Uint8Array.of(8), 0)
    other.close()
    expect(codeOf(() => platform.renameNew(`${path}-new`, path))).toBe('ERR_STRIDE_EXISTS')
    expect([bytesOf(file, 0, 9), platform.exists(`${path}-new`)]).toEqual([[1], true])
    platform.renameNew(`${path}-new`, `${path}-2`)
    expect([platform.exists(`${path}-new`), platform.exists(`${path}-2`)]).toEqual([false, true])
    const named = platform.open(`${path}-2`, { access: 'read' })
    expect(bytesOf(named, 0, 9)).toEqual([8])
    named.close()
    expect(codeOf(() => platform.renameNew(`${path}-new`, `${path}-3`))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(platform.exists(`${path}-3`)).toBe(false)
    file.close()
  })

  it('creates a file with the rights of another, and leaves one that is there alone', () => {
    const { platform, path, file } = start()
    for (const create of ['missing', 'always', 'missing'] as const) {
      const name = `${path}-${create}`
      const made = platform.open(name, { access: 'readwrite', create, like: file })
      made.store(Uint8Array.of(3), made.size())
      made.close()
    }
    const again = platform.open(`${path}-missing`, { access: 'read' })
    expect(again.size()).toBe(2)
    again.close()
    file.close()
  })

  it('tells a file from the one that took its name', () => {
    const { platform, path, file } = start()
    const other = platform.open(`${path}-new`, CREATE)
    other.store(Uint8Array.of(8), 0)
    expect(other.identity()).not.toBe(file.identity())
    try {
      platform.rename(`${path}-new`, path)
    } catch (error) {
      // Windows before 10, and Wine, replace no file that is open: then nothing has changed.
      expect([isWindows, (error as StrideError).code]).toEqual([true, 'ERR_STRIDE_BUSY'])
      expect([platform.exists(`${path}-new`), bytesOf(file, 0, 1)]).toEqual([true, []])
      file.close()
      platform.rename(`${path}-new`, path)
    }
    platform.syncFolder(path)
    expect(platform.exists(`${path}-new`)).toBe(false)
    const named = platform.open(path, { access: 'read' })
    expect(named.identity()).toBe(other.identity())
    expect(bytesOf(named, 0, 1)).toEqual([8])
    platform.remove(path)
    expect(platform.exists(path)).toBe(false)
    expect(bytesOf(named, 0, 1)).toEqual([8])
    expect(codeOf(() => platform.remove(path))).toBe('ERR_STRIDE_NOT_FOUND')
    expect(codeOf(() => platform.rename(path, `${path}-x`))).toBe('ERR_STRIDE_NOT_FOUND')
    for (const each of [file, other, named]) each.close()
  })

  it('replaces a file that its caller has open and shown; where that fails, both are as they were', () => {
    const { platform, path, file } = start()
    file.store(new Uint8Array(8192).fill(7), 0)
    const region = file.reserve(8192)
    region.point(0, 8192)
    const words = file.sharedWords(4096, 1)
    words.store(0, 5)
    expect(file.tryLock(3, 'exclusive')).toBe(true)
    expect(codeOf(() => platform.rename(`${path}-absent`, path, file))).toBe('ERR_STRIDE_NOT_FOUND')
    expect([new Uint8Array(region.buffer)[8191], words.load(0), file.size()]).toEqual([7, 5, 8192])
    const beside = platform.open(path, { access: 'readwrite' })
    expect(beside.tryLock(3, 'shared')).toBe(false)
    beside.close()
    file.store(Uint8Array.of(9), 0)
    expect(new Uint8Array(region.buffer)[0]).toBe(region.live ? 9 : 7)
    const other = platform.open(`${path}-new`, CREATE)
    other.store(Uint8Array.of(8), 0)
    const identity = other.identity()
    other.close()
    platform.rename(`${path}-new`, path, file)
    expect(platform.exists(`${path}-new`)).toBe(false)
    file.close()
    const named = platform.open(path, { access: 'read' })
    expect([named.identity(), bytesOf(named, 0, 9)]).toEqual([identity, [8]])
    named.close()
  })

  it('syncs, both ways, many at once, and also when closed meanwhile', async () => {
    const { file } = start()
    file.store(new Uint8Array(5000), 0)
    file.sync()
    const many = Array.from({ length: 8 }, (_, i) => {
      file.store(Uint8Array.of(i), i)
      return file.syncAsync()
    })
    file.sync()
    await Promise.all(many)
    const last = file.syncAsync()
    file.close()
    await last
  })

  it('excludes others by the byte: exclusive alone, shared together', () => {
    const { platform, path, file } = start()
    const other = platform.open(path, { access: 'readwrite' })
    expect(file.tryLock(0, 'exclusive')).toBe(true)
    expect(other.tryLock(0, 'exclusive')).toBe(false)
    expect(other.tryLock(0, 'shared')).toBe(false)
    expect(other.tryLock(1, 'exclusive')).toBe(true)
    expect(file.tryLock(0, 'shared')).toBe(true)
    expect(other.tryLock(0, 'shared')).toBe(true)
    expect(file.tryLock(0, 'exclusive')).toBe(false)
    other.unlock(0)
    expect(file.tryLock(0, 'exclusive')).toBe(true)
    file.unlock(0)
    expect(other.tryLock(0, 'exclusive')).toBe(true)
    file.close()
    other.close()
  })

  it('says whether another handle holds a byte alone, and takes nothing by asking', () => {
    const { platform, path, file } = start()
    const other = platform.open(path, { access: 'readwrite' })
    const reader = platform.open(path, { access: 'read' })
    const asked = (byte: number): boolean[] => [file, other, reader].map(each => each.isLocked(byte))
    expect(asked(0)).toEqual([false, false, false])
    expect(file.tryLock(0, 'exclusive')).toBe(true)
    expect(asked(0)).toEqual([false, true, true])
    expect(asked(1)).toEqual([false, false, false])
    expect(file.tryLock(0, 'shared')).toBe(true)
    expect(asked(0)).toEqual([false, false, false])
    expect(other.tryLock(0, 'shared')).toBe(true)
    other.unlock(0)
    expect(file.tryLock(0, 'exclusive')).toBe(true)
    file.close()
    expect([other.isLocked(0), other.tryLock(0, 'exclusive')]).toEqual([false, true])
    other.close()
    reader.close()
  })

  it('drops the locks of a handle when it is closed, and only those', () => {
    const { platform, path, file } = start()
    const [a, b, c] = [0, 1, 2].map(() => platform.open(path, { access: 'readwrite' })) as [
      PlatformFile,
      PlatformFile,
      PlatformFile,
    ]
    expect(a.tryLock(7, 'exclusive')).toBe(true)
    b.tryLock(8, 'shared')
    b.close()
    expect(c.tryLock(7, 'shared')).toBe(false)
    a.close()
    expect(c.tryLock(7, 'exclusive')).toBe(true)
    c.close()
    file.close()
  })

  it('shares words between handles, and with what is stored and read', () => {
    const { platform, path, file } = start()
    file.store(new Uint8Array(12_288), 0)
    const ours = file.sharedWords(8192, 4)
    const reader = platform.open(path, { access: 'read' })
    const theirs = reader.sharedWords(8192, 4)
    ours.store(1, 123_456_789)
    ours.store(2, -5)
    expect(theirs.load(1)).toBe(123_456_789)
    expect(theirs.load(2)).toBe(-5)
    expect(bytesOf(file, 8200, 4)).toEqual([251, 255, 255, 255])
    file.store(Uint8Array.of(1, 0, 0, 0), 8192)
    expect(theirs.load(0)).toBe(1)
    const mapped = theirs.mapped()
    if (mapped !== undefined) {
      ours.store(3, 77)
      expect([...mapped]).toEqual([1, 123_456_789, -5, 77])
    }
    ours.close()
    expect(codeOf(() => ours.load(0))).toBe('ERR_STRIDE_CLOSED')
    expect(codeOf(() => ours.mapped())).toBe('ERR_STRIDE_CLOSED')
    expect(theirs.load(1)).toBe(123_456_789)
    reader.close()
    file.close()
    expect(codeOf(() => theirs.load(0))).toBe('ERR_STRIDE_CLOSED')
  })

  it('has no words past the end of the file', () => {
    const { file } = start()
    file.resize(4096)
    expect(codeOf(() => file.sharedWords(4096, 1).load(0))).toBe('ERR_STRIDE_TRUNCATED')
    file.close()
  })

  it('points a region at one part of the file after another', () => {
    const { file, unit } = start()
    for (let part = 0; part < 32; part++) file.store(new Uint8Array(unit).fill(part), part * unit)
    const region = file.reserve(16 * unit)
    const { buffer } = region
    for (const part of [0, 16, 3, 3, 31, 8]) {
      const length = Math.min(16, 32 - part) * unit - 100
      region.point(part * unit, length)
      const bytes = new Uint8Array(region.buffer, 0, length)
      expect(bytes[0]).toBe(part)
      expect(bytes[length - 1]).toBe(part + Math.ceil(length / unit) - 1)
      expect(region.buffer).toBe(buffer)
      region.populate(0, length)
      expect(region.residentPages(0, length)).toBe(Math.ceil(length / 4096))
    }
    region.release()
    region.release()
    file.close()
  })

  it('keeps what a region shows when it grows in place', () => {
    const { file } = start()
    file.store(new Uint8Array(3 * 4096).fill(1), 0)
    const region = file.reserve(16 * 4096)
    region.point(0, 100)
    region.point(0, 2 * 4096 + 50)
    file.store(Uint8Array.of(5), 2 * 4096 + 60)
    region.point(0, 2 * 4096 + 80)
    const bytes = new Uint8Array(region.buffer)
    expect([bytes[0], bytes[4096], bytes[2 * 4096 + 49], bytes[2 * 4096 + 60]]).toEqual([1, 1, 1, 5])
    file.close()
  })

  it('shows later stores in a live region, and a copy as it was read', () => {
    const { platform, path, file, unit } = start()
    file.store(new Uint8Array(unit + 4096), 0)
    const reader = platform.open(path, { access: 'read' })
    const region = reader.reserve(8192)
    region.point(unit, 4096)
    file.store(Uint8Array.of(1, 2, 3), unit - 1)
    const bytes = new Uint8Array(region.buffer)
    expect([bytes[0], bytes[1], bytes[2]]).toEqual(region.live ? [2, 3, 0] : [0, 0, 0])
    reader.close()
    file.close()
  })

  it('populates, advises and clears without changing what is shown', async () => {
    const { file } = start()
    file.store(new Uint8Array(40_000).fill(3), 0)
    const region = file.reserve(40_000)
    region.point(0, 40_000)
    for (const advice of ['random', 'sequential', 'normal'] as const) region.advise(0, 40_000, advice)
    region.populate(0, 40_000)
    await region.populateAsync(5000, 30_000)
    expect(new Uint8Array(region.buffer, 0, 40_000).every(byte => byte === 3)).toBe(true)
    region.clear()
    region.point(0, 40_000)
    expect(new Uint8Array(region.buffer)[39_999]).toBe(3)
    file.readAhead(0, 40_000)
    file.close()
  })

  it('throws ERR_STRIDE_TRUNCATED where pages are gone, not a signal', () => {
    const { file } = start()
    file.store(new Uint8Array(8 * 4096).fill(3), 0)
    const region = file.reserve(8 * 4096)
    if (region.live) {
      region.point(0, 8 * 4096)
      file.resize(4096)
      expect(codeOf(() => region.populate(0, 8 * 4096))).toBe('ERR_STRIDE_TRUNCATED')
      region.populate(0, 4096)
    } else {
      file.resize(4096)
      expect(codeOf(() => region.point(0, 8 * 4096))).toBe('ERR_STRIDE_TRUNCATED')
      region.point(0, 4096)
    }
    expect(new Uint8Array(region.buffer)[4095]).toBe(3)
    file.close()
  })

  it('throws ERR_STRIDE_CLOSED from every method after close', () => {
    const { file } = start()
    file.resize(4096)
    const region = file.reserve(4096)
    file.close()
    file.close()
    const one = new Uint8Array(1)
    const uses: (() => unknown)[] = [
      () => file.size(),
      () => file.identity(),
      () => file.resize(1),
      () => file.allocate(0, 1),
      () => file.read(one, 0),
      () => file.store(one, 0),
      () => file.sync(),
      () => file.syncAsync(),
      () => file.tryLock(0, 'shared'),
      () => file.unlock(0),
      () => file.isLocked(0),
      () => file.sharedWords(0, 1),
      () => file.reserve(1),
      () => file.readAhead(0, 1),
      () => region.point(0, 4096),
    ]
    for (const use of uses) expect(codeOf(use), String(use)).toBe('ERR_STRIDE_CLOSED')
  })
})
