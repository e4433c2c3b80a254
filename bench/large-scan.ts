/**
 * Does a bound on mapped memory hold while a store much larger than it is scanned, and what does it cost?
 *
 * Both sides open the store afresh before each scan. Memory is sampled in a pass of its own, outside the clock:
 * RssFile of /proc/self/status, less what it was before the store was opened, and what stats() says.
 */

import { openStore, type Store, type StoreOptions } from 'stridedb'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, fixturePath } from './context.ts'
import { largeCount } from './fixtures.ts'
import { alternate, type Side } from './measure.ts'
import { residentFileBytes } from './resident.ts'
import type { Row } from './row.ts'
import { atLeast, atMost, ratio } from './targets.ts'
import { PRICE_LIMIT, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const MIB = 2 ** 20
const SAMPLE_RECORDS = 100_000
const BOUND: StoreOptions = { maxMappedBytes: 64 * MIB }

export const largeScan: Benchmark = {
  name: 'large-scan',
  question: 'a scan of 4 GB with 64 MiB mapped',
  needs: ['large'],
  isSlow: true,
  async *run(context) {
    yield await boundedScan(context)
  },
}

async function boundedScan(context: Context): Promise<Row> {
  const path = fixturePath(context, 'large')
  const operations = largeCount(context)
  const sides: Side[] = [
    freshScan('64 MiB mapped', path, operations, BOUND),
    freshScan('unbounded', path, operations, {}),
    freshScan('file', path, operations, { backend: 'file' }),
  ]
  using c = CFile.open(path)
  if (c !== undefined) sides.push({ name: 'C, mapped once', operations, run: () => c.scan(operations) })
  const figures = await alternate(context, { sides, rounds: 5, warmups: 1 })
  const bounded = peakMemory(path, BOUND)
  const unbounded = peakMemory(path, {})
  return {
    what: 'scan of a 4 GB store with a filter, from a fresh open',
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, '80 MiB of mapped resident memory', bounded.residentMiB, 80, 'MiB'),
      atLeast(
        context,
        '0.8 times the unbounded speed',
        ratio(figures, 'unbounded', '64 MiB mapped'),
        0.8,
        'times',
      ),
    ],
    notes: [`64 MiB: ${describe(bounded)}`, `unbounded: ${describe(unbounded)}`],
  }
}

function freshScan(name: string, path: string, operations: number, options: StoreOptions): Side {
  let store: TradeStore | undefined
  let slides = 0
  return {
    name,
    operations,
    before() {
      store = openStore(path, Trade, options)
    },
    run: () => scanRows(store as TradeStore),
    after() {
      slides = store?.stats().slides ?? 0
      store?.close()
    },
    note: () => `${slides} slides`,
  }
}

function scanRows(store: TradeStore): number {
  let sum = 0
  for (const row of store.scan()) if (row.price > PRICE_LIMIT) sum += row.qty
  return sum
}

interface Peak {
  readonly residentMiB: number
  readonly mappedMiB: number
}

/** The highest of the samples during one scan. */
function peakMemory(path: string, options: StoreOptions): Peak {
  const before = residentFileBytes()
  using store = openStore(path, Trade, options)
  let resident = 0
  let mapped = 0
  let untilSample = 0
  let sum = 0
  for (const row of store.scan()) {
    sum += row.qty
    if (untilSample-- > 0) continue
    untilSample = SAMPLE_RECORDS
    resident = Math.max(resident, residentFileBytes() - before)
    mapped = Math.max(mapped, store.stats().mappedBytes)
  }
  resident = Math.max(resident, residentFileBytes() - before)
  if (sum === 0 || !(resident > 0)) throw new Error('The pass that samples memory touched none')
  return { residentMiB: resident / MIB, mappedMiB: mapped / MIB }
}

function describe({ residentMiB, mappedMiB }: Peak): string {
  return `at most ${residentMiB.toFixed(1)} MiB resident, ${mappedMiB.toFixed(1)} MiB mapped by stats()`
}
