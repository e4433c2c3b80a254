/**
 * What does opening cost after a crash with a full journal?
 *
 * A child commits until its journal of 64 MiB is full, and is killed. Before each round its journal and the store's
 * first pages are put back, so that each round replays all of it; that the images are in the file already
 * saves nothing, since all are stored again (docs/durability.md).
 */

import { spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, fdatasyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { dataOffsetOf } from './baseline.ts'
import { makeCold } from './cold-cache.ts'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import type { FixtureName } from './fixtures.ts'
import { largeCount } from './fixtures.ts'
import { alternate, NotMeasurable, type Side } from './measure.ts'
import type { Row, SideFigures } from './row.ts'
import { atMost, nsOf } from './targets.ts'
import { Trade } from './trade.ts'

const ONE = 'commits of one record'
const MANY = 'commits of 1,000 records'

export const openJournal: Benchmark = {
  name: 'open-journal',
  question: 'opening after a crash with a full journal',
  needs: ['distinct', 'large'],
  isSlow: true,
  async *run(context) {
    yield await opening(context, 'distinct', recordCount(context), '125 MB')
    yield await opening(context, 'large', largeCount(context), '4 GB')
  },
}

async function opening(context: Context, fixture: FixtureName, records: number, size: string): Promise<Row> {
  const crashes = [
    { name: ONE, crash: new Crash(context, fixture, records, 1) },
    { name: MANY, crash: new Crash(context, fixture, records, sized(context, 1_000, 20)) },
  ]
  const sides = crashes.map(({ name, crash }) => openSide(name, crash, false))
  const figures = await alternate(context, { sides, rounds: 7, warmups: 1, agree: false })
  const cold = await coldFigures(context, crashes)
  for (const { crash } of crashes) crash.remove()
  return {
    what: `opening a store of ${size} with a full journal`,
    cache: 'warm',
    sides: [...figures, ...cold],
    targets: [ONE, MANY].map(name =>
      atMost(context, `1 s, ${name}`, (nsOf(figures, name) ?? Number.NaN) / 1e9, 1, 's'),
    ),
    notes: [
      ...crashes.map(
        ({ name, crash }) => `${name}: ${crash.commits} commits, ${crash.journalled} bytes of frames`,
      ),
      'cold: nothing of the store is in memory, as after a loss of power; mincore proved it',
    ],
  }
}

/** None where nothing can be proved cold. */
async function coldFigures(
  context: Context,
  crashes: readonly { readonly name: string; readonly crash: Crash }[],
): Promise<SideFigures[]> {
  const sides = crashes.map(({ name, crash }) => openSide(`${name}, cold`, crash, true))
  try {
    return await alternate(context, {
      sides,
      rounds: 3,
      warmups: 0,
      warming: 'CPU caches evicted',
      agree: false,
    })
  } catch (error) {
    if (error instanceof NotMeasurable) return []
    throw error
  }
}

function openSide(name: string, crash: Crash, isCold: boolean): Side {
  let store: Store<typeof Trade> | undefined
  return {
    name,
    operations: 1,
    before: () => crash.restore(isCold),
    run() {
      store = openStore(crash.path, Trade)
      const { commitsReplayed } = store.recovery
      if (commitsReplayed !== crash.commits) throw new Error(`${commitsReplayed} of ${crash.commits} commits`)
      return commitsReplayed
    },
    after() {
      store?.close()
      store = undefined
    },
  }
}

/** A store that was left with a full journal, as often as asked for. */
class Crash {
  readonly path: string
  readonly commits: number
  readonly journalled: number
  readonly #header: Buffer

  constructor(context: Context, fixture: FixtureName, records: number, perCommit: number) {
    this.path = join(context.folder, `crash-${fixture}-${perCommit}.stride`)
    copyFileSync(fixturePath(context, fixture), this.path)
    const journalBytes = sized(context, 64, 1 / 16) * 2 ** 20
    const facts = [this.path, journalBytes, perCommit, records, context.seed].map(String)
    const program = join(import.meta.dirname, 'fill-journal.ts')
    const child = spawnSync(process.execPath, [...process.execArgv, program, ...facts], { encoding: 'utf8' })
    const said = /^commits (\d+) journalled (\d+)$/m.exec(child.stdout)
    if (said === null || child.signal !== 'SIGKILL')
      throw new Error(`The child was to be killed: ${child.stderr}`)
    this.commits = Number(said[1])
    this.journalled = Number(said[2])
    this.#header = Buffer.alloc(dataOffsetOf(this.path))
    const fd = openSync(this.path, 'r')
    readSync(fd, this.#header, 0, this.#header.length, 0)
    closeSync(fd)
    copyFileSync(`${this.path}-journal`, `${this.path}-saved`)
  }

  restore(isCold: boolean): void {
    copyFileSync(`${this.path}-saved`, `${this.path}-journal`)
    const fd = openSync(this.path, 'r+')
    writeSync(fd, this.#header, 0, this.#header.length, 0)
    fdatasyncSync(fd)
    closeSync(fd)
    const journal = openSync(`${this.path}-journal`, 'r+')
    fdatasyncSync(journal)
    closeSync(journal)
    if (!isCold) return
    makeCold(this.path)
    makeCold(`${this.path}-journal`)
  }

  remove(): void {
    for (const suffix of ['', '-journal', '-saved', '-lock']) rmSync(`${this.path}${suffix}`, { force: true })
  }
}
