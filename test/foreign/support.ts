/**
 * What do the tests of foreign formats need? A folder, and the programs that know a format independently of this library.
 *
 * A test whose program is not here is skipped, and its title says so.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
import { removeFolder } from '../remove-folder.ts'

/** A folder that is gone after the tests of the file. */
export function foreignFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-foreign-'))
  afterAll(() => removeFolder(folder))
  return folder
}

/** What a program prints. */
export function run(program: string, args: readonly string[], cwd?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 26,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC0' },
    ...(cwd === undefined ? {} : { cwd }),
  })
}

/** What a Python script prints, as JSON. */
export function python(script: string, ...args: readonly string[]): unknown {
  return JSON.parse(run('python3', ['-c', script, ...args]))
}

/** Programs, and commands that show whether they are here. */
const CHECKS: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  tar: ['tar', ['--version']],
  zip: ['zip', ['-v']],
  python3: ['python3', ['--version']],
  scipy: ['python3', ['-c', 'import scipy.io']],
  git: ['git', ['--version']],
  zdump: ['zdump', ['--version']],
  'fc-scan': ['fc-scan', ['--version']],
  'mkfs.ext4': ['mkfs.ext4', ['-V']],
  debugfs: ['debugfs', ['-V']],
  blkid: ['blkid', ['-V']],
  od: ['od', ['--version']],
}

function isHere(name: string): boolean {
  const [program, args] = CHECKS[name] as readonly [string, readonly string[]]
  try {
    run(program, args)
    return true
  } catch {
    return false
  }
}

/** Tests that need these programs. */
export function describeWith(programs: readonly string[], title: string, tests: () => void): void {
  const missing = programs.filter(name => !isHere(name))
  if (missing.length > 0) console.warn(`skipped, ${missing.join(' and ')} not here: ${title}`)
  describe.skipIf(missing.length > 0)(
    missing.length === 0 ? title : `${title} (skipped: no ${missing.join(', ')})`,
    tests,
  )
}
