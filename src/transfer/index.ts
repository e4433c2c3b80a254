/**
 * What does `stridedb/transfer` export? Bringing data in from other formats, and handing it out.
 */

export { type ExportReport, exportCsv } from './csv/export-csv.ts'
export { importCsv } from './csv/import-csv.ts'
export type { ExportTarget } from './export/target.ts'
export type { CsvExportOptions, ExportOptions, ExportProgress } from './export-options.ts'
export type { BytesFormat, DateFormat, TextFileEncoding } from './fields/text-format.ts'
export type { BadRow, ImportReport } from './import/import-run.ts'
export type { ColumnNames, CsvImportOptions, ImportOptions, ImportProgress } from './import-options.ts'
export type { ImportSource } from './source/byte-source.ts'
