/**
 * What does SQL over the live file cost, beside a gather of the same columns and DuckDB's work over a table of its own?
 */

import { openStore, type Store } from 'stridedb'
import { attach, type DuckConnection } from 'stridedb/duckdb'
import { type Benchmark, type Context, fixturePath, recordCount } from './context.ts'
import { alternate } from './measure.ts'
import type { Row } from './row.ts'
import { atMost, nsOf } from './targets.ts'
import { Trade } from './trade.ts'

type Name = keyof typeof Trade.shape
interface Question {
  readonly what: string
  readonly sql: string
  readonly columns: readonly Name[]
}

const ALL = Object.keys(Trade.shape) as Name[]
const QUESTIONS: readonly Question[] = [
  { what: 'sum of a number', sql: 'SELECT sum(price) FROM T', columns: ['price'] },
  {
    what: 'filter on one number, sum of another',
    sql: 'SELECT sum(qty) FROM T WHERE price > 50',
    columns: ['price', 'qty'],
  },
  {
    what: 'group by a text, sum',
    sql: 'SELECT sum(total * total) FROM (SELECT sum(qty) AS total FROM T GROUP BY symbol)',
    columns: ['symbol', 'qty'],
  },
  { what: 'largest of a text of 60 bytes', sql: 'SELECT hash(max(note)) FROM T', columns: ['note'] },
  { what: 'a hash of every field', sql: `SELECT sum(hash(${ALL.join(', ')})) FROM T`, columns: ALL },
]

const DUCKDB: string = '@duckdb/node-api'

export const duckdb: Benchmark = {
  name: 'duckdb',
  question: 'SQL of DuckDB over the live file',
  needs: ['distinct'],
  async *run(context) {
    const connection = await connect().catch((error: Error) => error)
    if (connection instanceof Error) {
      const skipped = `DuckDB does not load: ${connection.message.split('\n')[0]}`
      yield { what: 'SQL of DuckDB', cache: 'warm', sides: [], targets: [], notes: [], skipped }
      return
    }
    using store = openStore(fixturePath(context, 'distinct'), Trade)
    await attach(connection, 'live', store)
    await connection.run('CREATE TABLE own AS FROM live')
    for (const question of QUESTIONS) yield await ask(context, connection, store, question)
  },
}

async function connect(): Promise<DuckConnection> {
  const { DuckDBInstance } = (await import(DUCKDB)) as {
    DuckDBInstance: { create(path: string): Promise<{ connect(): Promise<DuckConnection> }> }
  }
  return (await DuckDBInstance.create(':memory:')).connect()
}

async function ask(
  context: Context,
  connection: DuckConnection,
  store: Store<typeof Trade>,
  { what, sql, columns }: Question,
): Promise<Row> {
  const operations = recordCount(context)
  const over = async (table: string): Promise<number> => {
    const [row] = await (await connection.run(sql.replace('FROM T', `FROM ${table}`))).getRows()
    // The sum of doubles depends on their order in the last digits.
    return Number(Number(row?.[0]).toPrecision(9))
  }
  const answers = new Set([await over('live'), await over('own')])
  if (answers.size !== 1) throw new Error(`${what}: the answers are ${[...answers].join(' and ')}`)
  const gather = (): number => columns.reduce((sum, name) => sum + store.gather(name).length, 0)
  const sides = await alternate(context, {
    sides: [
      { name: 'DuckDB over the file', operations, run: () => over('live') },
      { name: 'gather', operations, run: gather },
      { name: 'DuckDB over its own table', operations, run: () => over('own') },
    ],
    rounds: 9,
    agree: false,
  })
  const [live, gathered, own] = sides.map(({ name }) => nsOf(sides, name))
  const parts = gathered === undefined || own === undefined ? undefined : gathered + own
  const times = live === undefined || parts === undefined ? undefined : live / parts
  return {
    what: `${what}: ${sql}`,
    cache: 'warm',
    sides,
    targets: [atMost(context, '2 times gather and DuckDB over its own table', times, 2, 'times')],
    notes: [],
  }
}
