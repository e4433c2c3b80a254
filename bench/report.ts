/**
 * How rows are printed: a heading, a line a side, its targets.
 */

import type { Row, SideFigures, Target } from './measure.ts'

/** A row as lines of text. */
export function renderRow(row: Row): string {
  const lines = [`  ${row.what}  [cache: ${row.cache}]`]
  if (row.skipped !== undefined) lines.push(`    no figures: ${row.skipped}`)
  else lines.push(...renderSides(row.sides))
  for (const target of row.targets) lines.push(`    ${renderTarget(target)}`)
  for (const note of row.notes) lines.push(`    ${note}`)
  return lines.join('\n')
}

/** All targets of a run in a few lines. */
export function renderSummary(rows: readonly { readonly benchmark: string; readonly row: Row }[]): string {
  const lines = rows.flatMap(({ benchmark, row }) =>
    row.targets.map(target => `  ${benchmark}: ${row.what}\n      ${renderTarget(target)}`),
  )
  return lines.length === 0 ? '' : ['targets', ...lines].join('\n')
}

function renderTarget(target: Target): string {
  const verdict = target.isMet === undefined ? 'not judged' : target.isMet ? 'met' : 'MISSED'
  return `target ${target.text}: ${target.figure}, ${verdict}`
}

function renderSides(sides: readonly SideFigures[]): string[] {
  const first = sides[0]?.nsPerOperation ?? Number.NaN
  const table = sides.map(side => [
    side.name,
    `${renderTime(side.nsPerOperation)}/op`,
    `${renderRate(1e9 / side.nsPerOperation)}/s`,
    `x${(side.nsPerOperation / first).toFixed(2)}`,
    `best ${renderTime(side.nsPerOperationMin)}`,
    `faults ${side.faults.minor}+${side.faults.major}`,
    `syncs ${side.syncs}`,
    side.note ?? '',
  ])
  const widths = table.reduce<number[]>(
    (wide, cells) => cells.map((cell, i) => Math.max(cell.length, wide[i] ?? 0)),
    [],
  )
  return table.map(cells => {
    const padded = cells.map((cell, i) =>
      i === 0 || i === cells.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    )
    return `    ${padded.join('  ')}`.trimEnd()
  })
}

function renderTime(ns: number): string {
  if (ns < 1000) return `${ns.toFixed(1)} ns`
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} us`
  return ns < 1e9 ? `${(ns / 1e6).toFixed(2)} ms` : `${(ns / 1e9).toFixed(2)} s`
}

function renderRate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`
  return perSecond >= 1e3 ? `${(perSecond / 1e3).toFixed(2)} k` : perSecond.toFixed(2)
}
