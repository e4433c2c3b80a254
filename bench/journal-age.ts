/**
 * Does a commit cost the same in a journal that is new as in one that was written before?
 *
 * Each opening begins a new journal. Its two segments are written for the first time, then again: commits of each
 * stretch are compared with overwrites that took turns with them. `commits` measures the last stretch alone.
 */

import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { Overwriter } from './overwriter.ts'
import { median } from './quantile.ts'
import { randomNumbers } from './random.ts'
import { figuresOf, type Row } from './row.ts'
import { atMost } from './targets.ts'
import { Trade } from './trade.ts'

const BLOCK_BYTES = 4096
const COMMITS_PER_TURN = 20
const STRETCHES = ['first segment, new', 'second segment, new', 'both, written before'] as const

export const journalAge: Benchmark = {
  name: 'journal-age',
  question: 'commits in a new journal and in one written before',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    yield await stretches(context)
  },
}

async function stretches(context: Context): Promise<Row> {
  const path = join(context.folder, 'journal-age.stride')
  copyFileSync(fixturePath(context, 'distinct'), path)
  const journalBytes = sized(context, 16 * 2 ** 20, 64 * 1024)
  const perSegment = journalBytes / BLOCK_BYTES
  const numbers = randomNumbers(context.seed, 100_000, recordCount(context))
  const bare = new Overwriter(join(context.folder, 'overwritten.bin'))
  const ours: number[][] = STRETCHES.map(() => [])
  const theirs: number[][] = STRETCHES.map(() => [])
  for (let opening = 0; opening < sized(context, 3, 1); opening++) {
    using store = openStore(path, Trade, { journalBytes })
    for (let done = 0; done < 4 * perSegment; done++) {
      const stretch = Math.min(STRETCHES.length - 1, Math.floor(done / perSegment))
      const began = performance.now()
      store.update(numbers[done % numbers.length] as number, { price: opening, qty: done })
      store.commitSync()
      ours[stretch]?.push(performance.now() - began)
      if (done % COMMITS_PER_TURN > 0) continue
      for (let i = 0; i < COMMITS_PER_TURN; i++) {
        const overwrote = performance.now()
        bare.overwrite(i)
        theirs[stretch]?.push(performance.now() - overwrote)
      }
      // A checkpoint goes on in between.
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  bare.close()
  const ratios = STRETCHES.map((_, i) => median(ours[i] ?? []) / median(theirs[i] ?? []))
  return {
    what: 'one random update, commitSync, by the age of the journal',
    cache: 'warm',
    sides: STRETCHES.flatMap((stretch, i) => [
      figuresOf(stretch, ours[i] ?? []),
      figuresOf('4 KiB overwrite + fdatasync beside it', theirs[i] ?? []),
    ]),
    targets: STRETCHES.map((stretch, i) =>
      atMost(context, `1.25 times a bare overwrite, ${stretch}`, ratios[i], 1.25, 'times'),
    ),
    notes: [`a segment takes ${perSegment} commits of one record`],
  }
}
