/**
 * The mapping example: views that do not show the same bytes, a copy that reaches the file, a view that outlives unmap.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('shows views, residency, flush and copies', async () => {
  const lines = await runExample('mmap-alone.ts')
  expect(lines).toEqual([
    expect.stringMatching(/^67108864 bytes, 0 of \d+ pages in memory$/),
    expect.stringMatching(/^one page touched: [1-9]\d* in memory$/),
    'the overlapping view sees 0xcafe',
    'flushed; a plain read sees 0xcafe',
    'the copy has 0xbeef, the file 0xcafe',
    'after unmap: ERR_STRIDE_CLOSED',
  ])
})
