/**
 * Do commits of many tasks share their syncs, and how many a second does that make?
 */

import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { Overwriter } from './overwriter.ts'
import { median, quantile } from './quantile.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atLeast, atMost, nsOf } from './targets.ts'
import { Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const ONE_TURN = 'all tasks in one turn'
const OWN_TURNS = 'each task in a turn of its own'

export const groupCommit: Benchmark = {
  name: 'group-commit',
  question: 'commits of many tasks, each awaited',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    const path = join(context.folder, 'group-commit.stride')
    copyFileSync(fixturePath(context, 'distinct'), path)
    using store = openStore(path, Trade)
    yield await tasks(context, store)
  },
}

async function tasks(context: Context, store: TradeStore): Promise<Row> {
  const operations = sized(context, 1_000, 20)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, recordCount(context))
  const bare = new Overwriter(join(context.folder, 'overwritten.bin'))
  const syncs = (): number => store.stats().syncs
  const storeSide = (name: string, start: (task: () => Promise<void>) => Promise<void>): Side<Uint32Array> => {
    const latencies: number[] = []
    return {
      name,
      operations,
      syncs,
      async run(numbers, count, turn) {
        const waiting: Promise<void>[] = []
        for (let i = 0; i < count; i++) {
          const task = async (): Promise<void> => {
            store.update(numbers[i] as number, { price: turn, qty: i })
            const began = performance.now()
            await store.commit()
            latencies.push(performance.now() - began)
          }
          waiting.push(start(task))
        }
        await Promise.all(waiting)
        return count
      },
      note: () =>
        `a commit ${median(latencies).toFixed(2)} ms, 99th ${quantile(latencies, 0.99).toFixed(2)} ms`,
    }
  }
  const sides = [
    storeSide(ONE_TURN, task => task()),
    storeSide(
      OWN_TURNS,
      task => new Promise((resolve, reject) => setImmediate(() => task().then(resolve, reject))),
    ),
    bareSide(bare, operations),
  ]
  const figures = await alternate(context, { sides, rounds: 31, warmups: 5, input })
  bare.close()
  const targets = [ONE_TURN, OWN_TURNS].flatMap(name => [
    atMost(context, `20 syncs, ${name}`, figures.find(side => side.name === name)?.syncs, 20, 'syncs'),
    atLeast(
      context,
      `50,000 commits/s, ${name}`,
      1e9 / (nsOf(figures, name) ?? Number.NaN),
      50_000,
      'commits/s',
    ),
  ])
  return {
    what: `${operations} commits of ${operations} tasks`,
    cache: 'warm',
    sides: figures,
    targets,
    notes: [],
  }
}

function bareSide(bare: Overwriter, operations: number): Side<Uint32Array> {
  return {
    name: 'a 4 KiB overwrite + fdatasync each',
    operations,
    syncs: () => bare.syncs,
    run(_, count, turn) {
      for (let i = 0; i < count; i++) bare.overwrite(turn + i)
      return count
    },
  }
}
