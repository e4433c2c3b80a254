/**
 * How rows are printed: a heading, a line a side, its targets.
 */

import type { Row, SideFigures, Target, Warming } from './row.ts'
import { ratioOf } from './targets.ts'

/** Of fewer samples the 99th percentile is their largest. */
const FEW = 100

const WARMED: Readonly<Record<Warming, string>> = {
  'same pass': 'each side runs the same pass untimed directly before',
  'CPU caches evicted': 'the CPU caches are evicted before each side',
  none: 'nothing runs before, each is timed once',
}

/** A row as lines of text. */
export function renderRow(row: Row): string {
  const [first] = row.sides
  const lines = [`  ${row.what}  [cache: ${row.cache}]`]
  if (first !== undefined) lines.push(`    ${WARMED[first.warming]}; rounds: ${first.rounds}`)
  if (row.skipped !== undefined) lines.push(`    no figures: ${row.skipped}`)
  else lines.push(...renderTable(row.sides.map(side => renderSide(side, first))))
  for (const target of row.targets) lines.push(`    ${renderTarget(target)}`)
  for (const note of row.notes) lines.push(`    ${note}`)
  return lines.join('\n')
}

/** All targets of a run that were judged, by row. */
export function renderSummary(rows: readonly { readonly benchmark: string; readonly row: Row }[]): string {
  const lines = rows.flatMap(({ benchmark, row }) => {
    const targets = row.targets.filter(({ isMet }) => isMet !== undefined)
    if (targets.length === 0) return []
    return [`  ${benchmark}: ${row.what}`, ...targets.map(target => `      ${renderTarget(target)}`)]
  })
  return lines.length === 0 ? '' : ['targets', ...lines].join('\n')
}

function renderTarget(target: Target): string {
  const verdict = target.isMet === undefined ? 'not judged' : target.isMet ? 'met' : 'MISSED'
  return `target ${target.text}: ${target.figure}, ${verdict}`
}

/** The cells of a side: its ratio to the first one with the middle half of the rounds' ratios, and what it cost beside time. */
function renderSide(side: SideFigures, first: SideFigures | undefined): string[] {
  const ratio = ratioOf(side, first ?? side)
  const spread = side.rounds > 1 ? ` (${ratio.from.toFixed(2)}-${ratio.to.toFixed(2)})` : ''
  const { percentiles } = side
  return [
    side.name,
    `${renderTime(side.nsPerOperation)}/op`,
    `${renderRate(1e9 / side.nsPerOperation)}/s`,
    `x${ratio.median.toFixed(2)}${spread}`,
    percentiles === undefined || percentiles.samples < FEW
      ? `best ${renderTime(side.nsPerOperationMin)}`
      : `99th ${renderTime(percentiles.p99)}, 99.9th ${renderTime(percentiles.p999)}, longest ${renderTime(percentiles.max)}`,
    side.cpuNsPerOperation > 0 ? `processor ${renderTime(side.cpuNsPerOperation)}` : '',
    `faults ${side.faults.minor}+${side.faults.major}`,
    side.syncs > 0 ? `syncs ${side.syncs}` : '',
    side.written.byProcess > 0
      ? `written ${renderMb(side.written.byProcess)}, to the disk ${renderMb(side.written.toDisk)}`
      : '',
    side.note ?? '',
  ]
}

/** Columns that nothing stands in are left out; the first is aligned to the left, as is the last. */
export function renderTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (wide, cells) => cells.map((cell, i) => Math.max(cell.length, wide[i] ?? 0)),
    [],
  )
  const last = widths.findLastIndex(width => width > 0)
  return rows.map(cells => {
    const padded = cells.flatMap((cell, i) => {
      const width = widths[i] ?? 0
      if (width === 0) return []
      return [i === 0 || i === last ? cell.padEnd(width) : cell.padStart(width)]
    })
    return `    ${padded.join('  ')}`.trimEnd()
  })
}

function renderMb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}

export function renderTime(ns: number): string {
  if (ns < 1000) return `${ns.toFixed(1)} ns`
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} us`
  return ns < 1e9 ? `${(ns / 1e6).toFixed(2)} ms` : `${(ns / 1e9).toFixed(2)} s`
}

export function renderRate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M`
  return perSecond >= 1e3 ? `${(perSecond / 1e3).toFixed(2)} k` : perSecond.toFixed(2)
}
