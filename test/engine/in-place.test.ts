/**
 * Appended records that no frame holds lie in the data file alone. What could go wrong: the file beside a journal is an older copy,
 * or lost what was synced, and the journal is believed; or the check takes for damage what a later frame changed there already.
 * Rules of docs/durability.md: D2, D4; of src/engine/journal/in-place.ts: IP1 to IP3.
 */

import fc from 'fast-check'
import { ascii, StrideError } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { readIdentity } from '../../src/engine/format/identity.ts'
import { FRAME_HEADER, FRAME_MAGIC, JOURNAL_HEADER } from '../../src/engine/format/journal-format.ts'
import { openStoreOn } from '../../src/engine/open.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { propertyOptions } from '../property.ts'

const Item = z.object({ id: z.uint32(), text: ascii(2000) })
const PATH = '/in-place/x.stride'
const JOURNAL = `${PATH}-journal`
/** More bytes of records than ride in a frame. */
const BULK = 100
/** Spills: more than one piece of heap memory. */
const LARGE = 700

type Files = Map<string, Uint8Array>
type ItemStore = ReturnType<typeof open>

const open = (files?: Files, readOnly = false) =>
  openStoreOn(createSimulatedPlatform(files === undefined ? {} : { files }), PATH, Item, { readOnly })
const item = (id: number) => ({ id, text: String(id).repeat(100) })
const items = (from: number, count: number) => Array.from({ length: count }, (_, i) => item(from + i))

function start() {
  const platform = createSimulatedPlatform()
  const store = openStoreOn(platform, PATH, Item, {})
  const copy = (): Files => new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
  return { platform, store, copy }
}

function recordsOf(store: ItemStore): readonly (readonly [number, number, string])[] {
  return Array.from(store.scan(), row => [row.number, row.id, row.text] as const)
}

/** What the files of a left store answer, to a reader and to a writer. */
function outcomes(files: Files): readonly unknown[] {
  return [true, false].map(readOnly => {
    try {
      using store = open(files, readOnly)
      return recordsOf(store)
    } catch (error) {
      if (error instanceof StrideError) return [error.code, error.offset]
      throw error
    }
  })
}

/** File offset of a record, and bytes of one. */
function placeOf(files: Files, n: number): { readonly at: number; readonly size: number } {
  const file = createSimulatedPlatform({ files }).open(PATH, { access: 'read', create: 'never' })
  const { dataOffset, recordSize } = readIdentity(file)
  file.close()
  return { at: dataOffset + n * recordSize, size: recordSize }
}

function refusedAt(offset: number): readonly unknown[] {
  return Array(2).fill(['ERR_STRIDE_CORRUPT', offset])
}

describe('a journal beside a data file without the records that were synced there', () => {
  test('is refused where the file is an older copy, padded or not', () => {
    const { store, copy } = start()
    store.appendMany(items(0, 40))
    store.commitSync()
    const older = copy()
    store.appendMany(items(40, BULK))
    store.commitSync()
    const later = copy()
    const first = placeOf(later, 40).at
    const mixed = new Map(later).set(PATH, older.get(PATH) as Uint8Array)
    expect(outcomes(mixed)).toEqual(refusedAt(first))
    const padded = new Uint8Array((later.get(PATH) as Uint8Array).length)
    padded.set(older.get(PATH) as Uint8Array)
    expect(outcomes(new Map(later).set(PATH, padded))).toEqual(refusedAt(first))
    expect(outcomes(later)).toEqual(Array(2).fill(recordsOf(store)))
    store.close()
  })

  test('is refused for one wrong bit in the first, a middle or the last record, acknowledged by a later frame or not', () => {
    for (const isFollowed of [false, true]) {
      const { store, copy } = start()
      store.appendMany(items(0, 3))
      store.commitSync()
      store.appendMany(items(3, LARGE))
      store.commitSync()
      if (isFollowed) {
        store.append(item(7))
        store.commitSync()
      }
      const files = copy()
      store.close()
      const { at: first, size } = placeOf(files, 3)
      for (const at of [first, first + 1, first + size * 350 + 9, first + size * LARGE - 1]) {
        const bytes = (files.get(PATH) as Uint8Array).slice()
        bytes[at] = (bytes[at] as number) ^ 4
        expect(outcomes(new Map(files).set(PATH, bytes)), `offset ${at}`).toEqual(refusedAt(first))
      }
    }
  })

  test('goes by the frame of the commit whose records differ, not by another', () => {
    const { store, copy } = start()
    for (let i = 0; i < 3; i++) {
      store.appendMany(items(i * BULK, BULK))
      store.commitSync()
      store.update(i * BULK, { id: 1 })
      store.commitSync()
    }
    const files = copy()
    store.close()
    const second = placeOf(files, BULK)
    const bytes = (files.get(PATH) as Uint8Array).slice()
    bytes.fill(0, second.at + second.size, second.at + 2 * second.size)
    expect(outcomes(new Map(files).set(PATH, bytes))).toEqual(refusedAt(second.at))
  })
})

describe('records that a frame of the journal changed', () => {
  test('may lie there as before it, as after it, or torn', () => {
    const { store, copy } = start()
    store.appendMany(items(0, LARGE))
    // The first ones are in the file already: the same frame has their images.
    for (const n of [0, 5, 6]) store.update(n, { id: 9_000 + n })
    store.delete(8)
    store.commitSync()
    const before = copy().get(PATH) as Uint8Array
    store.update(1, { id: 9_001 })
    store.delete(2)
    store.update(LARGE - 1, { text: 'last' })
    store.commitSync()
    store.update(1, { id: 9_002 })
    store.update(7, { id: 9_007 })
    store.commitSync()
    const files = copy()
    const expected = Array(2).fill(recordsOf(store))
    store.close()
    expect(outcomes(files)).toEqual(expected)
    // Of these the journal has whole images: whatever lies there is replaced.
    for (const n of [0, 5, 6]) {
      const { at, size } = placeOf(files, n)
      const torn = (files.get(PATH) as Uint8Array).slice()
      torn.fill(0xa5, at + 3, at + size - 1)
      expect(outcomes(new Map(files).set(PATH, torn)), `record ${n}`).toEqual(expected)
    }
    // Of these it has what changed: sectors may be old or new.
    for (const n of [1, 7, LARGE - 1]) {
      const { at, size } = placeOf(files, n)
      for (const [from, to] of [
        [0, size],
        [0, 2],
        [2, size],
        [1, 3],
        [size - 512, size],
        [3, 600],
      ] as const) {
        const torn = (files.get(PATH) as Uint8Array).slice()
        torn.set(before.subarray(at + from, at + to), at + from)
        expect(outcomes(new Map(files).set(PATH, torn)), `record ${n}, ${from} to ${to} as before`).toEqual(
          expected,
        )
      }
    }
    const { at } = placeOf(files, 9)
    const damaged = (files.get(PATH) as Uint8Array).slice()
    damaged[at] = 1
    expect(outcomes(new Map(files).set(PATH, damaged))).toEqual(refusedAt(placeOf(files, 0).at))
  })

  test('leave a journal of any history right, and any other record of it damage', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('append'), count: fc.constantFrom(1, 3, BULK, LARGE) }),
      },
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constantFrom('update', 'delete'), at: fc.nat(5000) }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constantFrom('commit', 'rollback', 'failed batch', 'checkpoint') }),
      },
    ) as fc.Arbitrary<{ readonly kind: string; readonly count?: number; readonly at?: number }>
    const history = fc.tuple(fc.array(step, { minLength: 3, maxLength: 25 }), fc.nat())
    const property = fc.asyncProperty(history, async ([steps, where]) => {
      const { store, copy } = start()
      let id = 0
      for (const { kind, count = 0, at = 0 } of steps) {
        if (store.size > 3000 && kind === 'append') continue
        const n = store.size === 0 ? 0 : at % store.size
        if (kind === 'append') store.appendMany(items((id += 1000), count))
        else if (kind === 'update' && store.has(n)) store.update(n, { id: id++ })
        else if (kind === 'delete' && store.size > 0) store.delete(n)
        else if (kind === 'commit') store.commitSync()
        else if (kind === 'rollback') store.rollback()
        else if (kind === 'checkpoint') await store.checkpoint()
        else if (kind === 'failed batch') {
          expect(() => store.appendMany([...items(id, LARGE), { id: -1, text: '' }])).toThrow(StrideError)
        }
      }
      store.commitSync()
      const files = copy()
      const expected = recordsOf(store)
      const { size } = store
      store.close()
      expect(outcomes(files)).toEqual([expected, expected])
      if (size === 0 || !files.has(JOURNAL)) return
      // A damaged record is refused, or its frame has its image, or it lay in the file before the journal.
      const { at, size: recordSize } = placeOf(files, where % size)
      const damaged = (files.get(PATH) as Uint8Array).slice()
      damaged.fill(0xa5, at, at + recordSize)
      for (const what of outcomes(new Map(files).set(PATH, damaged)) as [unknown, unknown][]) {
        if (what[0] === 'ERR_STRIDE_CORRUPT') continue
        const others = (what as unknown as ReturnType<typeof recordsOf>).filter(([n]) => n !== where % size)
        expect(others).toEqual(expected.filter(([n]) => n !== where % size))
      }
    })
    return fc.assert(property, propertyOptions(20))
  })
})

test('a journal of an earlier version, whose frames have no such checksum, is replayed', () => {
  const { store, copy } = start()
  store.appendMany(items(0, BULK))
  store.commitSync()
  const files = copy()
  const expected = Array(2).fill(recordsOf(store))
  store.close()
  const journal = Buffer.from((files.get(JOURNAL) as Uint8Array).slice())
  let frames = 0
  for (let at = JOURNAL_HEADER.size; at + FRAME_HEADER.size <= journal.length; at += 8) {
    if (journal.readUInt32LE(at) !== FRAME_MAGIC) continue
    const head = FRAME_HEADER.decode(journal.subarray(at, at + FRAME_HEADER.size))
    journal.set(FRAME_HEADER.encode({ ...head, inPlaceCrc: 0, hasInPlaceCrc: 0 }), at)
    frames++
  }
  expect(frames).toBe(1)
  expect(outcomes(new Map(files).set(JOURNAL, journal))).toEqual(expected)
})
