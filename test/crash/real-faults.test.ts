/**
 * What could go wrong when the kernel itself refuses: an errno that is lost on its way, a mapped page that cannot be
 * had, a failed sync after which the store goes on as if nothing had happened.
 * Rules of docs/durability.md: D5.
 */

import { afterAll, expect, test } from 'vitest'
import { temporaryFolder } from '../engine/support.ts'
import { bundle, removeBundles } from './bundle.ts'
import { runSeed } from './random.ts'
import { type RealFault, runWithRealFault, whyNoStrace } from './real-faults.ts'

const seed = runSeed()
afterAll(removeBundles)
const why = whyNoStrace()

const at = (call: RealFault['call'], errno: RealFault['errno'], ...numbers: number[]): RealFault[] =>
  numbers.map(number => ({ call, errno, at: number }))

/** By what fails. The mapped backend syncs by fdatasync: an msync that failed would go unseen, and there is none. */
const KINDS: readonly { readonly name: string; readonly faults: readonly RealFault[] }[] = [
  { name: 'a sync', faults: at('fdatasync', 'EIO', 1, 2, 3, 4, 5, 6, 8, 10, 12) },
  { name: 'the sync of a folder', faults: at('fsync', 'EIO', 1, 2) },
  { name: 'a sync for want of room', faults: at('fdatasync', 'ENOSPC', 3, 6) },
  { name: 'an msync', faults: at('msync', 'EIO', 1) },
  { name: 'allocation', faults: [...at('fallocate', 'ENOSPC', 1, 2), ...at('fallocate', 'EIO', 1)] },
  { name: 'a resize', faults: at('ftruncate', 'ENOSPC', 1) },
  { name: 'a mapping', faults: at('mmap', 'ENOMEM', 1, 2, 3) },
  { name: 'a write, with the disk full', faults: at('pwrite64', 'ENOSPC', 1, 3, 5, 8, 13) },
  { name: 'a write', faults: at('pwrite64', 'EIO', 2, 4, 6, 10, 18) },
]

if (why !== undefined) {
  test.skip(`SKIPPED, system calls that fail in earnest: ${why}`, () => undefined)
} else {
  test.each(KINDS)('tells no lie when the kernel refuses $name', async ({ name, faults }) => {
    const folder = temporaryFolder()
    const child = await bundle('real-faults-child.ts')
    const waiting = [...faults]
    let failed = 0
    const broken: string[] = []
    const work = async (): Promise<void> => {
      for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
        try {
          const run = await runWithRealFault(fault, { folder, child, seed })
          failed += run.failed
        } catch (error) {
          broken.push(error instanceof Error ? error.message : String(error))
        }
      }
    }
    await Promise.all([work(), work()])
    expect(broken.join('\n')).toBe('')
    if (name !== 'an msync') expect(failed).toBeGreaterThan(faults.length / 2)
  })
}
