/**
 * What could go wrong: a schema that no other test thinks of is refused, crashes DuckDB, or is read differently by two scans.
 */

import fc from 'fast-check'
import { attach } from 'stridedb/duckdb'
import { describe, expect, it } from 'vitest'
import { propertyOptions } from '../property.ts'
import { recordSample } from '../schema/samples.ts'
import { connect, hasDuckDb, newStore, oneValue } from './support.ts'

/** More than one chunk of DuckDB. */
const COPIES = 400

describe.skipIf(!hasDuckDb)('any schema', () => {
  it('is a table, whose records DuckDB reads and copies', async () => {
    const connection = await connect()
    let count = 0
    await fc.assert(
      fc.asyncProperty(
        recordSample.chain(sample =>
          fc.record({
            schema: fc.constant(sample.schema),
            values: fc.array(sample.value, { minLength: 1, maxLength: 8 }),
          }),
        ),
        async ({ schema, values }) => {
          const store = newStore(schema as never, { backend: 'memory' })
          for (let i = 0; i < COPIES; i++) store.appendMany(values as never[])
          store.commitSync()
          const name = `t${count++}`
          const table = await attach(connection, name, store).catch(error => {
            // Unions whose variants have a field of different types.
            if (error.code !== 'ERR_STRIDE_LAYOUT') throw error
          })
          if (table === undefined) return
          await connection.run(`CREATE TABLE own_${name} AS FROM ${name}`)
          expect(await oneValue(connection, `SELECT count(*) FROM ${name}`)).toBe(
            BigInt(values.length * COPIES),
          )
          expect(
            await oneValue(connection, `SELECT count(*) FROM (FROM ${name} EXCEPT ALL FROM own_${name})`),
          ).toBe(0n)
          await connection.run(`DROP TABLE own_${name}`)
          await table.detach()
          store.close()
        },
      ),
      propertyOptions(60),
    )
  })
})
