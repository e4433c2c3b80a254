/**
 * Does the journal cost reads anything while nothing is staged?
 *
 * Each build has a copy of the same store, and both halves of a row swap the copies. Ours has committed before, so that
 * a journal is there and staging has been used and emptied. A build may take 41 or 64 ns a field for as long as its
 * process lives, whichever copy it reads (2026-11-21): one run of it proves nothing.
 */

import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { type Build, previousBuild } from './previous-build.ts'
import { randomNumbers } from './random.ts'
import type { Row, SideFigures } from './row.ts'
import { atMost, ratio } from './targets.ts'
import { PRICE_LIMIT, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const NOW = 'with the journal, after commits'
const OPENED = 'with the journal, as opened'
const BEFORE = 'before the journal'

interface Reading {
  readonly what: string
  readonly operations: number
  readonly read: (store: TradeStore, numbers: Uint32Array) => number
}

export const readsJournal: Benchmark = {
  name: 'reads-journal',
  question: 'reading while nothing is staged, with and without a journal',
  needs: ['distinct'],
  async *run(context) {
    const before = await previousBuild(context)
    for (const reading of readings(context)) yield await read(context, reading, before)
  },
}

function readings(context: Context): Reading[] {
  const records = recordCount(context)
  const many = sized(context, 500_000, 500)
  return [
    { what: 'random field', operations: many, read: fields },
    { what: 'random object', operations: sized(context, 100_000, 100), read: objects },
    { what: 'gather', operations: many, read: (store, numbers) => total(store.gather('price', numbers)) },
    { what: 'scan with a filter', operations: records, read: scan },
  ]
}

async function read(context: Context, reading: Reading, before: Build | string): Promise<Row> {
  const paths = ['first', 'second'].map(name => join(context.folder, `reads-${name}.stride`))
  for (const path of paths) copyFileSync(fixturePath(context, 'distinct'), path)
  const now = { openStore, Trade }
  const figures: SideFigures[] = []
  const ratios: (number | undefined)[] = []
  for (const [half, [mine, theirs]] of [paths, paths.toReversed()].entries()) {
    // One store a build: a second one of ours would make our code, but not the other's, serve two.
    using ours = now.openStore(mine as string, now.Trade)
    commitSome(ours)
    const name = typeof before === 'string' ? OPENED : BEFORE
    const build = typeof before === 'string' ? now : before
    using others = build.openStore(theirs as string, build.Trade)
    const sides = [readSide(NOW, ours, reading), readSide(name, others, reading)]
    const measured = await alternate(context, {
      sides,
      rounds: 21,
      warmups: 3,
      input: seed => randomNumbers(seed, reading.operations, recordCount(context)),
    })
    ratios.push(ratio(measured, NOW, BEFORE))
    figures.push(
      ...measured.map(side => ({ ...side, name: half === 0 ? side.name : `${side.name}, files swapped` })),
    )
  }
  const [first, second] = ratios
  return {
    what: `${reading.what}, nothing staged`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(
        context,
        '1.05 times the library before the journal, mean of both halves',
        first === undefined || second === undefined ? undefined : Math.sqrt(first * second),
        1.05,
        'times',
      ),
    ],
    notes: typeof before === 'string' ? [before] : [],
  }
}

function readSide(name: string, store: TradeStore, reading: Reading): Side<Uint32Array> {
  return { name, operations: reading.operations, run: numbers => reading.read(store, numbers) }
}

/** Commits that change nothing that is read: the same values again. */
function commitSome(store: TradeStore): void {
  for (let n = 0; n < 100; n++) {
    store.update(n, { price: store.field(n, 'price') })
    store.commitSync()
  }
}

function fields(store: TradeStore, numbers: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += store.field(numbers[i] as number, 'qty')
  return sum
}

function objects(store: TradeStore, numbers: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += store.get(numbers[i] as number)?.qty ?? 0
  return sum
}

function scan(store: TradeStore): number {
  let sum = 0
  for (const row of store.scan()) if (row.price > PRICE_LIMIT) sum += row.qty
  return sum
}

function total(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}
