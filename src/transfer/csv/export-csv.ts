/**
 * How are records written as a CSV file? Straight from their bytes, as of one commit.
 *
 *   ZX1  `importCsv` with the same options gives equal records back.
 *   ZX2  a store is written as of its last commit, from a snapshot, while commits go on. Staged changes are not in it.
 * What each field looks like: ../fields/cell-printers.ts. Files and streams: ../export/target.ts.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { codecOfRecords, type RunVisitor, visitNumbers, visitRuns } from '../../engine/read/record-runs.ts'
import { RecordSet } from '../../engine/read/record-set.ts'
import { Store } from '../../engine/store.ts'
import { StrideError } from '../../errors.ts'
import type { SettledOptions } from '../../options/option-table.ts'
import { shown } from '../../options/shown-value.ts'
import { type AnySchema, type Layout, unknownField } from '../../schema/index.ts'
import { type ExportTarget, writeTo } from '../export/target.ts'
import { CSV_EXPORT, type CsvExportOptions } from '../export-options.ts'
import {
  bytesMaxOf,
  type CellPrinter,
  cellPrinter,
  type PrintFormat,
  printText,
} from '../fields/cell-printers.ts'
import type { Leaf } from '../fields/leaves.ts'
import { columnLeaves } from './csv-columns.ts'

/** What an export did. */
export interface ExportReport {
  /** Records written. */
  readonly records: number
  /** Bytes written. */
  readonly bytes: number
}

const CHUNK_BYTES = 256 * 1024

/**
 * Writes the records of a store, a snapshot or a flat file as CSV. A store is written as of its last commit, while commits go on.
 *
 * @throws {StrideError} ERR_STRIDE_EXISTS, _NO_RECORD, _CLOSED, _NO_SPACE, _PERMISSION, _IO, _SOURCE for a schema with unions
 * @throws TypeError, RangeError for invalid arguments; the reason of `signal`; the error of a stream that is closed early
 */
export async function exportCsv<S extends AnySchema>(
  records: RecordSet<S>,
  target: ExportTarget,
  options?: CsvExportOptions,
): Promise<ExportReport> {
  const settings = CSV_EXPORT.read(options, 'exportCsv')
  if (settings.delimiter === settings.quote) {
    throw new TypeError('exportCsv: delimiter and quote must be different characters')
  }
  if (!(records instanceof RecordSet)) {
    throw new TypeError(`exportCsv takes a store, a snapshot or a flat file: ${shown(records)}`)
  }
  const layout = codecOfRecords(records).layout
  const leaves = chosenLeaves(layout, settings.fields)
  settings.signal?.throwIfAborted()
  const source = records instanceof Store ? records.snapshot() : undefined
  try {
    const written = { records: 0, bytes: 0 }
    const chunks = csvChunks(source ?? records, layout, leaves, settings, written)
    await writeTo(target, chunks, settings.overwrite, 'exportCsv')
    return written
  } finally {
    source?.close()
  }
}

function chosenLeaves(layout: Layout, fields: readonly string[] | undefined): readonly Leaf[] {
  const leaves = columnLeaves(layout, 'CSV')
  if (fields === undefined) return leaves
  return fields.flatMap(field => {
    const chosen = leaves.filter(({ path }) => path === field || path.startsWith(`${field}.`))
    if (chosen.length > 0) return chosen
    throw unknownField(
      field,
      leaves.map(({ path }) => path),
    )
  })
}

async function* csvChunks<S extends AnySchema>(
  source: RecordSet<S>,
  layout: Layout,
  leaves: readonly Leaf[],
  settings: SettledOptions<typeof CSV_EXPORT>,
  written: { records: number; bytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { delimiter, quote, header, lineEnd, signal, progress } = settings
  const format = { ...settings, delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) }
  const printer = new RecordPrinter(layout, leaves, format, lineEnd === 'crlf')
  if (header) {
    const line = printer.header()
    written.bytes += line.length
    yield line
  }
  const numbers = settings.numbers as readonly number[] | undefined
  const end = numbers?.length ?? source.size
  const absent = (n: number): void => {
    const message = `There is no live record ${n} in ${source.path}`
    throw new StrideError('ERR_STRIDE_NO_RECORD', message, { recordNumber: n, path: source.path })
  }
  for (let at = 0; at < end; ) {
    signal?.throwIfAborted()
    at =
      numbers === undefined
        ? visitRuns(source, at, end, printer)
        : visitNumbers(source, numbers, at, printer, absent)
    written.records += printer.records
    written.bytes += printer.length
    // A stream may keep the chunk, so that it gets a copy.
    if (printer.length > 0) yield Buffer.from(printer.out.subarray(0, printer.length))
    progress?.({ ...written })
    await nextTurn()
  }
}

class RecordPrinter implements RunVisitor {
  readonly out: Buffer
  /** Bytes of `out` that are written. */
  length = 0
  /** Records that are written in them. */
  records = 0
  readonly #leaves: readonly Leaf[]
  readonly #format: PrintFormat
  readonly #printers: readonly CellPrinter[]
  readonly #bitmap: number
  readonly #isCrlf: boolean

  constructor(layout: Layout, leaves: readonly Leaf[], format: PrintFormat, isCrlf: boolean) {
    this.#leaves = leaves
    this.#format = format
    this.#printers = leaves.map(leaf => cellPrinter(leaf, format))
    this.#bitmap = layout.bitmap?.offset ?? 0
    this.#isCrlf = isCrlf
    const rowMax = leaves.reduce((sum, leaf) => sum + bytesMaxOf(leaf) + 1, 2)
    this.out = Buffer.allocUnsafeSlow(CHUNK_BYTES + rowMax)
  }

  header(): Buffer {
    const names = this.#leaves.map(({ path }) => {
      const out = Buffer.alloc(4 * Buffer.byteLength(path) + 2)
      return out.toString('utf8', 0, printText(path, out, 0, this.#format))
    })
    const { delimiter } = this.#format
    return Buffer.from(`${names.join(String.fromCharCode(delimiter))}${this.#isCrlf ? '\r\n' : '\n'}`)
  }

  begin(): void {
    this.length = 0
    this.records = 0
  }

  take(view: DataView, bytes: Buffer, first: number, stride: number, count: number): number {
    const { out } = this
    const printers = this.#printers
    const { delimiter } = this.#format
    const image = { view, bytes, at: first, bits: first + this.#bitmap }
    let to = this.length
    let i = 0
    for (; i < count && to < CHUNK_BYTES; i++) {
      image.at = first + i * stride
      image.bits = image.at + this.#bitmap
      for (let k = 0; k < printers.length; k++) {
        if (k > 0) out[to++] = delimiter
        to = (printers[k] as CellPrinter)(image, out, to)
      }
      if (this.#isCrlf) out[to++] = 13
      out[to++] = 10
    }
    this.length = to
    this.records += i
    return i
  }
}
