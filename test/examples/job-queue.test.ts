/**
 * The job queue: a job that is lost with a killed worker, or handled again after its batch was done.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('hands the batch of a killed worker to the next one', async () => {
  const lines = await runExample('job-queue.ts')
  expect(lines).toEqual([
    'first worker: killed',
    'second worker: ended with 0',
    '100 jobs handled, 10 of them twice',
    'the square of 99 is 9801',
  ])
})
