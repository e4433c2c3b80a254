/**
 * Millions of small operations on one store, in a process whose memory is measured: `node --expose-gc leak-child.mjs PATH SEED
 * OPERATIONS BACKEND`. It answers with a line of JSON: what it had open after a tenth of them, and at the end.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ACCOUNTS, type AccountStore, createAccounts, fillWithAccounts, openAccounts } from './accounts.ts'
import { seededRandom } from './random.ts'

export interface Holdings {
  readonly operations: number
  readonly descriptors: number
  readonly mappings: number
  /** Bytes of the heap after collections, and of memory outside of it that the heap keeps. */
  readonly heap: number
  readonly external: number
  /** Record numbers in use. */
  readonly records: number
}

export type LeakBackend = 'mapped' | 'file' | 'memory'

export interface LeakAnswer {
  readonly early: Holdings
  readonly late: Holdings
  readonly mappedWhenClosed: number
}

const collect = (globalThis as { gc?: () => void }).gc as () => void
const [path = '', seed, count, backend = ''] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const total = Number(count)
const options = { backend: backend as LeakBackend, journalBytes: 4 * 1024 * 1024 }
const isInMemory = backend === 'memory'
if (!isInMemory) createAccounts(path)
let operations = 0
/** Ids of records that were appended, oldest first. */
let appended: number[] = []
let nextId = 1_000_000
let store = opened()

/** A store in memory ends with its closing: the next one is filled again. */
function opened(): AccountStore {
  const next = openAccounts(path, options)
  if (isInMemory) {
    fillWithAccounts(next)
    appended = []
  }
  return next
}

type Small = (store: AccountStore) => unknown
const account = (): number => {
  const n = random.below(ACCOUNTS)
  return (n + 1) % 7 === 0 ? n - 1 : n
}
const SMALL: readonly Small[] = [
  store => store.get(account()),
  store => store.field(account(), 'amount'),
  store => store.has(account()),
  store => store.row(account()).amount,
  store => store.index('byId').get(account() + 1),
  store => store.index('byAmount').first(),
  store => store.index('byAmount').range({ gte: 0, limit: 3 }).numbers(),
  store => store.index('byAmount').range({ lt: 1000 }).next(),
  store => store.scan({ from: account() }).next(),
  store => store.update(account(), { amount: random.below(1000) }),
  store => store.getMany([account(), account(), -1]),
  store => store.gather('amount', [account(), account()]),
  store => store.read(() => store.field(account(), 'proof')),
  store => {
    const id = nextId++
    store.append({ id, amount: 0, proof: 0 })
    appended.push(id)
  },
  store => {
    const id = appended.length > 20 ? appended.shift() : undefined
    if (id !== undefined) store.delete(store.index('byId').number(id))
  },
]

/** Commits what is staged so far, or drops a change that nobody else sees. */
async function endSome(turn: number): Promise<void> {
  if (turn % 2 === 0) await store.commit({ durability: 'process' })
  else store.commitSync({ durability: 'process' })
  store.update(account(), { amount: -1 })
  store.rollback()
}

const EACH_COMMIT = 100
const EACH_TURN = 1000
const EACH_OPENING = 5000
const isEach = (period: number): boolean => operations % period === 0

async function operate(upTo: number): Promise<void> {
  while (operations < upTo) {
    random.pick(SMALL)(store)
    operations++
    if (isEach(EACH_COMMIT)) await endSome(operations / EACH_COMMIT)
    if (isEach(EACH_TURN)) await nextTurn()
    if (isEach(EACH_OPENING)) {
      if (!isInMemory) readBeside()
      await store.commit({ durability: 'process' })
      store.close()
      store = opened()
    }
  }
}

function readBeside(): void {
  const reader = openAccounts(path, { ...options, readOnly: true })
  reader.gather('amount')
  reader.close()
}

function mappingsOfStore(): number {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .filter(line => line.includes(path)).length
}

async function holdings(): Promise<Holdings> {
  store.trim()
  // Memory that finalizers release is collected in a later turn.
  for (let i = 0; i < 4; i++) {
    collect()
    await nextTurn()
  }
  const { heapUsed, external } = process.memoryUsage()
  return {
    operations,
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: mappingsOfStore(),
    heap: heapUsed,
    external,
    records: store.size,
  }
}

await operate(total / 10)
const early = await holdings()
await operate(total)
const late = await holdings()
store.close()
const answer: LeakAnswer = { early, late, mappedWhenClosed: mappingsOfStore() }
process.stdout.write(`${JSON.stringify(answer)}\n`)
