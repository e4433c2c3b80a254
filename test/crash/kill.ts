/**
 * Kills a writing process at random moments, again and again over one store, and looks at what it left.
 *
 *   I1  every commit that the process said had returned is there, at either durability (D1), and the store holds exactly
 *       what its commit number stands for.
 *   I2  a reader that was open all the time never saw anything else (S2).
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyClean } from './check-image.ts'
import { differenceOf, isSameState } from './expected-store.ts'
import type { ReaderAnswer } from './kill-reader.ts'
import { NumberedHistory } from './numbered-history.ts'
import { type Random, seededRandom } from './random.ts'
import { openOnDisk, type StoreUnderTest, stateOf } from './store-under-test.ts'
import { during, Violation } from './violation.ts'

export interface KillOptions {
  /** Where the store is to be; its folder exists. */
  readonly path: string
  readonly backend: 'mapped' | 'file'
  readonly kills: number
  readonly seed: number
  /** Bundles of kill-writer.ts and kill-reader.ts. */
  readonly writer: string
  readonly reader: string
}

export interface KillTally {
  /** Lives in which the process said at least one commit. */
  readonly working: number
  readonly commits: number
  readonly reader: ReaderAnswer
}

/** @throws Violation with the seed */
export async function killAgainAndAgain(options: KillOptions): Promise<KillTally> {
  const { path, backend, kills, seed } = options
  const history = new NumberedHistory(seed)
  const random = seededRandom(seed, 1)
  return during(`seed ${seed}, ${backend} backend`, async () => {
    openOnDisk(path, 'small', { backend }).close()
    const reader = await startReader(options)
    let commits = 0
    let working = 0
    try {
      for (let life = 1; life <= kills; life++) {
        await during(`kill ${life}`, async () => {
          const acknowledged = await killedLife(options, random, life)
          if (acknowledged > commits) working++
          commits = await look(options, history, Math.max(commits, acknowledged), random)
        })
      }
    } finally {
      reader.child.stdin?.end()
    }
    const answer = await reader.answer
    if (answer.violation !== undefined) throw new Violation(answer.violation)
    return { working, commits, reader: answer }
  })
}

/** Starts a writer and kills it. @returns the last commit that it said had returned, 0 for none */
async function killedLife(
  { writer, path, backend, seed }: KillOptions,
  random: Random,
  life: number,
): Promise<number> {
  const child = spawn(process.execPath, [writer, path, backend, String(seed), String(seed + life)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let acknowledged = 0
  let complaints = ''
  // Most die after some commits, whatever the machine's pace; others while they open and recover.
  let linesLeft = random.chance(0.8) ? 1 + random.below(20) : Number.POSITIVE_INFINITY
  const lines = createInterface({ input: child.stdout })
  const enough = new Promise<void>(resolve => {
    lines.on('line', line => {
      acknowledged = Math.max(acknowledged, Number(line))
      if (--linesLeft <= 0) resolve()
    })
  })
  child.stderr.on('data', chunk => {
    complaints += String(chunk)
  })
  const ended = once(child, 'close')
  if (Number.isFinite(linesLeft)) await Promise.race([enough, ended])
  await sleep(Number.isFinite(linesLeft) ? random.below(3) : random.below(120))
  child.kill('SIGKILL')
  await ended
  if (child.signalCode !== 'SIGKILL') throw new Violation(`the writer ended by itself: ${complaints}`)
  return acknowledged
}

/** Reads, and sometimes recovers, what was left. @returns the commit that it holds */
async function look(
  { path, backend }: KillOptions,
  history: NumberedHistory,
  acknowledged: number,
  random: Random,
): Promise<number> {
  const check = async (store: StoreUnderTest): Promise<number> => {
    const { commitNumber } = store
    if (commitNumber < acknowledged)
      throw new Violation(`commit ${acknowledged} returned, but ${commitNumber} is there`)
    const found = stateOf(store)
    const expected = history.stateAfter(commitNumber)
    if (!isSameState(found, expected))
      throw new Violation(`commit ${commitNumber} is not whole: ${differenceOf(found, expected)}`)
    await verifyClean(store)
    return commitNumber
  }
  const read = openOnDisk(path, 'small', { backend, readOnly: true })
  const seen = await during('read-only', () => check(read))
  read.close()
  if (random.chance(0.5)) return seen
  const store = openOnDisk(path, 'small', { backend, reuseNumbers: true })
  const recovered = await during('recovered', () => check(store))
  store.close()
  if (recovered !== seen) throw new Violation(`a reader saw commit ${seen}, recovery made it ${recovered}`)
  return recovered
}

async function startReader({
  reader,
  path,
  backend,
  seed,
}: KillOptions): Promise<{ child: ChildProcess; answer: Promise<ReaderAnswer> }> {
  const child = spawn(process.execPath, [reader, path, backend, String(seed)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  await once(lines, 'line')
  let last = '{"reads":0,"commits":0,"busy":0,"violation":"the reader ended without a word"}'
  lines.on('line', line => {
    last = line
  })
  return { child, answer: once(child, 'close').then(() => JSON.parse(last) as ReaderAnswer) }
}
