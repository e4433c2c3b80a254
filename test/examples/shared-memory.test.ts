/**
 * The shared memory example: two processes that both believe they were first, or that count past each other.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('lets the first process initialise and the second attach', async () => {
  const lines = await runExample('shared-memory.ts')
  expect(lines).toEqual([
    'first process: created true, 4096 bytes',
    'second process: created false, 4096 bytes, ports 8080, 5432, 6379',
    'both counted to 200000, together',
  ])
})
