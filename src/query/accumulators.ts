/**
 * What does an aggregate keep for each group, and what is its result?
 *
 *   AC1  null counts for nothing, except in `count: true`, `first` and `last`.
 *   AC2  sums of numbers carry the error of each addition along (TwoSum of Knuth), so that the order of its terms changes at most the
 *        last digit of a sum. Sums of bigints are exact.
 *   AC3  NaN is the largest number, as in an index.
 * Generated code adds to the arrays of counts, sums and extremes itself (compiled-aggregate.ts).
 */

import { type Codec, isTime, type Node } from '../schema/index.ts'
import { type ComparableValue, comparing, type ReadComparable, valueFrom, valueReader } from './comparable.ts'
import { keyReader } from './key-reader.ts'
import type { QueriedField } from './queried-field.ts'

/** One aggregate of `select`. */
export interface Aggregate {
  readonly name: string
  readonly kind: 'count' | 'sum' | 'min' | 'max' | 'avg' | 'distinct' | 'quantile' | 'first' | 'last'
  /** Undefined for `count: true`. */
  readonly field: QueriedField | undefined
  /** Of a quantile: from 0 to 1. */
  readonly share: number
}

/** The values of one aggregate, one for each group. Groups are numbered from 0. */
export interface Accumulator {
  /** Makes room for so many groups. */
  grow(capacity: number): void
  /** Adds the record at `at` to group g. */
  add(g: number, view: DataView, bytes: Buffer, at: number): void
  /** Adds group `from` of another accumulator of the same aggregate to group g. */
  merge(g: number, other: Accumulator, from: number): void
  result(g: number): unknown
}

export function accumulator(codec: Codec, aggregate: Aggregate): Accumulator {
  const { kind, field, share } = aggregate
  if (field === undefined) return new Counter(undefined)
  const read = keyReader(codec, field)
  switch (kind) {
    case 'count':
      return new Counter(read)
    case 'sum':
    case 'avg':
      return field.as === 'bigint' ? new WideSum(read, kind === 'avg') : new Sum(read, kind === 'avg')
    case 'min':
    case 'max':
      return isNumeric(field) ? new Extreme(read, field.node, kind) : new OtherExtreme(read, field.node, kind)
    case 'distinct':
      return new Distinct(read)
    case 'quantile':
      return new Quantile(read, field.node, share)
    default:
      return new EndValue(valueReader(codec, field), kind === 'first')
  }
}

/** Whether the comparable values are numbers. */
export function isNumeric({ as }: QueriedField): boolean {
  return as === 'number' || as === 'time' || as === 'code'
}

function grown(array: Float64Array<ArrayBuffer>, capacity: number, fill = 0): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity)
  next.set(array)
  if (fill !== 0) next.fill(fill, array.length)
  return next
}

export class Counter implements Accumulator {
  readonly #read: ReadComparable | undefined
  counts = new Float64Array(0)

  constructor(read: ReadComparable | undefined) {
    this.#read = read
  }
  grow(capacity: number): void {
    this.counts = grown(this.counts, capacity)
  }
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    if (this.#read === undefined || this.#read(view, bytes, at) !== null) (this.counts[g] as number)++
  }
  merge(g: number, other: Counter, from: number): void {
    ;(this.counts[g] as number) += other.counts[from] as number
  }
  result(g: number): number {
    return this.counts[g] as number
  }
}

export class Sum implements Accumulator {
  readonly #read: ReadComparable
  readonly #isMean: boolean
  counts = new Float64Array(0)
  sums = new Float64Array(0)
  /** What rounding took from each sum. */
  errors = new Float64Array(0)

  constructor(read: ReadComparable, isMean: boolean) {
    this.#read = read
    this.#isMean = isMean
  }
  grow(capacity: number): void {
    this.counts = grown(this.counts, capacity)
    this.sums = grown(this.sums, capacity)
    this.errors = grown(this.errors, capacity)
  }
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    const value = this.#read(view, bytes, at)
    if (value === null) return
    ;(this.counts[g] as number)++
    this.#plus(g, value as number)
  }
  merge(g: number, other: Sum, from: number): void {
    ;(this.counts[g] as number) += other.counts[from] as number
    this.#plus(g, other.sums[from] as number)
    ;(this.errors[g] as number) += other.errors[from] as number
  }
  result(g: number): number | null {
    const sum = this.sums[g] as number
    // An infinite sum has no error that means anything.
    const total = Number.isFinite(sum) ? sum + (this.errors[g] as number) : sum
    if (!this.#isMean) return total
    const count = this.counts[g] as number
    return count === 0 ? null : total / count
  }
  #plus(g: number, x: number): void {
    const sum = this.sums[g] as number
    const total = sum + x
    const part = total - sum
    ;(this.errors[g] as number) += sum - (total - part) + (x - part)
    this.sums[g] = total
  }
}

class WideSum implements Accumulator {
  readonly #read: ReadComparable
  readonly #isMean: boolean
  readonly #sums: bigint[] = []
  readonly #counts: number[] = []

  constructor(read: ReadComparable, isMean: boolean) {
    this.#read = read
    this.#isMean = isMean
  }
  grow(): void {}
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    const value = this.#read(view, bytes, at)
    if (value === null) return
    this.#sums[g] = (this.#sums[g] ?? 0n) + (value as bigint)
    this.#counts[g] = (this.#counts[g] ?? 0) + 1
  }
  merge(g: number, other: WideSum, from: number): void {
    this.#sums[g] = (this.#sums[g] ?? 0n) + (other.#sums[from] ?? 0n)
    this.#counts[g] = (this.#counts[g] ?? 0) + (other.#counts[from] ?? 0)
  }
  result(g: number): bigint | number | null {
    const sum = this.#sums[g] ?? 0n
    if (!this.#isMean) return sum
    const count = this.#counts[g] ?? 0
    return count === 0 ? null : Number(sum) / count
  }
}

export class Extreme implements Accumulator {
  readonly #read: ReadComparable
  readonly #isMax: boolean
  readonly #toValue: (value: ComparableValue) => unknown
  counts = new Float64Array(0)
  values = new Float64Array(0)

  constructor(read: ReadComparable, node: Node, kind: 'min' | 'max') {
    this.#read = read
    this.#isMax = kind === 'max'
    this.#toValue = valueFrom(node)
  }
  grow(capacity: number): void {
    this.counts = grown(this.counts, capacity)
    this.values = grown(this.values, capacity, this.#isMax ? Number.NEGATIVE_INFINITY : Number.NaN)
  }
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    const value = this.#read(view, bytes, at)
    if (value === null) return
    ;(this.counts[g] as number)++
    this.#take(g, value as number)
  }
  merge(g: number, other: Extreme, from: number): void {
    const count = other.counts[from] as number
    if (count === 0) return
    ;(this.counts[g] as number) += count
    this.#take(g, other.values[from] as number)
  }
  result(g: number): unknown {
    return (this.counts[g] as number) === 0 ? null : this.#toValue(this.values[g] as number)
  }
  #take(g: number, x: number): void {
    const most = this.values[g] as number
    if (this.#isMax ? x > most || Number.isNaN(x) : x < most || Number.isNaN(most)) this.values[g] = x
  }
}

class OtherExtreme implements Accumulator {
  readonly #read: ReadComparable
  readonly #isBetter: (value: ComparableValue, than: ComparableValue) => boolean
  readonly #values: ComparableValue[] = []

  constructor(read: ReadComparable, node: Node, kind: 'min' | 'max') {
    this.#read = read
    const compare = comparing(node)
    this.#isBetter = kind === 'max' ? (a, b) => compare(a, b) > 0 : (a, b) => compare(a, b) < 0
  }
  grow(): void {}
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    this.#take(g, this.#read(view, bytes, at))
  }
  merge(g: number, other: OtherExtreme, from: number): void {
    this.#take(g, other.#values[from] ?? null)
  }
  result(g: number): unknown {
    return this.#values[g] ?? null
  }
  #take(g: number, value: ComparableValue): void {
    if (value === null) return
    const best = this.#values[g]
    if (best === undefined || this.#isBetter(value, best)) this.#values[g] = value
  }
}

class Distinct implements Accumulator {
  readonly #read: ReadComparable
  readonly #sets: Set<ComparableValue>[] = []

  constructor(read: ReadComparable) {
    this.#read = read
  }
  grow(): void {}
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    const value = this.#read(view, bytes, at)
    // Bytes are equal by what is in them.
    if (value !== null)
      this.#of(g).add(ArrayBuffer.isView(value) ? Buffer.from(value).toString('latin1') : value)
  }
  merge(g: number, other: Distinct, from: number): void {
    const set = this.#of(g)
    for (const value of other.#sets[from] ?? []) set.add(value)
  }
  result(g: number): number {
    return this.#sets[g]?.size ?? 0
  }
  #of(g: number): Set<ComparableValue> {
    return (this.#sets[g] ??= new Set())
  }
}

class Quantile implements Accumulator {
  readonly #read: ReadComparable
  readonly #node: Node
  readonly #share: number
  readonly #values: number[][] = []

  constructor(read: ReadComparable, node: Node, share: number) {
    this.#read = read
    this.#node = node
    this.#share = share
  }
  grow(): void {}
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    const value = this.#read(view, bytes, at)
    if (value !== null) (this.#values[g] ??= []).push(Number(value))
  }
  merge(g: number, other: Quantile, from: number): void {
    const values = (this.#values[g] ??= [])
    for (const value of other.#values[from] ?? []) values.push(value)
  }
  result(g: number): number | Date | null {
    const given = this.#values[g]
    if (given === undefined) return null
    // A typed array is sorted by number, NaN last.
    const values = Float64Array.from(given).sort()
    const place = this.#share * (values.length - 1)
    const below = values[Math.floor(place)] as number
    const above = values[Math.ceil(place)] as number
    const value = below === above ? below : below + (above - below) * (place - Math.floor(place))
    return isTime(this.#node) ? new Date(value) : value
  }
}

class EndValue implements Accumulator {
  readonly #read: (view: DataView, bytes: Buffer, at: number) => unknown
  readonly #isFirst: boolean
  readonly #values: { readonly value: unknown }[] = []

  constructor(read: (view: DataView, bytes: Buffer, at: number) => unknown, isFirst: boolean) {
    this.#read = read
    this.#isFirst = isFirst
  }
  grow(): void {}
  add(g: number, view: DataView, bytes: Buffer, at: number): void {
    if (this.#isFirst && this.#values[g] !== undefined) return
    this.#values[g] = { value: this.#read(view, bytes, at) }
  }
  merge(g: number, other: EndValue, from: number): void {
    const value = other.#values[from]
    if (value !== undefined && (!this.#isFirst || this.#values[g] === undefined)) this.#values[g] = value
  }
  result(g: number): unknown {
    const found = this.#values[g]
    return found === undefined ? null : found.value
  }
}
