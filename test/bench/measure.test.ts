/**
 * A harness that measures the wrong thing prints figures all the same. So: do the sides take turns, does each
 * figure come from a round of its own, and are sides that do different work found out?
 */

import { describe, expect, it } from 'vitest'
import { alternate, median, NotMeasurable, type Side } from '../../bench/measure.ts'

describe('alternate', () => {
  it('runs the sides in turns, warm-up rounds included, with before and after around each batch', async () => {
    const events: string[] = []
    const side = (name: string): Side => ({
      name,
      operations: 10,
      before: () => void events.push(`${name} before`),
      run: operations => events.push(`${name} ${operations}`) && 1,
      after: () => void events.push(`${name} after`),
    })
    await alternate([side('a'), side('b')], { rounds: 2, warmups: 1 })
    const round = ['a before', 'a 10', 'a after', 'b before', 'b 10', 'b after']
    expect(events).toEqual([...round, ...round, ...round])
  })

  it('takes the median and the best of the counted rounds, per operation', async () => {
    const ns = [9_000_000, 500, 100, 300]
    const side: Side = { name: 'own clock', operations: 10, run: () => ({ ns: ns.shift() as number }) }
    const [figures] = await alternate([side], { rounds: 3, warmups: 1 })
    expect(figures).toMatchObject({ rounds: 3, operations: 10 })
    expect(figures?.nsPerOperation).toBeCloseTo(30)
    expect(figures?.nsPerOperationMin).toBeCloseTo(10)
  })

  it('counts the syncs of a batch, not those of preparing it', async () => {
    let syncs = 0
    const side: Side = {
      name: 'syncing',
      operations: 1,
      before: () => void (syncs += 100),
      run: () => (syncs += 3),
      after: () => void (syncs += 100),
      syncs: () => syncs,
    }
    const [figures] = await alternate([side], { rounds: 2 })
    expect(figures?.syncs).toBe(3)
  })

  it('refuses figures of sides that did different work', async () => {
    const side = (name: string, checksum: number): Side => ({ name, operations: 1, run: () => checksum })
    await expect(alternate([side('a', 1), side('b', 2)], { rounds: 1 })).rejects.toThrow(
      'did not do the same work',
    )
  })

  it('lets a side say that a round cannot be counted', async () => {
    const side: Side = {
      name: 'warm after all',
      operations: 1,
      before: () => {
        throw new NotMeasurable('7 pages stay in memory')
      },
      run: () => 1,
    }
    await expect(alternate([side], { rounds: 1 })).rejects.toThrow(NotMeasurable)
  })
})

describe('median', () => {
  it('is the middle value, or between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
  })
})
