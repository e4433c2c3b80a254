/**
 * The long run: `npm run torture`, or `npm run torture -- --only matrix --matrix-minutes 20`. Prints its seed first, and a line now and then.
 *
 *   --seed S                 what everything follows from; a new one
 *   --only A,B               these parts alone: images, kills, mutants, mixed-kills, tail, matrix, operations, lives,
 *                            properties
 *   --minutes N              each part ends after so long, and says how far it came; never
 *   --images N               disks after a loss of power; 1,000,000
 *   --kind small|long|both   which workloads of them; both
 *   --syncs sound|failing|both   whether a sync fails before the power goes: never, always, or for half of the images; both
 *   --from I                 begin with workload I, or life I, to repeat what was reported
 *   --kills N                killed processes that commit; 2,000
 *   --mutants N              damaged stores; 200,000
 *   --mixed-kills N          kills during random operations of several processes; 1,000
 *   --tail N                 records that three followers see through 20 compacts, and kills of writers and of a follower; 1,000,000
 *   --matrix-minutes N       every operation beside every other, again and again for so long; 60
 *   --operations N           small operations that must leave nothing behind, on each backend; 10,000,000
 *   --lives N                operations of random lives that are compared with a model, in all; 20,000,000
 *   --properties N           how often each property test is run, ten times as long as in the tests; 10
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
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
import { runPropertyTests } from './property-tests.ts'
import { runLives } from './random-lives.ts'
import { searchPowerCuts } from './search.ts'
import { killTailed } from './tail-kills.ts'

const PARTS = {
  images: lookAtImages,
  kills: killCommitting,
  mutants: tryMutants,
  'mixed-kills': killMixed,
  tail: killFollowed,
  matrix: repeatMatrix,
  operations: lookForLeaks,
  lives: liveRandomly,
  properties: repeatProperties,
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    only: { type: 'string', default: Object.keys(PARTS).join() },
    minutes: { type: 'string', default: 'Infinity' },
    images: { type: 'string', default: '1000000' },
    kind: { type: 'string', default: 'both' },
    syncs: { type: 'string', default: 'both' },
    from: { type: 'string', default: '0' },
    kills: { type: 'string', default: '2000' },
    mutants: { type: 'string', default: '200000' },
    'mixed-kills': { type: 'string', default: '1000' },
    tail: { type: 'string', default: '1000000' },
    'matrix-minutes': { type: 'string', default: '60' },
    operations: { type: 'string', default: '10000000' },
    lives: { type: 'string', default: '20000000' },
    properties: { type: 'string', default: '10' },
  },
})
const given = (name: Exclude<keyof typeof values, 'seed' | 'only' | 'kind' | 'syncs'>): number => {
  const value = Number(values[name])
  if (Number.isNaN(value) || value < 0) throw new TypeError(`--${name} is a number: ${values[name]}`)
  return value
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const { kind } = values
if (kind !== 'small' && kind !== 'long' && kind !== 'both')
  throw new TypeError(`--kind is small, long or both: ${kind}`)
const { syncs } = values
if (syncs !== 'sound' && syncs !== 'failing' && syncs !== 'both')
  throw new TypeError(`--syncs is sound, failing or both: ${syncs}`)
const parts = values.only.split(',')
const unknown = parts.find(part => !Object.hasOwn(PARTS, part))
if (unknown !== undefined) throw new TypeError(`--only takes ${Object.keys(PARTS).join(', ')}: ${unknown}`)
console.log(`seed ${seed}`)

/** A store of its own for each hundred, so that histories stay short. */
const KILLS_A_STORE = 100
const KILLS_A_LINE = 20
const MUTANTS_A_LINE = 50_000
const LIVES_A_LINE = 50_000
const REPORT_MS = 10_000

// In memory where that can be had: a disk makes lives slow, and finds the same.
const folder = mkdtempSync(join(tmpdir(), 'stridedb-torture-'))
const quickFolder = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/stridedb-torture-') : folder
let begun = 0
try {
  for (const part of parts) {
    begun = performance.now()
    await PARTS[part as keyof typeof PARTS]()
    console.log(`${part}: done after ${Math.round((performance.now() - begun) / 1000)} s`)
  }
} finally {
  removeBundles()
  for (const each of [folder, quickFolder]) rmSync(each, { recursive: true, force: true })
}

/** Whether the part has taken as long as it may. */
function isOver(): boolean {
  return performance.now() - begun > given('minutes') * 60_000
}

async function lookAtImages(): Promise<void> {
  let reported = begun
  const searches = syncs === 'both' ? [false, true] : [syncs === 'failing']
  for (const [i, failingSyncs] of searches.entries()) {
    // Of the time, too, each search gets its part.
    const until = begun + (given('minutes') * 60_000 * (i + 1)) / searches.length
    const { images, points, secondImages, replayed, dropped } = await searchPowerCuts({
      seed,
      kind: kind as 'small' | 'long' | 'both',
      failingSyncs,
      images: Math.ceil(given('images') / searches.length),
      from: given('from'),
      isOver: () => performance.now() > until,
      progress(tally, workloads) {
        if (performance.now() - reported < REPORT_MS) return
        reported = performance.now()
        console.log(
          `${workloads} workloads, ${tally.images} images, ${Math.round((reported - begun) / 1000)} s`,
        )
      },
    })
    const cuts = failingSyncs ? 'power cuts after a failed sync' : 'power cuts'
    console.log(`${cuts}: ${images} images (${secondImages} of a later life) at ${points} points; opening`)
    console.log(
      `replayed in ${replayed} of them and dropped bytes in ${dropped}; every one held a whole commit`,
    )
  }
}

async function killCommitting(): Promise<void> {
  const [writer, reader] = await Promise.all([bundle('kill-writer.ts'), bundle('kill-reader.ts')])
  const counts = { kills: 0, working: 0, commits: 0, reads: 0 }
  for (let store = 0; counts.kills < given('kills') && !isOver(); store++) {
    const path = join(folder, `${store}.stride`)
    const backend = store % 2 === 0 ? 'mapped' : 'file'
    const kills = Math.min(KILLS_A_STORE, given('kills') - counts.kills)
    const tally = await killAgainAndAgain({ path, backend, kills, seed: seed + store, writer, reader })
    counts.kills += kills
    counts.working += tally.working
    counts.commits += tally.commits
    counts.reads += tally.reader.reads
    console.log(`${counts.kills} kills, ${counts.commits} commits, ${counts.reads} reads beside them`)
  }
}

async function tryMutants(): Promise<void> {
  const mutants = given('mutants')
  for (let done = 0; done < mutants && !isOver(); done += MUTANTS_A_LINE) {
    const to = Math.min(mutants, done + MUTANTS_A_LINE)
    const { opened } = await fuzz({ seed, from: done, to })
    console.log(`${to} mutants; of the last ${to - done}, ${opened} opened`)
  }
}

async function killMixed(): Promise<void> {
  const child = await bundle('mixed-child.ts')
  const total = given('mixed-kills')
  const counts = { acknowledged: 0, more: 0 }
  for (let killed = 0; killed < total && !isOver(); killed += KILLS_A_LINE) {
    const path = join(folder, `mixed-${killed}.stride`)
    const kills = Math.min(KILLS_A_LINE, total - killed)
    const { acknowledged, more } = await killMixedWork({ path, seed: seed + killed, kills, readers: 7, child })
    counts.acknowledged += acknowledged
    counts.more += more
    console.log(
      `${killed + kills} kills of mixed work: ${counts.acknowledged} changes acknowledged, ${counts.more} more are there`,
    )
  }
}

async function killFollowed(): Promise<void> {
  const appends = given('tail')
  if (appends === 0) return
  const tally = await killTailed(
    {
      path: join(folder, 'tail.stride'),
      seed,
      appends,
      compacts: 20,
      migrations: 2,
      kills: 10,
      followerKills: 30,
      batch: 2000,
      pauseMs: 20,
      child: await bundle('tail-child.ts'),
    },
    ({ records, batches }) => console.log(`${records} records appended, ${batches} batches seen`),
  )
  const { records, compacts, migrations, writersKilled, followersKilled, ended, batches, again } = tally
  console.log(
    `${records} records through ${compacts} compacts, ${migrations} migrations and ${writersKilled} killed`,
  )
  console.log(
    `writers; three followers, killed ${followersKilled} times, ended ${ended} times by a replaced file,`,
  )
  console.log(
    `saw ${batches} batches, ${again} of them again before they were done; none lost, none again after done`,
  )
}

async function repeatMatrix(): Promise<void> {
  const child = await bundle('matrix-child.ts')
  const forMs = given('matrix-minutes') * 60_000
  for (let round = 0; performance.now() - begun < forMs && !isOver(); round++) {
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

async function lookForLeaks(): Promise<void> {
  if (leakObstacle !== undefined) return console.log(`SKIPPED, leaks: ${leakObstacle}`)
  const operations = given('operations')
  if (operations === 0) return
  const child = await bundle('leak-child.ts')
  for (const backend of ['mapped', 'file', 'memory'] as const) {
    const path = join(folder, `leaks-${backend}.stride`)
    const { early, late } = await findLeaks({ path, backend, seed, operations, child })
    const heaps = [early, late].map(({ heap }) => `${(heap / 2 ** 20).toFixed(1)} MiB`)
    console.log(
      `${operations} small operations, ${backend}: nothing grew; the heap went from ${heaps.join(' to ')}`,
    )
  }
}

async function liveRandomly(): Promise<void> {
  const child = await bundle('life-child.ts')
  const total = given('lives')
  let from = given('from')
  for (let done = 0; done < total && !isOver(); ) {
    for (const backend of ['memory', 'mapped', 'file'] as const) {
      for (const isCompiled of [true, false]) {
        const operations = Math.min(LIVES_A_LINE, Math.ceil(total / 6))
        from += await runLives({ folder: quickFolder, seed, from, operations, backend, isCompiled, child })
        done += operations
      }
    }
    console.log(`${done} operations of ${from} random lives, on each backend, compiled and not: as the model`)
  }
}

async function repeatProperties(): Promise<void> {
  for (let round = 0; round < given('properties') && !isOver(); round++) {
    const passed = await runPropertyTests(seed + round)
    console.log(`properties, seed ${seed + round}: ${passed} tests passed, ten times as long as usual`)
  }
}
