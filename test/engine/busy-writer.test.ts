/**
 * Readers beside a process that commits without pause, is stopped, or is killed. What could go wrong: a reading mixes two commits;
 * it begins again for ever and blocks the event loop; a writer that was stopped in the middle of a commit stops every reader.
 * Rules CS1 to CS3 of consistent-reads.ts, HC1 to HC3 of held-commit.ts.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openStore, type Store } from 'stridedb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bundle, removeBundles } from '../crash/bundle.ts'
import { ACCOUNTS, Account, account, INDEXES } from '../crash/busy-writer.ts'
import { BACKENDS, isWindows, temporaryFolder } from './support.ts'

let program: string
beforeAll(async () => {
  program = await bundle('busy-writer.ts')
})
afterAll(removeBundles)

const writers: ChildProcess[] = []
afterEach(async () => {
  for (const writer of writers.splice(0)) {
    if (writer.exitCode !== null || writer.signalCode !== null) continue
    writer.kill('SIGKILL')
    await once(writer, 'exit')
  }
})

const SUM = ACCOUNTS * 1000

async function busyStore(
  pauseMs: number,
  journalBytes = 1 << 20,
): Promise<{ path: string; writer: ChildProcess }> {
  const path = join(temporaryFolder(), 'accounts.stride')
  const store = openStore(path, Account, { indexes: INDEXES, durability: 'process' })
  store.appendMany(Array.from({ length: ACCOUNTS }, (_, id) => account(id, 1000)))
  store.commitSync()
  store.close()
  const writer = spawn(process.execPath, [program, path, String(pauseMs), String(journalBytes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  writers.push(writer)
  await once(writer.stdout as NodeJS.ReadableStream, 'data')
  return { path, writer }
}

/** The version of record 0 once it is another one. */
async function newVersion(reader: Accounts, before: number): Promise<number> {
  for (;;) {
    const version = reader.field(0, 'version')
    if (version !== before) return version
    await nextTurn()
  }
}

type Accounts = Store<typeof Account, typeof INDEXES>
const sum = (amounts: Iterable<number>): number => Array.from(amounts).reduce((a, b) => a + b, 0)
const everyId = Array.from({ length: ACCOUNTS }, (_, id) => id)
const textsMatch = (records: readonly (Partial<ReturnType<typeof account>> | undefined)[]): boolean =>
  records.every(record => record?.text === `has ${record?.amount}`)

/** Readings of the whole store that mix commits where they are not kept at one; each says what is wrong with it. */
const READINGS: Readonly<Record<string, (reader: Accounts) => unknown>> = {
  'gather of all': reader => sum(reader.gather('amount')) - SUM,
  'gather of a text column': reader =>
    sum(reader.gather('text').map(text => Number((text as string).slice(4)))) - SUM,
  'gather of numbers': reader => sum(reader.gather('amount', everyId)) - SUM,
  getMany: reader => {
    const records = reader.getMany(everyId)
    return textsMatch(records) && sum(records.map(record => record?.amount ?? 0)) - SUM
  },
  'index.getMany': reader => {
    const records = reader.index('byId').getMany(everyId)
    return textsMatch(records) && sum(records.map(record => record?.amount ?? 0)) - SUM
  },
  'index.numbers': reader => reader.index('byId').numbers(everyId).indexOf(-1) + 1,
  'read of columns, count and size': reader =>
    reader.read(() => {
      const { count } = reader
      const amounts = reader.gather('amount')
      const ids = reader.gather('id')
      return amounts.length - count + (ids.length - count) + sum(amounts) - SUM
    }),
  'read of single records': reader =>
    reader.read(() => {
      let total = 0
      for (let n = 0; n < ACCOUNTS; n++) total += reader.field(n, 'amount')
      return total - SUM
    }),
  'read of a scan': reader =>
    reader.read(() => {
      const rows = Array.from(reader.scan(), row => row.toObject())
      return textsMatch(rows) && sum(rows.map(({ amount }) => amount)) - SUM
    }),
  'read of fresh objects': reader => reader.read(() => sum(Array.from(reader, ({ amount }) => amount)) - SUM),
  'read of rows': reader =>
    reader.read(() => {
      const rows = Array.from({ length: 20 }, () => reader.row(0))
      const total = sum(everyId.map(n => (rows[n % 20] as (typeof rows)[number]).seek(n).amount))
      return total - sum(reader.gather('amount'))
    }),
  'read of lookups by key': reader =>
    reader.read(() => {
      const ids = everyId.filter(id => id % 30 === 0)
      const total = sum(ids.map(id => reader.index('byId').field(id, 'amount')))
      return total - sum(reader.gather('amount', ids))
    }),
  'read of an ordered index': reader =>
    reader.read(() => {
      const amount = reader.field(7, 'amount')
      const { numbers } = { numbers: reader.index('byAmount').all(amount) }
      return numbers.includes(7) && numbers.every(n => reader.field(n, 'amount') === amount) ? 0 : 'not found'
    }),
}

describe.each(BACKENDS)('on the $name backend', ({ name, options }) => {
  // Through Wine a positioned read takes longer than the writer leaves between two commits.
  test.skipIf(isWindows && name === 'file').each([
    [0, 1 << 20],
    [3, 1 << 24],
  ])(
    'every reading sees one commit beside commits %i ms apart, journal of %i bytes',
    async (pauseMs, journalBytes) => {
      const { path } = await busyStore(pauseMs, journalBytes)
      using reader = openStore(path, Account, { ...options, readOnly: true }) as Accounts
      let version = reader.field(0, 'version')
      for (const [name, read] of Object.entries(READINGS)) {
        expect(read(reader), name).toBe(0)
        // It never goes back, and goes on.
        const now = await newVersion(reader, version)
        expect(now, name).toBeGreaterThan(version)
        version = now
      }
      expect(await reader.verify()).toMatchObject({ ok: true, findings: [] })
    },
  )

  test.skipIf(isWindows)('a writer that is stopped stops no reader, wherever it was stopped', async () => {
    const { path, writer } = await busyStore(0)
    using reader = openStore(path, Account, { ...options, readOnly: true }) as Accounts
    for (let round = 0; round < 5; round++) {
      writer.kill('SIGSTOP')
      for (const read of [reader, openStore(path, Account, { ...options, readOnly: true }) as Accounts]) {
        expect(sum(read.gather('amount')) - SUM).toBe(0)
        expect(read.read(() => textsMatch(read.getMany(everyId.slice(0, 500))))).toBe(true)
        expect(READINGS['index.getMany']?.(read)).toBe(0)
        if (read !== reader) read.close()
      }
      writer.kill('SIGCONT')
      await newVersion(reader, reader.field(0, 'version'))
    }
  })

  test.skipIf(isWindows)('a reader goes on with the last commit of a writer that was killed', async () => {
    const { path, writer } = await busyStore(0)
    using reader = openStore(path, Account, { ...options, readOnly: true }) as Accounts
    expect(sum(reader.gather('amount')) - SUM).toBe(0)
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    for (const [name, read] of Object.entries(READINGS)) expect(read(reader), name).toBe(0)
    using next = openStore(path, Account, { ...options, indexes: INDEXES })
    expect(sum(next.gather('amount')) - SUM).toBe(0)
    next.update(0, { version: 1_000_000 })
    next.commitSync()
    for (const [name, read] of Object.entries(READINGS)) expect(read(reader), name).toBe(0)
    expect(reader.field(0, 'version')).toBe(1_000_000)
  })
})
