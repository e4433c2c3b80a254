/**
 * Do queries find what a naive filter and sort over `get` finds? What could go wrong: generated code, the interpreted twin, an index, the
 * order of an index, a heap, staged changes or a snapshot that answers otherwise.
 */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
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

test('the order of an index is used only where it is that of the query', () => {
  const Entry = z.object({
    code: z.literal(['b', null, 'a']),
    inner: z.object({ x: z.uint32().optional() }).nullable(),
  })
  const indexes = {
    byCode: { on: 'code', kind: 'ordered' },
    byX: { on: 'inner.x', kind: 'ordered' },
  } as const
  const store = openStore(join(temporaryFolder(), 'a.stride'), Entry, { indexes })
  // In the index null lies between b and a, and undefined before null; in a query null is first, and equal to undefined.
  for (let n = 0; n < 300; n++) {
    const [code, inner] =
      n < 293 ? (['b', null] as const) : n < 298 ? ([null, {}] as const) : (['a', {}] as const)
    store.append({ code, inner })
  }
  expect(store.query({ orderBy: { code: 'desc' }, limit: 3 }).numbers()).toEqual(Float64Array.of(298, 299, 0))
  expect(store.query({ orderBy: { 'inner.x': 'asc' }, limit: 3 }).numbers()).toEqual(Float64Array.of(0, 1, 2))
  store.close()
})
