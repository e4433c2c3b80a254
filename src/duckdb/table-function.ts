/**
 * How does DuckDB read records? Through a table function, one for each connection, whose argument says which table is read.
 *
 *   QR1  DuckDB calls plan (bind), begin (init) and read (main) on the thread of JavaScript, and waits for each.
 *   QR2  only the columns that a statement uses are read.
 *   QR3  an error in a callback becomes the error of the statement; its text begins with the code.
 *   QR4  the second argument is the transaction of the statement. It tells statements apart, and since it is never constant DuckDB plans a
 *        prepared statement again each time it runs.
 * What is read: statement.ts. How: vectors.ts.
 */

import { randomUUID } from 'node:crypto'
import { type ChunkArray, ColumnChunks } from '../engine/read/column-chunks.ts'
import { InvariantError, StrideError } from '../errors.ts'
import { isError } from '../runtime/realms.ts'
import type { AnySchema } from '../schema/index.ts'
import type { FieldPart, Part, TableColumn } from './field-types.ts'
import type { Bindings, DuckPackage, Vector } from './package.ts'
import { type Records, type RunningScan, type Statement, Statements } from './statement.ts'

/** A table that is attached. */
export interface Table {
  readonly name: string
  readonly source: Records
  readonly columns: readonly TableColumn[]
}

/** A planned scan: the bind data of DuckDB. */
interface Planned {
  readonly table: Table
  readonly statement: Statement
}

/** A scan: the init data of DuckDB. */
interface Scan {
  readonly chunks: ColumnChunks<AnySchema>
  readonly columns: readonly ScanColumn[]
  readonly running: RunningScan
}

/** One column of a scan: its values are in an array of the chunk. */
type ScanColumn =
  | { readonly values: ChunkArray; readonly part: FieldPart }
  | { readonly parts: readonly ScanColumn[] }

/** Threads of DuckDB that wait for records or work on them. JavaScript serves one at a time. */
const THREADS = 4

/** The tables that are attached to one connection. */
export class Tables {
  /** The name of the table function. */
  readonly functionName: string = `stridedb_${randomUUID().replaceAll('-', '')}`
  readonly statements: Statements = new Statements()
  readonly #bindings: Bindings
  readonly #rows: number
  readonly #tables = new Map<string, Table>()
  #count = 0

  constructor({ bindings }: DuckPackage) {
    this.#bindings = bindings
    this.#rows = bindings.vector_size()
  }

  /** @returns the argument of the table function for this table */
  add(table: Table): string {
    const key = String(this.#count++)
    this.#tables.set(key, table)
    return key
  }

  remove(key: string): void {
    this.#tables.delete(key)
    this.statements.end()
  }

  /** The table function, to be registered once. */
  tableFunction({ api }: DuckPackage): object {
    return api.DuckDBTableFunction.create({
      name: this.functionName,
      parameterTypes: [api.VARCHAR, api.VARCHAR],
      supportsProjectionPushdown: true,
      bindFunction: info => {
        guard(info, () => {
          const table = this.#tableOf(String(info.getParameter(0)))
          for (const { name, type } of table.columns) info.addResultColumn(name, type)
          info.setCardinality(table.source.count, false)
          const { connectionId } = info.clientContext
          const statement = this.statements.planning(connectionId, String(info.getParameter(1)))
          info.setBindData({ table, statement } satisfies Planned)
        })
      },
      initFunction: info => {
        guard(info, () => {
          const state = this.#begin(info.bindData as Planned, info.getColumnIndexes())
          info.setInitData(state)
          info.setMaxThreads(THREADS)
        })
      },
      mainFunction: (info, { chunk }) => {
        const scan = info.initData as Scan
        const hasMore = guard(info, () => this.#read(scan, chunk))
        if (hasMore !== true) scan.running.over()
      },
    })
  }

  #tableOf(key: string): Table {
    const table = this.#tables.get(key)
    if (table === undefined) throw new StrideError('ERR_STRIDE_CLOSED', 'The table is detached')
    return table
  }

  #begin({ table, statement }: Planned, indexes: readonly number[]): Scan {
    const records = statement.recordsOf(table.source)
    const parts = indexes.map(index => {
      const column = table.columns[index]
      if (column === undefined) throw new InvariantError(`DuckDB asked for column ${index} of ${table.name}`)
      return column.part
    })
    const paths: string[] = []
    for (const part of parts) collectPaths(part, paths)
    const chunks = new ColumnChunks(records, paths, this.#rows)
    let next = 0
    const scanColumn = (part: Part): ScanColumn =>
      'parts' in part
        ? { parts: part.parts.map(scanColumn) }
        : { values: chunks.arrays[next++] as ChunkArray, part }
    const state: { -readonly [K in keyof Scan]?: Scan[K] } = { chunks, columns: parts.map(scanColumn) }
    state.running = statement.begin(state)
    return state as Scan
  }

  /** Fills a chunk of DuckDB. @returns false behind the last record */
  #read({ chunks, columns }: Scan, chunk: object): boolean {
    const bindings = this.#bindings
    const count = chunks.next()
    bindings.data_chunk_set_size(chunk, count)
    if (count === 0) return false
    for (const [i, column] of columns.entries()) {
      writeColumn(bindings, bindings.data_chunk_get_vector(chunk, i), column, count)
    }
    return true
  }
}

function collectPaths(part: Part, paths: string[]): void {
  if ('parts' in part) for (const each of part.parts) collectPaths(each, paths)
  else paths.push(part.path)
}

function writeColumn(bindings: Bindings, vector: Vector, column: ScanColumn, count: number): void {
  if ('parts' in column) {
    for (const [k, part] of column.parts.entries()) {
      writeColumn(bindings, bindings.struct_vector_get_child(vector, k), part, count)
    }
    return
  }
  const { part, values } = column
  const { writer } = part
  if (part.isFlat && writer.writeFlat !== undefined) writer.writeFlat(bindings, vector, values, count)
  else writer.write(bindings, vector, values, count)
}

/** Runs a callback; its error becomes the error of the statement. @returns undefined then */
function guard<T>(info: { setError(message: string): void }, run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    info.setError(messageOf(error))
    return undefined
  }
}

function messageOf(error: unknown): string {
  if (error instanceof StrideError) return `${error.code}: ${error.message}`
  return isError(error) ? `${error.name}: ${error.message}` : String(error)
}
