/**
 * Runs an example as its reader would: a process of its own, against the built package.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUILT = ['dist/index.js', 'dist/mmap/index.js', 'dist/schema/index.js']

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** @throws an Error that says what to do, where the package is not built */
export function startExample(
  name: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const missing = BUILT.filter(path => !existsSync(`${ROOT}/${path}`))
  if (missing.length > 0) {
    throw new Error(
      `Examples import the built package: run \`npm run build\` first (${missing.join(', ')} is missing)`,
    )
  }
  return spawn(process.execPath, ['--import', 'tsx', `examples/${name}`, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export function ended(child: ChildProcess): Promise<Ended> {
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', exitCode => resolve({ exitCode, ...texts }))
  })
}

/** Runs it to its end, which must be a good one. @returns what it printed, line by line */
export async function runExample(name: string, args: readonly string[] = []): Promise<string[]> {
  const { exitCode, stdout, stderr } = await ended(startExample(name, args))
  if (exitCode !== 0) throw new Error(`examples/${name} ended with ${exitCode}:\n${stdout}\n${stderr}`)
  return stdout.trimEnd().split('\n')
}
