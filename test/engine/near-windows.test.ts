/**
 * Reads that go to and fro between windows, in a store, a reader and a snapshot of each. What could go wrong: a window that was kept
 * shows a record that was changed, deleted or rolled back meanwhile, or another part of the file after a slide.
 */

import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { openStore, type StoreOptions } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { propertyOptions } from '../property.ts'
import { temporaryFolder } from './support.ts'

const Item = z.object({ id: z.uint32(), value: z.float64(), more: z.float64() })
/** About five windows. */
const FIRST = 14_000
const OPTIONS: Readonly<Record<string, StoreOptions>> = {
  'all windows mapped': {},
  'two windows mapped': { maxMappedBytes: 2 * 70_000 },
  'with checksums': { checksums: true },
}

const step = fc.record({
  kind: fc.constantFrom(
    ...(['update', 'update', 'delete', 'append', 'rollback', 'commit', 'commit', 'snapshot'] as const),
    ...(['turn', 'trim', 'checkpoint', 'compact'] as const),
  ),
  at: fc.nat(1_000_000),
})

/** A store, a reader or a snapshot. */
interface Side {
  field(n: number, name: 'value'): number
  get(n: number): z.output<typeof Item> | undefined
}
type Values = readonly (number | undefined)[]

/** Reads far from each other in turns, and the records around the one that was changed last. */
function compare(side: Side, values: Values, near: number): void {
  const { length } = values
  const numbers: number[] = []
  for (let i = 0; i < 12; i++)
    numbers.push((near + i * 2_999) % length, Math.min(length - 1, near + (i >> 2)), i)
  for (const n of [...numbers, ...numbers, near, length]) {
    const value = values[n]
    expect(side.get(n)?.value).toBe(value)
    if (value === undefined) expect(() => side.field(n, 'value')).toThrow('There is no record')
    else expect(side.field(n, 'value')).toBe(value)
  }
}

describe.each(Object.entries(OPTIONS))('%s', (_, options) => {
  test('each read shows its record, whatever happened between two reads of a window', async () => {
    const run = fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async steps => {
      const path = join(temporaryFolder(), 'items.stride')
      const store = openStore(path, Item, { windowBytes: 65_536, ...options })
      const item = (id: number, value = id): z.output<typeof Item> => ({ id, value, more: value })
      store.appendMany(Array.from({ length: FIRST }, (_, id) => item(id)))
      store.commitSync()
      const reader = openStore(path, Item, { windowBytes: 65_536, ...options, readOnly: true })
      let staged: (number | undefined)[] = Array.from({ length: FIRST }, (_, id) => id)
      let committed: Values = [...staged]
      let taken: { side: ReturnType<typeof store.snapshot>; values: Values } | undefined
      for (const { kind, at } of steps) {
        const n = at % staged.length
        if (kind === 'update' && staged[n] !== undefined) {
          store.update(n, { value: -at })
          staged[n] = -at
        } else if (kind === 'delete') {
          store.delete(n)
          staged[n] = undefined
        } else if (kind === 'append') {
          store.append(item(at))
          staged.push(at)
        } else if (kind === 'rollback') {
          store.rollback()
          staged = [...committed]
        } else if (kind === 'snapshot') {
          taken?.side.close()
          taken = { side: store.snapshot(), values: committed }
        } else if (kind === 'turn') await nextTurn()
        else if (kind === 'trim') store.trim()
        else if (kind !== 'update') {
          store.commitSync()
          committed = [...staged]
          if (kind === 'checkpoint') await store.checkpoint()
          if (kind === 'compact') {
            taken?.side.close()
            taken = undefined
            await store.compact()
            staged = staged.filter(value => value !== undefined)
            committed = [...staged]
          }
        }
        compare(store, staged, n)
        compare(reader, committed, n)
        if (taken !== undefined) compare(taken.side, taken.values, n)
      }
      taken?.side.close()
      if (taken !== undefined) expect(() => taken?.side.field(0, 'value')).toThrow('is closed')
      reader.close()
      store.close()
      for (const n of [0, 5_000, 10_000]) {
        expect(() => store.field(n, 'value')).toThrow('is closed')
        expect(() => reader.get(n)).toThrow('is closed')
      }
    })
    await fc.assert(run, propertyOptions(8))
  })
})
