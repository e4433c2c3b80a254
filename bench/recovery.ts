/**
 * What does opening after a crash cost: time, the longest block of the event loop, and memory?
 *
 *   tsx bench/recovery.ts <millions of changes> [<changes a commit>]
 *
 * A child changes each of so many records of 8 bytes once, in commits whose records lie between each other's, with a
 * journal of 1 GiB, and is killed. Other children open a copy each, for reading and for writing, by openStore and by
 * openStoreAsync, and go on until the journal is gone. Not one of `npm run bench`: it takes gigabytes and minutes.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore, openStoreAsync } from 'stridedb'
import { z } from 'zod'

const Pair = z.object({ a: z.uint32(), b: z.uint32() })
const WRITING = { journalBytes: 2 ** 30 }
const WAYS = ['reader', 'reader, async', 'writer', 'writer, async'] as const
type Way = (typeof WAYS)[number]

const [millions = '1', perCommit = '1200000', way, path = ''] = process.argv.slice(2)
const count = Math.round(Number(millions) * 1e6)

if (way === undefined) measureAll()
else if (way === 'fill') await fill()
else await measure(way as Way)

function measureAll(): void {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-recovery-'))
  try {
    const [left, copy] = [join(folder, 'left.stride'), join(folder, 'copy.stride')]
    run('fill', left)
    for (const each of WAYS) {
      for (const suffix of ['', '-journal']) copyFileSync(left + suffix, copy + suffix)
      run(each, copy)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run(what: Way | 'fill', file: string): void {
  const program = [...process.execArgv, import.meta.filename, millions, perCommit, what, file]
  const { stdout, stderr } = spawnSync(process.execPath, program, { encoding: 'utf8' })
  process.stdout.write(stdout)
  process.stderr.write(stderr)
}

async function fill(): Promise<void> {
  const store = openStore(path, Pair, WRITING)
  const pair = { a: 0, b: 0 }
  store.appendMany(Array.from({ length: Math.min(count, 1e6) }, () => pair))
  while (store.size < count)
    store.appendMany(Array.from({ length: Math.min(count - store.size, 1e6) }, () => pair))
  store.commitSync()
  store.close()
  const writer = openStore(path, Pair, WRITING)
  const commits = Math.ceil(count / Number(perCommit))
  for (let k = 0; k < commits; k++) {
    for (let n = k; n < count; n += commits) writer.update(n, { b: n })
    await writer.commit()
  }
  const bytes = statSync(`${path}-journal`).size
  console.log(`${count} changes, ${commits} commits: journal of ${(bytes / 2 ** 20).toFixed(0)} MiB`)
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => {})
}

async function measure(how: Way): Promise<void> {
  const before = process.resourceUsage().maxRSS
  const processor = process.cpuUsage()
  const options = how.startsWith('reader') ? { readOnly: true } : WRITING
  let last = performance.now()
  let longest = 0
  let goesOn = true
  const turning = (async () => {
    while (goesOn) {
      await nextTurn()
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
  })()
  const start = last
  const isAsync = how.endsWith('async')
  const store = isAsync ? await openStoreAsync(path, Pair, options) : openStore(path, Pair, options)
  const opened = performance.now() - start
  const { user, system } = process.cpuUsage(processor)
  if (store.field(count - 1, 'b') !== count - 1) throw new Error('it has another record')
  while (!store.readOnly && existsSync(`${path}-journal`)) await nextTurn()
  const total = performance.now() - start
  await nextTurn()
  goesOn = false
  await turning
  const { commitsReplayed } = store.recovery
  const added = (process.resourceUsage().maxRSS - before) / 1024
  const figures = [
    `open after ${opened.toFixed(0)} ms`,
    `longest block ${longest.toFixed(0)} ms`,
    `journal gone after ${total.toFixed(0)} ms`,
    `processor ${((user + system) / 1000).toFixed(0)} ms until open`,
    `${added.toFixed(0)} MiB more than before`,
  ]
  console.log(`${how}: ${figures.join(', ')}; ${commitsReplayed} commits`)
  store.close()
}
