/** A DuckDB for each test, and its answers as JavaScript's values. */

import { join } from 'node:path'
import { type AnySchema, openStore, type Store, type StoreOptions } from 'stridedb'
import type { DuckConnection } from 'stridedb/duckdb'
import { temporaryFolder } from '../engine/support.ts'

/** What the tests use of a result. */
interface Reader {
  getRowsJS(): unknown
}
interface Prepared {
  run(): Promise<unknown>
  runAndReadAll(): Promise<Reader>
}
/** What the tests use of a connection. The types of the package are not imported, so that the sources compile without it. */
export interface DuckDBConnection extends DuckConnection {
  runAndReadAll(sql: string): Promise<Reader>
  prepare(sql: string): Promise<Prepared>
  stream(sql: string): Promise<{ fetchChunk(): Promise<unknown> }>
}
interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string, options: object): Promise<{ connect(): Promise<DuckDBConnection> }>
  }
}

const NAME: string = '@duckdb/node-api'
/** DuckDB has no build for every system on which the tests run, as Windows under Wine beside Linux's packages. */
const duckdb: DuckDb | undefined = await import(NAME).catch((error: Error) => {
  console.warn(`SKIPPED: tests with DuckDB, since it does not load here: ${error.message.split('\n')[0]}`)
  return undefined
})
export const hasDuckDb: boolean = duckdb !== undefined

/** Connections to one DuckDB in memory. */
export async function connectAll<const Count extends number>(count: Count): Promise<DuckDBConnection[]> {
  if (duckdb === undefined) throw new Error('DuckDB does not load here')
  const instance = await duckdb.DuckDBInstance.create(':memory:', { threads: '2' })
  return Promise.all(Array.from({ length: count }, () => instance.connect()))
}

export async function connect(): Promise<DuckDBConnection> {
  const [connection] = await connectAll(1)
  return connection as DuckDBConnection
}

/** The rows of a query: structs as objects, arrays and lists as arrays, times as Dates. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<readonly unknown[][]> {
  const reader = await connection.runAndReadAll(sql)
  return reader.getRowsJS() as unknown as unknown[][]
}

/** The one value of a query. */
export async function oneValue(connection: DuckDBConnection, sql: string): Promise<unknown> {
  const rows = await rowsOf(connection, sql)
  return rows[0]?.[0]
}

export function newStore<S extends AnySchema>(schema: S, options: StoreOptions = {}): Store<S> {
  return openStore(join(temporaryFolder(), 'a.stride'), schema, options) as unknown as Store<S>
}

/** The message of the error with which a promise is rejected. */
export async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: Error) => error.message,
  )
}
