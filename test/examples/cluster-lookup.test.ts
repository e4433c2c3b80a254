/**
 * The workers of node:cluster: an answer from before a commit, or a worker that does not end.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('answers from one store in several processes, as of the last commit', async () => {
  const lines = await runExample('cluster-lookup.ts')
  expect(lines).toEqual([
    'A-7: 200 {"code":"A-7","stock":7}',
    'B-7: 404',
    'after the commit: 200 of 200 answers show it',
    'closed',
  ])
})
