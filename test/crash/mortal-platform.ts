/**
 * A simulated disk under a process that can die: from then on nothing that it does reaches the disk, and a store that is closed then
 * has no checkpoint to make.
 */

import { constants } from 'node:os'
import {
  createSimulatedPlatform,
  type SimulatedPlatform,
  type SimulatedPlatformOptions,
} from '../../src/mmap/simulated/simulated-platform.ts'
import { errnoError } from '../../src/mmap/system-errors.ts'

export interface MortalPlatform extends SimulatedPlatform {
  die(): void
}

export function createMortalPlatform(options: SimulatedPlatformOptions): MortalPlatform {
  let isDead = false
  const platform = createSimulatedPlatform({
    ...options,
    observer(event) {
      if (isDead) throw errnoError('write', constants.errno.EIO, 'a disk without its process')
      options.observer?.(event)
    },
  })
  return {
    ...platform,
    die() {
      isDead = true
    },
  }
}

/** Closes a store whose process dies now: what it still holds in this process is released. */
export function discard(store: { close(): void }, platform: Pick<MortalPlatform, 'die'>): void {
  platform.die()
  closeAnyway(store)
}

/** Closes a store as far as that is possible, as a process does after an error. */
export function closeAnyway(store: { close(): void }): void {
  try {
    store.close()
  } catch {
    // The error that matters came first.
  }
}
