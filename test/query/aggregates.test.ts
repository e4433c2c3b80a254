/**
 * Are aggregates and histograms what a naive reader makes of the records? What could go wrong: a group whose equal values have other
 * bytes, a null that counts, NaN, a sum that loses its small terms, a value at an edge.
 */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore, utf8 } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { temporaryFolder } from '../engine/support.ts'
import { propertyOptions } from '../property.ts'
import { askAggregates } from './aggregate-walkthrough.ts'

test('aggregates and histograms are those of a naive reader', async () => {
  await expect(askAggregates(temporaryFolder(), propertyOptions(45))).resolves.toBeUndefined()
}, 120_000)

const SCRIPT = `
  import { askAggregates } from 'src/../test/query/aggregate-walkthrough.ts'
  const [folder, numRuns, seed] = process.argv.slice(2)
  await askAggregates(folder, { numRuns: Number(numRuns), seed: Number(seed) })
  console.log('the same')`

test('and so they are where code generation is forbidden', () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const { numRuns, seed } = propertyOptions(24)
  const args = [childScript(SCRIPT), temporaryFolder(), String(numRuns), String(seed)]
  const said = execFileSync(process.execPath, ['--disallow-code-generation-from-strings', ...args], {
    cwd,
    encoding: 'utf8',
  })
  expect(said.trim(), `seed ${seed}`).toBe('the same')
}, 120_000)

test('a sum keeps what rounding would take from it', () => {
  const store = openStore(join(temporaryFolder(), 'a.stride'), z.object({ x: z.float64() }))
  for (const x of [1, 1e100, 1, -1e100]) store.append({ x })
  expect(store.aggregate({ select: { sum: { sum: 'x' }, mean: { avg: 'x' } } })).toEqual({ sum: 2, mean: 0.5 })
  store.close()
})

test('groups differ by a millisecond, and by a text and a number that look alike, also beside a text', () => {
  const Entry = z.object({ at: z.date(), symbol: utf8(4), code: z.literal(['1', 1]) })
  const store = openStore(join(temporaryFolder(), 'a.stride'), Entry)
  for (let i = 0; i < 4; i++) store.append({ at: new Date(i >> 1), symbol: 'a', code: i < 3 ? '1' : 1 })
  const select = { n: { count: true } } as const
  expect(store.aggregate({ groupBy: ['symbol', 'at'], select })).toEqual([
    { symbol: 'a', at: new Date(0), n: 2 },
    { symbol: 'a', at: new Date(1), n: 2 },
  ])
  expect(store.aggregate({ groupBy: ['symbol', 'code'], select })).toEqual([
    { symbol: 'a', code: '1', n: 3 },
    { symbol: 'a', code: 1, n: 1 },
  ])
  store.close()
})
