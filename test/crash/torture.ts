/**
 * The long run: `npm run torture -- --seed S --images N --kills N --mutants N`. Prints its seed first, and a line now and then.
 *
 *   --kind small|long|both   which workloads; both
 *   --syncs sound|failing|both   whether a sync fails before the power goes: never, always, or for half of the images; both
 *   --from I                 begin with workload I, to repeat what was reported
 *   --matrix-minutes N       every operation beside every other, again and again for so long; 60
 *   --mixed-kills N          kills during random operations of several processes; 1,000
 *   --operations N           small operations that must leave nothing behind, on each backend; 10,000,000
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, removeBundles } from './bundle.ts'
import { fuzz } from './fuzz-run.ts'
import { killAgainAndAgain } from './kill.ts'
import { findLeaks, leakObstacle } from './leaks.ts'
import { matrixInProcess, matrixOfPeers } from './matrix.ts'
import { startProcess, startThread } from './matrix-peer.ts'
import { killMixedWork } from './mixed-kills.ts'
import { searchPowerCuts } from './search.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    images: { type: 'string', default: '1000000' },
    kills: { type: 'string', default: '2000' },
    mutants: { type: 'string', default: '200000' },
    kind: { type: 'string', default: 'both' },
    syncs: { type: 'string', default: 'both' },
    from: { type: 'string', default: '0' },
    'matrix-minutes': { type: 'string', default: '60' },
    'mixed-kills': { type: 'string', default: '1000' },
    operations: { type: 'string', default: '10000000' },
  },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const { kind } = values
if (kind !== 'small' && kind !== 'long' && kind !== 'both')
  throw new TypeError(`--kind is small, long or both: ${kind}`)
const { syncs } = values
if (syncs !== 'sound' && syncs !== 'failing' && syncs !== 'both')
  throw new TypeError(`--syncs is sound, failing or both: ${syncs}`)
console.log(`seed ${seed}`)

const REPORT_MS = 10_000
let reported = performance.now()
const begun = reported
const perSearch = Number(values.images) / (syncs === 'both' ? 2 : 1)
for (const failingSyncs of syncs === 'both' ? [false, true] : [syncs === 'failing']) {
  const { images, points, secondImages, replayed, dropped } = await searchPowerCuts({
    seed,
    kind,
    failingSyncs,
    images: Math.ceil(perSearch),
    from: Number(values.from),
    progress(tally, workloads) {
      if (performance.now() - reported < REPORT_MS) return
      reported = performance.now()
      console.log(`${workloads} workloads, ${tally.images} images, ${Math.round((reported - begun) / 1000)} s`)
    },
  })
  const cuts = failingSyncs ? 'power cuts after a failed sync' : 'power cuts'
  console.log(`${cuts}: ${images} images (${secondImages} of a later life) at ${points} points; opening`)
  console.log(`replayed in ${replayed} of them and dropped bytes in ${dropped}; every one held a whole commit`)
}

// A store of its own for each hundred, so that histories stay short.
const KILLS_A_STORE = 100
const MUTANTS_A_LINE = 50_000
const folder = mkdtempSync(join(tmpdir(), 'stridedb-torture-'))
try {
  const [writer, reader] = await Promise.all([bundle('kill-writer.ts'), bundle('kill-reader.ts')])
  const counts = { kills: 0, working: 0, commits: 0, reads: 0 }
  for (let store = 0; counts.kills < Number(values.kills); store++) {
    const path = join(folder, `${store}.stride`)
    const backend = store % 2 === 0 ? 'mapped' : 'file'
    const kills = Math.min(KILLS_A_STORE, Number(values.kills) - counts.kills)
    const tally = await killAgainAndAgain({ path, backend, kills, seed: seed + store, writer, reader })
    counts.kills += kills
    counts.working += tally.working
    counts.commits += tally.commits
    counts.reads += tally.reader.reads
    console.log(`${counts.kills} kills, ${counts.commits} commits, ${counts.reads} reads beside them`)
  }
  const mutants = Number(values.mutants)
  for (let done = 0; done < mutants; done += MUTANTS_A_LINE) {
    const to = Math.min(mutants, done + MUTANTS_A_LINE)
    const { opened } = await fuzz({ seed, from: done, to })
    console.log(`${to} mutants; of the last ${to - done}, ${opened} opened`)
  }
  await killMixed(Number(values['mixed-kills']))
  await repeatMatrix(Number(values['matrix-minutes']) * 60_000)
  if (leakObstacle !== undefined) console.log(`SKIPPED, leaks: ${leakObstacle}`)
  else if (Number(values.operations) > 0) await lookForLeaks(Number(values.operations))
} finally {
  removeBundles()
  rmSync(folder, { recursive: true, force: true })
}

async function repeatMatrix(forMs: number): Promise<void> {
  const child = forMs > 0 ? await bundle('matrix-child.ts') : ''
  const from = performance.now()
  for (let round = 0; performance.now() - from < forMs; round++) {
    const optionsOf = (name: string) => ({
      path: join(folder, `${name}-${round}.stride`),
      seed: seed + round,
      times: 3,
      verifyEvery: 1,
    })
    const tallies = [
      await matrixInProcess(optionsOf('process')),
      await matrixOfPeers(optionsOf('processes'), [startProcess(child), startProcess(child)]),
      await matrixOfPeers(optionsOf('threads'), [startThread(child), startThread(child)]),
    ]
    const [pairs, changes] = (['pairs', 'changes'] as const).map(what =>
      tallies.reduce((sum, tally) => sum + tally[what], 0),
    )
    console.log(`matrix, seed ${seed + round}: ${pairs} pairs, ${changes} changes, none lost`)
  }
}

async function killMixed(kills: number): Promise<void> {
  if (kills === 0) return
  const child = await bundle('mixed-child.ts')
  for (let killed = 0; killed < kills; killed += KILLS_A_STORE) {
    const path = join(folder, `mixed-${killed}.stride`)
    const some = Math.min(KILLS_A_STORE, kills - killed)
    const { acknowledged, more } = await killMixedWork({
      path,
      seed: seed + killed,
      kills: some,
      readers: 3,
      child,
    })
    console.log(
      `${killed + some} kills of mixed work: ${acknowledged} changes acknowledged, ${more} more are there`,
    )
  }
}

async function lookForLeaks(operations: number): Promise<void> {
  const child = await bundle('leak-child.ts')
  for (const backend of ['mapped', 'file'] as const) {
    const path = join(folder, `leaks-${backend}.stride`)
    const { early, late } = await findLeaks({ path, backend, seed, operations, child })
    const heaps = [early, late].map(({ heap }) => `${(heap / 2 ** 20).toFixed(1)} MiB`)
    console.log(
      `${operations} small operations, ${backend}: nothing grew; the heap went from ${heaps.join(' to ')}`,
    )
  }
}
