/**
 * What could go wrong with the harness: it looks at many crashes and would not notice a store that does not survive them.
 * Each mutation breaks the engine in one way; the harness must say so, and must not say so of the engine as it is.
 * Rules of docs/durability.md: D1, D2, D3.
 */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { bundle, type Mutation, removeBundles } from './bundle.ts'
import { type KnownBad, MUTATIONS } from './mutations.ts'
import { runSeed } from './random.ts'
import type { SearchAnswer } from './search-child.ts'

const run = promisify(execFile)
const seed = runSeed()
afterAll(removeBundles)

async function search(
  mutations: readonly Mutation[],
  images: number,
  { workload, failingSyncs = false }: Pick<KnownBad, 'workload' | 'failingSyncs'> = {},
): Promise<SearchAnswer> {
  const path = await bundle('search-child.ts', mutations)
  const syncs = failingSyncs ? 'failing' : 'sound'
  const only = workload === undefined ? [] : [JSON.stringify(workload)]
  const { stdout } = await run(process.execPath, [path, String(seed), String(images), syncs, ...only])
  return JSON.parse(stdout) as SearchAnswer
}

describe('the harness', () => {
  test('finds nothing wrong with the engine as it is', async () => {
    expect(await search([], 1000)).toEqual({ images: 1000 })
  })

  test.each(MUTATIONS)('notices when $name', async mutation => {
    expect(await search([mutation], 20_000, mutation), `seed ${seed}`).toEqual({
      violation: expect.any(String),
    })
  })

  test.each(MUTATIONS.filter(({ workload }) => workload !== undefined))(
    'finds nothing wrong with the engine as it is in the workload made for: $name',
    async mutation => {
      expect(await search([], 300, mutation)).toEqual({ images: 300 })
    },
  )

  test('refuses a mutation whose text is not there, or is there twice', async () => {
    const [mutation] = MUTATIONS as [Mutation]
    await expect(bundle('search-child.ts', [{ ...mutation, find: 'no such text' }])).rejects.toThrow('0 times')
    await expect(bundle('search-child.ts', [{ ...mutation, find: 'const' }])).rejects.toThrow('not once')
    await expect(bundle('search-child.ts', [{ ...mutation, file: 'src/cli/main.ts' }])).rejects.toThrow(
      'not part',
    )
  })
})
