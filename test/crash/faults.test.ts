/**
 * What could go wrong when a call of the system fails: a commit is acknowledged and not there, a refused one is there in
 * part, something goes on as if nothing had happened, or a file or lock stays held.
 */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFilePlatform } from '../../src/mmap/file/file-platform.ts'
import { systemCalls } from '../../src/mmap/posix/system-calls.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { temporaryFolder } from '../engine/support.ts'
import type { Version } from './expected-store.ts'
import type { Place } from './fault-run.ts'
import { SCENARIOS } from './fault-scenarios.ts'
import { sweep } from './fault-sweep.ts'
import { STORE_NAME, STORE_PATH } from './run-workload.ts'

function placeInMemory(files: ReadonlyMap<string, Uint8Array>, start: Version): Place {
  const platform = createSimulatedPlatform({ files })
  return { platform, path: STORE_PATH, start, names: () => [...platform.files().keys()] }
}

function placeOnDisk(files: ReadonlyMap<string, Uint8Array>, start: Version): Place {
  const folder = join(temporaryFolder(), 'store')
  mkdirSync(folder)
  for (const [path, bytes] of files) writeFileSync(join(folder, basename(path)), bytes)
  const platform = createFilePlatform(systemCalls().calls)
  return { platform, path: join(folder, STORE_NAME), start, names: () => readdirSync(folder) }
}

describe('in memory, whichever call fails', () => {
  test.each(SCENARIOS)('$name tells no lie', async scenario => {
    const tally = await sweep(scenario, placeInMemory, ['EIO', 'ENOSPC', 'ENOMEM', 'EINTR', 'short'])
    expect(tally.runs).toBeGreaterThan(2)
  })
})

describe('on disk, whichever call fails', () => {
  test.each(SCENARIOS)('$name tells no lie', async scenario => {
    const tally = await sweep(scenario, placeOnDisk, ['EIO', 'short'])
    expect(tally.runs).toBeGreaterThan(2)
  })
})
