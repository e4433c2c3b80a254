/**
 * Indexes are brought up to date from frames alone, and a patch has the keys of those indexes that its commit knew (J4 of
 * src/engine/journal/frame-encode.ts). What could go wrong: a key is made of bytes that its spans do not name; a frame from before an
 * index was created, or from after it was dropped, is taken for one that has its keys.
 */

import fc from 'fast-check'
import { ascii } from 'stridedb'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineIndex } from '../../../src/engine/indexes/keys/index-definition.ts'
import { KeyCodec } from '../../../src/engine/indexes/keys/key-codec.ts'
import { planIndex, spansOf } from '../../../src/engine/indexes/keys/key-plan.ts'
import { openStoreOn } from '../../../src/engine/open.ts'
import {
  createSimulatedPlatform,
  type SimulatedPlatform,
} from '../../../src/mmap/simulated/simulated-platform.ts'
import { propertyOptions } from '../../property.ts'
import { HeapRecords } from './heap-records.ts'
import { group, LEAVES, missing } from './key-kinds.ts'

const leaf = fc.constantFrom(...LEAVES)
const how = fc.constantFrom('nullable' as const, 'optional' as const, 'nullish' as const)
const part = fc.oneof(
  leaf,
  fc.tuple(leaf, how).map(([inner, name]) => missing(inner, name)),
)
const kind = fc.oneof(
  part,
  fc
    .tuple(fc.constantFrom('object' as const, 'tuple' as const), part, part)
    .map(([name, a, b]) => group(name, [a, b])),
  fc.tuple(part, how).map(([inner, name]) => missing(group('array', [inner, inner]), name)),
)
const subject = fc.tuple(kind, kind, kind).chain(kinds => {
  const [a, b, c] = kinds
  const held = fc.tuple(a.held, b.held, c.held).map(([x, y, value]) => ({ x, y, in: { value } }))
  const schema = z.object({ x: a.schema, y: b.schema, in: z.object({ value: c.schema }) })
  return fc.record({ schema: fc.constant(schema), records: fc.tuple(held, held) })
})

test('a key is made of the bytes that its spans name, and of no others', () => {
  fc.assert(
    fc.property(subject, fc.subarray(['x', 'y', 'in'], { minLength: 1 }), ({ schema, records }, on) => {
      const heap = new HeapRecords(schema, 4)
      const [first, second] = records
      heap.set(0, first)
      heap.set(1, second)
      const plan = planIndex(heap.codec.layout, defineIndex('key', { on }))
      const codec = new KeyCodec(plan)
      const { stride, bytes } = heap
      bytes.copy(bytes, 2 * stride, 0, stride)
      for (const { start, end } of spansOf(plan)) {
        for (const to of [2, 3]) bytes.copy(bytes, to * stride + start, stride + start, stride + end)
      }
      const keyOf = (n: number): Uint32Array => {
        codec.extract(heap.view, n * stride)
        return codec.words.slice()
      }
      // The second record's bytes over the first one's, and over zeros.
      expect([keyOf(2), keyOf(3)]).toEqual([keyOf(1), keyOf(1)])
    }),
    propertyOptions(300),
  )
})

const PATH = '/keys/x.stride'
const COUNT = 20
const Item = z.object({ id: z.uint32(), key: ascii(40), text: ascii(400) })
/** Two keys of a record differ in the middle alone. */
const keyOf = (n: number, middle: string) => `${'a'.repeat(12)}${middle}${'b'.repeat(12)}${n}`
const INDEXES = { byKey: { on: 'key', kind: 'hash' } } as const

function filled(platform: SimulatedPlatform, options = {}) {
  const store = openStoreOn(platform, PATH, Item, options)
  store.appendMany(Array.from({ length: COUNT }, (_, id) => ({ id, key: keyOf(id, 'old!'), text: '' })))
  store.commitSync()
  return store
}

function copyOf(platform: SimulatedPlatform): Map<string, Uint8Array> {
  return new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
}

test('an index that was dropped is built again, though its file has it and the journal goes on from there', async () => {
  const platform = createSimulatedPlatform()
  filled(platform, { indexes: INDEXES }).close()
  const before = copyOf(platform)
  const dropping = openStoreOn(platform, PATH, Item)
  await dropping.dropIndex('byKey')
  // The process ends before the index file says so.
  const files = copyOf(platform).set(`${PATH}-index`, before.get(`${PATH}-index`) as Uint8Array)
  const without = createSimulatedPlatform({ files })
  const store = openStoreOn(without, PATH, Item)
  for (let n = 0; n < COUNT; n++) store.update(n, { key: keyOf(n, 'new!') })
  store.commitSync()
  const left = createSimulatedPlatform({ files: copyOf(without) })
  using found = openStoreOn(left, PATH, Item, { indexes: INDEXES })
  expect(found.recovery).toMatchObject({
    commitsReplayed: 1,
    indexesBuilt: [{ index: 'byKey', reason: 'it was not there yet' }],
  })
  for (let n = 0; n < COUNT; n++) {
    expect([...found.index('byKey').all(keyOf(n, 'new!'))]).toEqual([n])
    expect([...found.index('byKey').all(keyOf(n, 'old!'))]).toEqual([])
  }
})

test('a reading that catches the loss of its commit is repeated nevertheless', () => {
  const platform = createSimulatedPlatform()
  let writer = filled(platform)
  using reader = openStoreOn(platform, PATH, Item, { readOnly: true })
  let isCreated = false
  let lost = 0
  let rounds = 0
  const seen = reader.read(() => {
    rounds++
    const { key } = reader.get(3) as { key: string }
    if (!isCreated) {
      for (let n = 0; n < COUNT; n++) writer.update(n, { key: keyOf(n, String(1000 + rounds)) })
      writer.commitSync()
    }
    if (reader.get(3)?.key === key && !isCreated) {
      writer.close()
      writer = openStoreOn(platform, PATH, Item, { indexes: INDEXES })
      isCreated = true
    }
    if (!isCreated) return undefined
    try {
      return [...reader.index('byKey').all(reader.get(3)?.key as string)]
    } catch (error) {
      lost++
      return (error as Error).message
    }
  })
  expect(lost).toBeGreaterThan(0)
  expect(seen).toEqual([3])
  writer.close()
})

test('a reader that is held finds by an index that was created since what its commit has', () => {
  const platform = createSimulatedPlatform()
  let writer = filled(platform)
  using reader = openStoreOn(platform, PATH, Item, { readOnly: true })
  let round = 0
  let isCreated = false
  const seen = reader.read(() => {
    round++
    const { key } = reader.get(3) as { key: string }
    if (!isCreated) {
      for (let n = 0; n < COUNT; n++) writer.update(n, { key: keyOf(n, String(1000 + round)) })
      writer.commitSync()
    }
    // Only now is the reader held.
    if (reader.get(3)?.key === key && !isCreated) {
      writer.close()
      writer = openStoreOn(platform, PATH, Item, { indexes: INDEXES })
      isCreated = true
    }
    const held = reader.get(3)?.key
    if (!isCreated) return undefined
    return { isHeld: held === key, found: [...reader.index('byKey').all(held)] }
  })
  expect(isCreated).toBe(true)
  expect(seen).toEqual({ isHeld: true, found: [3] })
  writer.close()
})
