/**
 * What could go wrong when a call of the system fails: a commit is acknowledged and not there, a refused one is there in
 * part, something goes on as if nothing had happened, or a file or lock stays held.
 * Rules of docs/durability.md: D4, D5, D9.
 */

import { accessSync, constants, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createFilePlatform } from '../../src/mmap/node-fs/file-platform.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { thisSystem } from '../../src/mmap/this-system.ts'
import { removeFolder } from '../remove-folder.ts'
import type { Version } from './expected-store.ts'
import type { Fault } from './failing-platform.ts'
import type { Place } from './fault-run.ts'
import { SCENARIOS, type Scenario } from './fault-scenarios.ts'
import { sweep } from './fault-sweep.ts'
import { STORE_NAME, STORE_PATH } from './run-workload.ts'

function placeInMemory(files: ReadonlyMap<string, Uint8Array>, start: Version): Place {
  const platform = createSimulatedPlatform({ files })
  return { platform, path: STORE_PATH, start, names: () => [...platform.files().keys()] }
}

/** In memory where there is such a folder: thousands of syncs ask nothing of the medium here. */
function quickFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

const disk = mkdtempSync(join(quickFolder(), 'stridedb-faults-'))
afterAll(() => removeFolder(disk))
let lastFolder: string | undefined

function placeOnDisk(files: ReadonlyMap<string, Uint8Array>, start: Version): Place {
  if (lastFolder !== undefined) removeFolder(lastFolder)
  const folder = mkdtempSync(join(disk, 'store-'))
  lastFolder = folder
  for (const [path, bytes] of files) writeFileSync(join(folder, basename(path)), bytes)
  const platform = createFilePlatform(thisSystem().system?.fileHelp)
  return { platform, path: join(folder, STORE_NAME), start, names: () => readdirSync(folder) }
}

/** A large batch takes long to make, and its calls differ by nothing but their number. */
const faultsFor = ({ shape }: Scenario): readonly Fault[] =>
  shape === 'wide' ? ['EIO', 'ENOSPC', 'short'] : ['EIO', 'ENOSPC', 'ENOMEM', 'EINTR', 'short']

describe('in memory, whichever call fails', () => {
  test.each(SCENARIOS)('$name tells no lie', async scenario => {
    const tally = await sweep(scenario, placeInMemory, faultsFor(scenario))
    expect(tally.runs).toBeGreaterThan(2)
  })
})

describe('on the file backend, whichever call fails', () => {
  test.each(SCENARIOS)('$name tells no lie', async scenario => {
    const tally = await sweep(scenario, placeOnDisk, scenario.shape === 'wide' ? ['EIO'] : ['EIO', 'short'])
    expect(tally.runs).toBeGreaterThan(2)
  })
})
