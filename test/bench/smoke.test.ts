/**
 * Benchmarks that nobody runs rot: this runs all of them, with tiny inputs, as a user would.
 *
 * What could go wrong: a benchmark no longer starts, prints rows without figures, or leaves its files behind.
 * How fast anything is, is not asserted here.
 */

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { removeFolder } from '../remove-folder.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TSX = createRequire(import.meta.url).resolve('tsx/cli')
const NAMES = [
  'random-field',
  'random-object',
  'gather',
  'bulk',
  'queries',
  'scan',
  'append',
  'update',
  'writes',
  'commit-parts',
  'journal-age',
  'group-commit',
  'tail',
  'append-journal',
  'open-journal',
  'checkpoint-latency',
  'open',
  'import',
  'record-sizes',
  'window-sizes',
  'garbage',
  'large-scan',
  'cold',
]

interface Report {
  readonly seed: number
  readonly machine: Readonly<Record<string, unknown>>
  readonly rows: readonly {
    readonly benchmark: string
    readonly row: {
      readonly what: string
      readonly cache: string
      readonly skipped?: string
      readonly sides: readonly {
        readonly name: string
        readonly nsPerOperation: number
        readonly rounds: number
      }[]
      readonly targets: readonly { readonly isMet?: boolean }[]
    }
  }[]
}

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [TSX, join(ROOT, 'bench', 'main.ts'), ...args], { cwd: ROOT })

describe('npm run bench -- --smoke', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-smoke-'))
  let output = ''
  let report: Report

  beforeAll(async () => {
    const json = join(folder, 'report.json')
    const result = await run('--smoke', '--dir', folder, '--json', json)
    output = result.stdout
    report = JSON.parse(readFileSync(json, 'utf8')) as Report
  })

  afterAll(() => removeFolder(folder))

  it('says on which machine and with which seed', () => {
    expect(output).toContain(`seed ${report.seed}`)
    expect(output).toContain(process.version)
    expect(report.machine.cpus).toBeGreaterThan(0)
  })

  it.each(NAMES)('prints rows with figures: %s', name => {
    const rows = report.rows.filter(({ benchmark }) => benchmark === name).map(({ row }) => row)
    expect(rows.length).toBeGreaterThan(0)
    expect(output).toContain(`\n${name}: `)
    for (const row of rows) {
      expect(output).toContain(row.what)
      // A row that could not be made cold has no figures, and says why.
      if (row.skipped !== undefined) {
        expect(row.cache).toBe('cold')
        expect(row.sides).toEqual([])
        expect(output).toContain(`no figures: ${row.skipped}`)
        continue
      }
      expect(row.sides.length).toBeGreaterThan(1)
      for (const side of row.sides) {
        expect(side.nsPerOperation, side.name).toBeGreaterThan(0)
        expect(side.rounds).toBe(1)
      }
    }
  })

  it('judges no target', () => {
    expect(report.rows.flatMap(({ row }) => row.targets).length).toBeGreaterThan(0)
    for (const { row } of report.rows) for (const target of row.targets) expect(target.isMet).toBeUndefined()
    expect(output).not.toMatch(/, (met|MISSED)$/m)
  })

  it('removes its files', () => {
    expect(readdirSync(folder)).toEqual(['report.json'])
  })

  it('refuses a benchmark that it does not know, naming those it knows', async () => {
    await expect(run('--smoke', 'random-feild')).rejects.toThrow(
      /Unknown benchmark random-feild: there are random-field/,
    )
  })
})
