/**
 * What could go wrong: a page that a root still reaches is written over, a torn root brings back nothing or the wrong thing,
 * damaged bytes end in a crash, an endless loop or a wrong answer that nobody notices; files that grow without need.
 */

import { closeSync, copyFileSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ascii } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { IndexOptions } from '../../../src/engine/indexes/keys/index-options.ts'
import { IndexFile } from '../../../src/engine/indexes/lifecycle/index-file.ts'
import { runBlocking } from '../../../src/engine/steps/protocol.ts'
import { codeOf, temporaryFolder } from '../support.ts'
import { HeapRecords } from './heap-records.ts'
import { accessOf, IndexUnderTest } from './index-under-test.ts'

const Item = z.object({ id: z.uint32(), text: ascii(16) })
const OWNER = { storeId: '00112233445566778899aabbccddeeff', generation: 0 }
const PAGE = 4096
const KINDS = ['hash', 'ordered'] as const

let seed = 0x2545f491
function random(below: number): number {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) % below
}

const idOf = (n: number): number => Math.imul(n + 1, 0x9e3779b1) >>> 0
const itemOf = (n: number) => ({ id: idOf(n), text: idOf(n).toString(36) })

function filled(count: number): HeapRecords {
  const records = new HeapRecords(Item, count)
  for (let n = 0; n < count; n++) records.set(n, itemOf(n))
  return records
}

/** A built and published index in a file. */
function built(path: string, options: IndexOptions, count = 4_000): IndexUnderTest {
  const test = new IndexUnderTest(filled(count), options, path)
  test.build()
  test.publish()
  return test
}

/** What is wrong with the pages that the newest root of a file names. */
function wrongPages(path: string, records: HeapRecords, options: IndexOptions): string[] {
  const test = new IndexUnderTest(records, options, path, accessOf('file', true))
  const notes = test.wrongPages()
  test.close()
  return notes
}

/** The same file with one root damaged. */
function withoutRoot(path: string, root: number): string {
  const copy = `${path}-without-${root}`
  copyFileSync(path, copy)
  const fd = openSync(copy, 'r+')
  writeSync(fd, Buffer.alloc(100, 0x55), 0, 100, root * PAGE)
  closeSync(fd)
  return copy
}

describe('the roots of an index file', () => {
  for (const kind of KINDS) {
    it(`both name whole pages at every moment, ${kind}`, () => {
      const path = join(temporaryFolder(), 'x')
      const options = { on: 'id', kind }
      const test = built(path, options)
      const { records } = test
      const check = (): void => {
        for (const root of [1, 2]) expect(wrongPages(withoutRoot(path, root), records, options)).toEqual([])
      }
      check()
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 1_500; i++) test.set(random(records.size + 1), { id: random(2 ** 32), text: '' })
        test.beginFold()
        check()
        for (let state = test.tree.foldStep(0); state !== 'done'; state = test.tree.foldStep(0)) {
          check()
          if (state === 'portion') runBlocking(test.file.pagePublication([test.tree]))
          check()
        }
        test.publish()
        check()
      }
      test.close()
    })
  }

  it('are told apart from those of other stores and generations, and from files that are cut short', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'x')
    built(path, { on: 'id' }).close()
    const open = (file: string, owner = OWNER): IndexFile | string =>
      IndexFile.open(file, owner, accessOf('file', true))
    const good = open(path)
    expect(good).toBeInstanceOf(IndexFile)
    ;(good as IndexFile).close()
    expect(open(join(folder, 'absent'))).toBe('there is no index file')
    expect(open(path, { ...OWNER, generation: 1 })).toContain('generation 0')
    expect(open(path, { ...OWNER, storeId: 'ff'.repeat(16) })).toBe('it belongs to another store')
    writeFileSync(join(folder, 'cut'), readFileSync(path).subarray(0, statSync(path).size - PAGE))
    expect(open(join(folder, 'cut'))).toBe('it is cut short')
    writeFileSync(join(folder, 'text'), 'no index')
    expect(open(join(folder, 'text'))).toBe('it is no index file')
  })
})

describe('damaged bytes of an index file', () => {
  for (const kind of KINDS) {
    it(`are found wherever they are, and reading over them ends, ${kind}`, () => {
      const folder = temporaryFolder()
      const path = join(folder, 'x')
      const options = { on: 'id', kind }
      const test = built(path, options)
      const { records } = test
      for (let i = 0; i < 300; i++) test.set(random(4_000), { id: random(2 ** 32), text: '' })
      test.publish()
      const { rootNumber } = test.file.root
      const used = new Set([...test.tree.directory.arrays.places].map(place => place & 0x7fffffff))
      test.close()
      const whole = readFileSync(path)
      for (let round = 0; round < 300; round++) {
        const bytes = Buffer.from(whole)
        const at = random(bytes.length)
        const count = [1, 4, 64, 5_000][random(4)] as number
        for (let i = at; i < Math.min(bytes.length, at + count); i++)
          bytes[i] = (bytes[i] as number) ^ (1 + random(255))
        const file = join(folder, 'damaged')
        writeFileSync(file, bytes)
        const opened = IndexFile.open(file, OWNER, accessOf('file', true))
        if (typeof opened === 'string') continue
        opened.close()
        const damaged = new IndexUnderTest(records, options, file, accessOf('file'))
        const notes = damaged.wrongPages()
        const hit = [...used].some(place => at < (place + 1) * PAGE && at + count > place * PAGE)
        // A damaged root leaves the one before, which is as right as its journal.
        const isNewest = damaged.file.root.rootNumber === rootNumber
        if (hit && isNewest) expect(notes.length, `${at} ${count}`).toBeGreaterThan(0)
        // No page is believed before it was compared with its checksum.
        for (let n = 0; n < 4_000; n += 37) {
          const { id } = records.get(n) as { id: number }
          let found = Number.NaN
          const code = codeOf(() => {
            found = damaged.index.number(id)
          })
          if (code === 'nothing was thrown' && !isNewest) continue
          if (code === 'nothing was thrown') expect((records.get(found) as { id: number }).id).toBe(id)
          else expect([code, hit]).toEqual(['ERR_STRIDE_CORRUPT', true])
        }
        if (kind === 'ordered') {
          const code = codeOf(() => damaged.ordered.count({}))
          expect(code).toBe(notes.length > 0 ? 'ERR_STRIDE_CORRUPT' : 'nothing was thrown')
        }
        // Some hundred pending entries touch each of the few pages: none is believed that is damaged.
        const isDamaged = notes.length > 0 && damaged.tree.waiting > 500
        expect(codeOf(() => damaged.fold())).toBe(isDamaged ? 'ERR_STRIDE_CORRUPT' : 'nothing was thrown')
        damaged.close()
      }
    })
  }
})

describe('the size of an index file', () => {
  const cases = [
    { options: { on: 'id', kind: 'hash' }, most: 16 },
    { options: { on: 'id', kind: 'ordered' }, most: 1.6 * (4 + 5) },
    { options: { on: 'text', kind: 'ordered' }, most: 1.6 * (16 + 5) },
  ] as const
  for (const { options, most } of cases) {
    it(`stays within ${most.toFixed(1)} bytes a key under random inserts, ${options.kind} on ${options.on}`, () => {
      const path = join(temporaryFolder(), 'x')
      const records = new HeapRecords(Item, 200_000)
      const test = new IndexUnderTest(records, options, path)
      for (let n = 0; n < 200_000; n++) {
        const id = random(2 ** 32)
        test.set(n, { id, text: id.toString(36) })
        if ((n + 1) % 20_000 !== 0) continue
        test.fold()
        expect(statSync(path).size / (n + 1), `at ${n + 1}`).toBeLessThan(most + 400_000 / (n + 1))
        if (n + 1 >= 100_000) expect(statSync(path).size / (n + 1), `at ${n + 1}`).toBeLessThan(most)
      }
      test.close()
    })
  }

  it('does not grow where records change for ever', () => {
    for (const kind of KINDS) {
      const path = join(temporaryFolder(), kind)
      const test = built(path, { on: 'id', kind }, 50_000)
      const before = statSync(path).size
      for (let round = 0; round < 10; round++) {
        for (let i = 0; i < 5_000; i++) test.set(random(50_000), { id: random(2 ** 32), text: '' })
        test.fold()
      }
      expect(statSync(path).size).toBeLessThan(before * 1.5)
      test.close()
    }
  })
})
