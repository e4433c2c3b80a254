/**
 * How does a store become a table of DuckDB? As a temporary view over a table function.
 *
 *   QA1  nothing is imported. Each statement reads the file as of one commit (statement.ts).
 *   QA2  the view belongs to the connection; nothing is written into DuckDB's files, and other connections do not see it.
 *   QA3  a name that a table or view has is refused, and nothing has changed then.
 */

import { readingOf } from '../engine/read/point-reader.ts'
import { RecordSet } from '../engine/read/record-set.ts'
import { StrideError } from '../errors.ts'
import { shown } from '../options/shown-value.ts'
import type { AnySchema } from '../schema/index.ts'
import { tableColumns } from './field-types.ts'
import { loadDuckPackage } from './package.ts'
import type { Records } from './statement.ts'
import { Tables } from './table-function.ts'

/** What is used of a `DuckDBConnection` of `@duckdb/node-api`. */
export interface DuckConnection {
  /** Runs SQL to its end. */
  run(sql: string, values?: never): Promise<{ getRows(): Promise<readonly (readonly unknown[])[]> }>
  /** Makes a table function known to the instance of the connection. */
  registerTableFunction(tableFunction: never): void
}

/** What has the records of a table: a store, a snapshot or a flat file. */
export type Attachable<S extends AnySchema = AnySchema> = RecordSet<S>

/** A store that is a table of a connection. Statements may use it until it is detached. */
export class Attachment {
  /** The name of the table. */
  readonly name: string
  readonly #detach: () => Promise<void>
  #detaching: Promise<void> | undefined

  /** @internal */
  constructor(name: string, detach: () => Promise<void>) {
    this.name = name
    this.#detach = detach
  }

  /** Drops the table from the connection; the store stays open. Statements that use it fail. Idempotent. */
  detach(): Promise<void> {
    this.#detaching ??= this.#detach()
    return this.#detaching
  }
  /** `detach()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.detach()
  }
}

const known = new WeakMap<DuckConnection, Tables>()

/**
 * Makes a store, a read-only store, a snapshot or a flat file a table of a DuckDB connection, for SQL over the file as it is. Each
 * statement sees one commit; staged changes are not seen. A flat file has no commits: a statement may see changes that are made while it
 * runs. Close the store only after the table is detached or the connection is closed.
 *
 * @param connection a `DuckDBConnection` of `@duckdb/node-api`, 1.5.5 or later
 * @param name the name of the table, seen by this connection only
 * @throws {StrideError} ERR_STRIDE_NO_DUCKDB (the package is not installed), _NAME_TAKEN, _CLOSED, _LAYOUT (DuckDB has no type for a
 *   field); TypeError for invalid arguments; what DuckDB throws
 */
export async function attach<S extends AnySchema>(
  connection: DuckConnection,
  name: string,
  source: Attachable<S>,
): Promise<Attachment> {
  checkArguments(connection, name, source)
  const duck = loadDuckPackage()
  const records = source as unknown as Records
  const reading = readingOf(records)
  reading.prepare()
  const columns = tableColumns(duck.api, reading.source.codec.layout.root)
  await refuseTaken(connection, name)
  let tables = known.get(connection)
  if (tables === undefined) {
    tables = new Tables(duck)
    connection.registerTableFunction(tables.tableFunction(duck) as never)
    known.set(connection, tables)
  }
  const { functionName } = tables
  const key = tables.add({ name, source: records, columns })
  try {
    const scan = `${functionName}('${key}', txid_current()::VARCHAR)`
    await connection.run(`CREATE TEMP VIEW ${quoted(name)} AS SELECT * FROM ${scan}`)
  } catch (error) {
    tables.remove(key)
    // Another call may have made a table of this name since it was looked for.
    await refuseTaken(connection, name)
    throw error
  }
  return new Attachment(name, async () => {
    tables.remove(key)
    await connection.run(`DROP VIEW IF EXISTS temp.${quoted(name)}`)
  })
}

function checkArguments(connection: DuckConnection, name: string, source: unknown): void {
  if (typeof connection?.registerTableFunction !== 'function' || typeof connection.run !== 'function') {
    throw new TypeError(
      `attach takes a DuckDBConnection of @duckdb/node-api 1.5.5 or later: ${shown(connection)}`,
    )
  }
  if (typeof name !== 'string' || name === '' || name.includes('\0')) {
    throw new TypeError(`attach takes the name of a table: ${shown(name)}`)
  }
  if (!(source instanceof RecordSet)) {
    throw new TypeError(`attach takes a store, a snapshot or a flat file: ${shown(source)}`)
  }
}

/** Refuses the name of a table or view that SQL finds without a schema. */
async function refuseTaken(connection: DuckConnection, name: string): Promise<void> {
  const found = await connection.run(`
    SELECT kind FROM (
      SELECT 'table' AS kind, database_name, schema_name, table_name AS name FROM duckdb_tables()
      UNION ALL
      SELECT 'view', database_name, schema_name, view_name FROM duckdb_views()
    )
    WHERE lower(name) = lower('${name.replaceAll("'", "''")}')
      AND schema_name IN (SELECT unnest(current_schemas(true)))
      AND database_name IN (current_database(), 'temp', 'system')
    LIMIT 1`)
  const [row] = await found.getRows()
  if (row === undefined) return
  throw new StrideError('ERR_STRIDE_NAME_TAKEN', `DuckDB has a ${String(row[0])} of the name '${name}'`)
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
