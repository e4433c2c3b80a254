/**
 * Generated schemas, records and conditions, and what a naive reader makes of them: each condition comes with a function over a record as
 * `get` gives it. Nothing here knows how a query is answered.
 */

import fc from 'fast-check'
import { z } from 'zod'
import { type Kind, LEAVES, missing } from '../engine/index/key-kinds.ts'

export type Fields = Readonly<Record<string, unknown>>
export type Meets = (record: Fields) => boolean

/** A field that conditions may name. */
export interface Place {
  readonly path: string
  readonly kind: Kind
  /** Paths of its members or elements, if it has some. */
  readonly inner: readonly Place[]
}

export interface Subject {
  readonly schema: z.ZodObject
  readonly record: fc.Arbitrary<Fields>
  /** Fields with single values. */
  readonly places: readonly Place[]
  /** Objects, tuples and arrays. */
  readonly groups: readonly Place[]
}

export const pick = <T>(g: fc.GeneratorValue, list: readonly T[]): T =>
  list[g(fc.nat, { max: list.length - 1 })] as T

const HOW = ['nullable', 'optional', 'nullish'] as const
const leaf = fc.constantFrom(...LEAVES)
const kind: fc.Arbitrary<Kind> = fc.oneof(
  { weight: 2, arbitrary: leaf },
  { weight: 1, arbitrary: fc.tuple(leaf, fc.constantFrom(...HOW)).map(([inner, how]) => missing(inner, how)) },
)

/** Three fields, a number of few values, an id, and an object, a tuple and an array of others. */
export const subject: fc.Arbitrary<Subject> = fc
  .tuple(kind, kind, kind, kind, kind, leaf, leaf, kind, fc.constantFrom(...HOW))
  .map(([f0, f1, f2, x, y, item, other, element, how]) => {
    const object = z.object({ x: x.schema, y: z.object({ z: y.schema }) })
    const record = { f0: f0.held, f1: f1.held, f2: f2.held, k: fc.nat({ max: 20 }) }
    const insides = fc.record({ x: x.held, y: fc.record({ z: y.held }) })
    const none = how === 'nullable' ? [null] : how === 'optional' ? [undefined] : [null, undefined]
    const place = (path: string, of: Kind, inner: readonly Place[] = []): Place => ({ path, kind: of, inner })
    const list = [place('l.0', element), place('l.1', element)]
    const pair = [place('t.0', item), place('t.1', other)]
    const members = [place('o.x', x), place('o.y.z', y)]
    return {
      schema: z.object({
        id: z.uint32(),
        k: z.uint32(),
        f0: f0.schema,
        f1: f1.schema,
        f2: f2.schema,
        o: how === 'nullable' ? object.nullable() : how === 'optional' ? object.optional() : object.nullish(),
        t: z.tuple([item.schema, other.schema]),
        l: z.array(element.schema).length(2),
      }),
      record: fc.record({
        ...record,
        o: fc.oneof({ weight: 3, arbitrary: insides }, { weight: 1, arbitrary: fc.constantFrom(...none) }),
        t: fc.tuple(item.held, other.held),
        l: fc.tuple(element.held, element.held),
      }) as fc.Arbitrary<Fields>,
      places: [
        place('f0', f0),
        place('f1', f1),
        place('f2', f2),
        place('k', SMALL),
        ...members,
        ...pair,
        ...list,
      ],
      groups: [place('o', SMALL, members), place('t', SMALL, pair), place('l', SMALL, list)],
    }
  })

const SMALL = LEAVES.find(({ name }) => name === 'u32') as Kind
/** The unique field of every subject. */
export const ID: Place = { path: 'id', kind: SMALL, inner: [] }

/** The value at a path; of a path inside a missing object what is there instead. */
export function valueAt(record: Fields, path: string): unknown {
  let value: unknown = record
  for (const step of path.split('.')) {
    if (value === null || value === undefined) return value
    value = (value as Fields)[step]
  }
  return value
}

const isNone = (value: unknown): value is null | undefined => value === null || value === undefined

/** Null first, NaN last: the order of queries. */
export function compareAt({ path, kind: { compare } }: Place, a: Fields, b: Fields): number {
  const [x, y] = [valueAt(a, path), valueAt(b, path)]
  return isNone(x) || isNone(y) ? Number(!isNone(x)) - Number(!isNone(y)) : compare(x, y)
}

/** Units of a text in which it is searched. */
function unitsOf(name: string, text: unknown): readonly number[] {
  const characters = name.includes('utf16')
    ? Array.from({ length: (text as string).length }, (_, i) => (text as string).slice(i, i + 1))
    : Array.from(text as string)
  return characters.map(character => character.codePointAt(0) as number)
}
const isAt = (held: readonly number[], at: number, part: readonly number[]): boolean =>
  at >= 0 && at + part.length <= held.length && part.every((unit, i) => held[at + i] === unit)

const isText = ({ name }: Kind): boolean => /utf8|utf16|ascii|latin1/.test(name)
const isInteger = ({ name }: Kind): boolean =>
  /\b[ui](8|16|24|32|48)\b|safeint/.test(name) && !/unix|number text/.test(name)
const isWide = ({ name }: Kind): boolean => /\b[ui]64\b/.test(name)

/** One test of a value, and what it means. */
function oneTest(g: fc.GeneratorValue, { kind: asking }: Place): [object, (value: unknown) => boolean] {
  // Values that records hold decide between `lt` and `lte`.
  const present = fc.oneof(asking.asked, asking.held).filter(value => !isNone(value))
  const value = g(() => present)
  const { compare } = asking
  const isNaNIn = (a: unknown): boolean => Number.isNaN(a)
  const same = (than: unknown) => (held: unknown) => !isNone(held) && compare(held, than) === 0
  const order = (passes: (order: number) => boolean, than: unknown) => (held: unknown) =>
    !isNone(held) && !isNaNIn(held) && !isNaNIn(than) && passes(compare(held, than))
  const choices: (() => [object, (value: unknown) => boolean])[] = [
    () => [{ eq: value }, same(value)],
    () => [{ ne: value }, held => !same(value)(held)],
    () => [{ gt: value }, order(each => each > 0, value)],
    () => [{ gte: value }, order(each => each >= 0, value)],
    () => [{ lt: value }, order(each => each < 0, value)],
    () => [{ lte: value }, order(each => each <= 0, value)],
    () => {
      const high = g(() => present)
      const isAbove = order(each => each >= 0, value)
      const isBelow = order(each => each <= 0, high)
      return [{ between: [value, high] }, held => isAbove(held) && isBelow(held)]
    },
    () => {
      const list = g(fc.array, fc.oneof({ weight: 5, arbitrary: present }, fc.constant(null)), { maxLength: 4 })
      const isIn = (held: unknown): boolean =>
        isNone(held) ? list.includes(null) : list.some(each => !isNone(each) && same(each)(held))
      return g(fc.boolean) ? [{ in: list }, isIn] : [{ notIn: list }, held => !isIn(held)]
    },
    () => [{ isNull: true }, isNone],
    () => [{ isNotNull: true }, held => !isNone(held)],
    () => [{ eq: null }, isNone],
    () => [{ ne: null }, held => !isNone(held)],
  ]
  if (isText(asking)) {
    const units = (text: unknown) => unitsOf(asking.name, text)
    const held = g(() => asking.held.filter(each => !isNone(each))) as string
    const from = g(fc.nat, { max: held.length })
    const part = g(fc.boolean) ? (value as string) : held.slice(from, from + g(fc.nat, { max: 3 }))
    const searched = units(part)
    const begin = held.slice(0, from)
    choices.push(
      () => [{ startsWith: begin }, text => !isNone(text) && isAt(units(text), 0, units(begin))],
      () => [
        { endsWith: part },
        text => !isNone(text) && isAt(units(text), units(text).length - searched.length, searched),
      ],
      () => [
        { contains: part },
        text => !isNone(text) && [...units(text), 0].some((_, i) => isAt(units(text), i, searched)),
      ],
    )
  }
  if (asking.name.endsWith('bytes')) {
    const part = Uint8Array.from(value as Uint8Array)
    choices.push(() => [
      { contains: part },
      held => !isNone(held) && [0, 1, 2, 3].some(i => isAt([...(held as Uint8Array)], i, [...part])),
    ])
  }
  if (isInteger(asking) || isWide(asking)) {
    const mask = isWide(asking)
      ? g(fc.constantFrom, 0n, 1n, 2n ** 32n, 2n ** 63n, -1n, 2n ** 33n + 1n)
      : g(fc.constantFrom, 0, 1, 3, 2 ** 31, 2 ** 32, -1, 2 ** 40 + 2)
    const bits = BigInt.asUintN(64, BigInt(mask))
    const of = (held: unknown): bigint => BigInt.asUintN(64, BigInt(held as number)) & bits
    choices.push(
      () => [{ hasAll: mask }, held => !isNone(held) && of(held) === bits],
      () => [{ hasAny: mask }, held => !isNone(held) && of(held) !== 0n],
    )
  }
  return pick(g, choices)()
}

/** What is asked of a value: a bare value, or one or two operators. */
function condition(g: fc.GeneratorValue, place: Place): [unknown, (value: unknown) => boolean] {
  const [asked, meets] = oneTest(g, place)
  const how = g(fc.nat, { max: 5 })
  if (how === 0) return [{ NOT: asked }, value => !meets(value)]
  if (how === 1) {
    const [other, meetsOther] = oneTest(g, place)
    if (Object.keys(asked)[0] !== Object.keys(other)[0]) {
      return [{ ...asked, ...other }, value => meets(value) && meetsOther(value)]
    }
  }
  if (how === 2 && 'eq' in asked) return [asked.eq, meets]
  return [asked, meets]
}

/** A condition over records. */
export function where(g: fc.GeneratorValue, subject: Subject, depth = 2): [Fields, Meets] {
  const how = g(fc.nat, { max: depth === 0 ? 5 : 10 })
  if (how > 7) {
    const parts = Array.from({ length: g(fc.nat, { max: 3 }) }, () => where(g, subject, depth - 1))
    const asked = parts.map(([each]) => each)
    if (how === 8) return [{ OR: asked }, record => parts.some(([, meets]) => meets(record))]
    if (how === 9) return [{ AND: asked }, record => parts.every(([, meets]) => meets(record))]
    return [{ NOT: asked }, record => !parts.some(([, meets]) => meets(record))]
  }
  if (how > 5) {
    const [[a, meetsA], [b, meetsB]] = [where(g, subject, depth - 1), where(g, subject, depth - 1)]
    if (Object.keys(a).some(key => key in b)) return [a, meetsA]
    return [{ ...a, ...b }, record => meetsA(record) && meetsB(record)]
  }
  if (how === 0) return ofGroup(g, subject)
  const place = pick(g, how < 3 ? [ID, ...subject.places.slice(0, 4)] : subject.places)
  if (place.path === 'id') {
    const from = g(fc.nat, { max: 400 })
    const asked = pick(g, [{ eq: from }, { gte: from, lt: from + 20 }, { in: [from, from + 3, from] }])
    const { eq, gte, lt, in: among } = asked as { eq?: number; gte?: number; lt?: number; in?: number[] }
    return [
      { id: asked },
      ({ id }) =>
        (eq === undefined || id === eq) &&
        (gte === undefined || ((id as number) >= gte && (id as number) < (lt as number))) &&
        (among === undefined || among.includes(id as number)),
    ]
  }
  const [asked, meets] = condition(g, place)
  const isMet: Meets = record => meets(valueAt(record, place.path))
  // A member of an object may also be asked inside it.
  if (place.path === 'o.x' && g(fc.boolean)) return [{ o: { x: asked } }, isMet]
  if (place.path === 'o.y.z' && g(fc.boolean)) return [{ o: { y: { z: asked } } }, isMet]
  return [{ [place.path]: asked }, isMet]
}

/** A condition on an object, a tuple or an array. */
function ofGroup(g: fc.GeneratorValue, subject: Subject): [Fields, Meets] {
  const { path, inner } = pick(g, subject.groups)
  const [first] = inner as readonly [Place]
  if (path === 'l' && g(fc.boolean)) {
    const isAll = g(fc.boolean)
    const list = g(
      fc.array,
      first.kind.asked.map(value => value ?? null),
      { maxLength: 2 },
    )
    const has = (record: Fields) => (value: unknown) =>
      (valueAt(record, path) as unknown[]).some(each =>
        isNone(each) || isNone(value) ? isNone(each) && isNone(value) : first.kind.compare(each, value) === 0,
      )
    return isAll
      ? [{ l: { hasAll: list } }, record => list.every(has(record))]
      : [{ l: { hasAny: list } }, record => list.some(has(record))]
  }
  const isNull = g(fc.boolean)
  return [{ [path]: { isNull } }, record => isNone(valueAt(record, path)) === isNull]
}
