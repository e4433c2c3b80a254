/**
 * How long do commits take while a checkpoint writes the whole store back?
 *
 * Before each checkpoint one transaction changes a record of every page, so that all 125 MB are dirty. Commits then
 * come one after the other, each awaited and timed; those between the beginning of the checkpoint and its end count.
 * In turns with it: commits without a checkpoint, and the bare overwrite, whose tail is the machine's own.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { TRADE_BYTES } from './baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { Overwriter } from './overwriter.ts'
import { median, quantile } from './quantile.ts'
import { randomNumbers } from './random.ts'
import { figuresOf, type Row, type SideFigures } from './row.ts'
import { atMost } from './targets.ts'
import { Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const JOURNAL_BYTES = 16 * 2 ** 20
const PAGE_BYTES = 4096
/** How often stats() is asked whether the checkpoint goes on; it looks at all mapped pages. */
const COMMITS_PER_LOOK = 10
/** Commits of each other side between two checkpoints. */
const COMMITS_BETWEEN = 1_000

export const checkpointLatency: Benchmark = {
  name: 'checkpoint-latency',
  question: 'commits while a checkpoint writes 125 MB back',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    yield await insideCheckpoints(context)
  },
}

async function insideCheckpoints(context: Context): Promise<Row> {
  const path = join(context.folder, 'checkpoint-latency.stride')
  copyFileSync(fixturePath(context, 'distinct'), path)
  spawnSync('sync')
  const journalBytes = sized(context, JOURNAL_BYTES, 64 * 1024)
  using store = openStore(path, Trade, { journalBytes })
  const bare = new Overwriter(join(context.folder, 'overwritten.bin'))
  const numbers = randomNumbers(context.seed, 100_000, recordCount(context))
  const inside = new Sample('inside checkpoints')
  const outside = new Sample('without a checkpoint')
  const overwritten = new Sample('4 KiB overwrite + fdatasync, awaited')
  let at = 0
  const commit = async (sample: Sample): Promise<void> => {
    store.update(numbers[at++ % numbers.length] as number, { price: at, qty: at })
    await sample.time(() => store.commit())
  }
  const between = sized(context, COMMITS_BETWEEN, 5)
  const wanted = sized(context, 20_000, 20)
  const msOfCheckpoints: number[] = []
  const dirtyMib: number[] = []
  while (inside.ms.length < wanted) {
    for (let i = 0; i < between; i++) await commit(outside)
    for (let i = 0; i < between; i++) await overwritten.time(() => bare.overwriteAsync(i))
    await store.checkpoint()
    await dirtyEveryPage(store, recordCount(context), at)
    // Up to the checkpoint: uncounted.
    const ignored = new Sample('on the way')
    while (store.stats().journalBytes <= journalBytes) await commit(ignored)
    dirtyMib.push(dirtyMibOfSystem())
    const began = performance.now()
    const { checkpoints } = store.stats()
    while (store.stats().checkpoints === checkpoints) {
      for (let i = 0; i < COMMITS_PER_LOOK; i++) await commit(inside)
    }
    msOfCheckpoints.push(performance.now() - began)
  }
  bare.close()
  const { commitWaits } = store.stats()
  const middle = median(inside.ms)
  return {
    what: `${inside.ms.length} commits inside ${msOfCheckpoints.length} checkpoints of 125 MB`,
    cache: 'warm',
    sides: [inside, outside, overwritten].map(sample => sample.figures()),
    targets: [
      atMost(
        context,
        '5 times the median, the 99th percentile',
        quantile(inside.ms, 0.99) / middle,
        5,
        'times',
      ),
      atMost(
        context,
        '10 times the median, the 99.9th percentile',
        quantile(inside.ms, 0.999) / middle,
        10,
        'times',
      ),
    ],
    notes: [
      `a checkpoint took ${median(msOfCheckpoints).toFixed(0)} ms, the longest ${Math.max(...msOfCheckpoints).toFixed(0)} ms`,
      `dirty as one began, the whole system: ${median(dirtyMib).toFixed(0)} MiB`,
      `commits waited for a checkpoint ${commitWaits} times`,
    ],
  }
}

/** One record of each page: all pages of the store are dirty once it is in the file. */
async function dirtyEveryPage(store: TradeStore, records: number, turn: number): Promise<void> {
  const step = Math.floor(PAGE_BYTES / TRADE_BYTES)
  for (let n = 0; n < records; n += step) store.update(n, { price: turn, qty: n })
  await store.commit()
}

/** NaN where the system does not say. */
function dirtyMibOfSystem(): number {
  try {
    const line = /^Dirty:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))
    return line === null ? Number.NaN : Number(line[1]) / 1024
  } catch {
    return Number.NaN
  }
}

class Sample {
  readonly name: string
  readonly ms: number[] = []

  constructor(name: string) {
    this.name = name
  }

  async time(action: () => Promise<unknown>): Promise<void> {
    const began = performance.now()
    await action()
    this.ms.push(performance.now() - began)
  }

  figures(): SideFigures {
    return figuresOf(this.name, this.ms)
  }
}
