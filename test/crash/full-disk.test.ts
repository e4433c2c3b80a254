/**
 * What could go wrong when the disk is full in earnest: SIGBUS on a mapped page, a commit that is lost although it was
 * acknowledged, a store that is no use any more once there is room again.
 *
 * Each scenario of the fault sweep, on a tmpfs with so many bytes left; then there is room again, and runWithFault's
 * promises (fault-run.ts, Y1 to Y4) must hold.
 * Rules of docs/concurrency.md: S6.
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createFilePlatform } from '../../src/mmap/node-fs/file-platform.ts'
import { type ThisSystem, thisSystem } from '../../src/mmap/this-system.ts'
import { runWithFault } from './fault-run.ts'
import { SCENARIOS } from './fault-scenarios.ts'
import { beginningOf } from './fault-sweep.ts'
import { mountTmpfs, unmountUnder, whyNoMounts } from './mounts.ts'
import { STORE_NAME } from './run-workload.ts'

const why = whyNoMounts('tmpfs')
const MIB = 1024 * 1024
const DISK_BYTES = 8 * MIB
/** Bytes that are left: none, less and more than a journal, and than growth. */
const LEFT_BYTES = [0, 16_384, 65_536, 139_264, 1_200_000]
const PLATFORMS = {
  mapped: (system: ThisSystem) => system.createPlatform(),
  file: (system: ThisSystem) => createFilePlatform(system.fileHelp),
}

/** Fills the disk but for some bytes. @returns what empties it again */
function fill(folder: string, leftBytes: number): () => void {
  const path = join(folder, 'filler')
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(path, new Uint8Array(Math.max(0, bavail * bsize - leftBytes)))
  return () => truncateSync(path)
}

if (why !== undefined) {
  test.skip(`SKIPPED, a full tmpfs: ${why}`, () => undefined)
} else {
  const disk = mkdtempSync(join(tmpdir(), 'stridedb-full-'))
  mountTmpfs(disk, DISK_BYTES)
  afterAll(() => {
    unmountUnder(disk)
    rmSync(disk, { recursive: true, force: true })
  })
  describe.each(['mapped', 'file'] as const)('a full disk under the %s backend', backend => {
    const refused: string[] = []
    afterAll(() => expect(refused.length).toBeGreaterThan(SCENARIOS.length / 2))
    test.each(SCENARIOS)('$name tells no lie, and goes on once there is room', async scenario => {
      const codes = new Set<string>()
      for (const leftBytes of LEFT_BYTES) {
        const { files, version } = await beginningOf(scenario)
        const folder = join(disk, 'store')
        mkdirSync(folder)
        for (const [path, bytes] of files) writeFileSync(join(folder, basename(path)), bytes)
        const place = {
          platform: PLATFORMS[backend](thisSystem().system as ThisSystem),
          path: join(folder, STORE_NAME),
          start: version,
          names: () => readdirSync(folder),
        }
        try {
          const run = await runWithFault(
            {
              ...scenario,
              async act(subject) {
                const empty = fill(disk, leftBytes)
                try {
                  await scenario.act(subject)
                } finally {
                  empty()
                }
              },
            },
            place,
          )
          for (const code of run.codes) codes.add(code)
        } catch (error) {
          throw new Error(`with ${leftBytes} bytes left: ${error instanceof Error ? error.message : error}`)
        } finally {
          rmSync(folder, { recursive: true })
        }
      }
      if (codes.has('ERR_STRIDE_NO_SPACE')) refused.push(scenario.name)
      expect(
        [...codes].filter(code => code !== 'ERR_STRIDE_NO_SPACE' && code !== 'ERR_STRIDE_POISONED'),
      ).toEqual([])
    })
  })
}
