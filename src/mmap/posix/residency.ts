/**
 * How many pages of a mapped range are in memory? By mincore(2).
 *
 * Linux counts pages in the system's cache, whichever process read them. For a file that the process may not write it says that all
 * pages are resident (since 5.2).
 */

import { errnoError } from '../system-errors.ts'
import type { SystemCalls } from './system-calls.ts'

const PAGES_AT_ONCE = 16 * 1024
let pages: Uint8Array | undefined

/** @param start @param bytes whole pages */
export function countResident(calls: SystemCalls, path: string, start: number, bytes: number): number {
  pages ??= new Uint8Array(PAGES_AT_ONCE)
  const step = PAGES_AT_ONCE * calls.pageBytes
  let resident = 0
  for (let done = 0; done < bytes; done += step) {
    const length = Math.min(step, bytes - done)
    const result = calls.mincore(start + done, length, pages)
    if (result < 0) throw errnoError('mincore', -result, path)
    const count = length / calls.pageBytes
    for (let i = 0; i < count; i++) resident += (pages[i] as number) & 1
  }
  return resident
}
