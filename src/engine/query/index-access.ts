/**
 * Which index answers a query faster than a scan? The tests that are joined by AND are compared with the fields of each index.
 *
 *   IA1  an index gives candidates: at least the records that meet the condition. Each is tested again, so that the answer does not
 *        depend on the choice.
 *   IA2  a range is used only if it has few of the records, which the index counts first; so a wrong guess costs little.
 */

import type { Asked, Slot, Test } from '../../query/condition.ts'
import { conjuncts } from '../../query/condition.ts'
import type { IndexDefinition } from '../indexes/keys/index-definition.ts'

/** What a query needs of an index. */
export interface UsableIndex {
  number(key: unknown): number
  all(key: unknown): Float64Array
  count(range: object): number
  range(range: object): { numbers(): Float64Array }
}

/** The indexes of the records. */
export interface UsableIndexes {
  readonly definitions: readonly IndexDefinition[]
  get(name: string): UsableIndex
}

/** How an index is used: slots of the operands that make its key or range. */
export interface Access {
  readonly definition: IndexDefinition
  /** Slots of its first fields that are asked for equality. */
  readonly equal: readonly number[]
  /** The slot of a list for its only field. */
  readonly list: number | undefined
  /** Tests of the next field: bounds by their slots. */
  readonly bounds: readonly { readonly bound: 'gt' | 'gte' | 'lt' | 'lte' | 'prefix'; readonly slot: number }[]
}

/** A candidate costs about as much as so many records of a scan. */
const CANDIDATE_COST = 10

/** The ways in which the indexes can be used, best first. */
export function accesses({ condition }: Asked, definitions: readonly IndexDefinition[]): readonly Access[] {
  const tests = conjuncts(condition).filter((part): part is Test => part.kind === 'test')
  if (tests.length === 0) return []
  const found: Access[] = []
  for (const definition of definitions) {
    const access = accessOf(definition, tests)
    if (access !== undefined) found.push(access)
  }
  // A whole key first, then lists, then ranges.
  return found.sort((a, b) => rank(a) - rank(b))
}

function rank(access: Access): number {
  if (isWholeKey(access)) return access.definition.unique ? 0 : 1
  return access.list !== undefined ? 2 : 3
}

export function isWholeKey({ definition, equal }: Access): boolean {
  return equal.length === definition.on.length
}

function accessOf(definition: IndexDefinition, tests: readonly Test[]): Access | undefined {
  const { on, kind } = definition
  const equal: number[] = []
  for (const path of on) {
    const test = tests.find(each => each.field.path === path && each.test === 'eq')
    if (test === undefined) break
    equal.push(test.slot)
  }
  if (equal.length === on.length) return { definition, equal, list: undefined, bounds: [] }
  const next = on[equal.length] as string
  const ofNext = tests.filter(({ field }) => field.path === next)
  const list = on.length === 1 ? ofNext.find(({ test }) => test === 'among')?.slot : undefined
  if (list !== undefined) return { definition, equal, list, bounds: [] }
  if (kind === 'hash') return undefined
  const bounds = ofNext.flatMap(({ test, field, slot }): Access['bounds'] => {
    if (test === 'gt' || test === 'gte' || test === 'lt' || test === 'lte') return [{ bound: test, slot }]
    const isPrefix = test === 'startsWith' && field.as === 'text'
    return isPrefix ? [{ bound: 'prefix', slot }] : []
  })
  return equal.length > 0 || bounds.length > 0 ? { definition, equal, list: undefined, bounds } : undefined
}

/**
 * Record numbers that contain all that meet the condition, ascending; undefined if a scan of `size` records is faster.
 * @param values the operands as they were given, by slot
 */
export function candidates(
  index: UsableIndex,
  access: Access,
  slots: readonly Slot[],
  values: readonly unknown[],
  size: number,
): Float64Array | undefined {
  const { definition, equal, list, bounds } = access
  const keys = equal.map(slot => values[slot])
  if (keys.some(isUnusable)) return undefined
  if (isWholeKey(access)) {
    const key = definition.on.length === 1 ? keys[0] : keys
    if (!definition.unique) return index.all(key)
    const n = index.number(key)
    return n < 0 ? new Float64Array(0) : Float64Array.of(n)
  }
  if (list !== undefined) return listed(index, values[list] as ArrayLike<unknown>, size)
  const range = rangeOf(keys, bounds, values, definition.on.length > 1)
  if (range === undefined || bounds.some(({ slot }) => isUnusable(values[slot]) || slots[slot] === undefined)) {
    return undefined
  }
  if (index.count(range) * CANDIDATE_COST > size) return undefined
  return index.range(range).numbers().sort()
}

function listed(index: UsableIndex, values: ArrayLike<unknown>, size: number): Float64Array | undefined {
  if (values.length * CANDIDATE_COST > size) return undefined
  const found: Float64Array[] = []
  let count = 0
  const keys = new Set(Array.from(values))
  for (const key of keys) {
    // Nulls are another test of the condition (any).
    if (isUnusable(key)) return undefined
    const numbers = index.all(key)
    found.push(numbers)
    count += numbers.length
    if (count * CANDIDATE_COST > size) return undefined
  }
  const out = new Float64Array(count)
  let at = 0
  for (const numbers of found) {
    out.set(numbers, at)
    at += numbers.length
  }
  return withoutTwins(out.sort())
}

/** Two keys of a list may be one after rounding. */
function withoutTwins(numbers: Float64Array): Float64Array {
  let kept = 0
  for (let i = 0; i < numbers.length; i++) {
    if (i === 0 || numbers[i] !== numbers[i - 1]) numbers[kept++] = numbers[i] as number
  }
  return numbers.subarray(0, kept)
}

/** Values that an index orders otherwise than a condition does, or refuses. */
function isUnusable(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))
}

function rangeOf(
  keys: readonly unknown[],
  bounds: Access['bounds'],
  values: readonly unknown[],
  isTuple: boolean,
): object | undefined {
  const range: Record<string, unknown> = {}
  for (const { bound, slot } of bounds) {
    // Two lower bounds, say: the first one is enough.
    if (range[bound] === undefined) range[bound] = isTuple ? [...keys, values[slot]] : values[slot]
  }
  if (range.gt !== undefined && range.gte !== undefined) delete range.gte
  if (range.lt !== undefined && range.lte !== undefined) delete range.lte
  if (range.prefix !== undefined) return { prefix: range.prefix }
  if (keys.length === 0) return range
  if (bounds.length === 0) return { prefix: keys }
  // The first values of a key stand for all keys that begin with them.
  if (range.gt === undefined && range.gte === undefined) range.gte = [...keys]
  if (range.lt === undefined && range.lte === undefined) range.lte = [...keys]
  return range
}
