/**
 * npm run bench [names…] [--quick] [--smoke] [--json file] [--against file] [--dir folder] [--seed number] [--records n,n] [--list]
 *
 * Builds the files that the named benchmarks need, runs each benchmark in a process of its own, prints its rows,
 * and removes the files, also on Ctrl-C. Exit code 1 when a benchmark fails; a missed target is a figure, not a failure.
 * `--quick` takes a few rounds and leaves out what is slow; `--against` compares with what `--json` wrote earlier.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type ReportedRow, readReport, renderAgainst } from './against.ts'
import { append } from './append.ts'
import { appendJournal } from './append-journal.ts'
import { bulk } from './bulk.ts'
import { buildCBaseline } from './c-baseline.ts'
import { checkpointLatency } from './checkpoint-latency.ts'
import { cold } from './cold.ts'
import { commitParts } from './commit-parts.ts'
import type { Benchmark, Context } from './context.ts'
import { duckdb } from './duckdb.ts'
import { buildFixture } from './fixtures.ts'
import { garbage } from './garbage.ts'
import { gather } from './gather.ts'
import { groupCommit } from './group-commit.ts'
import { importCost } from './import-cost.ts'
import { indexFolding } from './index-folding.ts'
import { indexGrowth } from './index-growth.ts'
import { indexLookups, indexLookupsLarge } from './index-lookups.ts'
import { indexes } from './indexes.ts'
import { journalAge } from './journal-age.ts'
import { large } from './large.ts'
import { largeScan } from './large-scan.ts'
import { describeMachine, renderMachine } from './machine.ts'
import { open } from './open.ts'
import { openJournal } from './open-journal.ts'
import { queries } from './queries.ts'
import { randomField } from './random-field.ts'
import { randomObject } from './random-object.ts'
import { recordSizes } from './record-sizes.ts'
import { renderRow, renderSummary } from './report.ts'
import type { Row } from './row.ts'
import { scan } from './scan.ts'
import { tail } from './tail.ts'
import { update } from './update.ts'
import { windowSizes } from './window-sizes.ts'
import { writes } from './writes.ts'

const BENCHMARKS: readonly Benchmark[] = [
  randomField,
  randomObject,
  gather,
  duckdb,
  queries,
  bulk,
  indexes,
  indexLookups,
  indexLookupsLarge,
  indexFolding,
  indexGrowth,
  scan,
  append,
  update,
  writes,
  commitParts,
  journalAge,
  groupCommit,
  tail,
  appendJournal,
  openJournal,
  checkpointLatency,
  open,
  importCost,
  recordSizes,
  windowSizes,
  garbage,
  largeScan,
  large,
  cold,
]

const SEED = 20_020_417

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    against: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    seed: { type: 'string', default: String(SEED) },
    /** Of `large`: how many records its stores have, the smallest first. */
    records: { type: 'string' },
    list: { type: 'boolean', default: false },
    /** Internal: this is the process of the one named benchmark, and `dir` holds its files. */
    measure: { type: 'boolean', default: false },
  },
})

/** The process of the benchmark that is being measured. */
let running: ChildProcess | undefined

const { smoke: isSmoke, quick: isQuick } = values
const seed = Number(values.seed)
const records = values.records?.split(',').map(Number)
if (records?.some((count, i) => !Number.isInteger(count) || count <= (records[i - 1] ?? 0)))
  throw new TypeError(`--records takes whole numbers, the smallest first: ${values.records}`)
if (values.list) for (const { name, question } of BENCHMARKS) console.log(`${name.padEnd(20)}${question}`)
else if (values.measure) await measure(chosen()[0] as Benchmark, contextIn(values.dir))
else await runAll(chosen())

function contextIn(folder: string): Context {
  return { folder, isSmoke, isQuick, seed, ...(records === undefined ? {} : { records }) }
}

/** In its own process: rows go to the parent as they come. */
async function measure(benchmark: Benchmark, context: Context): Promise<void> {
  const leaveWithParent = (): void => process.exit(1)
  process.on('disconnect', leaveWithParent)
  for await (const row of benchmark.run(context)) process.send?.(row)
  process.off('disconnect', leaveWithParent)
  process.disconnect?.()
}

async function runAll(benchmarks: readonly Benchmark[]): Promise<void> {
  // A file that is not a report is refused before anything is measured.
  const earlier = values.against === undefined ? undefined : readReport(values.against)
  const folder = mkdtempSync(join(values.dir, 'stridedb-bench-'))
  process.on('exit', () => {
    // Else it would go on writing into what is being removed.
    running?.kill('SIGKILL')
    // A process that is being killed may still make a file meanwhile.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

  const machine = describeMachine(folder)
  const kind = isSmoke ? ', smoke run: tiny inputs, no target judged' : isQuick ? ', quick run: few rounds' : ''
  console.log(`stridedb bench${kind}, seed ${seed}`)
  console.log(renderMachine(machine))
  const noC = buildCBaseline()
  if (noC !== undefined) console.log(`NO C BASELINE, its sides and targets are skipped: ${noC}`)

  const rows: ReportedRow[] = []
  for (const benchmark of benchmarks) {
    const context = contextIn(folder)
    for (const name of benchmark.needs) await buildFixture(context, name)
    const began = performance.now()
    console.log(`\n${benchmark.name}: ${benchmark.question}`)
    await runInChild(benchmark, context, row => {
      console.log(renderRow(row))
      rows.push({ benchmark: benchmark.name, row })
    })
    console.log(`  ${benchmark.name} took ${((performance.now() - began) / 1000).toFixed(1)} s`)
  }
  console.log(`\n${renderSummary(rows)}`)
  if (values.against !== undefined && earlier !== undefined)
    console.log(`\n${renderAgainst(values.against, earlier, rows)}`)
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ machine, seed, isSmoke, isQuick, rows }, null, 2)}\n`)
}

function runInChild(benchmark: Benchmark, context: Context, seen: (row: Row) => void): Promise<void> {
  const facts = ['--measure', '--dir', context.folder, '--seed', String(context.seed)]
  if (isSmoke) facts.push('--smoke')
  if (isQuick) facts.push('--quick')
  if (values.records !== undefined) facts.push('--records', values.records)
  const child = fork(import.meta.filename, [benchmark.name, ...facts], { serialization: 'advanced' })
  running = child
  child.on('message', seen)
  return new Promise(resolve => {
    child.on('exit', (code, signal) => {
      running = undefined
      if (code !== 0) {
        console.log(`  ${benchmark.name} FAILED: ${signal ?? `exit code ${code}`}`)
        process.exitCode = 1
      }
      resolve()
    })
  })
}

function chosen(): Benchmark[] {
  const unknown = positionals.filter(name => BENCHMARKS.every(benchmark => benchmark.name !== name))
  if (unknown.length > 0) {
    const known = BENCHMARKS.map(benchmark => benchmark.name).join(', ')
    throw new TypeError(`Unknown benchmark ${unknown.join(', ')}: there are ${known}`)
  }
  if (positionals.length > 0) return BENCHMARKS.filter(({ name }) => positionals.includes(name))
  return BENCHMARKS.filter(({ isAskedFor, isSlow }) => isAskedFor !== true && !(isQuick && isSlow === true))
}
