/**
 * A price feed: one process appends ticks, and three others follow them live, each with a question of its own.
 *
 * A follower reads the store's file itself. The writer knows none of them, and a slow one holds up nobody: each sees every tick once, in
 * order, whenever it starts.
 *
 *   npx tsx examples/price-feed.ts
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ascii, openStore } from 'stridedb'
import { z } from 'zod'

const Tick = z.object({ symbol: ascii(8), cents: z.uint32(), quantity: z.uint32() })
type Tick = z.infer<typeof Tick>

const TICKS = 10_000
const TICKS_A_COMMIT = 100
const CLOSING_BELL: Tick = { symbol: 'CLOSED', cents: 0, quantity: 0 }

const QUESTIONS: Readonly<Record<string, (answer: number, tick: Tick) => number>> = {
  'highest price': (highest, { cents }) => Math.max(highest, cents),
  'shares traded': (sum, { quantity }) => sum + quantity,
  'last price': (_, { cents }) => cents,
}

async function feed(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-feed-'))
  const path = join(folder, 'ticks.stride')
  try {
    using store = openStore(path, Tick)
    const followers = Object.keys(QUESTIONS).map(question => ({ question, answer: answerOf(path, question) }))
    for (let n = 0; n < TICKS; n += TICKS_A_COMMIT) {
      store.appendMany(Array.from({ length: TICKS_A_COMMIT }, (_, i) => tick(n + i)))
      await store.commit()
    }
    store.append(CLOSING_BELL)
    await store.commit()
    console.log(`${TICKS} ticks written`)
    for (const { question, answer } of followers) console.log(`${question}: ${await answer}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function tick(n: number): Tick {
  const wave = Math.round(500 * Math.sin(n / 50))
  return { symbol: 'STRD', cents: 10_000 + wave, quantity: 1 + (n % 10) }
}

async function answerOf(path: string, question: string): Promise<number> {
  const follower: ChildProcess = fork(fileURLToPath(import.meta.url), [path, question])
  const [answer] = (await once(follower, 'message')) as [number]
  return answer
}

async function follow(path: string, question: string): Promise<void> {
  const next = QUESTIONS[question] ?? Number
  using store = openStore(path, Tick, { readOnly: true })
  let answer = 0
  for await (const batch of store.tail({ from: 'start' })) {
    for (const tick of batch) {
      if (tick.symbol === CLOSING_BELL.symbol) return void process.send?.(answer)
      answer = next(answer, tick)
    }
  }
}

const [path, question] = process.argv.slice(2)
if (path === undefined || question === undefined) await feed()
else await follow(path, question)
