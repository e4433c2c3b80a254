/**
 * Comparing a run with an earlier one, `--against FILE`: each side's time in times of what it was then.
 *
 * The file is what `--json` wrote. Rows are matched by benchmark and heading, sides by name. Two runs have two machines' moods
 * between them: a side that no change of the library can have touched (C, another store) shows by how much.
 */

import { readFileSync } from 'node:fs'
import { type Machine, renderMachine } from './machine.ts'
import { renderTable, renderTime } from './report.ts'
import type { Row, SideFigures } from './row.ts'

export interface Report {
  readonly machine: Machine
  readonly seed: number
  readonly isSmoke: boolean
  readonly rows: readonly ReportedRow[]
}

export interface ReportedRow {
  readonly benchmark: string
  readonly row: Row
}

/** @throws {TypeError} where the file is not a report of `--json` */
export function readReport(path: string): Report {
  const report = JSON.parse(readFileSync(path, 'utf8')) as Partial<Report> | null
  const isReport = Array.isArray(report?.rows) && report.rows.every(isReportedRow)
  if (!isReport) throw new TypeError(`Not a report of npm run bench -- --json: ${path}`)
  return report as Report
}

function isReportedRow(value: unknown): boolean {
  const { benchmark, row } = (value ?? {}) as Partial<ReportedRow>
  return (
    typeof benchmark === 'string' &&
    typeof row?.what === 'string' &&
    Array.isArray(row.sides) &&
    row.sides.every(
      (side: Partial<SideFigures>) => typeof side.name === 'string' && typeof side.nsPerOperation === 'number',
    )
  )
}

/** One side then and now. */
export interface Change {
  readonly benchmark: string
  readonly what: string
  readonly side: string
  readonly thenNs: number
  readonly nowNs: number
  /** Now in times of then: above 1 is slower. */
  readonly ratio: number
}

/** The sides that both runs have. */
export function changesSince(then: readonly ReportedRow[], now: readonly ReportedRow[]): Change[] {
  const key = (benchmark: string, row: Row, side: SideFigures): string =>
    JSON.stringify([benchmark, row.what, side.name])
  const before = new Map(
    then.flatMap(({ benchmark, row }) =>
      row.sides.map(side => [key(benchmark, row, side), side.nsPerOperation] as const),
    ),
  )
  return now.flatMap(({ benchmark, row }) =>
    row.sides.flatMap(side => {
      const thenNs = before.get(key(benchmark, row, side))
      if (thenNs === undefined) return []
      const nowNs = side.nsPerOperation
      return [{ benchmark, what: row.what, side: side.name, thenNs, nowNs, ratio: nowNs / thenNs }]
    }),
  )
}

export function renderAgainst(path: string, then: Report, now: readonly ReportedRow[]): string {
  const changes = changesSince(then.rows, now)
  const lines = [`against ${path}, ${renderMachine(then.machine)}`]
  const byRow = new Map<string, Change[]>()
  for (const change of changes) {
    const heading = `  ${change.benchmark}: ${change.what}`
    byRow.set(heading, [...(byRow.get(heading) ?? []), change])
  }
  for (const [heading, sides] of byRow) lines.push(heading, ...renderTable(sides.map(cellsOf)))
  if (byRow.size === 0) lines.push('  no side of this run is in it')
  return lines.join('\n')
}

function cellsOf({ side, thenNs, nowNs, ratio }: Change): string[] {
  return [side, `x${ratio.toFixed(2)}`, `${renderTime(thenNs)} -> ${renderTime(nowNs)}`]
}
