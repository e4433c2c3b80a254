/**
 * What does a bulk load cost, from objects in memory to bytes on the disk?
 *
 * The baseline encodes by hand, checks nothing, and writes 1 MiB at a time before one fsync. Both sides start
 * without a file and end when everything is durable.
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { appendByHand, BY_HAND } from './append-by-hand.ts'
import { type Benchmark, type Context, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import type { Row } from './row.ts'
import { atMost, ratio } from './targets.ts'
import { RefinedTrade, Trade, type TradeRecord, TradeSource } from './trade.ts'

export const append: Benchmark = {
  name: 'append',
  question: 'bulk load, committed',
  needs: [],
  async *run(context) {
    const pool = new TradeSource(context.seed, 'distinct').take(sized(context, 100_000, 500))
    yield await bulk(context, pool, Trade, 'without refinements', 1.5)
    yield await bulk(context, pool, RefinedTrade, 'with refinements on two fields', 2)
  },
}

async function bulk(
  context: Context,
  pool: readonly TradeRecord[],
  schema: typeof Trade | typeof RefinedTrade,
  kind: string,
  bound: number,
): Promise<Row> {
  const count = recordCount(context)
  const sides: Side[] = [
    storeSide(context, pool, schema, { name: 'mapped', options: {} }),
    storeSide(context, pool, schema, { name: 'file', options: { backend: 'file' } }),
    appendByHand(context, pool),
  ]
  const figures = await alternate(context, { sides, rounds: 7, warmups: 1, agree: false })
  return {
    what: `bulk append of ${count} objects, committed, ${kind}`,
    cache: 'does not apply',
    sides: figures,
    targets: [
      atMost(
        context,
        `${bound} times encoding by hand + write + fsync`,
        ratio(figures, 'mapped', BY_HAND),
        bound,
        'times',
      ),
    ],
    notes: [`${pool.length} distinct objects, given again and again; the file is new each time`],
  }
}

function storeSide(
  context: Context,
  pool: readonly TradeRecord[],
  schema: typeof Trade | typeof RefinedTrade,
  kind: { readonly name: string; readonly options: { readonly backend?: 'file' } },
): Side {
  const path = join(context.folder, `append-${kind.name}.stride`)
  let store: Store<typeof Trade> | undefined
  return {
    name: kind.name,
    operations: recordCount(context),
    async run(_, count) {
      store = openStore(path, schema as typeof Trade, kind.options)
      for (let done = 0; done < count; done += pool.length) store.appendMany(pool)
      await store.commit()
      return count
    },
    syncs: () => (store === undefined || store.path === '' ? 0 : syncsOf(store)),
    after() {
      store?.close()
      store = undefined
      for (const suffix of ['', '-lock']) rmSync(`${path}${suffix}`, { force: true })
    },
  }
}

function syncsOf(store: Store<typeof Trade>): number {
  return store.stats().syncs
}
