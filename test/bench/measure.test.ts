/**
 * A harness that measures the wrong thing prints figures all the same. So: do the sides take turns in a rotated order, is each
 * warmed by the pass that is timed, do all get the same numbers, new ones a round, and are sides that do different work found out?
 */

import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import type { Context } from '../../bench/context.ts'
import { alternate, NotMeasurable, type Side } from '../../bench/measure.ts'
import { ratioOf } from '../../bench/targets.ts'

const context: Context = { folder: tmpdir(), isSmoke: false, isQuick: false, seed: 7 }
const input = (seed: number): number => seed

interface Seen {
  readonly name: string
  readonly input: number
  readonly turn: number
}

/** Sides that write down what they are given. */
function recorders(...names: string[]): { readonly sides: Side<number>[]; readonly seen: Seen[] } {
  const seen: Seen[] = []
  const sides = names.map(
    (name): Side<number> => ({
      name,
      operations: 10,
      run: (given, operations, turn) => {
        seen.push({ name, input: given, turn })
        return operations
      },
    }),
  )
  return { sides, seen }
}

describe('alternate', () => {
  it('rotates the order of the sides from round to round, warm-up rounds included', async () => {
    const { sides, seen } = recorders('a', 'b', 'c')
    await alternate(context, { sides, rounds: 2, warmups: 2, input })
    expect(seen.map(({ name }) => name).join('')).toBe('aabbcc' + 'bbccaa' + 'ccaabb' + 'aabbcc')
  })

  it('runs the same pass untimed directly before the timed one, with before and after around each', async () => {
    const events: string[] = []
    const side = (name: string): Side<number> => ({
      name,
      operations: 10,
      before: () => void events.push(`${name} before`),
      run: given => events.push(`${name} ${given}`) && 1,
      after: () => void events.push(`${name} after`),
    })
    await alternate(context, { sides: [side('a'), side('b')], rounds: 1, warmups: 0, input: () => 5 })
    const pass = (name: string): string[] => [`${name} before`, `${name} 5`, `${name} after`]
    expect(events).toEqual([...pass('a'), ...pass('a'), ...pass('b'), ...pass('b')])
  })

  it('times the second of the two passes alone', async () => {
    const ns = [9_000_000, 500, 8_000_000, 100, 7_000_000, 300]
    const side: Side = { name: 'own clock', operations: 10, run: () => ({ ns: ns.shift() as number }) }
    const [figures] = await alternate(context, { sides: [side], rounds: 3, warmups: 0 })
    expect(figures).toMatchObject({ rounds: 3, operations: 10, ns: [50, 10, 30], warming: 'same pass' })
    expect(figures?.nsPerOperation).toBeCloseTo(30)
    expect(figures?.nsPerOperationMin).toBeCloseTo(10)
  })

  it('does not count the first rounds', async () => {
    const ns = [0, 9_000_000, 0, 500, 0, 100]
    const side: Side = { name: 'own clock', operations: 10, run: () => ({ ns: ns.shift() as number }) }
    const [figures] = await alternate(context, { sides: [side], rounds: 2, warmups: 1 })
    expect(figures?.ns).toEqual([50, 10])
  })

  it('runs each side once a round where the CPU caches are evicted', async () => {
    const { sides, seen } = recorders('a', 'b')
    // A smoke run evicts nothing, which takes half a gigabyte.
    const figures = await alternate(
      { ...context, isSmoke: true },
      { sides, rounds: 2, input, warming: 'CPU caches evicted' },
    )
    expect(seen.map(({ name }) => name).join('')).toBe('ab')
    expect(figures.map(({ warming }) => warming)).toEqual(['CPU caches evicted', 'CPU caches evicted'])
  })

  it('gives all passes of a round the same input, another in each round, and the same in each run', async () => {
    const first = recorders('a', 'b')
    const second = recorders('a', 'b')
    for (const { sides } of [first, second]) await alternate(context, { sides, rounds: 3, warmups: 0, input })
    const inputs = first.seen.map(each => each.input)
    for (const round of [0, 1, 2])
      expect(new Set(inputs.slice(round * 4, round * 4 + 4)).size, `${round}`).toBe(1)
    expect(new Set(inputs).size).toBe(3)
    expect(second.seen).toEqual(first.seen)
  })

  it('gives every pass a turn of its own, so that none writes what is there already', async () => {
    const { sides, seen } = recorders('a', 'b')
    await alternate(context, { sides, rounds: 3, warmups: 1, input })
    expect(new Set(seen.map(({ turn }) => turn)).size).toBe(seen.length)
  })

  it('times single operations where a side asks for it', async () => {
    let calls = 0
    const side: Side = { name: 'each', operations: 5, each: () => void calls++ }
    const [figures] = await alternate(context, { sides: [side], rounds: 4, warmups: 0 })
    expect(calls).toBe(2 * 5 * 4)
    expect(figures?.percentiles?.samples).toBe(5 * 4)
    expect(figures?.nsPerOperation).toBe(figures?.percentiles?.p50)
    expect(figures?.percentiles?.max).toBeGreaterThanOrEqual(figures?.percentiles?.p999 as number)
  })

  it('counts the syncs of a pass, not those of preparing it', async () => {
    let syncs = 0
    const side: Side = {
      name: 'syncing',
      operations: 1,
      before: () => void (syncs += 100),
      run: () => (syncs += 3),
      after: () => void (syncs += 100),
      syncs: () => syncs,
    }
    const [figures] = await alternate(context, { sides: [side], rounds: 2 })
    expect(figures?.syncs).toBe(3)
  })

  it('refuses figures of sides that did different work in any round', async () => {
    let round = 0
    const honest: Side = { name: 'honest', operations: 1, run: () => ++round }
    const other: Side = { name: 'other', operations: 1, run: () => (round === 2 ? round : 0) }
    await expect(alternate(context, { sides: [honest, other], rounds: 2, warmups: 0 })).rejects.toThrow(
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
    await expect(alternate(context, { sides: [side], rounds: 1 })).rejects.toThrow(NotMeasurable)
  })

  it('takes three rounds at the most for --quick, and one for --smoke', async () => {
    const passes = async (run: Partial<Context>): Promise<number> => {
      const { sides, seen } = recorders('a')
      const figures = await alternate({ ...context, ...run }, { sides, rounds: 9, warmups: 4, input })
      expect(figures[0]?.rounds).toBe(run.isSmoke ? 1 : 3)
      return seen.length
    }
    expect(await passes({ isQuick: true })).toBe(2 * (1 + 3))
    expect(await passes({ isSmoke: true })).toBe(2)
  })
})

describe('ratioOf', () => {
  it('compares the sides within each round, and takes the median with the middle half', async () => {
    // The machine is three times as slow in the second round, which meets both.
    const side = (name: string, ns: number[]): Side => ({
      name,
      operations: 1,
      run: () => ({ ns: ns.shift() as number }),
    })
    const [a, b] = await alternate(context, {
      sides: [side('a', [0, 100, 0, 300, 0, 100, 0, 100]), side('b', [0, 200, 0, 600, 0, 210, 0, 400])],
      rounds: 4,
      warmups: 0,
    })
    if (a === undefined || b === undefined) throw new Error('no figures')
    const ratio = ratioOf(b, a)
    expect(ratio.median).toBeCloseTo(2.05)
    expect(ratio.from).toBeCloseTo(2)
    expect(ratio.to).toBeCloseTo(2.1)
  })
})
