/**
 * Which options do exports take? One row an option.
 */

import { abortSignal, callback, flag, oneOf } from '../options/option-kinds.ts'
import { type CallWithOptions, Option, type OptionsOf, OptionTable } from '../options/option-table.ts'
import { shown } from '../options/shown-value.ts'
import type { BytesFormat } from './fields/text-format.ts'
import { character } from './import-options.ts'

/** How far an export has come. */
export interface ExportProgress {
  /** Records written. */
  readonly records: number
  /** Bytes written. */
  readonly bytes: number
}

/** Dotted paths of fields. */
const fieldNames = new Option<readonly string[]>('an array of fields', (value, name) => {
  const names: unknown[] = Array.isArray(value) ? Array.from(value as readonly unknown[]) : []
  if (names.length > 0 && names.every(each => typeof each === 'string' && each !== ''))
    return Object.freeze(names as string[])
  throw new TypeError(`${name} must be an array of fields, of one at least: ${shown(value)}`)
})

/** Record numbers, as a list that is copied. */
const recordNumbers = new Option<ArrayLike<number> | Iterable<number>>(
  'an iterable of record numbers',
  (value, name) => {
    if (typeof value === 'object' && value !== null && Symbol.iterator in value) {
      const numbers = Array.from(value as Iterable<unknown>)
      if (numbers.every(n => Number.isSafeInteger(n) && (n as number) >= 0)) return numbers as number[]
    }
    throw new TypeError(`${name} must be an iterable of record numbers: ${shown(value)}`)
  },
)

/** Rows of `ExportOptions`. */
export const EXPORT = new OptionTable('ExportOptions', {
  /** The fields to write, in this order. An object, tuple or array stands for all fields inside. */
  fields: fieldNames.orElse('all fields'),
  /** The records to write, in this order. A number without a live record ends the export. */
  numbers: recordNumbers.orElse('all live records'),
  /** Whether the file of the target is replaced if it exists. */
  overwrite: flag.or(false),
  /** Aborting it ends the export with the signal's reason. No file appears then. */
  signal: abortSignal.orElse('none'),
  /** Called after each part. If it throws, the export ends with that. */
  progress: callback<(progress: ExportProgress) => void>('progress').orElse('none'),
})

/** Rows of `CsvExportOptions`. */
export const CSV_EXPORT = new OptionTable('CsvExportOptions', {
  /** Whether the first line names the columns. */
  header: flag.or(true),
  /** What stands between cells. */
  delimiter: character.or(','),
  /** What stands around a cell that contains delimiters, line ends or quotes; two of them in a cell mean one. */
  quote: character.or('"'),
  /** The mark in front of the decimals of a number. */
  decimal: oneOf('.', ',').or('.'),
  /** How fields of bytes are written. */
  bytes: oneOf<BytesFormat>('hex', 'base64').or('hex'),
  /** How a line ends. */
  lineEnd: oneOf('lf', 'crlf').or('lf'),
  ...EXPORT.rows,
})

/** Options that every export takes. */
export type ExportOptions = OptionsOf<typeof EXPORT>
/** How a CSV file is written. */
export type CsvExportOptions = OptionsOf<typeof CSV_EXPORT>

/** Every call that takes options, as docs/options.md lists them. */
export const EXPORT_CALLS: readonly CallWithOptions[] = [
  { call: 'exportCsv(records, target, options)', table: CSV_EXPORT },
]
