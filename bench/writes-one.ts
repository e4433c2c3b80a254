/**
 * Row of `writes`: one random update in one durable commit, beside the least that one can be (overwriter.ts).
 *
 * Each commit is timed by itself, so that the tail is seen. Passes are short and rounds are many: what disturbs a pass disturbs
 * its neighbours of all sides alike.
 */

import { join } from 'node:path'
import { type Context, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { Overwriter } from './overwriter.ts'
import { randomNumbers } from './random.ts'
import type { Row, SideFigures } from './row.ts'
import { atMost, nsOf } from './targets.ts'
import { fasterThanEach, type Writers } from './writes.ts'

const BARE = '4 KiB overwrite + fdatasync'
const BARE_ASYNC = `${BARE}, awaited`
const SYNC = 'commitSync'
const ASYNC = 'await commit'
/** SQLite resets its WAL after a thousand pages; stores of all kinds have settled by then. */
const COMMITS_BEFORE = 1_200
/** Ours takes a block of journal for each, and has written both segments of 16 MiB once by then. */
const OUR_COMMITS_BEFORE = 9_000

export async function oneRecord(context: Context, writers: Writers): Promise<Row> {
  const { store, peers, notes } = writers
  const operations = sized(context, 50, 5)
  const bare = new Overwriter(join(context.folder, 'overwritten.bin'))
  const change = (numbers: Uint32Array, i: number, turn: number): void =>
    store.update(numbers[i] as number, { price: turn, qty: turn + i })
  const syncs = (): number => store.stats().syncs
  const sides: Side<Uint32Array>[] = [
    {
      name: BARE,
      operations,
      each: (_, i, turn) => bare.overwrite(turn + i),
      syncs: () => bare.syncs,
    },
    {
      name: SYNC,
      operations,
      syncs,
      each: (numbers, i, turn) => {
        change(numbers, i, turn)
        store.commitSync()
      },
    },
    {
      name: BARE_ASYNC,
      operations,
      each: (_, i, turn) => bare.overwriteAsync(turn + i),
      syncs: () => bare.syncs,
    },
    {
      name: ASYNC,
      operations,
      syncs,
      each: (numbers, i, turn) => {
        change(numbers, i, turn)
        return store.commit()
      },
    },
    ...peers.map(
      ({ name, store: peer }): Side<Uint32Array> => ({
        name,
        operations,
        each: (numbers, i, turn) => peer.changeOne(numbers[i] as number, turn),
      }),
    ),
  ]
  await settle(context, writers)
  const figures = await alternate(context, {
    sides,
    rounds: 241,
    warmups: 4,
    input: seed => randomNumbers(seed, operations, recordCount(context)),
  })
  bare.close()
  return {
    what: 'one random update, durable',
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, `1.1 times a bare ${BARE}, median`, middle(figures, SYNC, BARE), 1.1, 'times'),
      atMost(context, `1.5 times its 99.9th percentile`, tail(figures, SYNC, BARE), 1.5, 'times'),
      atMost(
        context,
        `1.1 times the same, both awaited, median`,
        middle(figures, ASYNC, BARE_ASYNC),
        1.1,
        'times',
      ),
      atMost(
        context,
        `1.5 times its 99.9th percentile, both awaited`,
        tail(figures, ASYNC, BARE_ASYNC),
        1.5,
        'times',
      ),
      ...fasterThanEach(context, figures, writers, SYNC, 1),
    ],
    notes,
  }
}

/** As many commits as each store needs until one costs what the next one does. */
async function settle(context: Context, { store, peers }: Writers): Promise<void> {
  const numbers = randomNumbers(context.seed, OUR_COMMITS_BEFORE, recordCount(context))
  for (let i = 0; i < sized(context, OUR_COMMITS_BEFORE, 1); i++) {
    store.update(numbers[i] as number, { price: i, qty: i })
    store.commitSync()
  }
  await store.checkpoint()
  for (let i = 0; i < sized(context, COMMITS_BEFORE, 1); i++) {
    for (const peer of peers) await peer.store.changeOne(numbers[i] as number, 0)
  }
}

function middle(figures: readonly SideFigures[], of: string, to: string): number {
  return (nsOf(figures, of) ?? Number.NaN) / (nsOf(figures, to) ?? Number.NaN)
}

function tail(figures: readonly SideFigures[], of: string, to: string): number {
  const at = (name: string): number => figures.find(side => side.name === name)?.percentiles?.p999 ?? Number.NaN
  return at(of) / at(to)
}
