/**
 * The bulk example: three ways to the same records that do not agree.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('gets the same sums by gather, getMany and field', async () => {
  const lines = await runExample('bulk-lookup.ts', ['--records', '50000', '--lookups', '100000'])
  expect(lines).toEqual([
    expect.stringMatching(/^load took \d+ ms$/),
    '50000 meters of 29 bytes',
    expect.stringMatching(/^gather took \d+ ms$/),
    expect.stringMatching(/^getMany took \d+ ms$/),
    expect.stringMatching(/^field in a loop took \d+ ms$/),
    expect.stringMatching(/^100000 lookups, sums agree: \d+(\.5)?$/),
    expect.stringMatching(/^last: \{"serial":\d+,"reading":[\d.]+,"tariff":"(day|night)","city":"\w+"\}$/),
    'a number past the end: 0, -1',
  ])
})
