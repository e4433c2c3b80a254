/**
 * Is this checkout as fast as another commit of it? A field, an object, a lookup, a column, staging and a commit of each.
 *
 *   npx tsx bench/builds.ts <commit> [<rounds>]
 *
 * Both builds run the same program, each round in processes of their own, one after the other in turns. Each process runs each
 * pass twice untimed and then six times, each time with other random numbers. Printed are the medians over processes of the
 * processes' medians, and their ratios: this checkout to the commit, above 1 is slower. Behind them is the ratio of the best
 * processes, which other programs disturb least. Not one of `npm run bench`.
 *
 * 'windows' reads fields of a copy of the store in windows of a mebibyte; 'two windows' alternates between the first and the last.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { bundleOf } from './build-commit.ts'
import { describeMachine, renderMachine } from './machine.ts'
import { Random } from './random.ts'
import { type TradeRecord, TradeSource, tradeShape } from './trade.ts'

const RECORDS = 200_000
const [commit = '', rounds = '8', bundle = ''] = process.argv.slice(2)

if (bundle === '') await compare()
else console.log(JSON.stringify(await measure(bundle)))

async function compare(): Promise<void> {
  if (commit === '') throw new TypeError('npx tsx bench/builds.ts <commit> [<rounds>]')
  const sides = [await bundleOf(commit), await bundleOf('HEAD')] as const
  const results: Record<string, number>[][] = [[], []]
  for (let round = 0; round < Number(rounds); round++) {
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const program = [...process.execArgv, import.meta.filename, commit, rounds, sides[side] as string]
      const { stdout, stderr, status } = spawnSync(process.execPath, program, { encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
      results[side]?.push(JSON.parse(stdout) as Record<string, number>)
    }
  }
  console.log(renderMachine(describeMachine(tmpdir())))
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number
  for (const name of Object.keys(results[0]?.[0] ?? {})) {
    const times = results.map(side => side.map(each => each[name] as number))
    const [before, now] = times.map(median) as [number, number]
    const [bestBefore, best] = times.map(side => Math.min(...side)) as [number, number]
    const ratios = `${(now / before).toFixed(2)}, best ${(best / bestBefore).toFixed(2)}`
    console.log(`${name.padEnd(12)} ${before.toFixed(1)} -> ${now.toFixed(1)} ns, ${ratios}`)
  }
}

/** Nanoseconds that each pass takes for one item. */
async function measure(library: string): Promise<Record<string, number>> {
  const built = (await import(pathToFileURL(library).href)) as typeof import('stridedb')
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-builds-'))
  try {
    const Schema = z.object(tradeShape(built))
    const options = { durability: 'process', indexes: { byId: { on: 'id', unique: true } } } as const
    const store = built.openStore(join(folder, 'trades.stride'), Schema, options)
    const source = new TradeSource(1, 'distinct')
    store.appendMany(source.take(RECORDS))
    store.commitSync()
    await store.checkpoint()
    const index = store.index('byId')
    const copy = join(folder, 'copy.stride')
    await store.backup(copy)
    const parted = built.openStore(copy, Schema, { windowBytes: 1 << 20 })
    const news = source.take(1000)
    let seed = 0
    let sum = 0
    const each = (count: number, work: (n: number, i: number) => void): number => {
      const random = new Random(++seed)
      for (let i = 0; i < count; i++) work(random.below(RECORDS), i)
      return count
    }
    const passes: Readonly<Record<string, () => number>> = {
      field: () => each(300_000, n => (sum += store.field(n, 'price'))),
      get: () => each(60_000, n => void store.get(n)),
      scan: () => {
        for (const row of store.scan()) if (row.price > 50) sum += row.qty
        return RECORDS
      },
      gather: () => store.gather('price').length,
      lookup: () => each(200_000, n => (sum += index.number(n))),
      'lookup field': () => each(200_000, n => (sum += index.field(n, 'price'))),
      append: () => {
        for (let i = 0; i < 20_000; i++) store.append({ ...(news[i % 1000] as TradeRecord), id: RECORDS + i })
        store.rollback()
        return 20_000
      },
      update: () => {
        each(20_000, (n, i) => store.update(n, { qty: i }))
        store.commitSync()
        return 20_000
      },
      commit: () =>
        each(1000, (n, i) => {
          store.update(n, { qty: i })
          store.commitSync()
        }),
      windows: () => each(100_000, n => (sum += parted.field(n, 'price'))),
      'two windows': () =>
        each(100_000, (n, i) => (sum += parted.field((i & 1) * (RECORDS - 2000) + (n % 2000), 'price'))),
    }
    const result: Record<string, number> = {}
    for (const [name, pass] of Object.entries(passes)) {
      const times: number[] = []
      for (let run = -2; run < 6; run++) {
        const start = performance.now()
        const items = pass()
        if (run >= 0) times.push(((performance.now() - start) * 1e6) / items)
        if (name === 'update' || name === 'commit') await store.checkpoint()
      }
      result[name] = times.sort((a, b) => a - b)[3] as number
    }
    parted.close()
    store.close()
    if (Number.isNaN(sum)) throw new Error('a sum is not a number')
    return result
  } finally {
    rmSync(folder, { recursive: true })
  }
}
