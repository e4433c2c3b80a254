/**
 * What do durable changes cost, beside other stores: 100,000 at once, a hundred at a time, and one?
 *
 * Every side changes the same records of a store of 1,000,000, to values that it has not held before. Other stores (peers/) are
 * compared where they are installed. The rows: writes-many.ts, writes-one.ts.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, whyNoPeers } from './context.ts'
import { PEERS } from './peers/all.ts'
import { syncsPerCommit } from './peers/count-syncs.ts'
import { type PeerStore, Records, whyPeerIsMissing } from './peers/peer.ts'
import type { SideFigures, Target } from './row.ts'
import { atLeast, ratio } from './targets.ts'
import { Trade } from './trade.ts'
import { commitsOfHundred, oneTransaction } from './writes-many.ts'
import { oneRecord } from './writes-one.ts'

/** What the rows of `writes` are measured with. */
export interface Writers {
  readonly store: Store<typeof Trade>
  readonly peers: readonly OpenPeer[]
  /** What is not compared, and why. */
  readonly notes: readonly string[]
}

export interface OpenPeer {
  readonly name: string
  readonly library: string
  readonly store: PeerStore
}

export const writes: Benchmark = {
  name: 'writes',
  question: 'durable changes, beside other stores',
  needs: ['distinct'],
  async *run(context) {
    const path = join(context.folder, 'writes.stride')
    copyFileSync(fixturePath(context, 'distinct'), path)
    using store = openStore(path, Trade)
    warm(store)
    const { peers, notes } = await openPeers(context)
    const writers = { store, peers, notes }
    // What building the stores has left to be written would slow the first syncs of all sides.
    spawnSync('sync')
    yield await oneTransaction(context, writers)
    yield await commitsOfHundred(context, writers)
    yield await oneRecord(context, writers)
    for (const peer of peers) await peer.store.close()
  },
}

/** The pages of the store are in memory and mapped. */
function warm(store: Writers['store']): void {
  let sum = 0
  for (const row of store.scan()) sum += row.qty
  if (!(sum > 0)) throw new Error('The store was not read')
}

async function openPeers(context: Context): Promise<Pick<Writers, 'peers' | 'notes'>> {
  const why = whyNoPeers(context)
  if (why !== undefined) return { peers: [], notes: [why] }
  const records = new Records(context.seed, recordCount(context))
  const peers: OpenPeer[] = []
  const notes: string[] = []
  for (const [i, { name, library, open }] of PEERS.entries()) {
    const missing = whyPeerIsMissing(library)
    if (missing !== undefined) {
      notes.push(`${name} IS NOT COMPARED: ${missing}`)
      continue
    }
    peers.push({ name, library, store: await open(join(context.folder, `peer-${i}`), records) })
    // A peer that does not sync would not be compared with the same work.
    const syncs = syncsPerCommit(name, context.folder)
    if (typeof syncs === 'number' && syncs < 1)
      throw new Error(`${name} is not durable: ${syncs} syncs a commit`)
    notes.push(`${name}: syncs a commit, by strace: ${syncs}`)
  }
  return { peers, notes }
}

/** The target against each library, judged on the fastest of its ways. */
export function fasterThanEach(
  context: Context,
  figures: readonly SideFigures[],
  { peers }: Writers,
  ours: string,
  times: number,
): Target[] {
  const libraries = [...new Set(PEERS.map(({ library }) => library))]
  return libraries.map(library => {
    const theirs = peers
      .filter(peer => peer.library === library)
      .map(({ name }) => ratio(figures, name, ours) ?? Number.POSITIVE_INFINITY)
    const figure = theirs.length === 0 ? undefined : Math.min(...theirs)
    return atLeast(context, `${times} times the speed of ${library}, its fastest way`, figure, times, 'times')
  })
}
