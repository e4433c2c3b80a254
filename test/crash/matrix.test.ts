/**
 * What could go wrong: two things that a store does are right each by itself, and wrong beside each other. A change is lost or
 * comes twice, an index disagrees, a reader sees a half of something, a call is refused that need not be, or two wait for ever.
 * Rules: MX1 to MX3 of matrix.ts.
 */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { isWindows, temporaryFolder } from '../engine/support.ts'
import { bundle, type Mutation, removeBundles } from './bundle.ts'
import { matrixInProcess, matrixOfPeers } from './matrix.ts'
import { type Peer, startProcess, startThread } from './matrix-peer.ts'
import { OPERATION_NAMES, type OperationName } from './operations.ts'
import { runSeed } from './random.ts'

const run = promisify(execFile)
const seed = runSeed()
afterAll(removeBundles)
const COUNT = OPERATION_NAMES.length
const optionsAt = (name: string) => ({
  path: join(temporaryFolder(), name),
  seed,
  times: 1,
  verifyEvery: COUNT,
})
// An open file is not replaced there: compact and migrateStore are refused.
describe.skipIf(isWindows)('every operation beside every other', () => {
  test('in one process', async () => {
    const { pairs, changes } = await matrixInProcess(optionsAt('alone.stride'))
    expect(pairs).toBe(COUNT ** 2)
    expect(changes).toBeGreaterThan(pairs / 4)
  })

  test.each<[string, (bundle: string) => Peer]>([
    ['two processes', startProcess],
    ['two worker threads', startThread],
  ])('in %s', async (_, start) => {
    const child = await bundle('matrix-child.ts')
    const { pairs, changes } = await matrixOfPeers(optionsAt('shared.stride'), [start(child), start(child)])
    expect(pairs).toBe((COUNT * (COUNT + 1)) / 2)
    expect(changes).toBeGreaterThan(pairs / 4)
  })
})

const UNGUARDED: Mutation = {
  name: 'changes are taken during compact',
  file: 'src/engine/maintenance/exclusive-work.ts',
  find: `if (this.#running?.blocksWrites === true) throw this.#busy('Changes', this.#running)`,
  replace: '',
}
const FORGETFUL: Mutation = {
  name: 'a snapshot reads what later commits stored',
  file: 'src/engine/staging/snapshot-view.ts',
  find: `return this.#replacedCount + this.#staging.sealedCount`,
  replace: `return 0`,
}
const TWO_WRITERS: readonly Mutation[] = [
  {
    name: 'the lock of the writer is not taken',
    file: 'src/engine/sharing/locks.ts',
    find: `if (options.writer) wait(file, WRITER_BYTE`,
    replace: `if (options.writer && options.timeoutMs > 0) wait(file, WRITER_BYTE`,
  },
  {
    name: 'the file is not locked',
    file: 'src/engine/opening/store-file.ts',
    find: `    if (writer) lockFile(file)\n`,
    replace: ``,
  },
]

describe.skipIf(isWindows)('the matrix', () => {
  const answerOf = async (mutations: readonly Mutation[], operations: readonly OperationName[]) => {
    const program = await bundle('matrix-run.ts', mutations)
    const path = join(temporaryFolder(), 'canary.stride')
    const args = [program, path, String(seed), '2', JSON.stringify(operations)]
    const { stdout } = await run(process.execPath, args)
    return JSON.parse(stdout) as { violation?: string }
  }

  test.each<[string, readonly Mutation[], readonly OperationName[]]>([
    [UNGUARDED.name, [UNGUARDED], ['compact', 'commit', 'commitSync']],
    [FORGETFUL.name, [FORGETFUL], ['snapshot', 'commit', 'commitSync']],
    ['two writers are let in', TWO_WRITERS, ['a second writer', 'commit']],
  ])('notices when %s, and nothing without that', async (_, mutations, operations) => {
    expect(await answerOf([], operations)).not.toHaveProperty('violation')
    expect(await answerOf(mutations, operations)).toHaveProperty('violation', expect.stringContaining('beside'))
  })
})
