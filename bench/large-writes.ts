/**
 * Rows of `large`: changing, appending, opening after a kill and verifying, by size.
 *
 * All stores keep their index while they are changed. Appended records go into room that the file does not have yet.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { againstSmallest, rateAgainstSmallest } from './against-smallest.ts'
import { type Context, sized } from './context.ts'
import { Item } from './items.ts'
import { type ItemStore, itemsFrom, type Size } from './large-stores.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import { figuresOf, type Row } from './row.ts'
import { ratio } from './targets.ts'

type Numbers = readonly Uint32Array[]

export async function* writesBySize(context: Context, sizes: readonly Size[]): AsyncIterable<Row> {
  yield await oneCommit(context, sizes)
  yield await manyUpdates(context, sizes)
  yield await appending(context, sizes)
  yield await recovering(context, sizes)
  yield await verifying(sizes)
}

async function withStores(
  sizes: readonly Size[],
  measure: (stores: readonly ItemStore[]) => Promise<Row>,
): Promise<Row> {
  const stores = sizes.map(({ path }) => openStore(path, Item))
  const row = await measure(stores)
  for (const store of stores) await store.closeAsync()
  return row
}

function oneCommit(context: Context, sizes: readonly Size[]): Promise<Row> {
  const operations = sized(context, 50, 5)
  return withStores(sizes, async stores => {
    const sides = sizes.map(({ label }, i): Side<Numbers> => {
      const store = stores[i] as ItemStore
      return {
        name: label,
        operations,
        syncs: () => store.stats().syncs,
        each: (numbers, at, turn) => {
          store.update(numbers[i]?.[at] as number, { price: turn })
          store.commitSync()
        },
      }
    })
    const input = numbersOf(sizes, operations)
    const figures = await alternate(context, { sides, rounds: 41, warmups: 4, input })
    const targets = againstSmallest(context, figures, sizes, 1.2)
    return { what: 'one random update, commitSync', cache: 'warm', sides: figures, targets, notes: [] }
  })
}

function manyUpdates(context: Context, sizes: readonly Size[]): Promise<Row> {
  const operations = sized(context, 100_000, 100)
  return withStores(sizes, async stores => {
    const sides = sizes.map(({ label }, i): Side<Numbers> => {
      const store = stores[i] as ItemStore
      return {
        name: label,
        operations,
        syncs: () => store.stats().syncs,
        run: async (numbers, count, turn) => {
          await store.transaction(tx => {
            for (const n of numbers[i] as Uint32Array) tx.update(n, { price: turn })
          })
          return count
        },
        after: () => store.checkpoint(),
      }
    })
    const input = numbersOf(sizes, operations)
    const figures = await alternate(context, { sides, rounds: 3, warmups: 1, input })
    return {
      what: `${operations} random updates of one field in one durable transaction`,
      cache: 'warm',
      sides: figures,
      targets: [],
      notes: ['the checkpoint runs after the clock has stopped'],
    }
  })
}

function appending(context: Context, sizes: readonly Size[]): Promise<Row> {
  const operations = sized(context, 100_000, 100)
  return withStores(sizes, async stores => {
    const sides = sizes.map(({ label }, i): Side => {
      const store = stores[i] as ItemStore
      return {
        name: label,
        operations,
        run: async (_, count) => {
          store.appendMany(itemsFrom(store.size, count))
          await store.commit()
          return count
        },
        after: () => store.checkpoint(),
      }
    })
    const figures = await alternate(context, { sides, rounds: 7, warmups: 1 })
    const [smallest] = sizes
    return {
      what: `${operations} records appended in one durable commit, with the index`,
      cache: 'does not apply',
      sides: figures,
      targets: rateAgainstSmallest(context, sizes, 0.8, label => ratio(figures, smallest?.label ?? '', label)),
      notes: [],
    }
  })
}

function numbersOf(sizes: readonly Size[], count: number): (seed: number) => Numbers {
  return seed => sizes.map(({ records }) => randomNumbers(seed, count, records))
}

/** A child changes records and keys and is killed with all of that in the journal; then the store is opened. */
async function recovering(context: Context, sizes: readonly Size[]): Promise<Row> {
  const changes = sized(context, 10_000, 50)
  const sides = []
  for (const { label, path, records } of sizes) {
    const ms: number[] = []
    for (let round = 0; round < sized(context, 3, 1); round++) {
      // Ids of items that are in no store.
      const firstItem = 2 ** 30 + records + round * changes
      const child = fork(join(import.meta.dirname, 'change-keys.ts'), [
        path,
        String(changes),
        String(firstItem),
      ])
      await once(child, 'message')
      child.kill('SIGKILL')
      await once(child, 'exit')
      const began = performance.now()
      const store = openStore(path, Item)
      ms.push(performance.now() - began)
      if (store.recovery.commitsReplayed === 0) throw new Error('There was nothing to recover')
      if ((store.recovery.indexesBuilt ?? []).length > 0) throw new Error('An index was rebuilt')
      await store.closeAsync()
    }
    sides.push(figuresOf(label, ms))
  }
  return {
    what: `openStore after a kill, ${changes} changed keys in the journal`,
    cache: 'warm',
    sides,
    targets: againstSmallest(context, sides, sizes, 3),
    notes: [],
  }
}

async function verifying(sizes: readonly Size[]): Promise<Row> {
  const sides = []
  for (const { label, path } of sizes) {
    const store = openStore(path, Item)
    const began = performance.now()
    const { ok, findings } = await store.verify()
    const ms = performance.now() - began
    if (!ok) throw new Error(`verify found ${JSON.stringify(findings.slice(0, 3))}`)
    sides.push({
      ...figuresOf(label, [ms / store.size]),
      note: `${(ms / 1000).toFixed(1)} s in all`,
    })
    await store.closeAsync()
  }
  return { what: 'verify(): a record with its key', cache: 'warm', sides, targets: [], notes: [] }
}
