/**
 * Evicting the caches of the processor: memory twice their size is written once, so that no side finds what another has loaded.
 *
 * For passes that cannot be run twice in the same state. Whether files are in memory is another question: cold-cache.ts.
 */

import { readFileSync } from 'node:fs'

const LINE_BYTES = 64
const UNKNOWN_CACHE_BYTES = 64 * 2 ** 20
/** More than this takes longer than what is measured. */
const MOST_BYTES = 2 ** 30

let memory: Uint8Array | undefined

export function evictCpuCaches(): void {
  memory ??= new Uint8Array(Math.min(2 * cacheBytes(), MOST_BYTES))
  for (let i = 0; i < memory.length; i += LINE_BYTES) memory[i] = (memory[i] as number) + 1
}

/** The largest cache of the first processor, as Linux says it. */
function cacheBytes(): number {
  const sizes = [0, 1, 2, 3, 4].map(index => {
    try {
      const text = readFileSync(`/sys/devices/system/cpu/cpu0/cache/index${index}/size`, 'utf8')
      return Number.parseInt(text, 10) * 1024
    } catch {
      return 0
    }
  })
  return Math.max(...sizes) || UNKNOWN_CACHE_BYTES
}
