/**
 * Runs the property tests of the whole package for longer, from another seed.
 */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Violation } from './violation.ts'

const TOP = fileURLToPath(new URL('../../', import.meta.url))
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))

/** How many runs each of these takes in about a minute: those that they make by themselves, ten times. */
const RUNS: Readonly<Record<string, number>> = {
  'test/engine/store-model.test.ts': 250,
  'test/engine/held-model.test.ts': 400,
  'test/engine/in-place.test.ts': 200,
  'test/engine/index/key-agreement.test.ts': 50,
  'test/engine/index/key-codec.test.ts': 3000,
  'test/engine/index/index-model.test.ts': 400,
  'test/engine/index/store-index.test.ts': 400,
  'test/engine/index/padded-text.test.ts': 600,
  'test/mmap/windows.test.ts': 250,
  'test/schema/codecs.test.ts': 3000,
  'test/schema/hostile.test.ts': 4000,
}

/** @returns how many tests passed @throws Violation with the end of what they said, and how to repeat it */
export async function runPropertyTests(seed: number): Promise<number> {
  let passed = 0
  for (const [file, runs] of Object.entries(RUNS)) {
    const env = { ...process.env, STRIDEDB_SEED: String(seed), STRIDEDB_RUNS: String(runs) }
    const args = [VITEST, 'run', file, '--maxWorkers=1', '--testTimeout=0', '--reporter=json']
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: TOP,
      env,
      maxBuffer: 2 ** 30,
    }).catch((error: { readonly stdout: string }) => error)
    const answer = JSON.parse(stdout.slice(stdout.indexOf('{'))) as VitestAnswer
    const messages = answer.testResults.flatMap(each => [
      each.message,
      ...each.assertionResults.flatMap(({ failureMessages }) => failureMessages),
    ])
    if (!answer.success) {
      const repeat = `STRIDEDB_SEED=${seed} STRIDEDB_RUNS=${runs} npx vitest run ${file}`
      throw new Violation(`${repeat}: ${messages.join('\n')}`)
    }
    passed += answer.numPassedTests
  }
  return passed
}

interface VitestAnswer {
  readonly success: boolean
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly failureMessages: readonly string[] }[]
  }[]
}
