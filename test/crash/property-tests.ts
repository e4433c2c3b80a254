/**
 * Runs the property tests of the whole package for longer, from another seed.
 */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { PROPERTY_FILES } from '../property-files.ts'
import { Violation } from './violation.ts'

const TOP = fileURLToPath(new URL('../../', import.meta.url))
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))

/** @returns how many tests passed @throws Violation with the end of what they said, and how to repeat it */
export async function runPropertyTests(seed: number): Promise<number> {
  let passed = 0
  for (const [file, runs] of Object.entries(PROPERTY_FILES)) {
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
