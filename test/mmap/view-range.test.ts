/**
 * What could go wrong on Windows, where a view is taken away before the next one is laid over its addresses: another thread
 * takes them in between, and a buffer shows its memory; a view that cannot be made leaves the old one, or nothing.
 * Rules of docs/concurrency.md: S4. Of src/mmap/win32/view-range.ts: VR1, VR2, VR5.
 */

import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canDetach } from '../../src/mmap/detach.ts'
import type { PlatformFile } from '../../src/mmap/platform.ts'
import { type Win32Calls, win32Calls } from '../../src/mmap/win32/win32-calls.ts'
import { createWin32Platform } from '../../src/mmap/win32/win32-platform.ts'
import { createWindowPool } from '../../src/mmap/window-pool/create-window-pool.ts'
import { isWindows, newFolder, thrownBy } from './places.ts'

const UNIT = 65_536
const PAGE_READONLY = 2

/** A file whose units hold their number, over calls some of which go otherwise. */
function fileOver(changed: (real: Win32Calls) => Partial<Win32Calls>): PlatformFile {
  const real = win32Calls().calls as Win32Calls
  const platform = createWin32Platform({ ...real, ...changed(real) })
  const file = platform.open(join(newFolder(), 'a.bin'), { access: 'readwrite', create: 'always' })
  for (let k = 0; k < 8; k++) file.store(new Uint8Array(UNIT).fill(k + 1), k * UNIT)
  onTestFinished(() => file.close())
  return file
}

/** Takes the addresses just before each of the next `times` views is mapped at them. */
function thief(): { times: number; stolen: number[]; calls(real: Win32Calls): Partial<Win32Calls> } {
  const state = {
    times: 0,
    stolen: [] as number[],
    calls: (real: Win32Calls): Partial<Win32Calls> => ({
      mapView(section, access, offset, length, address) {
        if (address !== 0 && state.times > 0) {
          state.times--
          state.stolen.push(real.allocate(address, UNIT, PAGE_READONLY, true))
        }
        return real.mapView(section, access, offset, length, address)
      },
    }),
  }
  return state
}

describe.runIf(isWindows)('a range whose addresses another thread takes', () => {
  it.each([1, 3])('moves, and shows the file in a new buffer, after %i thefts', times => {
    const thieving = thief()
    const region = fileOver(thieving.calls).reserve(2 * UNIT)
    region.point(0, 2 * UNIT)
    const old = region.buffer
    thieving.times = times
    region.point(2 * UNIT, 2 * UNIT)
    expect(thieving.stolen.filter(address => address > 0)).toHaveLength(times)
    expect(region.buffer).not.toBe(old)
    if (canDetach) expect(old.byteLength).toBe(0)
    const bytes = new Uint8Array(region.buffer)
    expect([bytes[0], bytes[UNIT - 1], bytes[UNIT], bytes[2 * UNIT - 1]]).toEqual([3, 3, 4, 4])
    for (const address of thieving.stolen) win32Calls().calls?.free(address)
  })

  it('does not mislead a pool: its windows show what they say', () => {
    const thieving = thief()
    const file = fileOver(thieving.calls)
    const pool = createWindowPool(file, {
      windowBytes: UNIT,
      mappedBytesMax: UNIT,
      itemBytesMax: 100,
      advice: 'normal',
    })
    pool.setEnd(8 * UNIT)
    for (const [k, times] of [
      [0, 0],
      [3, 1],
      [1, 0],
      [7, 2],
      [2, 0],
    ] as const) {
      thieving.times = times
      const window = pool.acquire(k * UNIT + 50, 10)
      expect(window.view?.getUint8(k * UNIT + 50 - window.start), `window ${k}`).toBe(k + 1)
    }
    pool.close()
  })

  it('gives up in the end, with zeros in its place', () => {
    const thieving = thief()
    const region = fileOver(thieving.calls).reserve(UNIT)
    region.point(0, UNIT)
    thieving.times = 100
    expect(thrownBy(() => region.point(UNIT, UNIT))).toMatchObject({ code: 'ERR_STRIDE_NO_SPACE', errno: 487 })
    expect(new Uint8Array(region.buffer).every(byte => byte === 0)).toBe(true)
    thieving.times = 0
    region.point(UNIT, UNIT)
    expect(new Uint8Array(region.buffer)[0]).toBe(2)
  })
})

describe.runIf(isWindows)('a view that cannot be made', () => {
  it('leaves zeros, says why with the code and its name, and the next one works', () => {
    let code = 0
    const region = fileOver(real => ({
      mapView: (...args) => (code === 0 ? real.mapView(...args) : -code),
    })).reserve(UNIT)
    region.point(0, UNIT)
    const { buffer } = region
    for (const [win32Code, name, ours] of [
      [8, 'ERROR_NOT_ENOUGH_MEMORY (8)', 'ERR_STRIDE_NO_SPACE'],
      [5, 'ERROR_ACCESS_DENIED (5)', 'ERR_STRIDE_PERMISSION'],
      [1450, 'ERROR_NO_SYSTEM_RESOURCES (1450)', 'ERR_STRIDE_NO_SPACE'],
      [4321, 'Win32 error 4321', 'ERR_STRIDE_IO'],
    ] as const) {
      code = win32Code
      const error = thrownBy(() => region.point(UNIT, UNIT))
      expect(error).toMatchObject({ code: ours, syscall: 'MapViewOfFileEx', errno: win32Code, offset: UNIT })
      expect(error.message).toContain(name)
      expect(new Uint8Array(region.buffer).every(byte => byte === 0)).toBe(true)
    }
    code = 0
    region.point(UNIT, UNIT)
    expect(region.buffer).toBe(buffer)
    expect(new Uint8Array(buffer)[0]).toBe(2)
  })

  it('where the system promises no memory for zeros, the addresses stay taken all the same', () => {
    let isPoor = false
    const region = fileOver(real => ({
      allocate: (address, length, protection, isCommitted) =>
        isPoor && isCommitted ? -1455 : real.allocate(address, length, protection, isCommitted),
    })).reserve(4 * UNIT)
    region.point(0, 4 * UNIT)
    isPoor = true
    region.point(UNIT, UNIT)
    expect(new Uint8Array(region.buffer, 0, UNIT).every(byte => byte === 2)).toBe(true)
    region.point(0, 4 * UNIT)
    expect(new Uint8Array(region.buffer)[3 * UNIT]).toBe(4)
  })
})
