/**
 * One store by chance, asked questions by chance in every state: committed, staged, in transactions, a snapshot, a reader beside it, a
 * flat file. Each answer is compared with a filter and a sort over what `get` gives.
 *
 * Runs in a test and, where code generation is forbidden, in a process of its own.
 */

import { deepStrictEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import fc from 'fast-check'
import {
  describe,
  type IndexDeclaration,
  openFlatFile,
  openStore,
  type Query,
  type StoreOptions,
} from 'stridedb'
import type { z } from 'zod'
import {
  compareAt,
  type Fields,
  ID,
  type Meets,
  type Place,
  pick,
  type Subject,
  subject,
  valueAt,
  where,
} from './generated-questions.ts'

/** What stores, snapshots, flat files and transactions share. */
interface Asked {
  readonly size: number
  has(n: number): boolean
  get(n: number): unknown
  query(options: object): Query<unknown>
}
interface Question {
  readonly options: Fields
  readonly meets: Meets
  readonly orderBy: readonly (readonly [Place, 'asc' | 'desc'])[]
  readonly limit: number
  readonly offset: number
  readonly select: readonly string[] | undefined
}

/** How often each plan answered. */
export type Plans = Record<'scan' | 'index' | 'order', number>

/** @throws AssertionError where an answer is wrong */
export async function askQuestions(
  folder: string,
  options: { readonly numRuns: number; readonly seed: number },
  backends: readonly StoreOptions[],
): Promise<Plans> {
  const plans: Plans = { scan: 0, index: 0, order: 0 }
  let run = 0
  const property = fc.asyncProperty(fc.gen(), async g => {
    await askOne(g, `${folder}/${run++}.stride`, pick(g, backends), plans)
  })
  const { failed, seed, errorInstance } = await fc.check(property, { ...options, endOnFailure: true })
  if (failed) throw new Error(`STRIDEDB_SEED=${seed}, run ${run}`, { cause: errorInstance })
  return plans
}

const COUNT = 420

async function askOne(g: fc.GeneratorValue, path: string, backend: StoreOptions, plans: Plans): Promise<void> {
  const of = g(() => subject)
  const some = g(fc.array, of.record, { minLength: 12, maxLength: 12 })
  const spread = g(fc.nat, { max: 1000 })
  const record = (id: number): Fields => ({ ...(some[(id * id + id * spread) % some.length] as Fields), id })
  const flat = flatFile(`${path}.flat`, of, record)
  const store = openStore(path, of.schema, { ...backend, indexes: indexes(g, of) })
  const reader = backend.backend === 'memory' ? undefined : () => openStore(path, { readOnly: true })
  const questions = Array.from({ length: 6 }, () => question(g, of))
  const ask = (asked: object): void => {
    const live = liveRecords(asked as Asked)
    for (const each of questions) compare(asked as Asked, live, each, plans)
  }
  try {
    ask(store)
    store.appendMany(Array.from({ length: COUNT }, (_, id) => record(id)) as never)
    ask(store)
    store.commitSync()
    ask(store)
    const live = liveRecords(store as unknown as Asked)
    for (let i = 0; i < 40; i++) compare(store as unknown as Asked, live, question(g, of), plans)
    for (const each of questions) await compareBatches(store as unknown as Asked, each)
    const beside = reader?.()
    const snapshot = store.snapshot()
    const change = (tx: typeof store): void => {
      for (let i = 0; i < 12; i++) {
        const n = g(fc.nat, { max: COUNT - 1 })
        if (i % 3 === 0) tx.delete(n)
        else if (tx.has(n)) tx.update(n, { ...record(n + i), id: n } as never)
      }
      tx.append(record(COUNT + tx.size) as never)
    }
    const tx = store.begin()
    change(tx as never)
    ask(tx)
    tx.rollback()
    change(store)
    ask(store)
    ask(snapshot)
    if (beside !== undefined) ask(beside)
    snapshot.close()
    store.commitSync()
    if (beside !== undefined) ask(beside)
    beside?.close()
    await store.transaction(inside => {
      change(inside as never)
      ask(inside)
    })
    ask(store)
    ask(flat)
  } finally {
    flat.close()
    store.close()
  }
}

function indexes(g: fc.GeneratorValue, { places }: Subject): Record<string, IndexDeclaration> {
  if (g(fc.nat, { max: 3 }) === 0) return {}
  const named = places.filter(({ path }) => !/^[tl]/.test(path)).map(({ path }) => path)
  return {
    byId: { on: 'id', unique: true, kind: pick(g, ['hash', 'ordered'] as const) },
    one: { on: pick(g, named), kind: pick(g, ['hash', 'ordered'] as const) },
    other: { on: pick(g, named), kind: 'ordered' },
    several: { on: [pick(g, ['f0', 'k']), pick(g, ['f1', 'f2'])], kind: 'ordered' },
  } as Record<string, IndexDeclaration>
}

function flatFile(path: string, { schema }: Subject, record: (id: number) => Fields) {
  writeFileSync(path, Buffer.alloc(40 * describe(schema).json.recordSize))
  const flat = openFlatFile(path, schema)
  for (let id = 0; id < 40; id++) flat.put(id, record(id) as z.input<typeof schema>)
  flat.commitSync()
  return flat
}

function question(g: fc.GeneratorValue, of: Subject): Question {
  const [asked, meets] = g(fc.nat, { max: 4 }) === 0 ? [{}, () => true] : where(g, of)
  const keys = new Set(
    Array.from({ length: g(fc.nat, { max: 2 }) }, () => pick(g, [ID, ...of.places.slice(0, 6), ...of.places])),
  )
  const isUniform = g(fc.boolean)
  const direction = pick(g, ['asc', 'desc'] as const)
  const orderBy = [...keys].map((place): readonly [Place, 'asc' | 'desc'] => [
    place,
    isUniform ? direction : pick(g, ['asc', 'desc'] as const),
  ])
  const limit = pick(g, [0, 1, 3, 10, 100, Number.POSITIVE_INFINITY])
  const offset = pick(g, [0, 0, 0, 2, 50])
  const select = g(fc.boolean)
    ? undefined
    : [...new Set([pick(g, [ID, ...of.places]).path, pick(g, [...of.groups, ...of.places]).path])]
  const order = orderBy.map(([{ path }, each]) => ({ [path]: each }))
  const options = { where: asked, orderBy: order, limit, offset, ...(select === undefined ? {} : { select }) }
  return { options, meets, orderBy, limit, offset, select }
}

type Numbered = readonly [n: number, record: Fields]

function liveRecords(asked: Asked): Numbered[] {
  const live: Numbered[] = []
  for (let n = 0; n < asked.size; n++) if (asked.has(n)) live.push([n, asked.get(n) as Fields])
  return live
}

/** The numbers and records of all results, in order. */
function naive(live: readonly Numbered[], { meets, orderBy, limit, offset }: Question): Numbered[] {
  const found = live.filter(([, record]) => meets(record))
  found.sort(([n, a], [m, b]) => {
    for (const [place, direction] of orderBy) {
      const order = compareAt(place, a, b)
      if (order !== 0) return direction === 'asc' ? order : -order
    }
    return n - m
  })
  return found.slice(offset, offset + limit)
}

const shownBy =
  ({ select }: Question) =>
  ([, record]: Numbered): unknown =>
    select === undefined ? record : Object.fromEntries(select.map(path => [path, valueAt(record, path)]))

function compare(asked: Asked, live: readonly Numbered[], question: Question, plans: Plans): void {
  try {
    compareAnswers(asked, live, question, plans)
  } catch (error) {
    throw new Error(`of ${asked.constructor.name}: ${inspect(question.options, { depth: 9 })}`, {
      cause: error,
    })
  }
}

function compareAnswers(asked: Asked, live: readonly Numbered[], question: Question, plans: Plans): void {
  const expected = naive(live, question)
  const shown = expected.map(shownBy(question))
  const query = asked.query(question.options)
  const { plan, matched } = query.explain()
  plans[plan]++
  const numbers = expected.map(([n]) => n)
  deepStrictEqual([...query.numbers()], numbers, `${plan} over ${asked.constructor.name}`)
  deepStrictEqual(query.toArray(), shown)
  deepStrictEqual(query.count(), expected.length)
  deepStrictEqual(query.first(), shown[0])
  deepStrictEqual(
    Array.from(query.rows() as Iterable<{ number: number }>, row => row.number),
    numbers,
  )
  if (matched < Math.min(1, expected.length)) throw new Error(`explain says that ${matched} matched`)
}

async function compareBatches(asked: Asked, question: Question): Promise<void> {
  const shown: unknown[] = []
  for await (const batch of asked.query(question.options).batches({ rows: 7 })) shown.push(...batch)
  deepStrictEqual(shown, naive(liveRecords(asked), question).map(shownBy(question)))
}
