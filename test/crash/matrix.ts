/**
 * Each operation beside each other: in one process, in two, and in two threads.
 *
 *   MX1  after each pair the store holds what the acknowledged changes say, by its records and by its indexes, and is sound.
 *   MX2  an operation is refused only with what the table allows beside the other.
 *   MX3  each pair ends: a watchdog names one that does not. It judges nothing else, and nothing waits for it.
 */

import { type ErrorCode, StrideError } from '../../src/errors.ts'
import { createAccounts, Ledger, openAccounts } from './accounts.ts'
import { Desk } from './desk.ts'
import type { Peer, Task } from './matrix-peer.ts'
import {
  OPERATION_NAMES,
  OPERATIONS,
  type OperationName,
  refusalsBeside,
  refusalsElsewhere,
  verified,
} from './operations.ts'
import { seededRandom } from './random.ts'
import { during, Violation } from './violation.ts'

export interface MatrixOptions {
  /** Where the store is to be; its folder exists. */
  readonly path: string
  readonly seed: number
  /** How often each operation of a pair runs. */
  readonly times: number
  /** After how many pairs verify() looks at everything. */
  readonly verifyEvery: number
  /** Tries these alone. */
  readonly operations?: readonly OperationName[]
}

export interface MatrixTally {
  pairs: number
  changes: number
  /** How often operations were refused, by code. */
  readonly refused: Record<string, number>
}

const HUNG_MS = 120_000

/** In one process, over the same handles: both operations begin in one turn. @throws Violation */
export async function matrixInProcess(options: MatrixOptions): Promise<MatrixTally> {
  const { path, seed, times, verifyEvery } = options
  const tally: MatrixTally = { pairs: 0, changes: 0, refused: {} }
  createAccounts(path)
  const ledger = new Ledger()
  const random = seededRandom(seed)
  const desk = new Desk(path, random, 1_000_000, {
    acknowledged: change => {
      ledger.apply(change)
      tally.changes++
    },
  })
  try {
    await eachPair(options, true, tally, async (first, second) => {
      await desk.openWriter()
      const ends = await Promise.allSettled([
        repeated(desk, first, times, refusalsBeside(first, second), tally.refused),
        repeated(desk, second, times, refusalsBeside(second, first), tally.refused),
      ])
      for (const end of ends) if (end.status === 'rejected') throw end.reason
      await desk.openWriter()
      await during('by the writer', () => ledger.compare(desk.writer))
      // Readers see a commit of the process once it is durable.
      await desk.writer.flush()
      await during('by a reader', () => ledger.compare(desk.reader))
      if (tally.pairs % verifyEvery === 0) await verified(desk.writer)
    })
  } finally {
    desk.close()
  }
  await lookAgain(path, ledger)
  return tally
}

/** In two processes or threads, each with handles of its own: a reader that stays open, and a writer while one is needed. */
export async function matrixOfPeers(
  options: MatrixOptions,
  peers: readonly [Peer, Peer],
): Promise<MatrixTally> {
  const { path, seed, times, verifyEvery } = options
  const tally: MatrixTally = { pairs: 0, changes: 0, refused: {} }
  createAccounts(path)
  const ledger = new Ledger()
  const random = seededRandom(seed)
  const ask = async (peer: Peer, task: Task): Promise<void> => {
    const { changes, refused, failure } = await peer.run(task)
    for (const change of changes) ledger.apply(change)
    tally.changes += changes.length
    for (const code of refused) tally.refused[code] = (tally.refused[code] ?? 0) + 1
    if (failure !== undefined) throw new Violation(`${task.operation}: ${failure}`)
  }
  const store = openAccounts(path, { readOnly: true })
  try {
    await Promise.all(peers.map((peer, i) => peer.begin({ path, seed: seed + i, first: (i + 1) * 1_000_000 })))
    // Both begin when they come to it: who runs which of the two makes the only difference, and is drawn.
    await eachPair(options, false, tally, async (first, second) => {
      const allowed = (name: OperationName, other: OperationName) => [...refusalsElsewhere(name, other)]
      const [one, two] = random.chance(0.5) ? [peers[0], peers[1]] : [peers[1], peers[0]]
      const ends = await Promise.allSettled([
        ask(one, { operation: first, times, allowed: allowed(first, second) }),
        ask(two, { operation: second, times, allowed: allowed(second, first) }),
      ])
      for (const end of ends) if (end.status === 'rejected') throw end.reason
      if ([first, second].includes('migrateStore')) openAccounts(path).close()
      ledger.compare(store)
      if (tally.pairs % verifyEvery === 0) await verified(store)
    })
  } finally {
    store.close()
    await Promise.all(peers.map(peer => peer.end()))
  }
  await lookAgain(path, ledger)
  return tally
}

/** Runs an operation so many times. @throws Violation for a refusal that is not allowed */
export async function repeated(
  desk: Desk,
  name: OperationName,
  times: number,
  allowed: ReadonlySet<ErrorCode>,
  refused: Record<string, number>,
): Promise<void> {
  for (let i = 0; i < times; i++) {
    try {
      await OPERATIONS[name].run(desk)
    } catch (error) {
      if (!(error instanceof StrideError) || !allowed.has(error.code)) {
        return during(name, () => Promise.reject(error))
      }
      refused[error.code] = (refused[error.code] ?? 0) + 1
    }
  }
}

async function eachPair(
  { seed, operations = OPERATION_NAMES }: MatrixOptions,
  isOrdered: boolean,
  tally: MatrixTally,
  tryPair: (first: OperationName, second: OperationName) => Promise<void>,
): Promise<void> {
  for (const [i, first] of operations.entries()) {
    for (const second of operations.slice(isOrdered ? 0 : i)) {
      const pair = `seed ${seed}, ${first} beside ${second}`
      await during(pair, () => watched(pair, tryPair(first, second)))
      tally.pairs++
    }
  }
}

/** @throws Violation where it does not end (MX3) */
async function watched(pair: string, running: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new Violation(`${pair} did not end in ${HUNG_MS} ms`)), HUNG_MS)
  })
  try {
    await Promise.race([running, hung])
  } finally {
    clearTimeout(timer)
  }
}

/** What is on the disk is the same, for whoever opens it next. */
async function lookAgain(path: string, ledger: Ledger): Promise<void> {
  const store = openAccounts(path)
  try {
    ledger.compare(store)
    await verified(store)
  } finally {
    store.close()
  }
}
