/**
 * Followers of a store, each a named consumer in a process of its own, beside a writer that appends, deletes, compacts, migrates and is
 * killed. One follower is quick, one is slow, and one is killed between a batch and its `done`, or elsewhere.
 *
 *   TK1  each follower sees every record that is never deleted, in order.
 *   TK2  what was done is never seen again. What was seen and not done is seen again, or had been done when the process died.
 *   TK3  a follower may end where the file was replaced twice between two steps, or has another schema. Its successor goes on.
 * consumer-cuts.test.ts has the loss of power.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, seededRandom } from './random.ts'
import type { FollowerLine, WriterLine } from './tail-child.ts'
import { during, Violation } from './violation.ts'

export interface TailKillsOptions {
  /** Where the store is to be; its folder exists. */
  readonly path: string
  readonly seed: number
  readonly appends: number
  readonly compacts: number
  readonly migrations: number
  /** How many writers are killed. */
  readonly kills: number
  /** How often the third follower is killed. */
  readonly followerKills: number
  readonly batch: number
  /** How long the slow follower waits in each batch. */
  readonly pauseMs: number
  /** Bundle of tail-child.ts. */
  readonly child: string
}

export interface TailKillsTally {
  records: number
  compacts: number
  migrations: number
  writersKilled: number
  followersKilled: number
  /** Followers that ended by TK3. */
  ended: number
  batches: number
  /** Batches that were seen again. */
  again: number
}

type Work = 'compact' | 'migrate' | 'kill'
const KILL_MS_MAX = 30
const ENDS = ['ERR_STRIDE_REPLACED', 'ERR_STRIDE_SCHEMA_MISMATCH', 'ERR_STRIDE_CLOSED']

/** @throws Violation with the seed */
export async function killTailed(
  options: TailKillsOptions,
  progress: (tally: TailKillsTally) => void = () => undefined,
): Promise<TailKillsTally> {
  const { seed, appends, batch, pauseMs } = options
  const random = seededRandom(seed)
  const tally: TailKillsTally = {
    records: 0,
    compacts: 0,
    migrations: 0,
    writersKilled: 0,
    followersKilled: 0,
    ended: 0,
    batches: 0,
    again: 0,
  }
  await during(`seed ${seed}`, async () => {
    const writers = new Writers(options, random, tally)
    await writers.begin()
    const end = appends - 1
    const followers = [
      new Follower(options, tally, { name: 'quick', batch, pauseMs: 0 }),
      new Follower(options, tally, { name: 'slow', batch, pauseMs }),
      new Follower(options, tally, { name: 'mortal', batch, pauseMs: 0 }, random),
    ]
    const following = Promise.all(followers.map(follower => follower.follow(end)))
    try {
      await Promise.race([writers.run(() => progress(tally)), following])
      await following
    } finally {
      for (const follower of followers) follower.stop()
      await writers.end()
    }
  })
  return tally
}

/** One writer after the other. */
class Writers {
  readonly #options: TailKillsOptions
  readonly #random: Random
  readonly #tally: TailKillsTally
  #process!: ReturnType<typeof start<WriterLine>>
  #started = 0
  /** The last id that a writer said was committed. */
  #at = -1

  constructor(options: TailKillsOptions, random: Random, tally: TailKillsTally) {
    this.#options = options
    this.#random = random
    this.#tally = tally
  }

  async begin(): Promise<void> {
    const { child, path, seed } = this.#options
    this.#process = start<WriterLine>(child, ['writer', path, String(seed + this.#started++)])
    const line = await this.#process.next()
    if (line === undefined || !('at' in line))
      throw new Violation(`a writer did not open: ${JSON.stringify(line)}`)
    if (line.at < this.#at) throw new Violation(`${this.#at} was committed, and ${line.at} is the last`)
    this.#at = line.at
  }

  async run(progress: () => void): Promise<void> {
    const { appends, compacts, migrations, kills } = this.#options
    const works: Work[] = [
      ...Array<Work>(compacts).fill('compact'),
      ...Array<Work>(migrations).fill('migrate'),
      ...Array<Work>(kills).fill('kill'),
    ]
    for (let i = works.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1)
      ;[works[i], works[j]] = [works[j] as Work, works[i] as Work]
    }
    for (const [i, work] of works.entries()) {
      const end = Math.floor((appends * (i + 1)) / (works.length + 1)) - 1
      if (end > this.#at) await this.#do(`append ${end - this.#at}`)
      if (work === 'kill') await this.#killed()
      else await this.#do(work)
      if (work === 'compact') this.#tally.compacts++
      if (work === 'migrate') this.#tally.migrations++
      this.#tally.records = this.#at + 1
      progress()
    }
    if (this.#at < appends - 1) await this.#do(`append ${appends - 1 - this.#at}`)
    this.#tally.records = this.#at + 1
  }

  end(): Promise<void> {
    return this.#process.kill()
  }

  async #do(work: string): Promise<void> {
    this.#process.say(work)
    for (;;) {
      const line = await this.#process.next()
      if (line === undefined) throw new Violation(`a writer ended by itself: ${this.#process.complaints()}`)
      if ('at' in line) this.#at = line.at
      else return
    }
  }

  /** Kills the writer in the middle of its work, and starts another one. */
  async #killed(): Promise<void> {
    const { migrations, appends } = this.#options
    const left = appends - 1 - this.#at
    const works = [
      'compact',
      ...(migrations > 0 ? ['migrate'] : []),
      ...(left > 1 ? [`append ${left >> 1}`] : []),
    ]
    this.#process.say(this.#random.pick(works))
    // Chance alone decides where that hits the work.
    await sleep(this.#random.below(KILL_MS_MAX))
    await this.#process.kill()
    for (let line = await this.#process.next(); line !== undefined; line = await this.#process.next())
      if ('at' in line) this.#at = line.at
    this.#tally.writersKilled++
    await this.begin()
  }
}

interface Pace {
  readonly name: string
  readonly batch: number
  readonly pauseMs: number
}

/** A consumer, in one process after the other. */
class Follower {
  readonly #options: TailKillsOptions
  readonly #tally: TailKillsTally
  readonly #pace: Pace
  /** Defined for the one that is killed. */
  readonly #random: Random | undefined
  #process: ReturnType<typeof start<FollowerLine>> | undefined
  #isStopped = false
  /** The last ids of the last batch that was seen, and of the last that is certainly done. */
  #seen = -1
  #done = -1
  /** Whether the last process was killed before it called `done` of its last batch. */
  #isHeld = false

  constructor(options: TailKillsOptions, tally: TailKillsTally, pace: Pace, random?: Random) {
    this.#options = options
    this.#tally = tally
    this.#pace = pace
    this.#random = random
  }

  /** Follows until a record is done. */
  async follow(end: number): Promise<void> {
    const { name } = this.#pace
    for (let kills = this.#random === undefined ? 0 : this.#options.followerKills; this.#done < end; kills--) {
      if (this.#isStopped) return
      await during(`follower ${name}`, () => this.#life(end, Math.max(0, kills)))
    }
  }

  stop(): void {
    this.#isStopped = true
    void this.#process?.kill()
  }

  async #life(end: number, killsLeft: number): Promise<void> {
    const { child, path } = this.#options
    const { name, batch, pauseMs } = this.#pace
    const lines = killsLeft > 0 ? 1 + (this.#random?.below(12) ?? 0) : Number.POSITIVE_INFINITY
    // An odd life stops in front of its `done`.
    const stopAfter = killsLeft % 2 === 1 ? Math.ceil(lines / 2) : 0
    const args = ['follower', path, name, batch, pauseMs, stopAfter].map(String)
    this.#process = start<FollowerLine>(child, args)
    let isKilled = false
    let batches = 0
    let count = 0
    for (;;) {
      const line = await this.#process.next()
      if (line === undefined) break
      if ('ended' in line) {
        if (!ENDS.includes(line.ended)) throw new Violation(`ended with ${line.ended}`)
        this.#tally.ended++
      } else if ('done' in line) {
        this.#done = line.done
      } else {
        this.#see(line.seen, batches++ === 0)
        this.#isHeld = batches === stopAfter
      }
      const isEnough = ++count >= lines || this.#isHeld
      if (!isKilled && (isEnough || this.#done >= end)) {
        isKilled = true
        if (this.#done < end) this.#tally.followersKilled++
        void this.#process.kill()
      }
    }
    if (this.#process.complaints() !== '') throw new Violation(this.#process.complaints())
  }

  #see(
    { first, last, kept, isRising }: Extract<FollowerLine, { seen: unknown }>['seen'],
    isFirst: boolean,
  ): void {
    this.#tally.batches++
    if (!isRising) throw new Violation(`a batch up to ${last} is out of order`)
    if (first <= this.#done) throw new Violation(`${first} is seen again: ${this.#done} was done`)
    const isAgain = isFirst && first <= this.#seen
    const base = isAgain ? this.#done : this.#seen
    if (isAgain) this.#tally.again++
    else if (isFirst && this.#isHeld) throw new Violation(`${this.#seen} was not done, and is not seen again`)
    // The process before died with a `done` of which nobody heard.
    else if (isFirst) this.#done = this.#seen
    if (first <= base) throw new Violation(`${first} is seen again: ${base} was seen`)
    const wanted = keptUpTo(last) - keptUpTo(base)
    if (kept !== wanted)
      throw new Violation(`of ${wanted} records from ${base + 1} to ${last} ${kept} were seen`)
    this.#seen = last
  }
}

/** How many ids up to this one are never deleted. */
function keptUpTo(id: number): number {
  return id < 0 ? 0 : id - Math.floor(id / 3)
}

/** A process that says lines of JSON. */
function start<L>(program: string, args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', chunk => {
    complaints += String(chunk)
  })
  // A killed process reads no more.
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = once(child, 'close')
  return {
    say: (line: string) => void child.stdin.write(`${line}\n`),
    complaints: () => complaints,
    /** The next line; undefined once there are no more. */
    async next(): Promise<L | undefined> {
      const { value, done } = await lines.next()
      if (done === true) {
        await ended
        return undefined
      }
      return value.endsWith('}') ? (JSON.parse(value) as L) : this.next()
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL')
      await ended
    },
  }
}
