/**
 * Following appended records live. What could go wrong: a record that is left out or given twice where a commit, a compact or a writer's
 * death comes between two steps; one that is given before it is committed; a tail that does not end with its store, loop or signal.
 * Rules: LT1 to LT4 (src/engine/tail/tail.ts), NU4 (src/engine/read/numbering.ts).
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openStore, type Store, type StoreOptions, type TailBatch } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { seededRandom } from '../crash/random.ts'
import { codeOfAsync, temporaryFolder } from './support.ts'

const Entry = z.object({ id: z.uint32(), value: z.uint32() })
type EntryStore = Store<typeof Entry>
const NEVER_MS = 24 * 3_600_000
const newPath = () => join(temporaryFolder(), 'log.stride')
const entries = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: first + i, value: 0 }))

const idsOf = (batch: TailBatch<typeof Entry> | undefined): number[] => [...(batch ?? [])].map(({ id }) => id)

describe.each(['mapped', 'file', 'memory'] as const)('in the writing process, %s', backend => {
  const opened = (options: StoreOptions = {}): EntryStore =>
    openStore(backend === 'memory' ? 'log' : newPath(), Entry, { backend, ...options })

  test('gives committed records in batches, from the start, a number, or the end', async () => {
    using store = opened()
    store.appendMany(entries(0, 25))
    store.commitSync()
    const tails = (['start', 20, 'end', 30] as const).map(from =>
      store.tail({ from, batch: 10, pollMs: NEVER_MS }),
    )
    const [all, some, last, later] = tails as [
      (typeof tails)[0],
      (typeof tails)[0],
      (typeof tails)[0],
      (typeof tails)[0],
    ]
    const first = (await all.next()).value as TailBatch<typeof Entry>
    expect([idsOf(first).length, first.commitNumber, first.end, [...first.numbers.slice(0, 3)]]).toEqual([
      10,
      1,
      10,
      [0, 1, 2],
    ])
    expect(idsOf((await all.next()).value as TailBatch<typeof Entry>)[0]).toBe(10)
    expect(idsOf((await all.next()).value as TailBatch<typeof Entry>)).toEqual([20, 21, 22, 23, 24])
    expect(idsOf((await some.next()).value as TailBatch<typeof Entry>)).toEqual([20, 21, 22, 23, 24])
    const waiting = [last.next(), later.next()]
    store.appendMany(entries(25, 7))
    await store.commit()
    expect(idsOf((await waiting[0])?.value as TailBatch<typeof Entry>)).toEqual([25, 26, 27, 28, 29, 30, 31])
    expect(idsOf((await waiting[1])?.value as TailBatch<typeof Entry>)).toEqual([30, 31])
    for (const tail of tails) await tail.return(undefined)
  })

  test('counts nothing that is staged: neither appends, nor deletions that are rolled back', async () => {
    using store = opened()
    store.appendMany(entries(0, 3))
    store.commitSync()
    store.append({ id: 3, value: 0 })
    store.delete(1)
    store.update(2, { value: 9 })
    const tail = store.tail({ from: 'start', pollMs: NEVER_MS })
    const batch = (await tail.next()).value as TailBatch<typeof Entry>
    expect(batch.records).toEqual(entries(0, 3))
    store.rollback()
    const next = tail.next()
    store.append({ id: 4, value: 0 })
    store.commitSync()
    expect(idsOf((await next).value as TailBatch<typeof Entry>)).toEqual([4])
    await tail.return(undefined)
  })

  test('leaves out deleted records, however many, and goes on after compact', async () => {
    using store = opened()
    store.appendMany(entries(0, 100))
    store.commitSync()
    const tail = store.tail({ from: 'start', batch: 10, pollMs: NEVER_MS })
    expect(idsOf((await tail.next()).value as TailBatch<typeof Entry>).length).toBe(10)
    for (let n = 5; n < 95; n++) store.delete(n)
    store.commitSync()
    await store.compact()
    expect(idsOf((await tail.next()).value as TailBatch<typeof Entry>)).toEqual([95, 96, 97, 98, 99])
    const next = tail.next()
    store.append({ id: 100, value: 0 })
    await store.commit()
    await store.compact()
    expect(idsOf((await next).value as TailBatch<typeof Entry>)).toEqual([100])
    for (let n = 0; n < store.size; n++) store.delete(n)
    store.appendMany(entries(101, 30))
    for (let n = store.size - 25; n < store.size; n++) store.delete(n)
    store.append({ id: 200, value: 0 })
    store.commitSync()
    const ids: number[] = []
    while (ids.at(-1) !== 200) ids.push(...idsOf((await tail.next()).value as TailBatch<typeof Entry>))
    expect(ids).toEqual([101, 102, 103, 104, 105, 200])
    await tail.return(undefined)
  })

  test('ends with its store, its signal and its loop', async () => {
    const store = opened()
    store.appendMany(entries(0, 3))
    store.commitSync()
    for await (const batch of store.tail({ from: 'start' })) {
      expect(idsOf(batch)).toEqual([0, 1, 2])
      break
    }
    const abort = new AbortController()
    const aborted = codeOfAsync(store.tail({ signal: abort.signal, pollMs: NEVER_MS }).next())
    const closed = codeOfAsync(store.tail({ pollMs: NEVER_MS }).next())
    abort.abort(new RangeError('enough'))
    expect(await aborted).toContain('enough')
    store.close()
    expect(await closed).toBe('ERR_STRIDE_CLOSED')
    expect(() => store.tail()).toThrow('closed')
    expect(() => store.tail({ from: 'begin' } as never)).toThrow(TypeError)
    expect(() => store.tail({ batch: 0 })).toThrow(RangeError)
  })
})

/** A writer that appends ids without a gap, deletes, compacts, and is killed now and then. */
const WRITER = `import { openStore } from 'src/index.ts'
  import { z } from 'zod'
  const [path, seed] = process.argv.slice(2)
  let state = Number(seed)
  const random = below => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state % below }
  const store = openStore(path, z.object({ id: z.uint32(), value: z.uint32() }), { lockTimeoutMs: 60_000, journalBytes: 65_536 })
  console.log('open')
  for (let round = 0; ; round++) {
    const last = store.size === 0 ? -1 : Math.max(...store.gather('id', Array.from({ length: Math.min(400, store.size) }, (_, i) => store.size - 1 - i), { missing: 0 }))
    // The last record stays, so that the next writer knows where to go on.
    for (let i = random(30); i > 0 && store.size > 1; i--) store.delete(random(store.size - 1))
    store.appendMany(Array.from({ length: 1 + random(40) }, (_, i) => ({ id: last + 1 + i, value: 0 })))
    await store.commit()
    if (random(25) === 0) await store.compact()
    if (random(40) === 0) await store.checkpoint()
    if (round % 10 === 0) console.log('round')
  }`

test.each(['mapped', 'file'] as const)(
  'a reader keeps its position through a compact elsewhere, and loses it in two, %s',
  async backend => {
    const path = newPath()
    using writer = openStore(path, Entry)
    writer.appendMany(entries(0, 40))
    writer.commitSync()
    using reader = openStore(path, Entry, { backend, readOnly: true })
    const tail = reader.tail({ from: 'start', batch: 20 })
    expect(idsOf((await tail.next()).value as TailBatch<typeof Entry>).at(-1)).toBe(19)
    for (const n of [0, 7, 19, 20, 33, 39]) writer.delete(n)
    writer.commitSync()
    await writer.compact()
    const second = idsOf((await tail.next()).value as TailBatch<typeof Entry>)
    expect(second).toEqual(
      entries(21, 18)
        .map(({ id }) => id)
        .filter(id => id !== 33),
    )
    // Without a deletion nothing moves.
    await writer.compact()
    writer.append({ id: 40, value: 0 })
    writer.commitSync()
    expect(idsOf((await tail.next()).value as TailBatch<typeof Entry>)).toEqual([40])
    writer.delete(2)
    writer.commitSync()
    await writer.compact()
    writer.delete(2)
    writer.commitSync()
    await writer.compact()
    writer.append({ id: 41, value: 0 })
    writer.commitSync()
    expect(await codeOfAsync(tail.next())).toBe('ERR_STRIDE_REPLACED')
  },
)

describe.each(['mapped', 'file'] as const)('beside writers in other processes, %s', backend => {
  test('gives each record that was not deleted before once, in order, through compacts and killed writers', async () => {
    const path = newPath()
    const random = seededRandom(20261201)
    openStore(path, Entry).close()
    using reader = openStore(path, Entry, { backend, readOnly: true })
    using other = openStore(path, Entry, { backend, readOnly: true })
    const seen: number[] = []
    const slow: number[] = []
    const abort = new AbortController()
    const follow = async (store: EntryStore, ids: number[], isSlow: boolean): Promise<string> => {
      try {
        for await (const batch of store.tail({ from: 'start', batch: 200, signal: abort.signal })) {
          ids.push(...idsOf(batch))
          if (isSlow)
            for (let turns = 0; turns < 30; turns++) await new Promise(resolve => setImmediate(resolve))
        }
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
      return 'it ended'
    }
    const ends = [follow(reader as EntryStore, seen, false), follow(other as EntryStore, slow, true)]
    let child: ChildProcess | undefined
    for (let life = 0; life < 6; life++) {
      child = spawn(process.execPath, [childScript(WRITER), path, String(life * 77 + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
      for (let rounds = 3 + random.below(5); rounds > 0; rounds--) await lines.next()
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    using writer = openStore(path, Entry, { lockTimeoutMs: 60_000 })
    const newest = writer.field(writer.size - 1, 'id')
    const live = new Set(writer.gather('id'))
    writer.append({ id: newest + 1, value: 0 })
    writer.commitSync()
    const isLost = (end: string): boolean => end.includes('more than once')
    const outcomes = await Promise.all(
      [seen, slow].map(async (ids, i) => {
        let end: string | undefined
        void ends[i]?.then(how => (end = how))
        while (ids.at(-1) !== newest + 1 && end === undefined)
          await new Promise(resolve => setImmediate(resolve))
        return end
      }),
    )
    abort.abort(new Error('the test is over'))
    for (const [i, ids] of [seen, slow].entries()) {
      // Rising without a repetition; a tail may say that its position is lost, and then it gave a beginning.
      expect(ids.every((id, k) => k === 0 || id > (ids[k - 1] as number))).toBe(true)
      const end = outcomes[i]
      if (end !== undefined) expect([end, isLost(end)]).toEqual([end, true])
      const upTo = end === undefined ? newest : (ids.at(-1) ?? -1)
      const given = new Set(ids)
      expect([...live].filter(id => id <= upTo && !given.has(id))).toEqual([])
    }
  })
})
