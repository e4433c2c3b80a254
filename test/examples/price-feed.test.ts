/**
 * The price feed: a follower that misses a tick, sees one twice, or never learns of the last one.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('lets three processes follow one writer, each to its own answer', async () => {
  const lines = await runExample('price-feed.ts')
  expect(lines).toEqual([
    '10000 ticks written',
    'highest price: 10500',
    'shares traded: 55000',
    'last price: 9559',
  ])
})
