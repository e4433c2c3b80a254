/**
 * The example of a configuration in shared memory: it is read twice, or never after its reader was killed, or a request is not counted.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('lets one process read the configuration for all, also when the first one is killed', async () => {
  const lines = await runExample('shared-configuration.ts')
  expect(lines).toEqual([
    'one process was killed while it read the configuration',
    '4 processes use it, 1 of them read it',
    'log levels that they see: debug, debug, debug, debug',
    'db.example:5432, 40000 requests in all',
  ])
})
