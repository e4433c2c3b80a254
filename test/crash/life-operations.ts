/**
 * Everything that a random life does with its store, in one table: the call, and what the model says of it.
 */

import { existsSync, rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Life } from './life.ts'
import { expectList, expectSame, LifeModel, type LifeStore } from './life-model.ts'
import { GROUPS, type Image, type RecordValue } from './life-records.ts'
import { concurrentTransaction } from './life-transactions.ts'
import { Violation } from './violation.ts'

/** Larger stores are made smaller: a comparison looks at every record. */
export const SIZE_MAX = 300
const BULK_BYTES = 160 * 1024
const BULK_RECORDS_MAX = 2000
export const SIDE_FILES = ['', '-journal', '-index', '-lock']

export interface Operation {
  readonly name: string
  /** How often it is drawn. */
  readonly weight: number
  readonly needsFile?: boolean
  run(life: Life): Promise<void> | void
}

type Writes = Pick<LifeStore, 'append' | 'update' | 'put' | 'delete' | 'get' | 'size'>

/** One change through the store or a transaction, and the same of the model. */
function change(life: Life, writes: Writes): void {
  const { random, model, records } = life
  const n = life.pickLive()
  const kind = random.below(n < 0 ? 1 : 6)
  if (kind <= 1) {
    const record = records.draw(random)
    const expected = life.nextNumber
    expectSame('the number of an append', writes.append(record), expected)
    model.staged[expected] = records.imageOf(record)
  } else if (kind === 2) {
    expectSame('delete', writes.delete(n), true)
    model.staged[n] = undefined
  } else if (kind === 3) {
    const record = records.draw(random, random.chance(0.5) ? model.staged[n]?.id : undefined)
    writes.put(n, record)
    model.staged[n] = records.imageOf(record)
  } else {
    const changed = records.drawChange(random)
    writes.update(n, changed)
    model.staged[n] = records.patched(model.staged[n] as Image, changed)
  }
}

/** A record that has another one's id. */
function duplicate({ random, records, model }: Life, of: number): RecordValue {
  return records.draw(random, model.staged[of]?.id)
}

const CUT_OFF = new Error('thrown by the callback')

const TABLE = {
  get: { weight: 20, run: life => expectNumber(life, life.pickAny()) },
  has: {
    weight: 4,
    run({ store, model, random }) {
      const n = random.below(model.size + 3)
      expectSame(`has(${n})`, store.has(n), model.staged[n] !== undefined)
    },
  },
  field: {
    weight: 14,
    run(life) {
      const { store, records, random } = life
      const n = life.pickLive()
      const name = random.pick(records.names)
      if (n < 0) life.expectRefused('ERR_STRIDE_NO_RECORD', () => store.field(0, name as never))
      else expectField(life, n, name, store.field(n, name as never))
    },
  },
  row: {
    weight: 8,
    run(life) {
      const { store, records, random, model } = life
      const n = life.pickLive()
      if (n < 0) return
      const row = store.row(n) as unknown as Record<string, unknown> & {
        seek(n: number): unknown
        toObject(): unknown
      }
      expectField(life, n, 'id', row['id'])
      const other = life.pickLive()
      row.seek(other)
      const name = random.pick(records.names)
      expectField(life, other, name, row[name])
      model.expectRecord('toObject', other, row.toObject())
    },
  },
  getMany: {
    weight: 2,
    run(life) {
      const numbers = Array.from({ length: life.random.below(20) }, () => life.pickAny() - 1)
      for (const [i, record] of life.store.getMany(numbers).entries())
        life.model.expectRecord('getMany', numbers[i] as number, record)
    },
  },
  gather: {
    weight: 2,
    run({ store, model, random }) {
      const numbers = Array.from({ length: random.below(20) }, () => random.below(model.size + 2))
      const name = random.pick(['id', 'group'] as const)
      const found = store.gather(name as never, numbers, { missing: 0 as never })
      const expected = numbers.map(n => model.staged[n]?.[name] ?? 0)
      expectList(`gather of ${name}`, found as unknown as ArrayLike<number>, expected)
    },
  },
  scan: {
    weight: 1,
    run({ store, model, random }) {
      const from = random.below(model.size + 2)
      const to = from + random.below(40)
      const rows = store.scan({ from, to }) as Iterable<{ readonly number: number; readonly id: number }>
      const expected = model.live.filter(n => n >= from && n < to)
      expectList(
        `scan from ${from} to ${to}`,
        Array.from(rows, row => row.id),
        expected.map(n => model.staged[n]?.id as number),
      )
    },
  },
  'lookup by id': {
    weight: 14,
    run(life) {
      const { store, model, random } = life
      const id = model.staged[life.pickAny()]?.id ?? random.below(2 ** 32)
      const n = model.numberOf(id)
      const byId = store.index('byId')
      expectSame(`number of id ${id}`, byId.number(id as never), n)
      if (random.chance(0.5)) model.expectRecord('get by id', n, byId.get(id as never))
      else expectSame(`has id ${id}`, byId.has(id as never), n >= 0)
    },
  },
  'lookup by group': {
    weight: 3,
    run({ store, model, random }) {
      const group = random.below(GROUPS + 1)
      const byGroup = store.index('byGroup')
      const expected = model.numbersOf(group)
      expectList(`all of group ${group}`, byGroup.all(group as never), expected)
      expectSame(`number of group ${group}`, byGroup.number(group as never), expected[0] ?? -1)
    },
  },
  'range by group': {
    weight: 3,
    run({ store, model, random }) {
      const byGroup = store.index('byGroup')
      if (byGroup.kind !== 'ordered') return
      const [gte, lt] = [random.below(GROUPS), random.below(GROUPS + 2)]
      const [reverse, offset, limit] = [random.chance(0.5), random.below(4), random.below(30)]
      const all = model.inOrder(gte, lt)
      expectSame('count of a range', byGroup.count({ gte, lt } as never), all.length)
      if (reverse) all.reverse()
      const found = byGroup.range({ gte, lt, reverse, offset, limit } as never).numbers()
      expectList('range by group', found, all.slice(offset, offset + limit))
    },
  },
  change: { weight: 30, run: life => change(life, life.store) },
  appendMany: {
    weight: 2,
    run: life => appendMany(life, life.random.below(25)),
  },
  bulk: {
    weight: 0.01,
    run: life => appendMany(life, Math.min(BULK_RECORDS_MAX, Math.ceil(BULK_BYTES / life.records.recordSize))),
  },
  'delete what is not there': {
    weight: 1,
    run({ store, model, random }) {
      const n = random.below(model.size + 3)
      if (model.staged[n] === undefined) expectSame(`delete(${n})`, store.delete(n), false)
    },
  },
  'change what is not there': {
    weight: 0.5,
    run(life) {
      const n = life.pickAny()
      const { store, records, random, model } = life
      if (model.staged[n] !== undefined) return
      life.expectRefused('ERR_STRIDE_NO_RECORD', () => store.put(n, records.draw(random)))
      life.expectRefused('ERR_STRIDE_NO_RECORD', () => store.update(n, { group: 1 }))
    },
  },
  'a record that does not fit': {
    weight: 0.4,
    run(life) {
      const { store, records, random } = life
      const wrong = { ...records.draw(random), group: 256 }
      life.expectRefused('ERR_STRIDE_RECORD', () => store.append(wrong))
      const batch = [records.draw(random), records.draw(random), wrong]
      life.expectRefused('ERR_STRIDE_RECORD', () => store.appendMany(batch as never))
      const n = life.pickLive()
      if (n < 0) return
      life.expectRefused('ERR_STRIDE_RECORD', () => store.put(n, wrong))
      life.expectRefused('ERR_STRIDE_RECORD', () => store.update(n, { id: -1 }))
    },
  },
  'an id that is taken': {
    weight: 0.4,
    run(life) {
      const { store, records, random, model } = life
      const [one, other] = [life.pickLive(), life.pickLive()]
      if (one < 0) return
      const refused = (call: () => unknown): void => life.expectRefused('ERR_STRIDE_DUPLICATE_KEY', call)
      refused(() => store.append(duplicate(life, one)))
      refused(() => store.appendMany([records.draw(random), duplicate(life, one)] as never))
      if (one === other) return
      refused(() => store.put(other, duplicate(life, one)))
      refused(() => store.update(other, { id: model.staged[one]?.id }))
    },
  },
  commit: {
    weight: 3,
    async run({ store, model, random }) {
      if (random.chance(0.5)) store.commitSync()
      else await store.commit()
      model.commit()
    },
  },
  'two commits in a turn': {
    weight: 0.5,
    async run(life) {
      const first = life.store.commit()
      for (let i = life.random.below(3); i > 0; i--) change(life, life.store)
      await Promise.all([first, life.store.commit()])
      life.model.commit()
    },
  },
  rollback: {
    weight: 1,
    run({ store, model }) {
      store.rollback()
      model.rollback()
    },
  },
  'rollback behind a commit': {
    weight: 0.1,
    async run(life) {
      const { store, model } = life
      const committing = store.commit()
      model.commit()
      for (let i = life.random.below(3); i > 0; i--) change(life, store)
      store.rollback()
      model.rollback()
      model.expectAll(store)
      await committing
    },
  },
  transaction: {
    weight: 0.5,
    async run(life) {
      const { store, model, random } = life
      await TABLE.commit.run(life)
      const isCutOff = random.chance(0.3)
      const running = store.transaction(tx => {
        for (let i = random.below(5); i > 0; i--) change(life, tx as unknown as Writes)
        if (isCutOff) throw CUT_OFF
      })
      await running.catch(error => {
        if (error !== CUT_OFF) throw error
      })
      if (isCutOff) model.rollback()
      else model.commit()
    },
  },
  'a transaction beside what is staged': { weight: 0.5, run: concurrentTransaction },
  flush: { weight: 0.05, run: ({ store }) => store.flush() },
  trim: { weight: 0.3, run: ({ store }) => store.trim() },
  checkpoint: { weight: 0.12, run: ({ store }) => store.checkpoint() },
  turn: { weight: 0.3, run: () => new Promise(setImmediate) },
  compact: {
    weight: 0.03,
    async run({ store, model }) {
      store.rollback()
      model.rollback()
      const moved = await store.compact()
      let next = 0
      expectList(
        'what compact answers',
        moved,
        model.staged.map(image => (image === undefined ? -1 : next++)),
      )
      model.staged = model.staged.filter(image => image !== undefined)
      model.commit()
    },
  },
  shrink: {
    weight: 0,
    async run(life) {
      const { store, model } = life
      const { live } = model
      for (const n of live.slice(life.random.below(SIZE_MAX / 2))) {
        store.delete(n)
        model.staged[n] = undefined
      }
      await TABLE.commit.run(life)
      await TABLE.compact.run(life)
    },
  },
  'one more index': {
    weight: 0.04,
    async run(life) {
      const { store, model, random } = life
      await TABLE.commit.run(life)
      if (store.indexes.some(({ name }) => name === 'more')) {
        await store.dropIndex('more')
        return
      }
      const kind = random.pick(['hash', 'ordered'] as const)
      await store.createIndex('more', { on: ['group', 'id'], kind } as never)
      const keys = model.live.map(n => [model.staged[n]?.group, model.staged[n]?.id])
      expectList('numbers of a new index', store.index('more').numbers(keys as never), model.live)
    },
  },
  reopen: {
    weight: 0.1,
    needsFile: true,
    run(life) {
      if (life.backend === 'memory') return
      life.reopen()
      life.model.rollback()
    },
  },
  'a reader beside': {
    weight: 0.06,
    needsFile: true,
    async run(life) {
      // Other openers are told of a commit once it is synced.
      await life.store.flush()
      expectCommitted(life, life.open({ readOnly: true }))
    },
  },
  backup: {
    weight: 0.02,
    needsFile: true,
    async run(life) {
      const path = `${life.path}-copy`
      try {
        await life.store.backup(path)
        // Its indexes are built by the next writer, whether that declares them or not.
        expectCommitted(life, life.open(life.random.chance(0.5) ? { indexes: undefined } : {}, path))
      } finally {
        for (const ending of SIDE_FILES) if (existsSync(path + ending)) rmSync(path + ending)
      }
    },
  },
  verify: {
    weight: 0.03,
    async run({ store }) {
      const { findings } = await store.verify()
      if (findings.length > 0) throw new Violation(`verify found ${findings[0]?.code}: ${findings[0]?.message}`)
    },
  },
} satisfies Record<string, Omit<Operation, 'name'>>

export const OPERATIONS = Object.fromEntries(
  Object.entries(TABLE).map(([name, operation]) => [name, { name, ...operation }]),
) as Record<keyof typeof TABLE, Operation>

/** Each as often as its weight says. */
const drawn = (which: (operation: Operation) => boolean): readonly Operation[] =>
  Object.values(OPERATIONS)
    .filter(which)
    .flatMap(operation => Array.from({ length: Math.round(operation.weight * 100) }, () => operation))
export const DRAWN = drawn(() => true)
export const DRAWN_IN_MEMORY = drawn(({ needsFile }) => needsFile !== true)

function expectNumber({ store, model }: Life, n: number): void {
  model.expectRecord('get', n, store.get(n))
}

function expectField({ model, records }: Life, n: number, name: string, given: unknown): void {
  const expected = records.fieldOf(model.staged[n] as Image, name)
  if (!isDeepStrictEqual(given, expected))
    throw new Violation(`${name} of ${n} is ${String(given)}, not ${String(expected)}`)
}

function appendMany({ store, model, records, random }: Life, count: number): void {
  const batch = Array.from({ length: count }, () => records.draw(random))
  const { first, count: appended } = store.appendMany(batch as never)
  expectSame('the first of a batch', first, model.size)
  expectSame('the count of a batch', appended, count)
  for (const record of batch) model.staged.push(records.imageOf(record))
}

/** Compares another opener with what is committed, and closes it. */
function expectCommitted({ model, records }: Life, other: LifeStore): void {
  try {
    const committed = new LifeModel(records)
    committed.staged = [...model.committed]
    committed.expectAll(other)
  } finally {
    other.close()
  }
}
