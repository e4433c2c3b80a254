/**
 * What could go wrong with transactions that go on at once: one sees what was committed after it began, or what another one has
 * staged; a conflict is missed, or reported where there is none; what the store itself has staged is lost when another commits;
 * a number is given twice; an index finds what the transaction does not see. The model keeps every commit as a list.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { type ConcurrentTransaction, openStore, type Store, type StrideError } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { propertyOptions } from '../../property.ts'
import { BACKENDS, codeOf, temporaryFolder } from '../support.ts'

const Item = z.object({ key: z.uint32(), tag: z.uint32(), text: z.int32() })
type Value = z.output<typeof Item>
const INDEXES = {
  byKey: { on: 'key', unique: true },
  byTag: { on: 'tag', kind: 'ordered' },
} as const
type Items = Store<typeof Item, typeof INDEXES>
type Tx = ConcurrentTransaction<typeof Item, typeof INDEXES>
type Records = ReadonlyMap<number, Value>

const TXS = 3
/** Records at first. */
const FIRST = 12
/** Keys from this number on are those of records that `grow` made. */
const GROWN_FROM = 1000
const fields = { key: fc.nat(30), tag: fc.nat(4), text: fc.nat(99) }
const value = fc.record(fields)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), who: fc.nat(TXS), value }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('appendMany' as const),
      who: fc.nat(TXS),
      values: fc.array(value, { maxLength: 4 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('update' as const, 'put' as const, 'delete' as const, 'upsert' as const),
      who: fc.nat(TXS),
      at: fc.nat(1000),
      value,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('get', 'key', 'tag', 'scan', 'gather', 'more', 'row') as fc.Arbitrary<Reading>,
      who: fc.nat(TXS),
      at: fc.nat(40),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('commit' as const), who: fc.nat(TXS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rollback' as const), who: fc.nat(TXS) }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'checkpoint' as const }, { kind: 'await' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'compact' as const }, { kind: 'reopen' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'grow' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('transaction' as const), at: fc.nat(1000), value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('index' as const), at: fc.nat(3) }) },
)
type Reading = 'get' | 'key' | 'tag' | 'scan' | 'gather' | 'more' | 'row'
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type Writing = Extract<Step, { who: number } & ({ value: Value } | { values: Value[] })>

/** One transaction, or the store itself, beside what it must see. */
class Caller {
  readonly tx: Tx | undefined
  readonly base: Records
  readonly at: number
  readonly own = new Map<number, Value | undefined>()
  readonly appended = new Set<number>()
  readonly reads = new Set<number>()
  /** Held from the start, where there is a record to stand on. */
  readonly row: ReturnType<Items['row']> | undefined
  constructor(tx: Tx | undefined, model: Model) {
    this.tx = tx
    this.base = model.committed
    this.at = model.history.length
    const first = tx === undefined ? undefined : [...this.base.keys()][0]
    if (first === undefined) return
    this.row = tx?.row(first)
    this.reads.add(first)
  }
  seen(): Map<number, Value> {
    const seen = new Map(this.base)
    for (const [n, value] of this.own) {
      if (value === undefined) seen.delete(n)
      else seen.set(n, value)
    }
    return new Map([...seen].sort(([a], [b]) => a - b))
  }
}

class Model {
  committed: Records = new Map()
  size = 0
  /** The numbers that each commit changed. */
  readonly history: ReadonlySet<number>[] = []
  /** Numbers of records that callers appended and did not commit. */
  readonly given = new Set<number>()

  changedSince(at: number, n: number): boolean {
    return this.history.slice(at).some(changed => changed.has(n))
  }
  /** What was rolled back, or is committed, is nobody's number any more. */
  giveBack(caller: Caller | undefined): void {
    for (const n of caller?.appended ?? []) this.given.delete(n)
  }
  commit(own: ReadonlyMap<number, Value | undefined>): void {
    const next = new Map(this.committed)
    const changed = new Set<number>()
    for (const [n, value] of own) {
      // Appended and deleted at once, a number was never there.
      if (value === undefined ? next.delete(n) : next.set(n, value)) changed.add(n)
      this.size = Math.max(this.size, n + 1)
    }
    this.committed = next
    this.history.push(changed)
  }
}

const rivalIn = (records: Records, n: number, { key }: Value): number | undefined =>
  [...records].find(([other, value]) => other !== n && value.key === key)?.[0]

class Run {
  readonly model = new Model()
  callers: (Caller | undefined)[] = []
  store: Items
  readonly #open: () => Items
  readonly #reuses: boolean
  /** Whether the index that comes and goes is there. */
  #hasMore = false
  constructor(open: () => Items, reuses: boolean) {
    this.store = open()
    this.#open = open
    this.#reuses = reuses
    this.callers[0] = new Caller(undefined, this.model)
  }

  caller(who: number): Caller {
    this.callers[who] ??= new Caller(this.store.begin(), this.model)
    return this.callers[who] as Caller
  }

  /** Some records, and all transactions. */
  async begin(): Promise<void> {
    for (let i = 0; i < FIRST; i++) {
      await this.step({ kind: 'append', who: 0, value: { key: i, tag: i % 5, text: i } })
    }
    await this.step({ kind: 'commit', who: 0 })
    for (let who = 1; who <= TXS; who++) this.caller(who)
  }

  /** The store itself sees the newest commit. */
  rebaseStore(): void {
    const { own } = this.callers[0] as Caller
    const now = new Caller(undefined, this.model)
    for (const [n, value] of own) now.own.set(n, value)
    for (const n of (this.callers[0] as Caller).appended) now.appended.add(n)
    this.callers[0] = now
  }

  async step(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
      case 'appendMany':
      case 'update':
      case 'put':
      case 'delete':
      case 'upsert':
        this.write(step)
        return
      case 'get':
      case 'key':
      case 'tag':
      case 'scan':
      case 'gather':
      case 'more':
      case 'row':
        this.read(step)
        return
      case 'commit':
        return this.commit(step.who)
      case 'rollback':
        this.callers[step.who]?.tx?.rollback()
        this.model.giveBack(this.callers[step.who])
        if (step.who === 0) {
          this.store.rollback()
          this.callers[0] = undefined
          this.callers[0] = new Caller(undefined, this.model)
        } else this.callers[step.who] = undefined
        return
      case 'checkpoint':
        await this.store.checkpoint()
        return
      case 'await':
        await this.store.flush()
        return
      case 'compact':
        await this.compact()
        return
      case 'grow':
        await this.grow()
        return
      case 'reopen':
        this.reopen()
        return
      case 'transaction':
        await this.transaction(step)
        return
      case 'index':
        await this.toggleIndex(step.at)
    }
  }

  isStaged(): boolean {
    return (this.callers[0] as Caller).own.size > 0
  }

  /** A callback's transaction: it comes between others like any commit. */
  async transaction({ at, value }: Extract<Step, { kind: 'transaction' }>): Promise<void> {
    if (this.isStaged()) return
    const caller = this.callers[0] as Caller
    await this.store.transaction(tx => {
      this.write({ kind: 'upsert', who: 0, at, value }, tx as unknown as Items)
      this.write({ kind: at % 3 === 0 ? 'delete' : 'update', who: 0, at, value }, tx as unknown as Items)
    })
    this.model.giveBack(caller)
    this.model.commit(caller.own)
    this.callers[0] = new Caller(undefined, this.model)
  }

  /** Commits so many records that a checkpoint brings them into the pages of the indexes. */
  async grow(): Promise<void> {
    if (this.isStaged()) return
    const from = GROWN_FROM + this.model.history.length * FIRST
    const values = Array.from({ length: FIRST }, (_, i) => ({ key: from + i, tag: i % 5, text: i }))
    this.appendMany({ kind: 'appendMany', who: 0, values })
    await this.commit(0)
    await this.store.checkpoint()
  }

  async toggleIndex(at: number): Promise<void> {
    if (this.isStaged()) return
    if (this.#hasMore) await this.store.dropIndex('more')
    else {
      const kind = at % 2 === 0 ? 'hash' : 'ordered'
      await this.store.createIndex('more', {
        on: at < 2 ? ['tag', 'key'] : ['key', 'tag'],
        kind,
        unique: at % 3 === 0,
      })
    }
    this.#hasMore = !this.#hasMore
  }

  /** What was staged, and whoever read, is gone. */
  reopen(): void {
    if (this.store.backend === 'memory') return
    this.store.close()
    for (const caller of this.callers.slice(1)) {
      if (caller !== undefined) expect(codeOf(() => caller.tx?.get(0))).toBe('ERR_STRIDE_CLOSED')
    }
    this.model.given.clear()
    this.store = this.#open()
    expect(this.store.size).toBe(this.model.size)
    this.callers = [new Caller(undefined, this.model)]
  }

  /** A number that the caller got for a new record. */
  give(caller: Caller, n: number, value: Value, mayReuse: boolean): void {
    expect(this.model.given.has(n), `number ${n} is another one's`).toBe(false)
    if (!mayReuse) expect(n).toBeGreaterThanOrEqual(this.model.size)
    this.model.given.add(n)
    caller.appended.add(n)
    caller.own.set(n, value)
  }

  appendMany({ who, values }: Extract<Step, { kind: 'appendMany' }>): void {
    const caller = this.caller(who)
    const on = caller.tx ?? this.store
    const seen = caller.seen()
    const refused = values.some(
      (each, i) =>
        rivalIn(seen, -1, each) !== undefined || values.slice(0, i).some(({ key }) => key === each.key),
    )
    if (refused) {
      expect(codeOf(() => on.appendMany(values))).toBe('ERR_STRIDE_DUPLICATE_KEY')
      return
    }
    const { first, count } = on.appendMany(values)
    expect(count).toBe(values.length)
    for (const [i, each] of values.entries()) this.give(caller, first + i, each, false)
  }

  write(step: Writing, through?: Items): void {
    if (step.kind === 'appendMany') {
      this.appendMany(step)
      return
    }
    const caller = this.caller(step.who)
    const on = through ?? caller.tx ?? this.store
    const seen = caller.seen()
    const { value } = step
    const mayReuse = this.#reuses && caller.tx === undefined
    if (step.kind === 'append') {
      const rival = rivalIn(seen, -1, value)
      if (rival !== undefined) {
        expect(codeOf(() => on.append(value))).toBe('ERR_STRIDE_DUPLICATE_KEY')
        return
      }
      this.give(caller, on.append(value), value, mayReuse)
      return
    }
    if (step.kind === 'upsert') {
      const rival = rivalIn(seen, -1, value)
      const { number, inserted } = on.upsert('byKey', value)
      expect(inserted).toBe(rival === undefined)
      if (rival === undefined) this.give(caller, number, value, mayReuse)
      else {
        expect(number).toBe(rival)
        caller.own.set(number, value)
      }
      return
    }
    const live = [...seen.keys()]
    const n = live[step.at % Math.max(1, live.length)]
    if (n === undefined) return
    if (step.kind === 'delete') {
      expect(step.at % 2 === 0 ? on.delete(n) : on.index('byKey').delete((seen.get(n) as Value).key)).toBe(true)
      caller.own.set(n, undefined)
      return
    }
    const next = step.kind === 'put' ? value : { ...(seen.get(n) as Value), tag: value.tag, key: value.key }
    const rival = rivalIn(seen, n, next)
    const write = (): void =>
      step.kind === 'put' ? on.put(n, next) : on.update(n, { tag: next.tag, key: next.key })
    if (rival !== undefined) expect(codeOf(write)).toBe('ERR_STRIDE_DUPLICATE_KEY')
    else {
      write()
      caller.own.set(n, next)
    }
  }

  read({ kind, who, at }: { readonly kind: Reading; readonly who: number; readonly at: number }): void {
    const caller = this.caller(who)
    const on = caller.tx ?? this.store
    const seen = caller.seen()
    switch (kind) {
      case 'get':
        expect(on.get(at)).toEqual(seen.get(at))
        expect(on.has(at)).toBe(seen.has(at))
        caller.reads.add(at)
        break
      case 'key': {
        for (const key of [at, [...this.model.committed.values()].at(-1)?.key ?? 0]) {
          const [n, value] = [...seen].find(([, value]) => value.key === key) ?? [-1, undefined]
          expect(on.index('byKey').number(key)).toBe(n)
          expect(on.index('byKey').get(key)).toEqual(value)
          if (n >= 0) caller.reads.add(n)
        }
        break
      }
      case 'tag': {
        const numbers = [...seen].filter(([, { tag }]) => tag === at % 5).map(([n]) => n)
        expect([...on.index('byTag').all(at % 5)]).toEqual(numbers)
        const walked: number[] = []
        for (const row of on.index('byTag').range({ gte: at % 5, lte: at % 5 })) walked.push(row.number)
        expect(walked).toEqual(numbers)
        for (const n of numbers) caller.reads.add(n)
        expect(
          on
            .index('byTag')
            .range({ gte: at % 5 })
            .numbers().length,
        ).toBeGreaterThanOrEqual(numbers.length)
        for (const [n, { tag }] of seen) if (tag >= at % 5) caller.reads.add(n)
        break
      }
      case 'more': {
        if (!this.#hasMore) return
        const more = on.index('more' as string)
        const isTagFirst = more.on[0] === 'tag'
        for (const [n, { tag, key }] of seen) {
          const found = [...more.all(isTagFirst ? [tag, key] : [key, tag])]
          expect(found).toEqual([n])
          caller.reads.add(n)
        }
        expect(more.has(isTagFirst ? [at % 5, 99] : [99, at % 5])).toBe(false)
        break
      }
      case 'row': {
        const { row } = caller
        if (row === undefined) return
        const value = seen.get(row.number)
        if (value === undefined) expect(codeOf(() => row.toObject())).toBe('ERR_STRIDE_NO_RECORD')
        else expect(row.toObject()).toEqual(value)
        break
      }
      case 'scan': {
        const rows: [number, Value][] = []
        for (const row of on.scan()) rows.push([row.number, row.toObject()])
        expect(rows).toEqual([...seen])
        expect([...on]).toEqual([...seen.values()])
        for (const n of seen.keys()) caller.reads.add(n)
        break
      }
      case 'gather':
        expect([...on.gather('text')]).toEqual([...seen.values()].map(({ text }) => text))
        expect(on.count).toBe(seen.size)
        for (const n of seen.keys()) caller.reads.add(n)
    }
  }

  async commit(who: number): Promise<void> {
    const caller = this.callers[who]
    if (caller === undefined) return
    const { tx, own, reads, at } = caller
    if (tx === undefined) {
      await this.store.commit()
      if (own.size > 0) this.model.commit(own)
      this.model.giveBack(caller)
      this.callers[0] = new Caller(undefined, this.model)
      return
    }
    const staged = (this.callers[0] as Caller).own
    const { committed } = this.model
    const conflicts =
      own.size > 0 &&
      ([...own.keys(), ...reads].some(n => this.model.changedSince(at, n)) ||
        [...own].some(([n, value]) => {
          if (staged.has(n)) return true
          if (value === undefined) return false
          const after = new Map(committed)
          for (const [other, now] of own) now === undefined ? after.delete(other) : after.set(other, now)
          if (rivalIn(after, n, value) !== undefined) return true
          return [...staged].some(([, now]) => now !== undefined && now.key === value.key)
        }))
    let code = 'none'
    try {
      await tx.commit()
    } catch (error) {
      code = (error as StrideError).code
    }
    expect(code).toBe(conflicts ? 'ERR_STRIDE_CONFLICT' : 'none')
    if (conflicts) tx.rollback()
    this.model.giveBack(caller)
    if (!conflicts && own.size > 0) {
      this.model.commit(own)
      this.rebaseStore()
    }
    this.callers[who] = undefined
  }

  async compact(): Promise<void> {
    if ((this.callers[0] as Caller).own.size > 0) return
    const moved = await this.store.compact()
    const committed = [...this.model.committed].map(([n, value]) => [moved[n] as number, value] as const)
    for (const caller of this.callers.slice(1)) {
      if (caller === undefined) continue
      expect(codeOf(() => caller.tx?.get(0))).toBe('ERR_STRIDE_CONFLICT')
    }
    this.model.committed = new Map(committed)
    this.model.size = committed.length
    this.model.given.clear()
    this.model.history.push(new Set())
    this.callers = [new Caller(undefined, this.model)]
  }

  /** What the store says in the end, and after reopening, is what was committed. */
  async check(reopen: () => Items): Promise<void> {
    this.read({ kind: 'scan', who: 0, at: 0 })
    this.read({ kind: 'gather', who: 0, at: 0 })
    for (let key = 0; key <= 30; key++) this.read({ kind: 'key', who: 0, at: key })
    this.store.close()
    const again = reopen()
    expect([...again]).toEqual([...new Map([...this.model.committed].sort(([a], [b]) => a - b)).values()])
    expect((await again.verify()).findings).toEqual([])
    again.close()
  }
}

describe.each(BACKENDS)('transactions that go on at once, $name', ({ options }) => {
  test('are as the model, whatever is committed in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }),
        fc.boolean(),
        fc.boolean(),
        async (steps, checksums, reuseNumbers) => {
          const path = join(temporaryFolder(), 'items.stride')
          const open = (): Items =>
            openStore(path, Item, {
              ...options,
              durability: 'process',
              checksums,
              reuseNumbers,
              indexes: INDEXES,
            })
          const run = new Run(open, reuseNumbers)
          try {
            await run.begin()
            for (const each of steps) await run.step(each)
            await run.check(open)
          } finally {
            run.store.close()
          }
        },
      ),
      propertyOptions(60),
    )
  })
})
