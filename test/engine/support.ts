/**
 * What engine tests share: folders that go away, the record of the design, and values derived from a number.
 */

import { mkdtempSync, readdirSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ascii, type StoreOptions, StrideError, u8, utf8 } from 'stridedb'
import { afterEach } from 'vitest'
import { z } from 'zod'
import { removeFolder } from '../remove-folder.ts'

export const isWindows = process.platform === 'win32'

export const Trade = z.object({
  id: z.uint32(),
  time: z.float64(),
  price: z.float64(),
  qty: z.uint32(),
  flags: u8(),
  symbol: ascii(8),
  name: utf8(32),
  note: utf8(60),
})
export type TradeRecord = z.output<typeof Trade>

/** A small record: 9 bytes, so that no two neighbours share an alignment. */
export const Point = z.object({ x: z.float64(), tag: u8() })

/** The trade that belongs to a number. */
export function trade(i: number): TradeRecord {
  return {
    id: i % 2 ** 32,
    time: 1.7e12 + i,
    price: (i % 1000) / 8,
    qty: (i * 7) % 100_000,
    flags: i % 256,
    symbol: `S${i % 997}`,
    name: `Name ${i} \u00e9`,
    note: i % 3 === 0 ? '' : `note of trade ${i}`,
  }
}

/** The backends that a store must behave the same on, with windows small enough to slide. */
export const BACKENDS: readonly { readonly name: string; readonly options: StoreOptions }[] = [
  { name: 'mapped', options: { backend: 'mapped', windowBytes: 65_536, maxMappedBytes: 3 * 70_000 } },
  { name: 'file', options: { backend: 'file' } },
]

/** On Linux: the files of a store, also unlinked ones, of which this process has a descriptor. */
export function descriptorsOf(path: string): string[] {
  const targets: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      targets.push(readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      // The descriptor that listed the folder is closed by now.
    }
  }
  return targets.filter(target => target.startsWith(path))
}

const folders: string[] = []

/** A new folder, removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-test-'))
  folders.push(folder)
  return folder
}

afterEach(() => {
  for (const folder of folders.splice(0)) removeFolder(folder)
})

/** The code that a call fails with, or what it throws instead of a StrideError. */
export function codeOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    return error instanceof StrideError ? error.code : String(error)
  }
  return 'nothing was thrown'
}

/** The same for a promise. */
export async function codeOfAsync(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return error instanceof StrideError ? error.code : String(error)
  }
  return 'nothing was thrown'
}
