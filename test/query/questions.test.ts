/**
 * Do queries find what a naive filter and sort over `get` finds? What could go wrong: generated code, the interpreted twin, an index, the
 * order of an index, a heap, staged changes or a snapshot that answers otherwise.
 */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { childScript } from '../child-scripts.ts'
import { temporaryFolder } from '../engine/support.ts'
import { propertyOptions } from '../property.ts'
import { askQuestions } from './question-walkthrough.ts'

const BACKENDS = [
  { backend: 'memory' },
  { backend: 'memory' },
  { backend: 'mapped', windowBytes: 65_536 },
  { backend: 'file' },
] as const

test('every query finds what a naive filter and sort finds, by every plan', async () => {
  const plans = await askQuestions(temporaryFolder(), propertyOptions(15), BACKENDS)
  expect(plans.scan, 'scans').toBeGreaterThan(0)
  expect(plans.index, 'candidates of an index').toBeGreaterThan(0)
  expect(plans.order, 'walks in the order of an index').toBeGreaterThan(0)
}, 120_000)

const SCRIPT = `
  import { askQuestions } from 'src/../test/query/question-walkthrough.ts'
  const [folder, numRuns, seed] = process.argv.slice(2)
  const options = { numRuns: Number(numRuns), seed: Number(seed) }
  console.log(JSON.stringify(await askQuestions(folder, options, [{ backend: 'memory' }])))`

test('and so it does where code generation is forbidden', () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const { numRuns, seed } = propertyOptions(6)
  const args = [childScript(SCRIPT), temporaryFolder(), String(numRuns), String(seed)]
  const said = execFileSync(process.execPath, ['--disallow-code-generation-from-strings', ...args], {
    cwd,
    encoding: 'utf8',
  })
  expect(JSON.parse(said).scan, `seed ${seed}`).toBeGreaterThan(0)
}, 120_000)
