/**
 * How long do blocking commits of durability 'process' take in a process that makes many of them, compared with another commit of this
 * checkout?
 *
 *   npx tsx bench/many-commits.ts <commit> [<rounds>] [<commits>]
 *
 * Both builds run the same program, in processes of their own that take turns: an update of one record and its commit, over and over.
 * Printed are the medians over processes of microseconds for one commit, in the first 8,000 commits of a process and in its last half,
 * and their ratios: this checkout to the commit, above 1 is slower. Behind them are those of the best processes. Not one of `npm run bench`.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { bundleOf } from './build-commit.ts'
import { TradeSource, tradeShape } from './trade.ts'

const RECORDS = 200_000
const FIRST = 8000
const [commit = '', rounds = '6', commits = '100000', bundle = ''] = process.argv.slice(2)

if (bundle === '') await compare()
else console.log(JSON.stringify(await measure(bundle)))

async function compare(): Promise<void> {
  if (commit === '') throw new TypeError('npx tsx bench/many-commits.ts <commit> [<rounds>] [<commits>]')
  const sides = [await bundleOf(commit), await bundleOf('HEAD')] as const
  const results: (readonly number[])[][] = [[], []]
  for (let round = 0; round < Number(rounds); round++) {
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const program = [
        ...process.execArgv,
        import.meta.filename,
        commit,
        rounds,
        commits,
        sides[side] as string,
      ]
      const { stdout, stderr, status } = spawnSync(process.execPath, program, { encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
      results[side]?.push(JSON.parse(stdout) as number[])
    }
  }
  console.log(`load ${loadavg()[0]?.toFixed(1)}`)
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number
  for (const [i, name] of [`first ${FIRST}`, 'last half'].entries()) {
    const [before, now] = results.map(side => median(side.map(each => each[i] as number))) as [number, number]
    console.log(`${name.padEnd(12)} ${before.toFixed(1)} -> ${now.toFixed(1)} us, ${(now / before).toFixed(2)}`)
  }
}

/** Microseconds of one commit: in the first of them, and in the last half. */
async function measure(library: string): Promise<readonly [number, number]> {
  const built = (await import(pathToFileURL(library).href)) as typeof import('stridedb')
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-commits-'))
  try {
    const Schema = z.object(tradeShape(built))
    const options = { durability: 'process', indexes: { byId: { on: 'id', unique: true } } } as const
    const store = built.openStore(join(folder, 'trades.stride'), Schema, options)
    store.appendMany(new TradeSource(1, 'distinct').take(RECORDS))
    store.commitSync()
    await store.checkpoint()
    const count = Number(commits)
    const run = (from: number, to: number): number => {
      const start = process.hrtime.bigint()
      for (let i = from; i < to; i++) {
        store.update((i * 7919) % RECORDS, { price: i })
        store.commitSync()
      }
      return Number(process.hrtime.bigint() - start) / 1000 / (to - from)
    }
    const first = run(0, FIRST)
    run(FIRST, count >> 1)
    const last = run(count >> 1, count)
    store.close()
    return [first, last]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
