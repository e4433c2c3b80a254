/**
 * How do indexes grow under random inserts, and how soon is a store of ten million keys there again after its process was killed?
 *
 * A hash and an ordered index over the same random ids, a million records at a time, a checkpoint after each.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import type { z } from 'zod'
import { type Benchmark, type Context, sized } from './context.ts'
import { ITEM_INDEXES, Item, idOf, items } from './items.ts'
import { figuresOf, type Row } from './row.ts'
import { atMost, nsOf } from './targets.ts'

const STEPS = 10
const KINDS = { byId: 'hash', byIdInOrder: 'ordered' } as const
/** What a key and its number may take: 16 bytes, and 1.6 times nine. */
const BYTES_MAX = { byId: 16, byIdInOrder: 14.4 } as const
const BOTH = { byId: ITEM_INDEXES.byId, byIdInOrder: ITEM_INDEXES.byIdInOrder }
const REOPENING = 'openStore after a kill'

export const indexGrowth: Benchmark = {
  name: 'index-growth',
  question: 'indexes at every million keys up to ten million, and after a kill',
  needs: [],
  isAskedFor: true,
  async *run(context) {
    for (const name of [undefined, 'byId', 'byIdInOrder'] as const) yield await growing(context, name)
    yield await reopening(context)
  },
}

function pathOf(context: Context, name: string): string {
  return join(context.folder, `grown-${name}.stride`)
}

async function growing(context: Context, name: keyof typeof KINDS | undefined): Promise<Row> {
  const step = sized(context, 1_000_000, 500)
  const path = pathOf(context, name ?? 'plain')
  const some = [...items(0, 1_000)]
  const sizes: number[] = []
  const inserts: number[] = []
  let worstMs = 0
  {
    const store = openStore(path, Item, {
      capacity: step * STEPS,
      ...(name === undefined ? {} : { indexes: { [name]: ITEM_INDEXES[name] } }),
    })
    for (let i = 0; i < STEPS; i++) {
      const start = performance.now()
      for (let n = i * step; n < (i + 1) * step; n++) {
        const item = { ...(some[n % some.length] as z.output<typeof Item>), id: idOf(n) }
        const before = performance.now()
        store.append(item)
        worstMs = Math.max(worstMs, performance.now() - before)
      }
      inserts.push((performance.now() - start) / step)
      await store.commit()
      await store.checkpoint()
      if (name !== undefined) sizes.push(statSync(`${path}-index`).size / (step * (i + 1)))
    }
    await store.closeAsync()
  }
  const facts = {
    what: `${name === undefined ? 'no' : KINDS[name]} index, ${STEPS} times ${step} records appended one by one, each time a commit and a checkpoint`,
    cache: 'does not apply' as const,
    sides: [figuresOf('an insert', inserts)],
  }
  const longest = `longest single insert: ${worstMs.toFixed(1)} ms`
  if (name === undefined) return { ...facts, targets: [], notes: [`${longest}, which is what the disk does`] }
  const most = BYTES_MAX[name]
  return {
    ...facts,
    targets: [
      atMost(context, `${most} bytes a key on disk, whenever`, Math.max(...sizes), most, 'bytes'),
      atMost(context, '10 ms for a single insert', worstMs, 10, 'ms'),
    ],
    notes: [longest, `bytes a key, million by million: ${sizes.map(size => size.toFixed(1)).join(' ')}`],
  }
}

/** A child fills the journal with changes of keys and is killed; then the store is opened, which is measured. */
async function reopening(context: Context): Promise<Row> {
  const step = sized(context, 1_000_000, 500)
  const path = pathOf(context, 'byIdInOrder')
  const ms: number[] = []
  await openStore(path, Item, { indexes: BOTH }).closeAsync()
  const changes = sized(context, 100_000, 100)
  for (let round = 0; round < sized(context, 5, 1); round++) {
    const firstItem = step * STEPS + round * changes
    const child = fork(join(import.meta.dirname, 'change-keys.ts'), [path, String(changes), String(firstItem)])
    await once(child, 'message')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const start = performance.now()
    const store = openStore(path, Item, { indexes: BOTH })
    const found = store.index('byId').number(idOf(firstItem + changes - 1))
    ms.push(performance.now() - start)
    if (found < 0) throw new Error('A commit that was acknowledged is lost')
    if ((store.recovery.indexesBuilt ?? []).length > 0) throw new Error('An index was rebuilt')
    await store.closeAsync()
  }
  const sides = [figuresOf(REOPENING, ms)]
  const took = (nsOf(sides, REOPENING) ?? Number.NaN) / 1e6
  return {
    what: `opening ${step * STEPS} records with both indexes after a kill, to the first record found`,
    cache: 'warm',
    sides,
    targets: [atMost(context, '1 s', took, 1000, 'ms')],
    notes: [`${changes} keys changed in commits of 100 before each kill, all of them still in the journal`],
  }
}
