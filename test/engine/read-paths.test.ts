/**
 * Do all ways of reading a record show the same? What could go wrong: generated code reads another place, or another moment, than
 * the code it stands for; a row that stands on a window is not told of a change; where code generation is forbidden something else
 * is answered.
 */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StoreOptions } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { childScript } from '../child-scripts.ts'
import { runSeed } from '../crash/random.ts'
import { propertyRuns } from '../property.ts'
import { readEveryWay } from './read-walkthrough.ts'
import { temporaryFolder } from './support.ts'

const BACKENDS: Readonly<Record<string, StoreOptions>> = {
  mapped: { backend: 'mapped', windowBytes: 65_536, maxMappedBytes: 3 * 70_000 },
  'mapped whole': { backend: 'mapped' },
  file: { backend: 'file' },
}
const CHECKS: Readonly<Record<string, StoreOptions>> = {
  'without checksums': {},
  'with checksums': { checksums: true },
  'with verifyReads': { checksums: true, verifyReads: true },
}

describe.each(Object.entries(BACKENDS))('%s', (_, backend) => {
  test.each(Object.entries(CHECKS))('every way of reading shows what was written, %s', async (_, checks) => {
    for (let run = 0; run < propertyRuns(12); run++) {
      const seed = runSeed() + run
      const digest = readEveryWay(join(temporaryFolder(), 'a.stride'), seed, { ...backend, ...checks })
      await expect(digest, `seed ${seed}`).resolves.toMatch(/^[0-9a-f]{64}$/)
    }
  })
})

const SCRIPT = `
  import { readEveryWay } from 'src/../test/engine/read-walkthrough.ts'
  const [path, seed] = process.argv.slice(2)
  console.log(await readEveryWay(path, Number(seed), {}))`

test('and so it does where code generation is forbidden', async () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  for (let run = 0; run < propertyRuns(6); run++) {
    const seed = runSeed() + 1000 + run
    const answers = [[], ['--disallow-code-generation-from-strings']].map(flags => {
      const path = join(temporaryFolder(), 'a.stride')
      const args = [...flags, childScript(SCRIPT), path, String(seed)]
      return execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })
    })
    expect(answers[0], `seed ${seed}`).toBe(answers[1])
  }
})
