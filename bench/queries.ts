/**
 * What do queries and aggregates cost, beside C, DuckDB's own table in memory on one thread, and better-sqlite3?
 *
 * Every side answers JavaScript values, and all of them give the same checksum. 'loop' is what one would write without queries: a loop over
 * `scan()`. How the peers are filled: query-peers.ts.
 */

import { join } from 'node:path'
import { param } from 'stridedb'
import { CFile } from './c-baseline.ts'
import { type Benchmark, type Context, recordCount, sized } from './context.ts'
import { alternate, type Side } from './measure.ts'
import {
  type AskDuckDB,
  buildQueried,
  duckdbTable,
  type SqliteTable,
  sqliteTable,
  SYMBOLS,
  TIME_STEP,
  type TradeStore,
} from './query-peers.ts'
import { randomNumbers } from './random.ts'
import type { Row, SideFigures, Target } from './row.ts'
import { atLeast, atMost, nsOf, ratio } from './targets.ts'
import { PRICE_LIMIT } from './trade.ts'

const OURS = 'stridedb'
const LOOP = 'loop'
const DUCKDB = 'DuckDB, one thread'
const DUCKDB_INSIDE = 'DuckDB, rows not read'
const SQLITE = 'better-sqlite3'
const SYMBOL = SYMBOLS[3]
const PART = 'xy'
const FIRST_TIME = 1.7e12
const RANGE_ROWS = 100

interface Peers {
  readonly store: TradeStore
  readonly duckdb: AskDuckDB | string
  readonly sqlite: SqliteTable | string
  readonly c: CFile | undefined
}

/** A row of a result: what is counted or added up is its first column. */
interface Values {
  readonly a: number
}

/** A question that looks at all records. */
interface Question {
  readonly what: string
  readonly sql: string
  readonly ours: (store: TradeStore) => number
  readonly loop?: (store: TradeStore) => number
  readonly c?: (c: CFile, records: number) => number
  /** The checksum of rows of SQL. */
  readonly checksum: (rows: readonly Values[]) => number
  readonly targets: readonly (readonly [side: string, bound: number])[]
  /** A statement for DuckDB that gives one number, so that hardly a row is turned into JavaScript. */
  readonly inside?: string
}

const only = (rows: readonly Values[]): number => rows[0]?.a ?? 0
/** Of sums of groups, the same in whichever order they come. */
const remainders = (rows: readonly Values[]): number => {
  let sum = 0
  for (const { a } of rows) sum += a % 1009
  return sum
}
const cents = (rows: readonly Values[]): number => rows.reduce((sum, { a }) => sum + Math.round(a * 100), 0)

const QUESTIONS: readonly Question[] = [
  {
    what: 'filter on one number, sum of another',
    sql: `SELECT sum(qty) AS a FROM trade WHERE price > ${PRICE_LIMIT}`,
    ours: store => store.aggregate({ where: { price: { gt: PRICE_LIMIT } }, select: { a: { sum: 'qty' } } }).a,
    loop(store) {
      let sum = 0
      for (const row of store.scan()) if (row.price > PRICE_LIMIT) sum += row.qty
      return sum
    },
    c: (c, records) => c.scan(records),
    checksum: only,
    targets: [
      ['C', 1.3],
      [DUCKDB, 1.3],
      [SQLITE, 8],
    ],
  },
  {
    what: 'filter on text equality, count',
    sql: `SELECT count(*) AS a FROM trade WHERE symbol = '${SYMBOL}'`,
    ours: store => store.query({ where: { symbol: SYMBOL } }).count(),
    checksum: only,
    targets: [[SQLITE, 5]],
  },
  {
    what: 'filter on text that contains another, count',
    sql: `SELECT count(*) AS a FROM trade WHERE instr(note, '${PART}') > 0`,
    ours: store => store.query({ where: { note: { contains: PART } } }).count(),
    checksum: only,
    targets: [[SQLITE, 5]],
  },
  {
    what: 'group by a text of 8 values, sum',
    sql: 'SELECT sum(qty) AS a, symbol FROM trade GROUP BY symbol',
    ours: store => remainders(store.aggregate({ groupBy: ['symbol'], select: { a: { sum: 'qty' } } })),
    checksum: remainders,
    targets: [
      [DUCKDB, 1.5],
      [SQLITE, 5],
    ],
    inside: 'SELECT sum(a % 1009) AS a FROM (SELECT sum(qty) AS a FROM trade GROUP BY symbol)',
  },
  {
    what: 'group by a text of 100,000 values, sum',
    sql: 'SELECT sum(qty) AS a, name FROM trade GROUP BY name',
    ours: store => remainders(store.aggregate({ groupBy: ['name'], select: { a: { sum: 'qty' } } })),
    checksum: remainders,
    targets: [
      [DUCKDB, 1.5],
      [DUCKDB_INSIDE, 1.5],
      [SQLITE, 5],
    ],
    inside: 'SELECT sum(a % 1009) AS a FROM (SELECT sum(qty) AS a FROM trade GROUP BY name)',
  },
  {
    what: 'group by a number of 100,000 values, sum',
    sql: 'SELECT sum(qty) AS a, price FROM trade GROUP BY price',
    ours: store => remainders(store.aggregate({ groupBy: ['price'], select: { a: { sum: 'qty' } } })),
    checksum: remainders,
    targets: [
      [DUCKDB, 1.5],
      [DUCKDB_INSIDE, 1.5],
      [SQLITE, 5],
    ],
    inside: 'SELECT sum(a % 1009) AS a FROM (SELECT sum(qty) AS a FROM trade GROUP BY price)',
  },
  {
    what: 'top 10 by a number, no index',
    sql: 'SELECT price AS a, id FROM trade ORDER BY price DESC LIMIT 10',
    ours: store =>
      store
        .query({ select: ['id', 'price'], orderBy: { price: 'desc' }, limit: 10 })
        .toArray()
        .reduce((sum, { price }) => sum + Math.round(price * 100), 0),
    checksum: cents,
    targets: [[SQLITE, 5]],
  },
]

export const queries: Benchmark = {
  name: 'queries',
  question: 'queries and aggregates, beside C, DuckDB and better-sqlite3',
  needs: [],
  async *run(context) {
    using store = await buildQueried(context)
    using c = CFile.open(join(context.folder, 'queries.stride'))
    const peers: Peers = { store, c, duckdb: await duckdbTable(store), sqlite: sqliteTable(context, store) }
    for (const question of QUESTIONS) yield await ask(context, peers, question)
    yield await byKey(context, peers)
    yield await byRange(context, peers)
    yield await firstResult(context, store)
    yield await prepared(context, store)
    if (typeof peers.sqlite !== 'string') peers.sqlite.close()
  },
}

/** What is missing, for the notes of a row. */
function missing(...peers: readonly unknown[]): string[] {
  return peers.filter(peer => typeof peer === 'string').map(why => `NOT COMPARED: ${why}`)
}

async function ask(context: Context, { store, duckdb, sqlite, c }: Peers, question: Question): Promise<Row> {
  const operations = recordCount(context)
  const { sql, checksum, inside } = question
  const sides: Side[] = [{ name: OURS, operations, run: () => question.ours(store) }]
  const { loop } = question
  if (loop !== undefined) sides.push({ name: LOOP, operations, run: () => loop(store) })
  if (c !== undefined && question.c !== undefined)
    sides.push({ name: 'C', operations, run: () => question.c?.(c, operations) ?? 0 })
  if (typeof duckdb !== 'string') {
    const values = async (text: string): Promise<Values[]> =>
      (await duckdb(text)).map(([a]) => ({ a: Number(a) }))
    sides.push({ name: DUCKDB, operations, run: async () => checksum(await values(sql)) })
    if (inside !== undefined)
      sides.push({ name: DUCKDB_INSIDE, operations, run: async () => only(await values(inside)) })
  }
  if (typeof sqlite !== 'string') {
    const statement = sqlite.prepare<Values>(sql)
    sides.push({ name: SQLITE, operations, run: () => checksum(statement.all()) })
  }
  const figures = await alternate(context, { sides, rounds: 7, warmups: 1 })
  return {
    what: `${question.what}: ${sql}`,
    cache: 'warm',
    sides: figures,
    targets: question.targets.map(([side, bound]) => targetOf(context, figures, side, bound)),
    notes: missing(duckdb, sqlite),
  }
}

/** At least so many times faster than SQLite, at most so many times the time of the others. */
function targetOf(context: Context, figures: readonly SideFigures[], side: string, bound: number): Target {
  return side === SQLITE
    ? atLeast(context, `${bound} times ${SQLITE}`, ratio(figures, SQLITE, OURS), bound, 'times')
    : atMost(context, `${bound} times ${side}`, ratio(figures, OURS, side), bound, 'times')
}

/** Sides that answer records for keys of random records. */
async function indexed(
  context: Context,
  sqlite: SqliteTable | string,
  row: {
    readonly what: string
    readonly operations: number
    readonly sql: string
    readonly values: (n: number) => readonly number[]
    readonly sides: readonly (readonly [name: string, (n: number) => readonly { readonly qty: number }[]])[]
  },
): Promise<Row> {
  const { operations } = row
  const records = recordCount(context)
  const side = (
    name: string,
    found: (n: number) => readonly { readonly qty: number }[],
  ): Side<ArrayLike<number>> => ({
    name,
    operations,
    run(numbers) {
      let sum = 0
      for (let i = 0; i < operations; i++) for (const { qty } of found(numbers[i] as number)) sum += qty
      return sum
    },
  })
  const sides = row.sides.map(([name, found]) => side(name, found))
  if (typeof sqlite !== 'string') {
    const statement = sqlite.prepare<{ readonly qty: number }>(row.sql)
    sides.push(side(SQLITE, n => statement.all(...row.values(n))))
  }
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records - RANGE_ROWS)
  const figures = await alternate(context, { sides, rounds: 7, input })
  return {
    what: `${row.what}: ${row.sql}`,
    cache: 'warm',
    sides: figures,
    targets: [targetOf(context, figures, SQLITE, 5)],
    notes: missing(sqlite),
  }
}

function byKey(context: Context, { store, sqlite }: Peers): Promise<Row> {
  const query = store.prepare({ where: { id: param('id') } })
  return indexed(context, sqlite, {
    what: 'one record by an indexed key, whole records',
    operations: sized(context, 20_000, 100),
    sql: 'SELECT * FROM trade WHERE id = ?',
    values: n => [n],
    sides: [
      [OURS, id => query.run({ id })],
      ['query(), not prepared', id => store.query({ where: { id } }).toArray()],
    ],
  })
}

function byRange(context: Context, { store, sqlite }: Peers): Promise<Row> {
  const from = (n: number): number => FIRST_TIME + n * TIME_STEP
  const query = store.prepare({ where: { time: { gte: param('from'), lt: param('to') } } })
  return indexed(context, sqlite, {
    what: `${RANGE_ROWS} records by an indexed range, whole records`,
    operations: sized(context, 1_000, 20),
    sql: 'SELECT * FROM trade WHERE time >= ? AND time < ?',
    values: n => [from(n), from(n + RANGE_ROWS)],
    sides: [
      [OURS, n => query.run({ from: from(n), to: from(n + RANGE_ROWS) })],
      [
        'query(), not prepared',
        n => store.query({ where: { time: { gte: from(n), lt: from(n + RANGE_ROWS) } } }).toArray(),
      ],
    ],
  })
}

async function firstResult(context: Context, store: TradeStore): Promise<Row> {
  const operations = sized(context, 5_000, 50)
  const loop = (): number => {
    for (const row of store.scan()) if (row.price > PRICE_LIMIT) return row.toObject().qty
    return 0
  }
  const first = (): number => store.query({ where: { price: { gt: PRICE_LIMIT } } }).first()?.qty ?? 0
  const repeated = (name: string, once: () => number): Side => ({
    name,
    operations,
    run() {
      let sum = 0
      for (let i = 0; i < operations; i++) sum += once()
      return sum
    },
  })
  const sides = [repeated(OURS, first), repeated(LOOP, loop)]
  const figures = await alternate(context, { sides, rounds: 7 })
  const us = (nsOf(figures, OURS) ?? Number.NaN) / 1e3
  return {
    what: 'first result of query().first(), price > 900',
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '50 us', us, 50, 'us')],
    notes: [],
  }
}

/** What preparing costs above the lookup that it makes. */
async function prepared(context: Context, store: TradeStore): Promise<Row> {
  const operations = sized(context, 50_000, 100)
  const query = store.prepare({ where: { id: param('id') } })
  const byId = store.index('byId')
  const each = (name: string, qty: (id: number) => number): Side<ArrayLike<number>> => ({
    name,
    operations,
    run(numbers) {
      let sum = 0
      for (let i = 0; i < operations; i++) sum += qty(numbers[i] as number)
      return sum
    },
  })
  const sides = [
    each(OURS, id => query.run({ id })[0]?.qty ?? 0),
    each('lookup of the object', id => byId.get(id)?.qty ?? 0),
  ]
  const records = recordCount(context)
  const input = (seed: number): Uint32Array => randomNumbers(seed, operations, records)
  const figures = await alternate(context, { sides, rounds: 7, input })
  const [run, lookup] = figures.map(({ nsPerOperation }) => nsPerOperation)
  const above = ((run ?? Number.NaN) - (lookup ?? Number.NaN)) / 1e3
  return {
    what: 'prepare().run() above the lookup itself',
    cache: 'warm',
    sides: figures,
    targets: [atMost(context, '2 us above the lookup', above, 2, 'us')],
    notes: [],
  }
}
