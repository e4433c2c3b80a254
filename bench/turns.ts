/**
 * Processes that write one store by turns (`lock: 'transaction'`): how often is the lock handed over in a second, and how many
 * transactions do they make in all?
 *
 * `npx tsx bench/turns.ts [SECONDS] [PROCESSES] [full | process] [indexed]`. Each process awaits one transaction after another, which
 * updates a record and counts in it; with `indexed` it also appends a record with a key. A hand-over is a transaction whose process did
 * not make the one before it. In the end the count in the store is compared with what the processes were told.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from 'stridedb'
import { z } from 'zod'

const Turns = z.object({ process: z.uint32(), count: z.uint32(), handOvers: z.uint32() })
const INDEXES = { byCount: { on: 'count' } } as const

const [, , seconds = '2', processes = '2', durability = 'full', kind = 'plain', path] = process.argv
const isIndexed = kind === 'indexed'

if (path === undefined) await parent()
else await child(path)

async function parent(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-turns-'))
  try {
    const store = join(folder, 'turns.stride')
    using made = openStore(store, Turns, isIndexed ? { indexes: INDEXES } : {})
    made.append({ process: 0, count: 0, handOvers: 0 })
    made.commitSync()
    made.close()
    const args = [seconds, processes, durability, kind, store]
    const children = Array.from({ length: Number(processes) }, () => fork(fileURLToPath(import.meta.url), args))
    await Promise.all(children.map(each => once(each, 'message')))
    for (const each of children) each.send('begin')
    const told = await Promise.all(children.map(doneBy))
    await Promise.all(children.map(ended))
    using after = openStore(store, Turns)
    const { count, handOvers } = after.get(0) as z.output<typeof Turns>
    const sum = told.reduce((all, each) => all + each, 0)
    if (count !== sum) throw new Error(`${count} transactions in the store, ${sum} were told`)
    const each = (total: number): number => Math.round(total / Number(seconds))
    console.log(
      `${processes} processes, '${durability}', ${kind}: ${each(handOvers)} hand-overs/s, ${each(count)} transactions/s`,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function doneBy(each: ChildProcess): Promise<number> {
  const [done] = await once(each, 'message')
  return done as number
}

async function ended(each: ChildProcess): Promise<void> {
  each.disconnect()
  if (each.exitCode === null) await once(each, 'exit')
}

async function child(store: string): Promise<void> {
  using turns = openStore(store, Turns, {
    lock: 'transaction',
    lockTimeoutMs: 60_000,
    durability: durability as 'full' | 'process',
    ...(isIndexed ? { indexes: INDEXES } : {}),
  })
  const tell = (message: unknown): unknown => process.send?.(message)
  tell('ready')
  await once(process, 'message')
  const end = performance.now() + Number(seconds) * 1000
  let done = 0
  while (performance.now() < end) {
    await turns.transaction(tx => {
      const last = tx.get(0) as z.output<typeof Turns>
      const isHandOver = last.process !== process.pid
      tx.put(0, {
        process: process.pid,
        count: last.count + 1,
        handOvers: last.handOvers + (isHandOver ? 1 : 0),
      })
      if (isIndexed) tx.append({ process: process.pid, count: last.count + 1, handOvers: 0 })
    })
    done++
  }
  tell(done)
  await once(process, 'disconnect')
}
