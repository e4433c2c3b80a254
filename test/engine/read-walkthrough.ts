/**
 * One store by chance, read in every way after every change: `get`, `field`, rows that seek, rows that are held, walks, by the
 * writer and by a reader beside it. Each answer is compared with what the plain codec makes of the records that were written.
 *
 * Runs in a test and, where code generation is forbidden, in a process of its own.
 */

import { deepStrictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { openStore, type Store, type StoreOptions, StrideError } from '../../src/index.ts'
import { codecOf } from '../../src/schema/index.ts'
import { LifeRecords } from '../crash/life-records.ts'
import { type Random, seededRandom } from '../crash/random.ts'

type Fields = Readonly<Record<string, unknown>>
/** A row, whatever its schema. */
type AnyRow = Fields & { readonly number: number; seek(n: number): AnyRow; toObject(): Fields }
interface Side {
  readonly store: Store
  /** What it shows: undefined marks a deleted record. */
  readonly shown: () => readonly (Fields | undefined)[]
  /** Goes from record to record. */
  row: AnyRow
  /** Stays on its record, until that is deleted. */
  held: AnyRow
  heldOn: number
}

const STEPS = 30
const MANY = 400

/** @returns a digest of all answers */
export async function readEveryWay(path: string, seed: number, options: StoreOptions): Promise<string> {
  const random = seededRandom(seed)
  const records = new LifeRecords(random)
  const { schema, names, layouting, recordSize } = records
  const plain = codecOf(schema, { ...layouting, compile: false })
  const bytes = Buffer.alloc(recordSize)
  const view = new DataView(bytes.buffer, bytes.byteOffset, recordSize)
  const drawn = (): [never, Fields] => {
    const record = records.draw(random)
    plain.encode(record, view, bytes, 0)
    return [record as never, plain.decode(view, bytes, 0) as Fields]
  }
  const digest = createHash('sha256')
  let staged: (Fields | undefined)[] = []
  let committed: (Fields | undefined)[] = []
  const store = openStore(path, schema, { ...layouting, ...options }) as unknown as Store
  const commit = (): void => {
    store.commitSync()
    committed = [...staged]
  }
  const append = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const [record, image] = drawn()
      store.append(record)
      staged.push(image)
    }
  }
  append(3)
  commit()
  const reader = openStore(path, schema, { ...layouting, ...options, readOnly: true }) as unknown as Store
  const sides: readonly Side[] = [sideOf(store, () => staged), sideOf(reader, () => committed)]
  try {
    for (let step = 0; step < STEPS; step++) {
      const n = random.below(staged.length)
      const what = random.below(12)
      if (what < 4 && staged[n] !== undefined) {
        const [record, image] = drawn()
        store.put(n, record)
        staged[n] = image
      } else if (what === 4 && staged[n] !== undefined) {
        store.delete(n)
        staged[n] = undefined
      } else if (what === 5) append(random.pick([1, 2, MANY]))
      else if (what < 8) commit()
      else if (what === 8) {
        store.rollback()
        staged = [...committed]
      } else if (what === 9) random.pick([store, reader]).trim()
      else if (what === 10) await nextTurn()
      else if (step % 3 === 0) {
        commit()
        await store.compact()
        staged = staged.filter(record => record !== undefined)
        committed = [...staged]
        if (staged.length === 0) append(3)
        commit()
        for (const side of sides) Object.assign(side, sideOf(side.store, side.shown))
      }
      // Staged in parts, and in each of them read again.
      for (const side of sides) compare(side, names, random, digest)
    }
  } finally {
    reader.close()
    store.close()
  }
  for (const { store: closed, row, held } of sides) {
    const calls = [
      () => closed.get(0),
      () => closed.field(0, 'id' as never),
      () => row.seek(0),
      () => held.toObject(),
    ]
    for (const name of names)
      calls.push(
        () => held[name],
        () => row[name],
      )
    for (const call of calls) deepStrictEqual(outcome(call), 'ERR_STRIDE_CLOSED')
  }
  return digest.digest('hex')
}

function sideOf(store: Store, shown: Side['shown']): Side {
  const heldOn = shown().findIndex(record => record !== undefined)
  const rowOn = (): AnyRow => store.row(heldOn) as unknown as AnyRow
  return { store, shown, row: rowOn(), held: rowOn(), heldOn }
}

function compare(
  side: Side,
  names: readonly string[],
  random: Random,
  digest: ReturnType<typeof createHash>,
): void {
  const { store, row, held, heldOn } = side
  const shown = side.shown()
  const some = [
    0,
    shown.length - 1,
    ...Array.from({ length: 4 }, () => random.below(shown.length)),
    shown.length,
  ]
  for (const n of some) {
    const record = shown[n]
    const answers = names.map(name => outcome(() => store.field(n, name as never)))
    const expected = names.map(name => (record === undefined ? 'ERR_STRIDE_NO_RECORD' : record[name]))
    deepStrictEqual(answers, expected)
    deepStrictEqual(store.get(n), record)
    if (record === undefined) {
      deepStrictEqual(
        outcome(() => row.seek(n)),
        'ERR_STRIDE_NO_RECORD',
      )
    } else {
      deepStrictEqual(row.seek(n).number, n)
      deepStrictEqual(
        names.map(name => row[name]),
        expected,
      )
      deepStrictEqual(row.toObject(), record)
    }
    digest.update(inspect(answers, { depth: null }))
  }
  compareBulk(store, shown, names, some)
  // Reads of others in between are nothing to a row that is held.
  const on = shown[heldOn]
  for (const name of names) {
    deepStrictEqual(
      outcome(() => held[name]),
      on === undefined ? 'ERR_STRIDE_NO_RECORD' : on[name],
    )
    if (on !== undefined) deepStrictEqual(held.number, heldOn)
    outcome(() => store.field(random.below(shown.length), name as never))
  }
  if (on === undefined) {
    Object.assign(side, sideOf(store, side.shown))
    if (side.heldOn < 0) throw new Error('every record was deleted')
  }
  const from = random.below(shown.length)
  const walked: unknown[] = []
  for (const each of store.scan({ from, to: from + 5 }) as Iterable<AnyRow>) {
    walked.push([each.number, Object.fromEntries(names.map(name => [name, each[name]]))])
  }
  const live = [...shown.entries()].slice(from, from + 5).filter(([, record]) => record !== undefined)
  deepStrictEqual(
    walked,
    live.map(([n, record]) => [n, record]),
  )
}

/** A few records at once are read in another way than many. */
function compareBulk(
  store: Store,
  shown: readonly (Fields | undefined)[],
  names: readonly string[],
  some: readonly number[],
): void {
  deepStrictEqual(
    store.getMany([-1, ...some]),
    [-1, ...some].map(n => shown[n]),
  )
  const live = some.filter(n => shown[n] !== undefined)
  if (live.length === 0) return
  const many = Array.from({ length: 130 }, (_, i) => live[i % live.length] as number)
  for (const name of names) {
    const few = [...(store.gather(name as never, live) as ArrayLike<unknown> as unknown[])]
    const first = [...(store.gather(name as never, many) as ArrayLike<unknown> as unknown[])]
    deepStrictEqual(few, first.slice(0, few.length))
    if (live.length === some.length) continue
    deepStrictEqual(
      outcome(() => store.gather(name as never, some)),
      'ERR_STRIDE_NO_RECORD',
    )
  }
}

/** What a call gives, or the code that it fails with. */
function outcome(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    if (error instanceof StrideError) return error.code
    throw error
  }
}
