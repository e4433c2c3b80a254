/**
 * A table of text: each column as wide as its widest cell, the first to the left, the others to the right.
 */

import { dim, say } from './terminal.ts'

export interface TableOptions {
  /** Columns that begin at their left edge; column 0 unless told. */
  readonly left?: readonly number[]
}

export function printTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { left = [0] }: TableOptions = {},
): void {
  const widths = header.map((title, c) => Math.max(title.length, ...rows.map(row => row[c]?.length ?? 0)))
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, c) => {
      const width = widths[c] ?? 0
      return left.includes(c) ? cell.padEnd(width) : cell.padStart(width)
    })
    return `  ${padded.join('   ').trimEnd()}`
  }
  say(dim(line(header)))
  for (const row of rows) say(line(row))
}
