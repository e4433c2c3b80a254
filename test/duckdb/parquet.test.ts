/**
 * What could go wrong: an answer over the live file differs from the answer over the same records in a Parquet file, which DuckDB
 * itself has written: counts, sums, groups, joins, windows.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attach } from 'stridedb/duckdb'
import { describe, expect, it } from 'vitest'
import { Trade, temporaryFolder, trade } from '../engine/support.ts'
import { connect, hasDuckDb, newStore, rowsOf } from './support.ts'

const QUERIES = [
  'SELECT count(*), sum(qty), min(price), max(price), avg(price), sum(flags) FROM T',
  'SELECT symbol, count(*), sum(qty) FROM T GROUP BY symbol ORDER BY symbol',
  "SELECT count(*) FROM T WHERE note LIKE '%trade 1%' AND price > 50",
  'SELECT flags, note, count(*) AS n FROM T GROUP BY ALL ORDER BY n DESC, flags, note LIMIT 20',
  'SELECT id, sum(qty) OVER (PARTITION BY symbol ORDER BY id ROWS 5 PRECEDING) AS s FROM T ORDER BY id',
  'SELECT id, rank() OVER (ORDER BY price DESC, id), lag(name) OVER (ORDER BY id) FROM T ORDER BY id LIMIT 100',
  'SELECT a.symbol, count(*) FROM T a JOIN T b ON a.id = b.id + 1 WHERE a.price < b.price GROUP BY 1 ORDER BY 1',
  'SELECT sector, sum(qty * price) FROM T JOIN sectors USING (symbol) GROUP BY sector ORDER BY sector',
  'SELECT count(*) FROM T WHERE symbol NOT IN (SELECT symbol FROM sectors)',
  'SELECT approx_count_distinct(symbol), median(price), quantile_cont(price, 0.9) FROM T',
  'SELECT DISTINCT symbol FROM T ORDER BY symbol LIMIT 10 OFFSET 5',
]

describe.skipIf(!hasDuckDb)('the same records in Parquet', () => {
  it('give the same answers', async () => {
    const folder = temporaryFolder()
    const store = newStore(Trade)
    store.appendMany(Array.from({ length: 20_000 }, (_, i) => trade(i)))
    store.commitSync()
    for (let n = 0; n < 20_000; n += 7) store.delete(n)
    for (let n = 1; n < 20_000; n += 11) if (store.has(n)) store.update(n, { price: n / 16, note: 'updated' })
    store.commitSync()
    const connection = await connect()
    await attach(connection, 'trades', store)
    const [parquet, csv] = [join(folder, 'trades.parquet'), join(folder, 'sectors.csv')]
    await connection.run(`COPY trades TO '${parquet}' (FORMAT parquet)`)
    writeFileSync(
      csv,
      `symbol,sector\n${Array.from({ length: 500 }, (_, i) => `S${i},sector ${i % 9}\n`).join('')}`,
    )
    await connection.run(`CREATE VIEW sectors AS FROM '${csv}'`)
    await connection.run(`CREATE VIEW stored AS FROM '${parquet}'`)
    expect(await rowsOf(connection, 'FROM trades EXCEPT ALL FROM stored')).toEqual([])
    expect(await rowsOf(connection, 'FROM stored EXCEPT ALL FROM trades')).toEqual([])
    for (const query of QUERIES) {
      const live = await rowsOf(connection, query.replaceAll(/\bT\b/g, 'trades'))
      expect(live.length, query).toBeGreaterThan(0)
      expect(live, query).toEqual(await rowsOf(connection, query.replaceAll(/\bT\b/g, 'stored')))
    }
  })
})
