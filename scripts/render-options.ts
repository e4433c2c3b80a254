/**
 * Renders docs/options.md from the tables of options. The sentence about an option is the comment above its row.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ENGINE_CALLS } from '../src/engine/opening/options.ts'
import { MMAP_CALLS } from '../src/mmap/options.ts'
import type { CallWithOptions, Option } from '../src/options/option-table.ts'
import { SCHEMA_CALLS } from '../src/schema/options.ts'
import { EXPORT_CALLS } from '../src/transfer/export-options.ts'
import { IMPORT_CALLS } from '../src/transfer/import-options.ts'

const SOURCES = [
  'src/engine/opening/options.ts',
  'src/engine/steps/progress-options.ts',
  'src/engine/read/read-options.ts',
  'src/engine/indexes/keys/index-options.ts',
  'src/engine/shared-memory/shared-options.ts',
  'src/query/query-options.ts',
  'src/schema/options.ts',
  'src/mmap/options.ts',
  'src/transfer/import-options.ts',
  'src/transfer/export-options.ts',
]

/** The entries of the package, with the calls of each that take options. */
const ENTRIES: readonly (readonly [string, readonly CallWithOptions[]])[] = [
  ['stridedb', ENGINE_CALLS],
  ['stridedb/schema', SCHEMA_CALLS],
  ['stridedb/mmap', MMAP_CALLS],
  ['stridedb/transfer', [...IMPORT_CALLS, ...EXPORT_CALLS]],
]

export function optionsPage(): string {
  const sections = ENTRIES.map(([entry, calls]) => `## ${entry}\n\n${callTable(calls)}\n${tablesOf(calls)}`)
  return `# Options

Rendered by \`npm run docs\` from the tables of options in src. Types and checks come from the same tables.

- An unknown name is refused with the nearest right one, a wrong type with a TypeError, a value out of bounds with a RangeError.
- \`undefined\` counts as absent, except as a bound of a range: a lost bound would answer with more records.
- Options are a plain object. Its own properties are read once each and copied; changing the object later changes nothing.
  Symbols are ignored, and an inherited option is refused.

${sections.join('\n')}`
}

/** Calls that share a table, in one row. */
function callTable(calls: readonly CallWithOptions[]): string {
  const byTable = new Map<string, string[]>()
  for (const { call, table } of calls) {
    byTable.set(table.name, [...(byTable.get(table.name) ?? []), `\`${call}\``])
  }
  const rows = [...byTable].map(
    ([name, names]) =>
      `| ${names.join(', ')} | ${name === 'NoOptions' ? 'none' : `[${name}](#${name.toLowerCase()})`} |`,
  )
  return `| call | takes |\n|---|---|\n${rows.join('\n')}\n`
}

function tablesOf(calls: readonly CallWithOptions[]): string {
  const tables = [...new Map(calls.map(({ table }) => [table.name, table])).values()]
  return tables
    .filter(({ rows }) => Object.keys(rows).length > 0)
    .map(({ name, rows }) => {
      const sentences = sentencesOf(name)
      const lines = Object.entries(rows).map(
        ([option, row]) =>
          `| \`${option}\` | ${cell(row.type)} | ${cell(defaultOf(row))} | ${cell(sentences.get(option) ?? '')} |`,
      )
      return `### ${name}\n\n| option | holds | absent | meaning |\n|---|---|---|---|\n${lines.join('\n')}\n`
    })
    .join('\n')
}

function defaultOf(row: Option<unknown, unknown>): string {
  if (row.isRequired) return 'required'
  if (row.otherwise !== undefined) return row.otherwise
  if (typeof row.default === 'string') return `'${row.default}'`
  return typeof row.default === 'number' && row.type.includes('0o')
    ? `0o${row.default.toString(8)}`
    : String(row.default)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** The comments above the rows of a table, by their options; those of tables that it takes rows of, too. */
export function sentencesOf(table: string): ReadonlyMap<string, string> {
  const block = blocks().find(({ name }) => name === table)
  if (block === undefined) throw new Error(`No source has a table '${table}'`)
  const sentences = new Map<string, string>()
  const PART = /\.\.\.(\w+)\.rows,|\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)[:,]/g
  for (const [, spread, comment, option] of block.text.matchAll(PART)) {
    if (spread !== undefined) {
      const other = blocks().find(({ variable }) => variable === spread)
      for (const [key, value] of sentencesOf(other?.name ?? spread)) sentences.set(key, value)
    } else sentences.set(option as string, (comment as string).replace(/\s*\n\s*\*?\s*/g, ' ').trim())
  }
  return sentences
}

interface Block {
  readonly variable: string
  readonly name: string
  readonly text: string
}

let found: readonly Block[] | undefined

function blocks(): readonly Block[] {
  found ??= SOURCES.flatMap(path => {
    const source = readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
    const TABLE = /const (\w+) = new OptionTable\('(\w+)', \{\n([\s\S]*?)\n\}\)/g
    return [...source.matchAll(TABLE)].map(([, variable, name, text]) => ({
      variable: variable as string,
      name: name as string,
      text: text as string,
    }))
  })
  return found
}
