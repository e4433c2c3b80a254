/**
 * What could go wrong: a small operation leaves a descriptor, a mapping or some bytes behind, which nobody notices before a
 * process has run for a week. Rules: LE1 and LE2 of leaks.ts.
 */

import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../engine/support.ts'
import { bundle, type Mutation, removeBundles } from './bundle.ts'
import { findLeaks, leakObstacle } from './leaks.ts'
import { runSeed } from './random.ts'

const seed = runSeed()
afterAll(removeBundles)
if (leakObstacle !== undefined) console.warn(`SKIPPED: ${leakObstacle}`)
/** Each read of the file backend is a call of the system. */
const OPERATIONS = { mapped: 200_000, file: 40_000, memory: 100_000 } as const

const KEPT_OPEN: Mutation = {
  name: 'a reader that closes keeps its file open',
  file: 'src/engine/opening/reader-session.ts',
  find: `    this.file.file.close()`,
  replace: '',
}

describe.skipIf(leakObstacle !== undefined)('small operations', () => {
  const optionsFor = (child: string, backend: keyof typeof OPERATIONS, operations: number) => ({
    path: join(temporaryFolder(), 'small.stride'),
    backend,
    seed,
    operations,
    child,
  })

  test.each(['mapped', 'file', 'memory'] as const)('leave nothing behind, %s', async backend => {
    const operations = OPERATIONS[backend]
    const { late } = await findLeaks(optionsFor(await bundle('leak-child.ts'), backend, operations))
    expect(late.operations).toBe(operations)
  })

  test('are seen to leave something, where they do', async () => {
    const child = await bundle('leak-child.ts', [KEPT_OPEN])
    await expect(findLeaks(optionsFor(child, 'mapped', 20_000))).rejects.toThrow(/descriptors from \d+ to \d+/)
  })
})
