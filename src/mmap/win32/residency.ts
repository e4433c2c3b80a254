/**
 * How many pages of a range are in memory on Windows? By QueryWorkingSetEx.
 *
 * Windows counts the pages in the working set of this process: touched, or locked. Pages that are only in the system's cache are not
 * counted.
 */

import type { Win32Calls } from './win32-calls.ts'
import { win32Error } from './win32-errors.ts'

const PAGES_AT_ONCE = 4096
let pairs: BigInt64Array | undefined

/** @param start @param bytes whole pages */
export function countResident(calls: Win32Calls, path: string, start: number, bytes: number): number {
  pairs ??= new BigInt64Array(PAGES_AT_ONCE * 2)
  let resident = 0
  for (let done = 0; done < bytes; done += PAGES_AT_ONCE * calls.pageBytes) {
    const count = Math.min(PAGES_AT_ONCE, (bytes - done) / calls.pageBytes)
    for (let i = 0; i < count; i++) {
      pairs[i * 2] = BigInt(start + done + i * calls.pageBytes)
      pairs[i * 2 + 1] = 0n
    }
    const result = calls.queryWorkingSet(new Uint8Array(pairs.buffer, 0, count * 16))
    if (result < 0) throw win32Error('K32QueryWorkingSetEx', -result, path)
    // PSAPI_WORKING_SET_EX_BLOCK: the lowest bit is set if the page is in memory.
    for (let i = 0; i < count; i++) resident += Number((pairs[i * 2 + 1] as bigint) & 1n)
  }
  return resident
}
