/**
 * A program that is killed with a full journal: fill-journal.ts <store> <journalBytes> <records per commit> <records> <seed>
 *
 * It commits random updates until the first segment has no room for another, says how many commits those were, and
 * kills itself as no handler can hinder (SIGKILL).
 */

import { writeSync } from 'node:fs'
import { openStore } from 'stridedb'
import { Random } from './random.ts'
import { Trade } from './trade.ts'

const [path = '', ...facts] = process.argv.slice(2)
const [journalBytes = 0, perCommit = 1, records = 0, seed = 0] = facts.map(Number)
const store = openStore(path, Trade, { journalBytes })
const random = new Random(seed)
let commits = 0
let bytesPerCommit = 0
let journalled = 0
while (journalled + bytesPerCommit <= journalBytes) {
  for (let i = 0; i < perCommit; i++) store.update(random.below(records), { price: commits, qty: i })
  // A sync each is not what is measured.
  store.commitSync({ durability: 'process' })
  commits++
  // One record is one block; asking costs more than committing.
  if (perCommit === 1 && commits > 1) {
    journalled += bytesPerCommit
    continue
  }
  const { journalBytes: now } = store.stats()
  bytesPerCommit = Math.max(bytesPerCommit, now - journalled)
  journalled = now
}
writeSync(1, `commits ${commits} journalled ${journalled}\n`)
process.kill(process.pid, 'SIGKILL')
