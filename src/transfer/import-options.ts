/**
 * Which options do imports take? One row an option.
 */

import { abortSignal, callback, flag, oneOf, whole } from '../options/option-kinds.ts'
import { type CallWithOptions, Option, type OptionsOf, OptionTable } from '../options/option-table.ts'
import { isPlainObject, shown } from '../options/shown-value.ts'
import type { BytesFormat, DateFormat, TextFileEncoding } from './fields/text-format.ts'

/** How far an import has come. */
export interface ImportProgress {
  /** Rows read, the bad ones included. */
  readonly rows: number
  /** Rows that became new records. */
  readonly imported: number
  /** Rows that replaced the record with their key. */
  readonly updated: number
  /** Bad rows. */
  readonly rejected: number
  /** Rows of all kinds that committed records, or the reject file, account for. */
  readonly committedRows: number
  /** Bytes of the source read so far. */
  readonly bytes: number
  /** Bytes of the source in all; undefined if that is not known. */
  readonly totalBytes: number | undefined
}

/** The path of a file. */
export const filePath = new Option<string>('a path', (value, name) => {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be a path, a text that is not empty: ${shown(value)}`)
})

/** The name of something. */
const nameText = new Option<string>('a name', (value, name) => {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be a name, a text that is not empty: ${shown(value)}`)
})

/** Texts, the empty one included. */
export const words = new Option<readonly string[]>('an array of texts', (value, name) => {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of texts: ${shown(value)}`)
  const texts: unknown[] = Array.from(value as readonly unknown[])
  if (texts.every(text => typeof text === 'string')) return Object.freeze(texts as string[])
  throw new TypeError(`${name} must be an array of texts: ${shown(value)}`)
})

/** A character that is one byte. */
export const character = new Option<string>('one ASCII character', (value, name) => {
  if (typeof value === 'string' && /^[\0-\x7f]$/.test(value) && !/[\r\n]/.test(value)) return value
  throw new TypeError(`${name} must be one ASCII character, other than a line end: ${shown(value)}`)
})

/** Columns by position or by name. */
export type ColumnNames = readonly (string | null)[] | Readonly<Record<string, string | null>>

/** Names of columns: by their position, or the field of each name. null leaves a column out. */
export const columnNames = new Option<ColumnNames>(
  'an array of fields, or an object of columns and their fields',
  (value, name) => {
    const isName = (each: unknown): each is string | null => each === null || typeof each === 'string'
    if (Array.isArray(value)) {
      const names: unknown[] = Array.from(value as readonly unknown[])
      if (names.length > 0 && names.every(isName)) return Object.freeze(names)
    } else if (isPlainObject(value)) {
      const entries = Object.entries(value)
      if (entries.every((entry): entry is [string, string | null] => isName(entry[1])))
        return Object.fromEntries(entries)
    }
    throw new TypeError(
      `${name} must be an array of fields, or an object of columns and their fields, with null for a column to leave out: ${shown(value)}`,
    )
  },
)

/** Rows of `ImportOptions`. */
export const IMPORT = new OptionTable('ImportOptions', {
  /** Whether the first bad row ends the import ('stop'), or bad rows are set aside and counted ('reject'). */
  onBad: oneOf('stop', 'reject').or('stop'),
  /** The CSV file to write bad rows into: line number, reason, and the row as it was. */
  rejects: filePath.orElse('bad rows are only counted'),
  /** Whether the reject file may replace a file. */
  overwrite: flag.or(false),
  /** With `onBad: 'reject'`: one more bad row ends the import. */
  rejectedMax: whole({ orInfinity: true }).or(Number.POSITIVE_INFINITY),
  /** So many rows are one commit. Without it the import is atomic as a whole. */
  batch: whole({ min: 1, unit: 'records' }).orElse('all rows are one commit'),
  /** A small file in which the import notes what is committed. If it exists, the import goes on behind that. */
  resume: filePath.orElse('the import begins at the start'),
  /** The name of a unique index: a row replaces the record with the same key. Without it each row is a new record. */
  upsert: nameText.orElse('each row is a new record'),
  /** Aborting it ends the import with the signal's reason. Batches that were committed stay. */
  signal: abortSignal.orElse('none'),
  /** Called after each part. If it throws, the import ends with that. */
  progress: callback<(progress: ImportProgress) => void>('progress').orElse('none'),
})

/** Rows of `CsvImportOptions`. */
export const CSV_IMPORT = new OptionTable('CsvImportOptions', {
  /** Whether the first line names the columns. Without a header `columns`, or the order of the fields, says what they are. */
  header: flag.or(true),
  /** The field of each column, by position or by the name in the header. null leaves a column out. */
  columns: columnNames.orElse('the names in the header, or the fields in order'),
  /** Whether a column without a field is an error. */
  extra: oneOf('refuse', 'ignore').or('refuse'),
  /** Whether a row with fewer or more cells than columns is bad ('refuse'), or missing cells are null and further ones dropped ('fill'). */
  ragged: oneOf('refuse', 'fill').or('refuse'),
  /** What stands between cells. */
  delimiter: character.or(','),
  /** What stands around a cell that contains delimiters, line ends or quotes; two of them in a cell mean one. */
  quote: character.or('"'),
  /** Whether quotes mean anything. Without them a cell contains neither delimiters nor line ends. */
  quoting: flag.or(true),
  /** The mark in front of the decimals of a number. */
  decimal: oneOf('.', ',').or('.'),
  /** Cells that mean null, unless they are quoted. */
  nulls: words.or(Object.freeze([''])),
  /** Whether spaces and tabs around a cell that is not quoted are dropped. */
  trim: flag.or(false),
  /** How dates are written: ISO 8601, day or month first, seconds or milliseconds since 1970. Times without a zone are UTC. */
  dates: oneOf<DateFormat>('iso', 'dmy', 'mdy', 'unix', 'unixMs').or('iso'),
  /** How fields of bytes are written. */
  bytes: oneOf<BytesFormat>('hex', 'base64').or('hex'),
  /** The encoding of the file. */
  encoding: oneOf<TextFileEncoding>('utf8', 'latin1').or('utf8'),
  /** Lines in front of the header, or of the first row, to leave out. */
  skipLines: whole().or(0),
  /** A longer row is bad. */
  rowBytesMax: whole({ min: 1, max: 2 ** 30, unit: 'bytes' }).or(2 ** 20),
  ...IMPORT.rows,
})

/** Options that every import takes. */
export type ImportOptions = OptionsOf<typeof IMPORT>
/** How a CSV file is written, and what happens to its rows. */
export type CsvImportOptions = OptionsOf<typeof CSV_IMPORT>

/** Every call that takes options, as docs/options.md lists them. */
export const IMPORT_CALLS: readonly CallWithOptions[] = [
  { call: 'importCsv(store, source, options)', table: CSV_IMPORT },
]
