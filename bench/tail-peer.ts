/**
 * The other process of tail.ts: a reader of one store that does what it is told by messages, and answers each.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type Store } from 'stridedb'
import { z } from 'zod'
import { randomNumbers } from './random.ts'
import { Trade } from './trade.ts'

export const Stamped = z.object({ id: z.uint32(), ms: z.float64() })

export type Task =
  /** Opens the store and reads from it, so that it counts as a reader. */
  | { readonly kind: 'open'; readonly path: string }
  | { readonly kind: 'close' }
  /** Reads fields at random. Answers with the milliseconds it took. */
  | { readonly kind: 'read'; readonly seed: number; readonly count: number }
  /** Reads fields at random until the next task. Answers when it has begun. */
  | { readonly kind: 'read on' }
  | { readonly kind: 'stop' }
  /** Follows a store of stamped records. Answers with the age of each in milliseconds once it has `count` of them. */
  | { readonly kind: 'follow'; readonly path: string; readonly count: number }
  /** Waits in a tail, or without one. Answers with the processor time that it took, in milliseconds. */
  | { readonly kind: 'wait'; readonly path: string | undefined; readonly ms: number }

/** Of one clock for all processes. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

const TURN_READS = 20_000
let store: Store<typeof Trade> | undefined
let isReadingOn = false

async function perform(task: Task): Promise<number | readonly number[]> {
  switch (task.kind) {
    case 'open':
      store = openStore(task.path, Trade, { readOnly: true })
      return store.field(0, 'price')
    case 'close':
      store?.close()
      store = undefined
      return 0
    case 'read': {
      const numbers = randomNumbers(task.seed, task.count, store?.size ?? 0)
      readAll(numbers)
      const began = nowMs()
      readAll(numbers)
      return nowMs() - began
    }
    case 'read on':
      isReadingOn = true
      void readOn()
      return 0
    case 'stop':
      isReadingOn = false
      return 0
    case 'follow':
      return follow(task)
    case 'wait':
      return waited(task)
  }
}

function readAll(numbers: Uint32Array): number {
  const open = store as Store<typeof Trade>
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += open.field(numbers[i] as number, 'price')
  return sum
}

async function readOn(): Promise<void> {
  const numbers = randomNumbers(1, TURN_READS, store?.size ?? 0)
  while (isReadingOn) {
    readAll(numbers)
    await new Promise(resolve => setImmediate(resolve))
  }
}

async function follow({ path, count }: Extract<Task, { kind: 'follow' }>): Promise<readonly number[]> {
  const ages: number[] = []
  using followed = openStore(path, Stamped, { readOnly: true })
  const tail = followed.tail({ from: 'start' })
  process.send?.('following')
  for await (const batch of tail) {
    const now = nowMs()
    for (const { ms } of batch) ages.push(now - ms)
    if (ages.length >= count) break
  }
  return ages
}

async function waited({ path, ms }: Extract<Task, { kind: 'wait' }>): Promise<number> {
  const followed = path === undefined ? undefined : openStore(path, Stamped, { readOnly: true })
  const abort = new AbortController()
  const next = followed?.tail({ from: 'end', signal: abort.signal }).next()
  // Opening and compiling are over by then.
  await sleep(ms / 10)
  const before = process.cpuUsage()
  await sleep(ms)
  const { user, system } = process.cpuUsage(before)
  abort.abort()
  await next?.catch(() => undefined)
  followed?.close()
  return (user + system) / 1000
}

if (process.argv[2] === 'peer') {
  process.on('disconnect', () => process.exit())
  process.on('message', (task: Task) => {
    void perform(task).then(answer => process.send?.({ answer }))
  })
}
