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
const fields = { key: fc.nat(30), tag: fc.nat(4), text: fc.nat(99) }
const value = fc.record(fields)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), who: fc.nat(TXS), value }) },
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
      kind: fc.constantFrom('get' as const, 'key' as const, 'tag' as const, 'scan' as const, 'gather' as const),
      who: fc.nat(TXS),
      at: fc.nat(40),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('commit' as const), who: fc.nat(TXS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rollback' as const), who: fc.nat(TXS) }) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'checkpoint' as const }, { kind: 'await' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'compact' as const }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** One transaction, or the store itself, beside what it must see. */
class Caller {
  readonly tx: Tx | undefined
  readonly base: Records
  readonly at: number
  readonly own = new Map<number, Value | undefined>()
  readonly reads = new Set<number>()
  constructor(tx: Tx | undefined, model: Model) {
    this.tx = tx
    this.base = model.committed
    this.at = model.history.length
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
  /** Whoever has been given a number. */
  readonly given = new Set<number>()

  changedSince(at: number, n: number): boolean {
    return this.history.slice(at).some(changed => changed.has(n))
  }
  /** What was rolled back has no number any more. */
  giveBack(caller: Caller | undefined): void {
    for (const n of caller?.own.keys() ?? []) if (n >= this.size) this.given.delete(n)
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
  constructor(store: Items) {
    this.store = store
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
    this.callers[0] = now
  }

  async step(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
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
    }
  }

  write(step: Extract<Step, { value: Value }>): void {
    const caller = this.caller(step.who)
    const on = caller.tx ?? this.store
    const seen = caller.seen()
    const { value } = step
    if (step.kind === 'append') {
      const rival = rivalIn(seen, -1, value)
      if (rival !== undefined) {
        expect(codeOf(() => on.append(value))).toBe('ERR_STRIDE_DUPLICATE_KEY')
        return
      }
      const n = on.append(value)
      expect(this.model.given.has(n), `number ${n} was given before`).toBe(false)
      expect(n).toBeGreaterThanOrEqual(this.model.size)
      this.model.given.add(n)
      caller.own.set(n, value)
      return
    }
    if (step.kind === 'upsert') {
      const rival = rivalIn(seen, -1, value)
      const { number, inserted } = on.upsert('byKey', value)
      expect(inserted).toBe(rival === undefined)
      if (rival !== undefined) expect(number).toBe(rival)
      else this.model.given.add(number)
      caller.own.set(number, value)
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

  read({
    kind,
    who,
    at,
  }: Extract<Step, { at: number; kind: 'get' | 'key' | 'tag' | 'scan' | 'gather' }>): void {
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
        const [n, value] = [...seen].find(([, value]) => value.key === at) ?? [-1, undefined]
        expect(on.index('byKey').number(at)).toBe(n)
        expect(on.index('byKey').get(at)).toEqual(value)
        if (n >= 0) caller.reads.add(n)
        break
      }
      case 'tag': {
        const numbers = [...seen].filter(([, { tag }]) => tag === at % 5).map(([n]) => n)
        expect([...on.index('byTag').all(at % 5)]).toEqual(numbers)
        const walked: number[] = []
        for (const row of on.index('byTag').range({ gte: at % 5, lte: at % 5 })) walked.push(row.number)
        expect(walked).toEqual(numbers)
        for (const n of numbers) caller.reads.add(n)
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
    if (conflicts) {
      tx.rollback()
      this.model.giveBack(caller)
    } else if (own.size > 0) {
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
        async (steps, checksums) => {
          const path = join(temporaryFolder(), 'items.stride')
          const open = (): Items =>
            openStore(path, Item, { ...options, durability: 'process', checksums, indexes: INDEXES })
          const run = new Run(open())
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
