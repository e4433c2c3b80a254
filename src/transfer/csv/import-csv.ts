/**
 * How is a CSV file imported? Rows are split in bytes, and each cell is encoded into its field.
 *
 *   CI1  what each row becomes depends on nothing but the row, the columns and the options: neither on chunks nor on batches.
 * Rows and cells: row-splitter.ts. Columns: csv-columns.ts. Commits and bad rows: ../import/.
 */

import type { BulkWriter } from '../../engine/bulk-writing.ts'
import type { Store } from '../../engine/store.ts'
import { StrideError } from '../../errors.ts'
import type { SettledOptions } from '../../options/option-table.ts'
import type { AnySchema } from '../../schema/index.ts'
import type { Leaf } from '../fields/leaves.ts'
import { RecordEncoder } from '../fields/record-encoder.ts'
import type { ImportReport, ImportRun, ReaderPlace } from '../import/import-run.ts'
import { type RowReader, runImport } from '../import/run-import.ts'
import { CSV_IMPORT, type CsvImportOptions } from '../import-options.ts'
import type { ImportSource } from '../source/byte-source.ts'
import { columnLeaves, namesOfColumns, targetsOf } from './csv-columns.ts'
import { DOUBLED, PLAIN, RowSplitter, undouble } from './row-splitter.ts'

/**
 * Appends the rows of a CSV or TSV file to a store, or updates records by a unique key. Other changes of the store are refused with
 * ERR_STRIDE_BUSY meanwhile.
 *
 * Without `batch` the import is one commit: all rows or none. Memory stays bounded, whatever the size of the file.
 *
 * @throws {StrideError} ERR_STRIDE_SOURCE for a bad file or row, with `line`; _DUPLICATE_KEY, _RESUME, _EXISTS (the reject file), _BUSY,
 *   _TRANSACTION while changes are staged, _LIMIT, _NO_SPACE, _NOT_FOUND, _PERMISSION, _IO; otherwise as `append` and `commit`
 * @throws TypeError, RangeError for invalid arguments; the reason of `signal`
 */
export async function importCsv<S extends AnySchema, I>(
  store: Store<S, I>,
  source: ImportSource,
  options?: CsvImportOptions,
): Promise<ImportReport> {
  const settings = CSV_IMPORT.read(options, 'importCsv')
  if (settings.quoting && settings.delimiter === settings.quote) {
    throw new TypeError('importCsv: delimiter and quote must be different characters')
  }
  return runImport(store, source, settings, 'importCsv', {
    isText: true,
    reader: (writer, run, start) => new CsvReader(writer, run, settings, start),
  })
}

const SPACE = 32
const TAB = 9

class CsvReader implements RowReader {
  readonly #run: ImportRun
  readonly #settings: SettledOptions<typeof CSV_IMPORT>
  readonly #splitter: RowSplitter
  readonly #leaves: readonly Leaf[]
  readonly #encoder: RecordEncoder
  readonly #quote: number
  /** Whether an empty cell is null. */
  readonly #isEmptyNull: boolean
  /** The other words that mean null. */
  readonly #nullWords: readonly Buffer[]
  #toSkip: number
  #columns: readonly string[] | undefined
  #header: Buffer | undefined
  #targets: Int32Array | undefined
  #scratch = Buffer.alloc(256)

  constructor(
    writer: BulkWriter,
    run: ImportRun,
    settings: SettledOptions<typeof CSV_IMPORT>,
    start: ReaderPlace,
  ) {
    const { delimiter, quote, quoting, nulls, rowBytesMax, skipLines, header } = settings
    this.#run = run
    this.#settings = settings
    this.#quote = quoting ? quote.charCodeAt(0) : -1
    const dialect = { delimiter: delimiter.charCodeAt(0), quote: this.#quote }
    this.#splitter = new RowSplitter(dialect, rowBytesMax, start.position, start.lines + 1)
    this.#leaves = columnLeaves(writer.codec.layout, 'CSV')
    this.#encoder = new RecordEncoder(writer.codec, this.#leaves, settings)
    this.#isEmptyNull = nulls.includes('')
    this.#nullWords = nulls.filter(word => word !== '').map(word => Buffer.from(word, settings.encoding))
    const isBegun = start.lines > 0
    this.#toSkip = isBegun ? 0 : skipLines
    if (start.columns !== undefined) this.#setColumns(start.columns)
    else if (!header) this.#setColumns(undefined)
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk)
  }
  finish(): void {
    this.#splitter.finish()
  }

  get place(): ReaderPlace | undefined {
    const splitter = this.#splitter
    if (splitter.isSkipping) return undefined
    return { position: splitter.position, lines: splitter.nextLine - 1, columns: this.#columns }
  }

  end(): void {
    if (this.#targets !== undefined) return
    throw new StrideError('ERR_STRIDE_SOURCE', 'The source has no header: it is empty', { line: 1 })
  }

  next(): boolean {
    const splitter = this.#splitter
    if (!splitter.next()) return false
    if (this.#toSkip > 0) {
      this.#toSkip--
      return true
    }
    const targets = this.#targets
    if (splitter.isEmptyLine && (targets === undefined || targets.length > 1)) return true
    if (targets === undefined) {
      this.#readHeader()
      return true
    }
    if (splitter.malformed !== undefined) this.#refuse('', splitter.malformed)
    else if (this.#isHeader()) this.#refuse('', 'the header stands here once more')
    else if (splitter.count !== targets.length && this.#settings.ragged === 'refuse') {
      this.#refuse('', `it has ${splitter.count} cells, and there are ${targets.length} columns`)
    } else this.#readRow(targets)
    return true
  }

  #readRow(targets: Int32Array): void {
    const splitter = this.#splitter
    const encoder = this.#encoder
    encoder.begin()
    const count = Math.min(targets.length, splitter.count)
    for (let i = 0; i < count; i++) {
      const target = targets[i] as number
      if (target < 0) continue
      const reason = this.#cell(i, target)
      if (reason !== undefined) {
        this.#refuse(encoder.field, reason)
        return
      }
    }
    const reason = encoder.end()
    if (reason !== undefined) this.#refuse(encoder.field, reason)
    else this.#run.add(encoder.image, splitter.line, this.#row)
  }

  /** Encodes cell i of the row. @returns why it does not fit */
  #cell(i: number, target: number): string | undefined {
    const { bytes, starts, ends, kinds } = this.#splitter
    let from = starts[i] as number
    let to = ends[i] as number
    const kind = kinds[i]
    if (kind === PLAIN) {
      if (this.#settings.trim) {
        while (from < to && isBlank(bytes[from] as number)) from++
        while (to > from && isBlank(bytes[to - 1] as number)) to--
      }
      if (from === to ? this.#isEmptyNull : this.#nullWords.length > 0 && this.#isNullWord(bytes, from, to)) {
        return this.#encoder.null(target, from === to)
      }
    } else if (kind === DOUBLED) {
      if (this.#scratch.length < to - from) this.#scratch = Buffer.alloc(2 * (to - from))
      const length = undouble(bytes, from, to, this.#quote, this.#scratch)
      return this.#encoder.cell(target, this.#scratch, 0, length)
    }
    return this.#encoder.cell(target, bytes, from, to)
  }

  #isNullWord(bytes: Buffer, from: number, to: number): boolean {
    return this.#nullWords.some(
      word => word.length === to - from && bytes.compare(word, 0, word.length, from, to) === 0,
    )
  }

  #readHeader(): void {
    const splitter = this.#splitter
    const { encoding } = this.#settings
    if (splitter.malformed !== undefined) {
      const message = `The header is malformed: ${splitter.malformed}`
      throw new StrideError('ERR_STRIDE_SOURCE', message, { line: splitter.line })
    }
    this.#header = Buffer.from(splitter.row)
    this.#setColumns(
      Array.from({ length: splitter.count }, (_, i) => splitter.cell(i).toString(encoding).trim()),
    )
  }

  #setColumns(header: readonly string[] | undefined): void {
    this.#columns = header
    const { columns, extra } = this.#settings
    this.#targets = targetsOf(namesOfColumns(header, columns, this.#leaves), this.#leaves, extra)
  }

  /** Whether the row is the header again, as where files were joined. */
  #isHeader(): boolean {
    const header = this.#header
    const { bytes, rowStart, rowEnd } = this.#splitter
    if (header === undefined || header.length !== rowEnd - rowStart) return false
    return bytes.compare(header, 0, header.length, rowStart, rowEnd) === 0
  }

  readonly #row = (): Buffer => this.#splitter.row

  #refuse(field: string, reason: string): void {
    this.#run.refuse(this.#splitter.line, field, reason, this.#row)
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}
