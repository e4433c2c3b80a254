/**
 * What does a durable commit cost: of one record, and of 100,000 random updates at once?
 *
 * Beside it: the least that one can be (overwriter.ts), and other stores (peers/), where they are installed.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Row, type Side, type SideFigures, type Target } from './measure.ts'
import { Overwriter } from './overwriter.ts'
import { PEERS } from './peers/all.ts'
import { syncsPerCommit } from './peers/count-syncs.ts'
import { arePeersInstalled, INSTALL, type PeerStore, Records } from './peers/peer.ts'
import { randomNumbers } from './random.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'
import { Trade } from './trade.ts'

type TradeStore = Store<typeof Trade>

const BARE = '4 KiB overwrite + fdatasync'
const SYNC = 'commitSync'
const ASYNC = 'await commit'
const MANY = 'transaction'
/** SQLite resets its WAL after a thousand pages; stores of all kinds have settled by then. */
const COMMITS_BEFORE = 1_200
/** Ours takes a block of journal for each, and has written both segments of 16 MiB once by then. */
const OUR_COMMITS_BEFORE = 9_000

interface OpenPeer {
  readonly name: string
  readonly store: PeerStore
}

export const commits: Benchmark = {
  name: 'commits',
  question: 'durable commits, beside other stores',
  needs: ['distinct'],
  async *run(context) {
    const path = join(context.folder, 'commits.stride')
    copyFileSync(fixturePath(context, 'distinct'), path)
    using store = openStore(path, Trade)
    warm(store)
    const why = whyNoPeers(context)
    const peers = why === undefined ? await openPeers(context) : []
    const notes = why === undefined ? countSyncs(context) : [why]
    // What building the stores has left to be written would slow the first syncs of all sides.
    spawnSync('sync')
    yield await oneRecord(context, store, peers, notes)
    yield await manyRecords(context, store, peers, why === undefined ? [] : [why])
    for (const peer of peers) await peer.store.close()
  },
}

/** The pages of the store are in memory and mapped. */
function warm(store: TradeStore): void {
  let sum = 0
  for (const row of store.scan()) sum += row.qty
  if (!(sum > 0)) throw new Error('The store was not read')
}

function whyNoPeers(context: Context): string | undefined {
  if (context.isSmoke) return 'a smoke run compares with no other stores'
  return arePeersInstalled() ? undefined : `NO OTHER STORES, their sides and targets are skipped: ${INSTALL}`
}

async function openPeers(context: Context): Promise<OpenPeer[]> {
  const records = new Records(context.seed, recordCount(context))
  const open: OpenPeer[] = []
  for (const [i, peer] of PEERS.entries()) {
    open.push({ name: peer.name, store: await peer.open(join(context.folder, `peer-${i}`), records) })
  }
  return open
}

function countSyncs(context: Context): string[] {
  return PEERS.map(({ name }) => {
    const syncs = syncsPerCommit(name, context.folder)
    if (typeof syncs === 'string') return `SYNCS NOT COUNTED, ${name}: ${syncs}`
    if (syncs < 1) throw new Error(`${name} is not durable: ${syncs} syncs a commit`)
    return `${name}: ${syncs} syncs a commit, by strace`
  })
}

async function oneRecord(
  context: Context,
  store: TradeStore,
  peers: readonly OpenPeer[],
  notes: readonly string[],
): Promise<Row> {
  // Few a batch and many batches, so that what disturbs a batch disturbs its neighbours of all sides alike.
  const operations = sized(context, 20, 5)
  const numbers = randomNumbers(context.seed, 100_000, recordCount(context))
  const bare = new Overwriter(join(context.folder, 'overwritten.bin'))
  let turn = 0
  let at = 0
  const next = (): number => numbers[at++ % numbers.length] as number
  const change = (): void => store.update(next(), { price: turn, qty: at })
  const syncs = (): number => store.stats().syncs
  const each = (name: string, once: () => unknown, more: Partial<Side> = {}): Side => ({
    name,
    operations,
    async run(count) {
      turn++
      for (let i = 0; i < count; i++) {
        // A promise of a blocking call would cost it a turn.
        const answer = once()
        if (answer instanceof Promise) await answer
      }
      return count
    },
    ...more,
  })
  const sides = [
    each(BARE, () => bare.overwrite(turn), { syncs: () => bare.syncs }),
    each(
      SYNC,
      () => {
        change()
        store.commitSync()
      },
      { syncs },
    ),
    each(
      ASYNC,
      () => {
        change()
        return store.commit()
      },
      { syncs },
    ),
    each(`${BARE}, awaited`, () => bare.overwriteAsync(turn), { syncs: () => bare.syncs }),
    ...peers.map(peer => each(peer.name, () => peer.store.changeOne(next(), turn))),
  ]
  for (let i = 0; i < sized(context, OUR_COMMITS_BEFORE, 1); i++) {
    change()
    store.commitSync()
  }
  await store.checkpoint()
  for (let i = 0; i < sized(context, COMMITS_BEFORE, 1); i++) {
    for (const peer of peers) await peer.store.changeOne(next(), turn)
  }
  const figures = await alternate(sides, { rounds: sized(context, 151, 1), warmups: sized(context, 10, 1) })
  bare.close()
  return {
    what: 'one random update, durable',
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(context, `1.25 times a bare ${BARE}, commitSync`, ratio(figures, SYNC, BARE), 1.25, 'times'),
      atMost(context, `1.5 times a bare ${BARE}, await commit`, ratio(figures, ASYNC, BARE), 1.5, 'times'),
      ...fasterThan(context, figures, peers, SYNC, ['lmdb-js', 'better-sqlite3', 'classic-level'], 1),
    ],
    notes,
  }
}

async function manyRecords(
  context: Context,
  store: TradeStore,
  peers: readonly OpenPeer[],
  notes: readonly string[],
): Promise<Row> {
  const operations = sized(context, 100_000, 200)
  const numbers = randomNumbers(context.seed, operations, recordCount(context))
  let turn = 0
  const ours = async (): Promise<void> => {
    await store.transaction(tx => {
      for (let i = 0; i < numbers.length; i++) tx.update(numbers[i] as number, { price: turn, qty: i })
    })
  }
  const once = (name: string, change: () => unknown, more: Partial<Side> = {}): Side => ({
    name,
    operations,
    async run(count) {
      turn++
      await change()
      return count
    },
    ...more,
  })
  const syncs = (): number => store.stats().syncs
  const sides = [
    once(MANY, ours, { syncs, after: () => store.checkpoint() }),
    once(
      `${MANY} and checkpoint`,
      async () => {
        await ours()
        await store.checkpoint()
      },
      { syncs },
    ),
    ...peers.map(peer => once(peer.name, () => peer.store.changeMany(numbers, turn))),
  ]
  const figures = await alternate(sides, { rounds: sized(context, 9, 1), warmups: sized(context, 2, 1) })
  return {
    what: `${operations} random updates in one durable transaction`,
    cache: 'warm',
    sides: figures,
    targets: fasterThan(context, figures, peers, MANY, ['lmdb-js', 'better-sqlite3'], 3),
    notes: [
      ...notes,
      'the checkpoint of the first side runs after its clock has stopped',
      'a durable lmdb-js or SQLite transaction leaves nothing to do, but for SQLite its own checkpoints',
    ],
  }
}

/** The target against each library, judged on the fastest of its ways. */
function fasterThan(
  context: Context,
  figures: readonly SideFigures[],
  peers: readonly OpenPeer[],
  ours: string,
  libraries: readonly string[],
  times: number,
): Target[] {
  return libraries.map(library => {
    const theirs = peers
      .filter(({ name }) => name.startsWith(library))
      .map(({ name }) => nsOf(figures, name) ?? Number.POSITIVE_INFINITY)
    const figure = theirs.length === 0 ? undefined : Math.min(...theirs) / (nsOf(figures, ours) ?? Number.NaN)
    return atLeast(context, `${times} times the speed of ${library}, the fastest way`, figure, times, 'times')
  })
}
