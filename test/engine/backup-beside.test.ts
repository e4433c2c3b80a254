/**
 * Backups by a reader while another process replaces the store's file or commits without pause. What could go wrong: the copy
 * mixes records of two files, some of them twice and others lost, and `verify` finds nothing wrong with it; or the copying never
 * ends. Rules BK3 and D9 of backup.ts.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle, removeBundles } from '../crash/bundle.ts'
import { Versioned } from '../crash/file-replacer.ts'
import { isWindows, temporaryFolder } from './support.ts'

const COUNT = 60_000
const DELETED = 10

let replacer: string
beforeAll(async () => {
  replacer = await bundle('file-replacer.ts')
})
afterAll(removeBundles)

const EMPTY = new Uint8Array(240)
function* records(count: number): Generator<{ id: number; version: number; pad: Uint8Array }> {
  for (let id = 0; id < count; id++) yield { id, version: 0, pad: EMPTY }
}

/** A closed store, its first records deleted. */
function filled(path: string): void {
  using store = openStore(path, Versioned)
  store.appendMany(records(COUNT))
  for (let n = 0; n < DELETED; n++) store.delete(n)
  store.commitSync()
}

function replace(path: string, how: string): void {
  const { status, stderr } = spawnSync(process.execPath, [replacer, path, how], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** Every record once, all of one version: what both the old file and the new one hold. */
function expectWhole(copy: Store<typeof Versioned>): void {
  const ids = copy.gather('id')
  expect(new Set(ids).size).toBe(copy.count)
  expect(ids.filter(id => id < COUNT).length).toBe(COUNT - DELETED)
  expect(new Set(copy.gather('version')).size).toBe(1)
}

// Windows replaces no file that a reader has open.
test.skipIf(isWindows).each(['compact', 'migrate'])(
  'is a copy of one file where another process does a %s in its middle',
  async how => {
    const path = join(temporaryFolder(), 'store.stride')
    filled(path)
    using reader = openStore(path, Versioned, { readOnly: true })
    let calls = 0
    await reader.backup(`${path}.copy`, {
      progress: done => {
        if (++calls !== 2) return
        expect(done).toBeLessThan(COUNT)
        replace(path, how)
      },
    })
    expect(calls).toBeGreaterThan(2)
    using copy = openStore(`${path}.copy`, Versioned)
    expectWhole(copy)
    // The copy began again with the new file.
    expect([copy.field(copy.size - 1, 'id'), copy.field(20, 'version')]).toEqual(
      how === 'compact' ? [10_000_022, 0] : [COUNT - 1, 1],
    )
    expect(await copy.verify()).toMatchObject({ ok: true })
  },
)

test('has the indexes that another process created in its middle', async () => {
  const path = join(temporaryFolder(), 'store.stride')
  filled(path)
  using reader = openStore(path, Versioned, { readOnly: true })
  let calls = 0
  await reader.backup(`${path}.copy`, {
    progress: done => {
      if (++calls !== 2) return
      expect(done).toBeLessThan(COUNT)
      replace(path, 'index')
    },
  })
  expect(calls).toBeGreaterThan(2)
  using copy = openStore(`${path}.copy`, Versioned)
  expectWhole(copy)
  expect(copy.indexes).toEqual([{ name: 'byId', on: ['id'], kind: 'hash', unique: true }])
  expect(copy.index('byId').number(COUNT - 1)).toBe(COUNT - 1)
})

test('keeps up with a writer whose journal is reused many times before the copy is whole', async () => {
  const path = join(temporaryFolder(), 'store.stride')
  filled(path)
  using writer = openStore(path, Versioned, { journalBytes: 65_536 })
  using reader = openStore(path, Versioned, { readOnly: true })
  let turns = 0
  const commits = (): void => {
    turns++
    // All of one version at each commit.
    for (let i = 0; i < 12; i++) {
      const pad = new Uint8Array(240).fill(16 * turns + i)
      for (let n = DELETED; n < DELETED + 12; n++) writer.update(n, { pad })
      writer.commitSync()
    }
  }
  const before = writer.stats().checkpoints
  await reader.backup(`${path}.copy`, { progress: commits })
  expect(writer.stats().checkpoints - before).toBeGreaterThanOrEqual(turns)
  using copy = openStore(`${path}.copy`, Versioned)
  const pads = Array.from({ length: 12 }, (_, i) => copy.field(DELETED + i, 'pad')[0])
  expect(new Set(pads).size).toBe(1)
  expectWhole(copy)
})

test.skipIf(isWindows).each(['compact', 'migrate'])(
  'verify by a reader begins again where %s replaces the file meanwhile',
  async how => {
    const path = join(temporaryFolder(), 'verified.stride')
    filled(path)
    using reader = openStore(path, Versioned, { readOnly: true })
    const verified = reader.verify()
    replace(path, how)
    // The reader follows: the file that verify began with is closed.
    const { count } = reader
    expect(await verified).toEqual({ ok: true, findings: [], recordsChecked: count })
  },
)
