/**
 * What does opening cost, in time and in resident memory?
 *
 * The first opening of a process loads koffi; it is timed apart, since it happens once.
 */

import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openStore, type StoreOptions } from 'stridedb'
import { type Benchmark, type Context, fixturePath, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import type { Row } from './row.ts'
import { atMost, nsOf } from './targets.ts'
import { Trade } from './trade.ts'

const SPARSE_BYTES = 100e9
const MIB = 2 ** 20

export const open: Benchmark = {
  name: 'open',
  question: 'opening',
  needs: ['distinct'],
  async *run(context) {
    yield await opening(context)
  },
}

interface Opened {
  readonly ms: number
  readonly grownMiB: number
}

async function opening(context: Context): Promise<Row> {
  const usual = fixturePath(context, 'distinct')
  const first = openOnce(usual)
  const sparse = join(context.folder, 'sparse.stride')
  createSparse(sparse, sized(context, Math.ceil(SPARSE_BYTES / 125), 100_000))
  const sides: Side[] = [
    openSide('125 MB, mapped', usual, {}),
    openSide('125 MB, file', usual, { backend: 'file' }),
    openSide('125 MB, mapped, no schema given', usual, {}, true),
    openSide('100 GB sparse, mapped', sparse, {}),
  ]
  const figures = await alternate(context, { sides, rounds: 21, agree: false })
  const again = openOnce(usual)
  const large = openOnce(sparse)
  const ms = (name: string): number => (nsOf(figures, name) ?? Number.NaN) / 1e6
  const grown = Math.max(first.grownMiB, again.grownMiB, large.grownMiB)
  return {
    what: 'openStore',
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, '5 ms for 125 MB', ms('125 MB, mapped'), 5, 'ms'),
      atMost(context, '5 ms for 100 GB sparse', ms('100 GB sparse, mapped'), 5, 'ms'),
      atMost(context, '8 MiB more resident memory, the worst of these openings', grown, 8, 'MiB'),
    ],
    notes: [
      `the first opening of the process, with loading koffi: ${describe(first)}`,
      `one more opening: 125 MB ${describe(again)}; 100 GB sparse ${describe(large)}`,
    ],
  }
}

function openSide(name: string, path: string, options: StoreOptions, fromHeader = false): Side {
  let store: { close(): void } | undefined
  return {
    name,
    operations: 1,
    run() {
      const opened = fromHeader ? openStore(path, options) : openStore(path, Trade, options)
      store = opened
      return opened.recordSize
    },
    after() {
      store?.close()
      store = undefined
    },
  }
}

function openOnce(path: string): Opened {
  collectGarbage()
  const before = process.memoryUsage.rss()
  const start = performance.now()
  using store = openStore(path, Trade)
  const ms = performance.now() - start
  if (store.count === 0) throw new Error(`${path} has no records`)
  return { ms, grownMiB: (process.memoryUsage.rss() - before) / MIB }
}

function createSparse(path: string, capacity: number): void {
  using store = openStore(path, Trade, { capacity, allocate: 'sparse' })
  store.append({ id: 1, time: 1, price: 1, qty: 1, flags: 1, symbol: 'A', name: 'B', note: 'C' })
  store.commitSync()
}

function describe({ ms, grownMiB }: Opened): string {
  return `${ms.toFixed(1)} ms, ${grownMiB.toFixed(1)} MiB more resident`
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}
