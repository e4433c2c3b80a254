/** What could go wrong: a change that no longer reads what an earlier version wrote. */

import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { Everything, everything, Odd, odd } from '../golden/golden-records.ts'
import { temporaryFolder } from './support.ts'

const EXPECTED = Array.from({ length: 20 }, (_, i) => i).filter(i => i !== 3 && i !== 19)

describe.each(['format-1.stride', 'format-2.stride'])('%s', name => {
  test('reads as it was written, with its schema and without', async () => {
    const path = join(temporaryFolder(), name)
    copyFileSync(join('test/golden', name), path)
    for (const store of [
      openStore(path, Everything, { readOnly: true }),
      openStore(path, { readOnly: true }),
    ]) {
      expect([store.size, store.count, store.commitNumber]).toEqual([20, 18, 2])
      expect([...store]).toEqual(EXPECTED.map(everything))
      expect(await store.verify()).toMatchObject({ ok: true, recordsChecked: 18 })
      store.close()
    }
    expect(readFileSync(path).equals(readFileSync(join('test/golden', name)))).toBe(true)
  })

  test('can be written to', async () => {
    const path = join(temporaryFolder(), name)
    copyFileSync(join('test/golden', name), path)
    using store = openStore(path, Everything)
    store.append(everything(20))
    store.update(0, { a: 9 })
    await store.commit()
    expect([store.count, store.get(20), store.field(0, 'a')]).toEqual([19, everything(20), 9])
    expect(await store.verify()).toMatchObject({ ok: true })
  })
})

/** A copy of golden files that may be written to. */
function copied(name: string, suffixes: readonly string[]): string {
  const path = join(temporaryFolder(), name)
  for (const suffix of suffixes) copyFileSync(join('test/golden', name + suffix), path + suffix)
  return path
}

function expectIndexed(store: Store<typeof Everything>, isLeft: boolean): void {
  const live = EXPECTED.filter(i => !isLeft || i !== 5)
  const eOf = (i: number): number => (isLeft && i === 0 ? 77 : everything(i).e)
  expect(store.indexes).toEqual([
    { name: 'byE', on: ['e'], kind: 'hash', unique: true },
    { name: 'byText', on: ['m', 'n'], kind: 'ordered', unique: false },
  ])
  const numbers = Array.from({ length: 20 }, (_, i) => store.index('byE').number(eOf(i)))
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => (live.includes(i) ? i : -1)))
  expect(store.index('byText').count()).toBe(live.length + (isLeft ? 1 : 0))
}

describe.each([1, 2])('an indexed store of format %i', version => {
  const closed = `format-${version}-indexed.stride`

  test('reads as it was written, and keeps its indexes when it is written to', async () => {
    const path = copied(closed, ['', '-index'])
    const reader = openStore(path, Everything, { readOnly: true })
    expectIndexed(reader, false)
    reader.close()
    for (let i = 0; i < 2; i++) {
      const store = openStore(path, Everything)
      expect(store.recovery.indexesBuilt).toBeUndefined()
      expectIndexed(store, false)
      store.append({ ...everything(1), e: 4_000_000_000 + i })
      await store.commit()
      store.delete(20 + i)
      expect(() => store.append(everything(7))).toThrow(/unique index 'byE'/)
      await store.commit()
      expect(await store.verify()).toMatchObject({ ok: true })
      store.close()
    }
  })
})

describe.each(['format-1-left.stride', 'format-2-left.stride', 'journal-3-left.stride'])('%s', left => {
  test('reads as it was left by a process that died, and recovers', async () => {
    const path = copied(left, ['', '-index', '-journal'])
    const reader = openStore(path, Everything, { readOnly: true })
    expectIndexed(reader, true)
    reader.close()
    const store = openStore(path, Everything)
    expect(store.recovery).toMatchObject({ commitsReplayed: 2 })
    expect(store.recovery.indexesBuilt).toBeUndefined()
    expectIndexed(store, true)
    expect(await store.verify()).toMatchObject({ ok: true })
    store.close()
    const again = openStore(path, Everything)
    expect(again.recovery.indexesBuilt).toBeUndefined()
    expectIndexed(again, true)
    again.close()
  })
})

test('a store with checksums of format 2 reads as it was written, keeps its checksums, and can be written to', async () => {
  const path = copied('format-2-checksums.stride', [''])
  const expected = (n: number) => ({ ...odd(n), ...(n === 12 ? { safe: 12 } : {}) })
  const live = Array.from({ length: 60 }, (_, n) => n).filter(n => ![0, 8, 31, 59].includes(n))
  const reader = openStore(path, Odd, { readOnly: true, verifyReads: true })
  expect([...reader]).toEqual(live.map(expected))
  expect(await reader.verify()).toMatchObject({ ok: true, recordsChecked: live.length })
  reader.close()
  using store = openStore(path, Odd)
  store.append(odd(60))
  store.delete(1)
  await store.commit()
  expect([store.count, store.get(60)]).toEqual([live.length, odd(60)])
  expect(await store.verify()).toMatchObject({ ok: true })
})
