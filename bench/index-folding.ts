/**
 * Do lookups stay fast though nobody calls `checkpoint()`: a second after a bulk load, and between steady inserts?
 *
 * Of two stores that were loaded alike one was checkpointed; the lookups of both alternate. Then one takes 10,000 inserts a second,
 * and the lookups between them alternate with those of the other, which is at rest. The longest pause of the event loop is the longest
 * time in which no callback of this program came, its own work left out.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { openStore } from 'stridedb'
import type { z } from 'zod'
import { type Benchmark, type Context, recordCount, sized } from './context.ts'
import { oneByOne } from './index-lookups.ts'
import { ITEM_INDEXES, Item, idOf, items, randomIds } from './items.ts'
import { alternate, type Side } from './measure.ts'
import { figuresOf, type Row } from './row.ts'
import { atMost, ratio } from './targets.ts'

const INDEXES = { byId: ITEM_INDEXES.byId, byIdInOrder: ITEM_INDEXES.byIdInOrder }
const RATE = 10_000
const AFTER_MS = 1000
/** Lookups that are timed together: the clock costs as much as one. */
const TOGETHER = 10
const LONG_PAUSE_MS = 5

export const indexFolding: Benchmark = {
  name: 'index-folding',
  question: 'lookups without a checkpoint: after a bulk load, and between 10,000 inserts a second',
  needs: [],
  isSlow: true,
  async *run(context) {
    const resting = await load(context, 'resting')
    await resting.checkpoint()
    const loaded = await load(context, 'loaded')
    const ms = await untilFolded(loaded)
    await sleep(sized(context, Math.max(0, AFTER_MS - ms), 10))
    yield await afterLoad(context, loaded, resting, ms)
    yield await betweenInserts(context, loaded, resting)
    await loaded.closeAsync()
    await resting.closeAsync()
  },
}

type Items = Awaited<ReturnType<typeof load>>

async function load(context: Context, name: string) {
  const count = recordCount(context)
  const path = join(context.folder, `${name}.stride`)
  const store = openStore(path, Item, { capacity: count * 2, indexes: INDEXES })
  store.appendMany(items(0, count))
  await store.commit()
  return store
}

/** How long it takes until no entry is pending, while this program does nothing. */
async function untilFolded(store: Items): Promise<number> {
  const start = performance.now()
  while (store.stats().pendingIndexEntries > 0) await sleep(5)
  return performance.now() - start
}

async function afterLoad(context: Context, loaded: Items, resting: Items, ms: number): Promise<Row> {
  const records = recordCount(context)
  const operations = sized(context, 500_000, 500)
  const sidesOf = (when: string, store: Items): Side<ArrayLike<number>>[] => {
    const byId = store.index('byId')
    const inOrder = store.index('byIdInOrder')
    return [
      oneByOne(`number, ${when}`, operations, key => byId.number(key)),
      oneByOne(`has, ${when}`, operations, key => (byId.has(key) ? 1 : 0)),
      { name: `numbers, ${when}`, operations, run: keys => byId.numbers(keys)[0] as number },
      oneByOne(`ordered, ${when}`, operations, key => inOrder.number(key)),
    ]
  }
  const sides = [...sidesOf('1 s later', loaded), ...sidesOf('after checkpoint()', resting)]
  const input = (seed: number): Uint32Array => randomIds(seed, operations, records)
  const figures = await alternate(context, { sides, rounds: 7, input, agree: false })
  const targets = ['number', 'has', 'numbers', 'ordered'].map(call => {
    const times = ratio(figures, `${call}, 1 s later`, `${call}, after checkpoint()`)
    return atMost(context, `1.3 times those after checkpoint(): ${call}`, times, 1.3, 'times')
  })
  targets.push(atMost(context, `${AFTER_MS} ms after the load until no entry is pending`, ms, AFTER_MS, 'ms'))
  const what = `lookups of random u32 keys after a bulk load of ${records}, nothing else called`
  return { what, cache: 'warm', sides: figures, targets, notes: [] }
}

/** Processor time of this thread, where the system tells it: what other programs took is left out. */
function processorMs(): number {
  if (process.platform !== 'linux') return Number.NaN
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
}

async function betweenInserts(context: Context, busy: Items, resting: Items): Promise<Row> {
  const records = recordCount(context)
  const ms = sized(context, context.isQuick ? 10_000 : 60_000, 200)
  const some = [...items(0, 1_000)]
  const keys = randomIds(context.seed, sized(context, 1_000_000, 1_000), records)
  const finders = { busy: busy.index('byId'), resting: resting.index('byId') }
  const lookups = { busy: [] as number[], resting: [] as number[] }
  let longest = 0
  let longPauses = 0
  let longestWork = 0
  let found = 0
  let at = 0
  const look = (which: keyof typeof finders): void => {
    const finder = finders[which]
    const start = performance.now()
    for (let i = 0; i < TOGETHER; i++) found += finder.number(keys[at++ % keys.length] as number)
    lookups[which].push((performance.now() - start) / TOGETHER)
  }
  let inserted = 0
  let failure: unknown
  const begun = performance.now()
  for (let turns = 0; performance.now() - begun < ms; turns++) {
    const due = Math.min(((performance.now() - begun) * RATE) / 1000, inserted + TOGETHER)
    if (due >= inserted + TOGETHER) {
      for (let i = 0; i < TOGETHER; i++) {
        const n = records + inserted++
        busy.append({ ...(some[n % some.length] as z.output<typeof Item>), id: idOf(n) })
      }
      busy.commit().catch(error => {
        failure = error
      })
      for (const which of turns % 2 === 0 ? (['busy', 'resting'] as const) : (['resting', 'busy'] as const)) {
        look(which)
      }
    }
    const worked = processorMs()
    const waiting = performance.now()
    await nextTurn()
    const pause = performance.now() - waiting
    longest = Math.max(longest, pause)
    if (pause <= LONG_PAUSE_MS) continue
    longPauses++
    longestWork = Math.max(longestWork, processorMs() - worked)
  }
  await busy.flush()
  if (failure !== undefined) throw failure
  if (found < 0) throw new Error('A key was not found')
  const sides = [figuresOf('between inserts', lookups.busy), figuresOf('at rest', lookups.resting)]
  return {
    what: `lookups of random u32 keys, 10 in a row, between ${inserted} inserts in ${ms / 1000} s, 10 of them a commit`,
    cache: 'warm',
    sides,
    targets: [
      atMost(
        context,
        '2 times those of a store at rest',
        ratio(sides, 'between inserts', 'at rest'),
        2,
        'times',
      ),
      atMost(context, '10 ms for the longest pause of the event loop', longest, 10, 'ms'),
    ],
    notes: [
      `pauses of the event loop above ${LONG_PAUSE_MS} ms: ${longPauses}; the most that this thread worked in one: ${longestWork.toFixed(1)} ms`,
      `pending index entries at the end: ${busy.stats().pendingIndexEntries}`,
    ],
  }
}
