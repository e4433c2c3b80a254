/**
 * How far are rows, read-only stores, scans and bulk reads from what they are compared with?
 *
 *   npx tsx bench/rows-and-readers.ts [<rounds>] [<records>] [<part of a comparison's name>]
 *
 * Rows and read-only stores beside `field` of the writer, a scan beside C, bulk reads of k numbers beside the loop of single ones.
 * The sides of a comparison take turns; each runs the same pass once untimed directly before it is timed, and every round has
 * other random numbers. Passes are short, so that a round meets the machine in one state.
 * Printed are the medians, and those of the ratios to the last side in each round. An idle writer is a process of its own.
 * Not one of `npm run bench`.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { AT } from './baseline.ts'
import { buildCBaseline, CFile } from './c-baseline.ts'
import type { Context } from './context.ts'
import { buildFixture, type FixtureName } from './fixtures.ts'
import { describeMachine, renderMachine } from './machine.ts'
import { median } from './quantile.ts'
import { randomNumbers } from './random.ts'
import { PRICE_LIMIT, Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

interface Side {
  readonly name: string
  run(numbers: Uint32Array): void
}

interface Comparison {
  readonly name: string
  /** Random numbers of a pass. */
  readonly count: number
  /** What is done in a pass, where that is something else. */
  readonly operations?: number
  readonly sides: readonly Side[]
}

const INDEXED = { indexes: { byId: { on: 'id', unique: true } } } as const
/** Rounds that are not counted: until the loops are compiled. */
const WARMUPS = 30
const [roundsText = '60', recordsText = '1000000', only = '', held] = process.argv.slice(2)
const records = Number(recordsText)
let kept = 0

if (held === undefined) await measureAll()
else hold(held)

/** The idle writer. */
function hold(path: string): void {
  using store = openStore(path, Trade)
  process.send?.(store.count)
  process.on('disconnect', () => process.exit())
  setInterval(() => store.count, 1e6)
}

async function measureAll(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-rows-'))
  let writer: ChildProcess | undefined
  try {
    const context: Context = { folder, isSmoke: false, isQuick: false, seed: 1 }
    const names: readonly FixtureName[] = ['distinct', 'distinct-copy', 'repeated']
    for (const name of names) await buildFixture(context, name)
    const path = (name: FixtureName): string => join(folder, `${name}.stride`)
    const noC = buildCBaseline()
    if (noC !== undefined) console.log(noC)
    const program = [import.meta.filename, roundsText, recordsText, only, path('distinct-copy')]
    writer = spawn(process.execPath, [...process.execArgv, ...program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    await once(writer, 'message')
    using store = openStore(path('distinct'), Trade, INDEXED)
    await store.checkpoint()
    using beside = openStore(path('distinct-copy'), Trade, { readOnly: true })
    using alone = openStore(path('repeated'), Trade, { readOnly: true })
    console.log(renderMachine(describeMachine(folder)))
    using c = CFile.open(path('distinct'))
    for (const comparison of comparisons(store, beside, alone, c)) {
      if (comparison.name.includes(only)) measure(comparison)
    }
  } finally {
    writer?.disconnect()
    rmSync(folder, { recursive: true })
  }
  if (Number.isNaN(kept)) throw new Error('a sum is not a number')
}

function measure({ name, count, operations = count, sides }: Comparison): void {
  const times = sides.map(() => [] as number[])
  for (let round = -WARMUPS; round < Number(roundsText); round++) {
    const numbers = randomNumbers(round + 1001, count, records)
    for (let k = 0; k < sides.length; k++) {
      const i = round % 2 === 0 ? k : sides.length - 1 - k
      const side = sides[i] as Side
      side.run(numbers)
      const start = performance.now()
      side.run(numbers)
      if (round >= 0) times[i]?.push(((performance.now() - start) * 1e6) / operations)
    }
  }
  console.log(`\n${name}`)
  const base = times.at(-1) as number[]
  for (const [i, side] of sides.entries()) {
    const ns = times[i] as number[]
    const ratio = median(ns.map((each, round) => each / (base[round] as number)))
    console.log(`  ${side.name.padEnd(34)} ${median(ns).toFixed(1).padStart(8)} ns  ${ratio.toFixed(2)}`)
  }
}

// Each side has a loop of its own, so that none shares what the compiler learns in it.
function* comparisons(
  store: TradeStore,
  beside: TradeStore,
  alone: TradeStore,
  c: CFile | undefined,
): Generator<Comparison> {
  const row = store.row(0)
  const rowBeside = beside.row(0)
  const each = (name: string, run: (numbers: Uint32Array) => void): Side => ({ name, run })
  yield {
    name: 'one field of a random record, to the writer',
    count: 20_000,
    sides: [
      each('row.seek(n).price', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += row.seek(numbers[i] as number).price
      }),
      each('read-only beside a writer', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += beside.field(numbers[i] as number, 'price')
      }),
      each('read-only alone', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += alone.field(numbers[i] as number, 'price')
      }),
      each('row of read-only beside a writer', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += rowBeside.seek(numbers[i] as number).price
      }),
      each('field', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += store.field(numbers[i] as number, 'price')
      }),
    ],
  }
  yield {
    name: 'a random record, to the writer',
    count: 5_000,
    sides: [
      each('read-only beside a writer', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += beside.get(numbers[i] as number)?.qty ?? 0
      }),
      each('read-only alone', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += alone.get(numbers[i] as number)?.qty ?? 0
      }),
      each('get', numbers => {
        for (let i = 0; i < numbers.length; i++) kept += store.get(numbers[i] as number)?.qty ?? 0
      }),
    ],
  }
  yield {
    name: 'scan with a filter, to C',
    count: 0,
    operations: records,
    sides: [
      each('scan of the writer', () => {
        for (const each of store.scan()) if (each.price > PRICE_LIMIT) kept += each.qty
      }),
      each('scan of read-only beside a writer', () => {
        for (const each of beside.scan()) if (each.price > PRICE_LIMIT) kept += each.qty
      }),
      ...(c === undefined ? [] : [each('C', () => void (kept += c.scan(records)))]),
    ],
  }
  for (const k of [1, 10, 100, 1000, 100_000]) yield* bulk(store, beside, k, c)
}

function* bulk(store: TradeStore, beside: TradeStore, k: number, c: CFile | undefined): Generator<Comparison> {
  const count = Math.max(k, Math.min(20_000, k * 2_000))
  const index = store.index('byId')
  const pieces = (name: string, read: (numbers: Uint32Array) => void): Side => ({
    name,
    run: numbers => {
      for (let i = 0; i < numbers.length; i += k) read(numbers.subarray(i, i + k))
    },
  })
  const out = new Float64Array(k)
  yield {
    name: `gather of ${k}`,
    count,
    sides: [
      pieces('gather', numbers => void (kept += store.gather('price', numbers)[0] as number)),
      pieces('gather of read-only', numbers => void (kept += beside.gather('price', numbers)[0] as number)),
      ...(c === undefined
        ? []
        : [pieces('C', numbers => void (kept += c.gather(AT.price, numbers)[0] as number))]),
      pieces('field, into one array', numbers => {
        for (let i = 0; i < numbers.length; i++) out[i] = store.field(numbers[i] as number, 'price')
      }),
      pieces('field, into a new array', numbers => {
        const values = new Float64Array(numbers.length)
        for (let i = 0; i < numbers.length; i++) values[i] = store.field(numbers[i] as number, 'price')
        kept += values[0] as number
      }),
    ],
  }
  yield {
    name: `getMany of ${k}`,
    count: Math.max(k, count / 4),
    sides: [
      pieces('getMany', numbers => void (kept += store.getMany(numbers).length)),
      pieces('get, into a new array', numbers => {
        const values = []
        for (let i = 0; i < numbers.length; i++) values.push(store.get(numbers[i] as number))
        kept += values.length
      }),
    ],
  }
  yield {
    name: `numbers of ${k} keys`,
    count,
    sides: [
      pieces('numbers', keys => void (kept += index.numbers(keys)[0] as number)),
      pieces('number, into a new array', keys => {
        const values = new Float64Array(keys.length)
        for (let i = 0; i < keys.length; i++) values[i] = index.number(keys[i] as number)
        kept += values[0] as number
      }),
    ],
  }
}
