/**
 * Making a file cold, and proving it: posix_fadvise(2) and mincore(2), which neither Node nor the library offers.
 *
 *   K1  nothing counts as cold unless mincore says that no page of the range is in memory.
 *   K2  a page that some process maps is not evicted: stores over the file are closed, or have touched nothing.
 * The disk of a virtual machine may still have a cache of its own behind it.
 */

import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { NotMeasurable } from './measure.ts'

interface Calls {
  readonly fadvise: (fd: number, offset: number, length: number, advice: number) => number
  readonly mmap: (
    at: null,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint
  readonly munmap: (address: bigint, length: number) => number
  readonly mincore: (address: bigint, length: number, pages: Uint8Array) => number
}

const POSIX_FADV_DONTNEED = 4
const PROT_READ = 1
const MAP_SHARED = 1
const PAGE_BYTES = 4096

let loaded: Calls | undefined

/** @throws NotMeasurable where the system does not offer the calls */
function calls(): Calls {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux') throw new NotMeasurable(`nothing is proved cold on ${process.platform} yet`)
  try {
    const koffi = createRequire(import.meta.url)('koffi')
    const libc = koffi.load(null)
    loaded = {
      fadvise: libc.func('posix_fadvise', 'int', ['int', 'int64', 'int64', 'int']),
      mmap: libc.func('mmap', 'uint64', ['void *', 'size_t', 'int', 'int', 'int', 'int64']),
      munmap: libc.func('munmap', 'int', ['uint64', 'size_t']),
      mincore: libc.func('mincore', 'int', ['uint64', 'size_t', koffi.out(koffi.pointer('uint8_t'))]),
    }
    return loaded
  } catch (error) {
    throw new NotMeasurable(
      `koffi does not load here: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/**
 * Writes the file out and drops its pages from memory, from byte `from` to the end.
 * @throws NotMeasurable when mincore finds a page of that range in memory afterwards
 */
export function makeCold(path: string, from = 0): void {
  const { fadvise } = calls()
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
    const failure = fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)
    if (failure !== 0) throw new NotMeasurable(`posix_fadvise answers ${failure}`)
    const resident = residentPages(fd, fstatSync(fd).size, from)
    if (resident > 0) throw new NotMeasurable(`${resident} pages of ${path} stay in memory, so it is not cold`)
  } finally {
    closeSync(fd)
  }
}

/** How many pages of the file, from byte `from` on, are in memory. */
function residentPages(fd: number, size: number, from: number): number {
  const { mmap, munmap, mincore } = calls()
  const start = Math.ceil(from / PAGE_BYTES) * PAGE_BYTES
  const length = size - start
  const address = BigInt(mmap(null, length, PROT_READ, MAP_SHARED, fd, start))
  if (address >= 2n ** 63n) throw new NotMeasurable('mmap fails, so nothing can be asked of mincore')
  try {
    const pages = new Uint8Array(Math.ceil(length / PAGE_BYTES))
    if (mincore(address, length, pages) !== 0) throw new NotMeasurable('mincore fails')
    return pages.reduce((sum, page) => sum + (page & 1), 0)
  } finally {
    munmap(address, length)
  }
}
