/**
 * Runs random lives (random-life.ts) in processes, with generated code and where generating code is forbidden.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { LivesAnswer } from './life-child.ts'
import { Violation } from './violation.ts'

export interface LivesOptions {
  readonly folder: string
  readonly seed: number
  /** The first life. */
  readonly from: number
  readonly operations: number
  readonly backend: 'mapped' | 'file' | 'memory'
  readonly isCompiled: boolean
  /** Bundle of life-child.ts. */
  readonly child: string
}

/** @returns how many lives there were @throws Violation with the seed and the life */
export async function runLives(options: LivesOptions): Promise<number> {
  const { folder, seed, from, operations, backend, isCompiled, child } = options
  const flags = isCompiled ? [] : ['--disallow-code-generation-from-strings']
  const args = [...flags, child, folder, String(seed), String(from), String(operations), backend]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const answer = JSON.parse(stdout) as LivesAnswer
  if ('violation' in answer) throw new Violation(answer.violation)
  if (answer.isCompiled !== isCompiled || answer.operations !== operations)
    throw new Error(`asked for other lives than ${stdout}`)
  return answer.lives
}
