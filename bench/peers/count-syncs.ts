/**
 * How many syncs a commit of each peer really is, by strace: proof that none is compared that does not sync.
 *
 * Run as a program, by strace, this file is the process that is watched: count-syncs.ts <peer> <folder>.
 * It prints when its commits began and ended; strace says when each sync began.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PEERS } from './all.ts'
import { Records } from './peer.ts'

const COMMITS = 50
/** SQLite resets its WAL after a thousand pages. */
const COMMITS_BEFORE = 1_200
const RECORDS = 2_000
const TRACED = 'trace=fsync,fdatasync,msync,sync_file_range'

/** Syncs of one commit, or why they were not counted. */
export function syncsPerCommit(peerName: string, folder: string): number | string {
  if (spawnSync('strace', ['-V']).status !== 0) return 'strace is not there'
  const log = join(folder, 'syncs.strace')
  const node = [process.execPath, ...process.execArgv, import.meta.filename, peerName, folder]
  const run = spawnSync('strace', ['-f', '-ttt', '-e', TRACED, '-o', log, ...node], { encoding: 'utf8' })
  const times = /^commits (\S+) (\S+)$/m.exec(run.stdout)
  if (run.status !== 0 || times === null) return `its run under strace failed: ${run.stderr.slice(0, 300)}`
  const [began, ended] = [Number(times[1]), Number(times[2])]
  const syncs = readFileSync(log, 'utf8')
    .split('\n')
    .filter(line => / (fsync|fdatasync|msync|sync_file_range)\(/.test(line))
    .map(line => Number(line.trim().split(/\s+/)[1]))
    .filter(at => at >= began && at <= ended)
  return syncs.length / COMMITS
}

async function commitUnderStrace(peerName: string, folder: string): Promise<void> {
  const peer = PEERS.find(({ name }) => name === peerName)
  if (peer === undefined) throw new TypeError(`No such peer: ${peerName}`)
  const path = join(folder, `strace-${PEERS.indexOf(peer)}`)
  const store = await peer.open(path, new Records(1, RECORDS))
  for (let i = 0; i < COMMITS_BEFORE; i++) await store.changeOne(i % RECORDS, 1)
  const began = now()
  for (let i = 0; i < COMMITS; i++) await store.changeOne((i * 37) % RECORDS, 2)
  const ended = now()
  await store.close()
  console.log(`commits ${began} ${ended}`)
}

/** Seconds since 1970, as strace counts them. */
function now(): number {
  return (performance.timeOrigin + performance.now()) / 1000
}

if (process.argv[1] === import.meta.filename)
  await commitUnderStrace(String(process.argv[2]), String(process.argv[3]))
