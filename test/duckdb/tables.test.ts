/**
 * What could go wrong: a statement sees staged changes, half of a commit, two commits in two of its scans, or an old commit when it is
 * prepared; a deleted record comes back; a name is taken from another table; a closed store, a detached table or a file that was cut
 * short crashes, or is answered without a code; a snapshot is held for ever.
 */

import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openFlatFile, openStore, Snapshot, u8, utf8 } from 'stridedb'
import { attach } from 'stridedb/duckdb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { Statements } from '../../src/duckdb/statement.ts'
import { codeOf, codeOfAsync, temporaryFolder } from '../engine/support.ts'
import { connect, connectAll, hasDuckDb, messageOf, newStore, rowsOf, oneValue } from './support.ts'

const Account = z.object({ id: z.uint32(), amount: z.int32(), name: utf8(24) })
const account = (id: number, amount = 100): z.output<typeof Account> => ({
  id,
  amount,
  name: `account number ${id}`,
})
const accounts = (count: number): z.output<typeof Account>[] =>
  Array.from({ length: count }, (_, i) => account(i))

describe.skipIf(!hasDuckDb)('a table of DuckDB', () => {
  it.each([0, 1, 2047, 2048, 2049, 10_000])('has all of %i records', async count => {
    const store = newStore(Account)
    store.appendMany(accounts(count))
    store.commitSync()
    const connection = await connect()
    await attach(connection, 'accounts', store)
    expect(await rowsOf(connection, 'SELECT * FROM accounts')).toEqual(
      accounts(count).map(a => Object.values(a)),
    )
    expect(await rowsOf(connection, 'SELECT count(*), sum(amount)::BIGINT FROM accounts')).toEqual([
      [BigInt(count), count === 0 ? null : BigInt(100 * count)],
    ])
    expect(await rowsOf(connection, 'SELECT amount, id FROM accounts ORDER BY id DESC LIMIT 1')).toEqual(
      count === 0 ? [] : [[100, count - 1]],
    )
  })

  it.each(['mapped', 'file', 'memory'] as const)('has no deleted records, backend %s', async backend => {
    const store = openStore(join(temporaryFolder(), 'a.stride'), Account, { backend, windowBytes: 65_536 })
    store.appendMany(accounts(9_000))
    store.commitSync()
    const isKept = (id: number): boolean => id % 3 === 1 && !(id > 4_000 && id < 8_000)
    for (let id = 0; id < 9_000; id++) if (!isKept(id)) store.delete(id)
    store.commitSync()
    const connection = await connect()
    await attach(connection, 'accounts', store)
    const kept = accounts(9_000).filter(({ id }) => isKept(id))
    expect(await rowsOf(connection, 'SELECT id, name FROM accounts')).toEqual(
      kept.map(({ id, name }) => [id, name]),
    )
    expect(await oneValue(connection, 'SELECT count(*) FROM accounts')).toBe(BigInt(kept.length))
    for (const { id } of kept) store.delete(id)
    store.commitSync()
    expect(await rowsOf(connection, 'SELECT * FROM accounts')).toEqual([])
  })

  it('sees each commit at the next statement, and no staged changes', async () => {
    const store = newStore(Account)
    const connection = await connect()
    await attach(connection, 'accounts', store)
    const sum = 'SELECT count(*)::INTEGER, sum(amount)::INTEGER FROM accounts'
    const prepared = await connection.prepare(sum)
    const limited = await connection.prepare('SELECT amount FROM accounts ORDER BY id LIMIT 1')
    const both = async (): Promise<unknown> => [
      await rowsOf(connection, sum),
      (await prepared.runAndReadAll()).getRowsJS(),
      (await limited.runAndReadAll()).getRowsJS(),
    ]
    store.appendMany(accounts(3_000))
    expect(await both()).toEqual([[[0, null]], [[0, null]], []])
    store.commitSync()
    expect(await both()).toEqual([[[3_000, 300_000]], [[3_000, 300_000]], [[100]]])
    store.update(0, { amount: 1 })
    store.delete(2_500)
    store.append(account(3_000))
    expect(await both()).toEqual([[[3_000, 300_000]], [[3_000, 300_000]], [[100]]])
    await store.commit()
    expect(await both()).toEqual([[[3_000, 299_901]], [[3_000, 299_901]], [[1]]])
  })

  it.each([
    ['the writer', false],
    ['a reader', true],
  ])(
    'shows one commit to all scans of a statement, while others commit: attached to %s',
    async (_, isReader) => {
      const path = join(temporaryFolder(), 'a.stride')
      const writer = openStore(path, Account, { durability: 'process' })
      writer.appendMany(accounts(30_000))
      writer.commitSync()
      const source = isReader ? openStore(path, Account, { readOnly: true }) : writer
      onTestFinished(() => {
        source.close()
        writer.close()
      })
      const connection = await connect()
      await attach(connection, 'accounts', source)
      let isRunning = true
      let commits = 0
      const committing = (async () => {
        for (let k = 0; isRunning; k++) {
          // Each commit keeps the sum, and moves money from one end of the file to the other.
          writer.update(k % 100, { amount: 100 - (k % 50) })
          writer.update(29_999 - (k % 100), { amount: 100 + (k % 50) })
          writer.commitSync()
          commits++
          await new Promise(resolve => setImmediate(resolve))
        }
      })()
      const before = commits
      for (let round = 0; round < 5; round++) {
        const rows = await rowsOf(
          connection,
          `SELECT (SELECT sum(amount)::INTEGER FROM accounts), (SELECT sum(hash(id, amount)) FROM accounts),
          (SELECT sum(hash(id, amount)) FROM accounts), (SELECT count(*)::INTEGER FROM accounts a JOIN accounts b USING (id, amount))`,
        )
        const [[sum, one, other, equal] = []] = rows
        expect({ sum, equal }).toEqual({ sum: 3_000_000, equal: 30_000 })
        expect(one).toEqual(other)
      }
      isRunning = false
      await committing
      expect(commits).toBeGreaterThan(before)
    },
  )

  it('is read once in each step of a recursive query', async () => {
    const store = newStore(z.object({ id: z.uint32(), parent: z.uint32().nullable() }))
    store.appendMany(Array.from({ length: 100 }, (_, id) => ({ id, parent: id === 0 ? null : id - 1 })))
    store.commitSync()
    const connection = await connect()
    await attach(connection, 'tree', store)
    const sql = `WITH RECURSIVE below(id, depth) AS (SELECT id, 0 FROM tree WHERE parent IS NULL
      UNION ALL SELECT tree.id, depth + 1 FROM tree JOIN below ON tree.parent = below.id) SELECT max(depth) FROM below`
    expect(await oneValue(connection, sql)).toBe(99)
  })

  it('shows a snapshot as it was', async () => {
    const store = newStore(Account)
    store.appendMany(accounts(5))
    store.commitSync()
    const snapshot = store.snapshot()
    const connection = await connect()
    await attach(connection, 'past', snapshot)
    await attach(connection, 'present', store)
    store.append(account(5))
    store.commitSync()
    const counts = 'SELECT (SELECT count(*) FROM past)::INTEGER, (SELECT count(*) FROM present)::INTEGER'
    expect(await rowsOf(connection, counts)).toEqual([[5, 6]])
    snapshot.close()
    expect(await messageOf(connection.run(counts))).toContain('ERR_STRIDE_CLOSED')
  })

  it('shows a flat file, and says that it was cut short', async () => {
    const path = join(temporaryFolder(), 'a.bin')
    writeFileSync(
      path,
      Uint8Array.from({ length: 9_000 }, (_, i) => i),
    )
    const file = openFlatFile(path, z.object({ a: u8(), b: u8(), c: u8() }))
    const connection = await connect()
    await attach(connection, 'bytes', file)
    expect(await rowsOf(connection, 'SELECT count(*)::INTEGER, max(c) FROM bytes')).toEqual([[3_000, 255]])
    truncateSync(path, 3)
    expect(await messageOf(connection.run('SELECT sum(a) FROM bytes'))).toContain('ERR_STRIDE_TRUNCATED')
    file.close()
  })

  it('cannot be changed by SQL', async () => {
    const store = newStore(Account)
    const connection = await connect()
    await attach(connection, 'accounts', store)
    expect(await messageOf(connection.run("INSERT INTO accounts VALUES (1, 2, 'x')"))).toMatch(/accounts/)
    expect(await messageOf(connection.run('DELETE FROM accounts'))).toMatch(/delete|base table/i)
  })

  it('survives statements that fail, stop early or are given up', async () => {
    const store = newStore(Account)
    store.appendMany(accounts(20_000))
    store.commitSync()
    const connection = await connect()
    await attach(connection, 'accounts', store)
    expect(await messageOf(connection.run("SELECT (name || 'x')::INTEGER FROM accounts"))).toMatch(/Conversion/)
    expect(await rowsOf(connection, 'SELECT id FROM accounts LIMIT 2')).toEqual([[0], [1]])
    const stream = await connection.stream('SELECT * FROM accounts')
    await stream.fetchChunk()
    store.update(0, { amount: 7 })
    store.commitSync()
    expect(await oneValue(connection, 'SELECT amount FROM accounts WHERE id = 0')).toBe(7)
    store.close()
    expect(await messageOf(connection.run('SELECT id FROM accounts'))).toContain('ERR_STRIDE_CLOSED')
  })
})

describe.skipIf(!hasDuckDb)('attach', () => {
  it('refuses names that are taken, and changes nothing', async () => {
    const store = newStore(Account)
    const [connection, other] = (await connectAll(2)) as [
      Awaited<ReturnType<typeof connect>>,
      Awaited<ReturnType<typeof connect>>,
    ]
    await connection.run(
      'CREATE TABLE "My table" AS SELECT 1 AS a; CREATE VIEW v AS SELECT 2 AS a; CREATE TEMP TABLE t AS SELECT 3 AS a',
    )
    const first = await attach(connection, 'first', store)
    for (const name of ['My table', 'MY TABLE', 'v', 't', 'first', 'FIRST', 'duckdb_tables', 'pg_class']) {
      expect(await codeOfAsync(attach(connection, name, store)), name).toBe('ERR_STRIDE_NAME_TAKEN')
    }
    expect(await rowsOf(connection, 'SELECT a FROM "My table" UNION ALL FROM v UNION ALL FROM t')).toEqual([
      [1],
      [2],
      [3],
    ])
    expect(await oneValue(connection, 'SELECT count(*) FROM first')).toBe(0n)
    // Another connection has names of its own.
    expect(await messageOf(other.run('FROM first'))).toMatch(/first/)
    await attach(other, 'first', store)
    await attach(connection, `it's "quoted"; DROP TABLE t`, store)
    expect(await rowsOf(connection, `FROM "it's ""quoted""; DROP TABLE t"`)).toEqual([])
    const raced = await Promise.allSettled([
      attach(connection, 'raced', store),
      attach(connection, 'raced', store),
    ])
    expect(raced.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(raced.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'ERR_STRIDE_NAME_TAKEN' },
    })
    expect(await oneValue(connection, 'SELECT count(*) FROM raced')).toBe(0n)
    await first.detach()
    await attach(connection, 'first', store)
    expect(await oneValue(connection, 'SELECT count(*) FROM first')).toBe(0n)
  })

  it('ends with detach, which leaves the store and other tables alone', async () => {
    const store = newStore(Account)
    store.appendMany(accounts(10))
    store.commitSync()
    const connection = await connect()
    const one = await attach(connection, 'one', store)
    await attach(connection, 'two', store)
    const prepared = await connection.prepare('SELECT count(*)::INTEGER FROM one')
    expect(one.name).toBe('one')
    await Promise.all([one.detach(), one.detach()])
    await one[Symbol.asyncDispose]()
    expect(await messageOf(connection.run('FROM one'))).toMatch(/one does not exist/)
    expect(await messageOf(prepared.run())).not.toBe('none')
    expect(await oneValue(connection, 'SELECT count(*) FROM two')).toBe(10n)
    expect(store.count).toBe(10)
  })

  it('refuses wrong arguments and closed stores', async () => {
    const store = newStore(Account)
    const connection = await connect()
    const wrong = (...given: unknown[]): Promise<unknown> =>
      (attach as (...given: unknown[]) => Promise<unknown>)(...given)
    for (const given of [
      [],
      [{}],
      [connection],
      [connection, ''],
      [connection, 7, store],
      [connection, 'a', {}],
      [connection, 'a', 'b'],
    ]) {
      await expect(wrong(...given)).rejects.toBeInstanceOf(TypeError)
    }
    store.close()
    expect(await codeOfAsync(attach(connection, 'a', store))).toBe('ERR_STRIDE_CLOSED')
    expect(await messageOf(connection.run('FROM a'))).toMatch(/a does not exist/)
  })

  it('refuses fields for which DuckDB has no type, and names them', async () => {
    const store = newStore(z.object({ a: z.object({ large: z.array(u8()).length(100_001) }) }))
    const refused = attach(await connect(), 'a', store)
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STRIDE_LAYOUT', field: 'a.large' })
  })
})

describe('the snapshot of a statement', () => {
  it('is one for all its scans, and is closed when the next statement is planned', () => {
    const store = newStore(Account)
    const statements = new Statements()
    const first = statements.planning(1, '10')
    expect(statements.planning(1, '10')).toBe(first)
    const snapshot = first.recordsOf(store as never) as unknown as Snapshot
    expect(snapshot).toBeInstanceOf(Snapshot)
    expect(first.recordsOf(store as never)).toBe(snapshot)
    // Another connection has statements of its own.
    statements.planning(2, '10')
    expect(snapshot.count).toBe(0)
    expect(statements.planning(1, '10')).not.toBe(first)
    expect(codeOf(() => snapshot.count)).toBe('ERR_STRIDE_CLOSED')
  })

  it('is closed by the end of all, and cannot be taken again after a commit', () => {
    const store = newStore(Account)
    const statements = new Statements()
    const statement = statements.planning(1, '10')
    const snapshot = statement.recordsOf(store as never) as unknown as Snapshot
    const scan = statement.begin({})
    scan.over()
    scan.over()
    statements.end()
    expect(codeOf(() => snapshot.count)).toBe('ERR_STRIDE_CLOSED')
    expect((statement.recordsOf(store as never) as unknown as Snapshot).commitNumber).toBe(
      snapshot.commitNumber,
    )
    statements.end()
    store.append(account(1))
    store.commitSync()
    expect(codeOf(() => statement.recordsOf(store as never))).toBe('ERR_STRIDE_SNAPSHOT_GONE')
  })
})
