/**
 * How soon and how fast does another process see what is appended, and what do readers cost each other and the writer?
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type Store } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import { randomNumbers } from './random.ts'
import { figuresOf, type Row } from './row.ts'
import { nowMs, Stamped, type Task } from './tail-peer.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'
import { Trade } from './trade.ts'

const IDLE_READERS = 7
const BATCH = 10_000

export const tail: Benchmark = {
  name: 'tail',
  question: 'what another process appended, and readers beside a writer',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    yield await latency(context)
    yield await throughput(context)
    yield await waiting(context)
    yield await slowedWriter(context)
    yield await twoReaders(context)
  },
}

async function latency(context: Context): Promise<Row> {
  const path = join(context.folder, 'stamped.stride')
  const count = sized(context, 2_000, 20)
  const commits: number[] = []
  using peer = new Peer()
  using store = openStore(path, Stamped)
  const answer = peer.ask({ kind: 'follow', path, count })
  await peer.hears('following')
  for (let id = 0; id < count; id++) {
    // The follower waits by now, as on an idle machine.
    await sleep(1 + (id % 4))
    const ms = nowMs()
    store.append({ id, ms })
    await store.commit()
    commits.push(nowMs() - ms)
  }
  const ages = (await answer) as readonly number[]
  const [commit, seen] = [
    figuresOf('append and commit', commits),
    figuresOf('until a tail elsewhere gives it', ages),
  ]
  const above = (of: 'p50' | 'p99'): number =>
    ((seen.percentiles?.[of] ?? 0) - (commit.percentiles?.[of] ?? 0)) / 1e6
  return {
    what: `a record until the tail of another process gives it, ${count} commits`,
    cache: 'warm',
    sides: [commit, seen],
    targets: [
      atMost(context, '0.5 ms above the commit, median', above('p50'), 0.5, 'ms'),
      atMost(context, '5 ms above the commit, 99th percentile', above('p99'), 5, 'ms'),
    ],
    notes: [],
  }
}

async function throughput(context: Context): Promise<Row> {
  using store = openStore(fixturePath(context, 'distinct'), Trade, { readOnly: true })
  const operations = recordCount(context)
  const numbers = Array.from({ length: Math.ceil(operations / BATCH) }, (_, i) =>
    Array.from({ length: Math.min(BATCH, operations - i * BATCH) }, (_, k) => i * BATCH + k),
  )
  const sides: Side[] = [
    {
      name: 'tail',
      operations,
      async run() {
        let sum = 0
        let seen = 0
        for await (const batch of store.tail({ from: 'start', batch: BATCH })) {
          for (const { qty } of batch) sum += qty
          seen += batch.records.length
          if (seen === operations) break
        }
        return sum
      },
    },
    {
      name: 'getMany of the same numbers',
      operations,
      run() {
        let sum = 0
        for (const some of numbers) for (const record of store.getMany(some)) sum += record?.qty ?? 0
        return sum
      },
    },
    {
      name: 'for … of the store',
      operations,
      run() {
        let sum = 0
        for (const { qty } of store) sum += qty
        return sum
      },
    },
  ]
  const figures = await alternate(context, { sides, rounds: 11 })
  const perSecond = 1e9 / (nsOf(figures, 'tail') ?? Number.NaN)
  return {
    what: `following ${operations} records of 125 bytes that are there, to objects, ${BATCH} a batch`,
    cache: 'warm',
    sides: figures,
    targets: [atLeast(context, '1,000,000 records/s', perSecond, 1_000_000, 'records/s')],
    notes: [],
  }
}

async function waiting(context: Context): Promise<Row> {
  const path = join(context.folder, 'waited-for.stride')
  openStore(path, Stamped).close()
  const ms = sized(context, 10_000, 50)
  const [tailed, bare] = [new Peer(), new Peer()]
  const [withTail, without] = (await Promise.all([
    tailed.ask({ kind: 'wait', path, ms }),
    bare.ask({ kind: 'wait', path: undefined, ms }),
  ])) as [number, number]
  tailed[Symbol.dispose]()
  bare[Symbol.dispose]()
  const part = (withTail / ms) * 100
  // A process that waits may take no time at all.
  const least = (spent: number): number[] => [Math.max(spent, 1e-6)]
  return {
    what: `processor time of ${ms} ms of waiting`,
    cache: 'does not apply',
    sides: [
      figuresOf('a tail that waits', least(withTail)),
      figuresOf('a process without one', least(without)),
    ],
    targets: [atMost(context, '0.1 % of a core', part, 0.1, '%')],
    notes: [],
  }
}

async function slowedWriter(context: Context): Promise<Row> {
  const path = join(context.folder, 'slowed.stride')
  copyFileSync(fixturePath(context, 'distinct'), path)
  const operations = sized(context, 200, 10)
  using store = openStore(path, Trade)
  const peers = Array.from({ length: sized(context, IDLE_READERS, 2) }, () => new Peer())
  const busy = new Peer()
  await busy.ask({ kind: 'open', path })
  const all = (task: Task): Promise<unknown> => Promise.all(peers.map(peer => peer.ask(task)))
  const sides: Side<Uint32Array>[] = [
    { name: 'alone', operations, run: (numbers, count, turn) => update(store, numbers, count, turn) },
    {
      name: `${IDLE_READERS} idle readers`,
      operations,
      before: async () => void (await all({ kind: 'open', path })),
      after: async () => void (await all({ kind: 'close' })),
      run: (numbers, count, turn) => update(store, numbers, count, turn),
    },
    {
      name: 'one busy reader',
      operations,
      before: async () => void (await busy.ask({ kind: 'read on' })),
      after: async () => void (await busy.ask({ kind: 'stop' })),
      run: (numbers, count, turn) => update(store, numbers, count, turn),
    },
  ]
  const figures = await alternate(context, {
    sides,
    rounds: 31,
    input: seed => randomNumbers(seed, operations, recordCount(context)),
  })
  for (const peer of [...peers, busy]) peer[Symbol.dispose]()
  const times = (name: string): number | undefined => ratio(figures, name, 'alone')
  return {
    what: `${operations} commits of one update each`,
    cache: 'warm',
    sides: figures,
    targets: [
      atMost(
        context,
        `1.05 times with ${IDLE_READERS} idle readers`,
        times(`${IDLE_READERS} idle readers`),
        1.05,
        'times',
      ),
      atMost(context, '1.15 times with one busy reader', times('one busy reader'), 1.15, 'times'),
    ],
    notes: [],
  }
}

async function update(
  store: Store<typeof Trade>,
  numbers: Uint32Array,
  count: number,
  turn: number,
): Promise<number> {
  for (let i = 0; i < count; i++) {
    store.update(numbers[i] as number, { qty: turn })
    await store.commit()
  }
  return count
}

async function twoReaders(context: Context): Promise<Row> {
  const path = fixturePath(context, 'distinct')
  const count = sized(context, 2_000_000, 100)
  const peers = [new Peer(), new Peer()] as const
  await Promise.all(peers.map(peer => peer.ask({ kind: 'open', path })))
  const read = async (some: readonly Peer[], seed: number): Promise<{ readonly ns: number }> => {
    const ms = await Promise.all(some.map((peer, i) => peer.ask({ kind: 'read', seed: seed + i, count })))
    return { ns: Math.max(...(ms as number[])) * 1e6 }
  }
  const figures = await alternate<number>(context, {
    sides: [
      { name: 'one process', operations: count, run: seed => read(peers.slice(0, 1), seed) },
      { name: 'two processes', operations: 2 * count, run: seed => read(peers, seed) },
    ],
    rounds: 15,
    input: seed => seed,
    warming: 'none',
  })
  for (const peer of peers) peer[Symbol.dispose]()
  return {
    what: 'random reads of one field, all processes together',
    cache: 'warm',
    sides: figures,
    targets: [
      atLeast(
        context,
        '1.8 times with two processes',
        ratio(figures, 'one process', 'two processes'),
        1.8,
        'times',
      ),
    ],
    notes: [],
  }
}

/** A process that does one task after the other. */
class Peer implements Disposable {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'tail-peer.ts'), ['peer'], {
    serialization: 'advanced',
  })

  async ask(task: Task): Promise<number | readonly number[]> {
    this.#child.send(task)
    for (;;) {
      const [message] = (await once(this.#child, 'message')) as [unknown]
      if (typeof message === 'object' && message !== null && 'answer' in message)
        return message.answer as number | readonly number[]
    }
  }

  async hears(what: string): Promise<void> {
    const [message] = (await once(this.#child, 'message')) as [unknown]
    if (message !== what) throw new Error(`${what} was expected: ${String(message)}`)
  }

  [Symbol.dispose](): void {
    this.#child.disconnect()
  }
}
