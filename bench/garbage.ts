/**
 * Do windows cause garbage collections? They are counted over the same lookups in a store and in a heap buffer.
 *
 * A window is external memory to V8: pointing one elsewhere must not look like fresh garbage. Small scavenges
 * come from numbers that V8 boxes; what is judged are the collections of the whole heap.
 */

import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type Store, type StoreOptions } from 'stridedb'
import { AT, recordsInHeap, TRADE_BYTES } from './baseline.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import type { Row } from './row.ts'
import { atMost } from './targets.ts'
import { Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const MIB = 2 ** 20

export const garbage: Benchmark = {
  name: 'garbage',
  question: 'garbage collections that windows cause',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    yield await collections(context, 'whole store mapped', {}, sized(context, 1_000_000, 1_000))
    const sliding: StoreOptions = { windowBytes: MIB, maxMappedBytes: 16 * MIB }
    yield await collections(
      context,
      'sliding 1 MiB windows, 16 MiB mapped',
      sliding,
      sized(context, 50_000, 500),
    )
  },
}

interface GarbageEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number }
}

/** Rounds before the counted ones: compiling makes garbage of its own. */
const WARMUPS = 3
/** Each round has an untimed pass and a timed one. */
const PASSES_BEFORE = 2 * WARMUPS

interface Counts {
  whole: number
  scavenges: number
  /** Whole collections of the rounds that do not count. */
  wholeBefore: number
}

const nothingYet = (): Counts => ({ whole: 0, scavenges: 0, wholeBefore: 0 })

/** One store beside the heap buffer, and no other: a collection may end in the batch after the one that began it. */
async function collections(
  context: Context,
  kind: string,
  options: StoreOptions,
  operations: number,
): Promise<Row> {
  const records = recordCount(context)
  const path = fixturePath(context, 'distinct')
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records)
  using store = openStore(path, Trade, options)
  const heap = recordsInHeap(path, records)
  const ofStore = nothingYet()
  const ofHeap = nothingYet()
  const figures = await alternate(context, {
    sides: [
      counting({ name: kind, operations, run: (numbers, count) => quantities(store, numbers, count) }, ofStore),
      counting(
        { name: 'a heap buffer', operations, run: (numbers, count) => heapQuantities(heap, numbers, count) },
        ofHeap,
      ),
    ],
    rounds: 7,
    warmups: WARMUPS,
    input,
  })
  // The loop over the heap allocates nothing: whatever is collected in either batch was the store's.
  const collected = ofStore.whole + ofHeap.whole
  return {
    what: `${operations} random lookups, counting garbage collections of the whole heap, ${kind}`,
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '0 collections of the whole heap', collected, 0, 'collections')],
    notes: [`${store.stats().slides} slides in all`],
  }
}

/** The side with its collections counted. */
function counting(side: Side<Uint32Array>, counts: Counts): Side<Uint32Array> {
  let observer: PerformanceObserver | undefined
  let pass = 0
  const count = (entries: readonly PerformanceEntry[]): void => {
    for (const entry of entries) {
      const { kind } = (entry as GarbageEntry).detail
      const isCounted = pass >= PASSES_BEFORE
      if (kind === constants.NODE_PERFORMANCE_GC_MINOR && isCounted) counts.scavenges++
      if (kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue
      if (isCounted) counts.whole++
      else counts.wholeBefore++
    }
  }
  return {
    ...side,
    before() {
      observer = new PerformanceObserver(list => count(list.getEntries()))
      observer.observe({ entryTypes: ['gc'] })
    },
    async after() {
      // Entries arrive with a later turn of the event loop.
      await sleep(5)
      count(observer?.takeRecords() ?? [])
      observer?.disconnect()
      pass++
    },
    note: () =>
      `collections: ${counts.whole} whole, ${counts.scavenges} scavenges; ${counts.wholeBefore} whole while warming up`,
  }
}

function quantities(store: TradeStore, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += store.field(numbers[i] as number, 'qty')
  return sum
}

function heapQuantities(view: DataView, numbers: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += view.getUint32((numbers[i] as number) * TRADE_BYTES + AT.qty, true)
  return sum
}
