/**
 * Random operations of several processes over one store, each killed at random: one that writes, and readers beside it.
 *
 *   MK1  what is left is what the acknowledged changes say, and perhaps some of those that were sent and not yet acknowledged, each of
 *        them whole. The order of those that were not acknowledged is not compared.
 *   MK2  a process that is not killed meets no error, but for what the table of operations allows.
 * kill.ts compares every byte with a numbered history, and does without compact and indexes that come and go.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Change, createAccounts, Ledger, openAccounts } from './accounts.ts'
import type { MixedLine } from './mixed-child.ts'
import { verified } from './operations.ts'
import { type Random, seededRandom } from './random.ts'
import { during, Violation } from './violation.ts'

export interface MixedOptions {
  /** Where the store is to be; its folder exists. */
  readonly path: string
  readonly seed: number
  /** How many writers are killed, one after the other. */
  readonly kills: number
  readonly readers: number
  /** Bundle of mixed-child.ts. */
  readonly child: string
}

export interface MixedTally {
  acknowledged: number
  /** Changes that nobody was told of, and that are there. */
  more: number
}

/** @throws Violation with the seed */
export async function killMixedWork({ path, seed, kills, readers, child }: MixedOptions): Promise<MixedTally> {
  const random = seededRandom(seed)
  const tally: MixedTally = { acknowledged: 0, more: 0 }
  createAccounts(path)
  const ledger = new Ledger()
  let started = 0
  const start = (role: 'writer' | 'reader'): Working => {
    started++
    return startWork(child, [path, String(seed + started), String(started * 100_000 + 10_000), role])
  }
  const beside = Array.from({ length: readers }, () => start('reader'))
  try {
    for (let kill = 1; kill <= kills; kill++) {
      await during(`seed ${seed}, kill ${kill}`, async () => {
        const writer = start('writer')
        await writer.reached(random.below(12))
        await writer.kill()

        await look(path, ledger, writer, tally, random)
        if (random.chance(0.3)) {
          const at = random.below(beside.length)
          await beside[at]?.kill()
          beside[at] = start('reader')
        }
      })
    }
  } finally {
    await Promise.all(beside.map(reader => reader.kill()))
  }
  return tally
}

/** Compares what is left, for a reader and sometimes for the next writer. */
async function look(
  path: string,
  ledger: Ledger,
  { sent, acknowledged }: Working,
  tally: MixedTally,
  random: Random,
): Promise<void> {
  const open = sent.filter(change => !acknowledged.has(change.added))
  for (const change of sent) if (acknowledged.has(change.added)) ledger.apply(change)
  tally.acknowledged += acknowledged.size
  const store = openAccounts(path, { readOnly: random.chance(0.5) })
  try {
    // A change and its record are one: where the record is there, the rest must be.
    for (const change of open) {
      const isThere = store.index('byId').has(change.added)
      if (!isThere) continue
      ledger.apply(change)
      tally.more++
    }
    ledger.compare(store)
    await verified(store)
  } finally {
    store.close()
  }
}

interface Working {
  readonly sent: readonly Change[]
  /** What each of them added. */
  readonly acknowledged: ReadonlySet<number>
  /** Waits until so many were acknowledged. */
  reached(count: number): Promise<void>
  /** @throws Violation where it had failed */
  kill(): Promise<void>
}

function startWork(program: string, args: readonly string[]): Working {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const sent: Change[] = []
  const acknowledged = new Set<number>()
  let complaints = ''
  let isOver = false
  let wake: (() => void) | undefined
  child.stderr.on('data', chunk => {
    complaints += String(chunk)
  })
  createInterface({ input: child.stdout }).on('line', text => {
    if (!text.endsWith('}')) return
    const line = JSON.parse(text) as MixedLine
    if ('sent' in line) sent.push(line.sent)
    else if ('acknowledged' in line) acknowledged.add(line.acknowledged)
    else complaints += line.failure
    wake?.()
  })
  const ended = once(child, 'close').then(() => {
    isOver = true
    wake?.()
  })
  return {
    sent,
    acknowledged,
    async reached(count) {
      while (acknowledged.size < count && !isOver) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
      if (child.signalCode !== 'SIGKILL' || complaints !== '')
        throw new Violation(`${args.at(-1)}: ${complaints}`)
    },
  }
}
