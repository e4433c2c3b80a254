/**
 * How many more address ranges may this process map? Linux allows 65,530 mappings in a process (vm.max_map_count). At the limit the
 * process dies as soon as the runtime itself needs one.
 *
 *   MC1  ranges are refused (ERR_STRIDE_LIMIT) while three quarters of the limit are in use by any code in the process.
 *   MC2  the system counts the mappings in use, after at most 1,024 ranges of this thread, so that mappings of others are seen.
 */

import { readFileSync } from 'node:fs'
import { StrideError } from '../../errors.ts'

const MAPS_MAX = 65_530
const SHARE = 0.75
const STEP_MAX = 1024

let limit: number | undefined
let taken = 0
let nextCount = STEP_MAX

/** Counts a range that will be mapped. @throws ERR_STRIDE_LIMIT */
export function takeRange(path: string): void {
  if (taken >= nextCount) count(path)
  taken++
}

/** Counts a range that is no longer mapped. */
export function giveRange(): void {
  taken--
}

function count(path: string): void {
  limit ??= Math.floor(limitOfSystem() * SHARE)
  const used = mapsOfProcess() ?? 2 * taken
  if (used >= limit) {
    const message = `This process has ${used} mappings, and the system allows not many more (vm.max_map_count): end some views, or close some stores: ${path}`
    throw new StrideError('ERR_STRIDE_LIMIT', message, { path })
  }
  nextCount = taken + Math.min(STEP_MAX, Math.ceil((limit - used) / 4))
}

function limitOfSystem(): number {
  try {
    return Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8')) || MAPS_MAX
  } catch {
    // macOS has no such limit. Linux without /proc has the default one.
    return process.platform === 'linux' ? MAPS_MAX : Number.POSITIVE_INFINITY
  }
}

/** How many mappings the process has; undefined if the system does not tell. */
function mapsOfProcess(): number | undefined {
  try {
    let lines = 0
    for (const byte of readFileSync('/proc/self/maps')) if (byte === 10) lines++
    return lines
  } catch {
    return undefined
  }
}
