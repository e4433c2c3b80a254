/**
 * Snapshots beside a store that changes, compared with copies of a model. What could go wrong: a snapshot that shows a later change,
 * staged or committed, through one of its reading calls and not through another; kept windows that show a commit which was stored after
 * them; index lookups by entries that are newer; a snapshot in another opener that guesses instead of saying that it is gone.
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { openStore, type Snapshot, type StoreOptions, StrideError } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { propertyOptions } from '../../property.ts'
import { temporaryFolder } from '../support.ts'

const Item = z.object({ id: z.uint32(), tag: z.uint32(), value: z.float64() })
type Item = z.output<typeof Item>
const INDEXES = {
  byId: { on: 'id', unique: true },
  byTag: { on: 'tag', kind: 'ordered' },
} as const
const TAGS = 6
const FIRST = 30

const BACKENDS: readonly { readonly name: string; readonly options: StoreOptions }[] = [
  { name: 'mapped', options: { backend: 'mapped', windowBytes: 65_536, maxMappedBytes: 3 * 70_000 } },
  { name: 'file', options: { backend: 'file' } },
  { name: 'memory', options: { backend: 'memory' } },
]

const nat = fc.nat(1_000_000)
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constantFrom('update', 'update', 'delete', 'append'), at: nat }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('many'), at: fc.nat(3000) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('commit', 'commitSync', 'process', 'rollback', 'checkpoint', 'flush'),
      at: nat,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('snapshot', 'snapshot', 'keep', 'close', 'close', 'compact'),
      at: nat,
    }),
  },
  { weight: 14, arbitrary: fc.record({ kind: fc.constantFrom('read', 'walk', 'index'), at: nat }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

type Records = ReadonlyMap<number, Item>
interface Taken {
  isGone: boolean
  readonly snapshot: Snapshot<typeof Item, typeof INDEXES>
  readonly records: Records
  readonly size: number
  readonly isKept: boolean
  /** How many checkpoints there were before. */
  readonly checkpoints: number
}

/** A store and a reader of it, beside what is staged, what is committed, and what each snapshot must show. */
class Beside {
  readonly store
  readonly reader
  staged: Map<number, Item>
  size = 0
  committed: Records = new Map()
  committedSize = 0
  nextId = 0
  readonly taken: Taken[] = []
  checkpoints = 0

  constructor(options: StoreOptions) {
    const path = options.backend === 'memory' ? 'memory' : join(temporaryFolder(), 'items.stride')
    this.store = openStore(path, Item, { ...options, journalBytes: 65_536, indexes: INDEXES })
    this.staged = new Map()
    for (let i = 0; i < FIRST; i++) this.append(i)
    this.store.commitSync()
    this.sealed()
    this.reader =
      options.backend === 'memory' ? undefined : openStore(path, Item, { ...options, readOnly: true })
  }

  append(at: number): void {
    const item = { id: this.nextId++, tag: at % TAGS, value: at }
    expect(this.store.append(item)).toBe(this.size)
    this.staged.set(this.size++, item)
  }

  sealed(): void {
    this.committed = new Map(this.staged)
    this.committedSize = this.size
  }

  async run({ kind, at }: Step): Promise<void> {
    const { store } = this
    const n = this.size === 0 ? 0 : at % this.size
    switch (kind) {
      case 'update': {
        const item = this.staged.get(n)
        if (item === undefined) return
        const change = { tag: at % TAGS, value: -at }
        store.update(n, change)
        this.staged.set(n, { ...item, ...change })
        return
      }
      case 'delete':
        if (this.size > 0) expect(store.delete(n)).toBe(this.staged.delete(n))
        return
      case 'append':
        this.append(at)
        return
      case 'many':
        for (let i = 0; i < at; i++) this.append(at + i)
        return
      case 'commit':
        this.sealed()
        await store.commit()
        return
      case 'commitSync':
        this.sealed()
        store.commitSync()
        return
      case 'process':
        this.sealed()
        await store.commit({ durability: 'process' })
        return
      case 'rollback':
        store.rollback()
        this.staged = new Map(this.committed)
        this.size = this.committedSize
        return
      case 'checkpoint':
        this.checkpoints++
        await store.checkpoint()
        return
      case 'compact':
        await this.compact()
        return
      case 'flush':
        await store.flush()
        return
      case 'snapshot':
      case 'keep':
        await this.take(at, kind === 'keep')
        return
      case 'close': {
        const [taken] = this.taken.splice(at % (this.taken.length + 1), 1)
        taken?.snapshot.close()
        return
      }
      default: {
        const taken = this.taken[at % (this.taken.length + 1)]
        if (taken !== undefined) this.check(taken, kind, at)
      }
    }
  }

  async compact(): Promise<void> {
    this.store.rollback()
    if (this.taken.some(({ isKept }) => isKept)) {
      await expect(this.store.compact()).rejects.toMatchObject({ code: 'ERR_STRIDE_BUSY' })
      this.staged = new Map(this.committed)
      this.size = this.committedSize
      return
    }
    const moved = await this.store.compact()
    this.checkpoints++
    this.committed = new Map([...this.committed].map(([n, item]) => [moved[n] as number, item]))
    this.staged = new Map(this.committed)
    this.size = this.committedSize = this.committed.size
    for (const taken of this.taken) taken.isGone = true
  }

  async take(at: number, keep: boolean): Promise<void> {
    const inReader = this.reader !== undefined && at % 2 === 0
    // Commits of durability 'process' reach other openers once they are synced.
    if (inReader) await this.store.flush()
    const from = inReader ? (this.reader as NonNullable<typeof this.reader>) : this.store
    const snapshot = from.snapshot({ keep }) as unknown as Taken['snapshot']
    this.taken.push({
      snapshot,
      records: this.committed,
      size: this.committedSize,
      isKept: keep,
      checkpoints: this.checkpoints,
      isGone: false,
    })
  }

  check(taken: Taken, kind: string, at: number): void {
    let compared = false
    try {
      this.compare(taken, kind, at)
      compared = true
    } catch (error) {
      if (!(error instanceof StrideError)) throw error
      expect([error.code, taken.isKept]).toEqual(['ERR_STRIDE_SNAPSHOT_GONE', false])
      taken.isGone = true
      expect(this.checkpoints).toBeGreaterThan(taken.checkpoints)
    }
    if (compared) expect(taken.isGone).toBe(false)
  }

  compare({ snapshot, records, size }: Taken, kind: string, at: number): void {
    const n = at % (size + 2)
    const item = records.get(n)
    if (kind === 'read') {
      // The value alone first: it comes from a window that was kept, if any was.
      if (item !== undefined) expect(snapshot.field(n, 'value')).toBe(item.value)
      expect(snapshot.get(n)).toEqual(item)
      expect(snapshot.has(n)).toBe(item !== undefined)
      expect(snapshot.count).toBe(records.size)
      expect(snapshot.size).toBe(size)
      expect(snapshot.getMany([n, 0, n + 1])).toEqual([item, records.get(0), records.get(n + 1)])
      if (item !== undefined) expect(snapshot.row(n).toObject()).toEqual(item)
      return
    }
    const live = [...records].sort(([a], [b]) => a - b)
    if (kind === 'walk') {
      expect([...snapshot.gather('value')]).toEqual(live.map(([, { value }]) => value))
      expect([...snapshot]).toEqual(live.map(([, each]) => each))
      const seen: number[] = []
      for (const row of snapshot.scan()) seen.push(row.number, row.value)
      expect(seen).toEqual(live.flatMap(([number, { value }]) => [number, value]))
      return
    }
    const byId = snapshot.index('byId')
    const id = at % (this.nextId + 1)
    const found = live.find(([, each]) => each.id === id)
    expect(byId.number(id)).toBe(found?.[0] ?? -1)
    expect(byId.get(id)).toEqual(found?.[1])
    expect([...byId.numbers([id, 0])]).toEqual([
      found?.[0] ?? -1,
      live.find(([, each]) => each.id === 0)?.[0] ?? -1,
    ])
    const tag = at % TAGS
    const tagged = [...snapshot.index('byTag').range({ gte: tag, lte: tag }).numbers()]
    expect(tagged).toEqual(live.filter(([, each]) => each.tag === tag).map(([number]) => number))
  }

  end(): void {
    for (const taken of this.taken) for (const kind of ['read', 'walk', 'index']) this.check(taken, kind, 7)
    this.reader?.close()
    this.store.close()
  }
}

describe.each(BACKENDS)('snapshots, $name', ({ options }) => {
  test('show what a copy of the model is, through every reading call', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 150 }), async steps => {
        const beside = new Beside(options)
        try {
          for (const each of steps) await beside.run(each)
        } finally {
          beside.end()
        }
      }),
      propertyOptions(60),
    )
  })
})
