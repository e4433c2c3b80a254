/**
 * The STL example: records found at a wrong offset, or a commit that changes more than it should.
 */

import { expect, it } from 'vitest'
import { runExample } from './run-example.ts'

it('reads, paints and keeps an STL an STL', async () => {
  const lines = await runExample('foreign-flat-file.ts')
  expect(lines).toEqual([
    '39600 triangles of 50 bytes, from byte 84 on',
    'area 12.56, of a perfect sphere 12.57',
    'z from -1.00 to 1.00',
    expect.stringMatching(/^\d+ triangles painted; triangle 0 now has 0xfc00, the file still 1980084 bytes$/),
    'its header still says: a sphere of radius 1, 39600 triangles',
  ])
})
