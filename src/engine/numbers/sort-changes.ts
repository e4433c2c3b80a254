/**
 * Groups changes by record: sorted by record number, changes of one record in the order in which they were listed.
 *
 *   QS1  stable: of equal numbers the earlier one stays first.
 *   QS2  a list that is not sorted yet takes its memory twice. The time is proportional to its length.
 *   QS3  the work yields after every 32,768 changes.
 * A radix sort from the least significant digit up. Sorting the keys of an index: radix-sort.ts.
 */

import type { QuietSteps } from '../steps/steps.ts'

export type Numbers = Uint32Array | Float64Array

/** Record numbers, and one value of each. */
export interface NumberedList {
  readonly numbers: Numbers
  readonly values: Numbers
}

const DIGIT_BITS_MAX = 12
const WORD = 2 ** 32
const ENTRIES_A_STEP = 32 * 1024

/** Some bits of a record number. */
interface Digit {
  readonly shift: number
  readonly mask: number
  /** Whether all numbers have at most 32 bits. */
  readonly isInWord: boolean
}

/** An array for whole numbers, all below `bound`. */
export function numbersBelow(bound: number, length: number): Numbers {
  return bound <= WORD ? new Uint32Array(length) : new Float64Array(length)
}

/** The values of a list, grouped by record number. */
export interface NumberedGroups {
  /** The distinct numbers in ascending order. */
  readonly numbers: Numbers
  /** The values, record after record; those of one record in the order of the list. */
  readonly values: Numbers
  /** The index of each record's first value, and the end of the last record's values; undefined if each record has one value. */
  readonly firsts: Numbers | undefined
}

/** The index of the first of the ascending numbers that is not below n. */
export function firstFrom(numbers: ArrayLike<number>, n: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) < n) low = middle + 1
    else high = middle
  }
  return low
}

/** Groups a list by its numbers, which are all below `bound`. Overwrites the list. */
export function* grouped(list: NumberedList, bound: number): QuietSteps<NumberedGroups> {
  const { numbers, values } = yield* sorted(list, bound)
  const { length } = numbers
  let count = 0
  for (let i = 0; i < length; i++) {
    if (i === 0 || numbers[i] !== numbers[i - 1]) count++
    if (i % ENTRIES_A_STEP === ENTRIES_A_STEP - 1) yield
  }
  if (count === length) return { numbers, values, firsts: undefined }
  const firsts = numbersBelow(length, count + 1)
  let group = -1
  for (let i = 0; i < length; i++) {
    const n = numbers[i] as number
    if (group < 0 || numbers[group] !== n) {
      numbers[++group] = n
      firsts[group] = i
    }
    if (i % ENTRIES_A_STEP === ENTRIES_A_STEP - 1) yield
  }
  firsts[count] = length
  // Copied only if that frees much memory.
  const part = count > length / 2 ? 'subarray' : 'slice'
  return { numbers: numbers[part](0, count), values, firsts }
}

/** The list in ascending order of its numbers. May overwrite the given list. */
export function* sorted(list: NumberedList, bound: number): QuietSteps<NumberedList> {
  const { length } = list.numbers
  const digits = digitsBelow(bound)
  const counts = digits.map(({ mask }) => new Uint32Array(mask + 1))
  let rises = true
  for (let at = 0; at < length; at += ENTRIES_A_STEP) {
    const end = Math.min(length, at + ENTRIES_A_STEP)
    rises &&= isRising(list.numbers, at, end)
    for (const [i, digit] of digits.entries()) count(list.numbers, at, end, digit, counts[i] as Uint32Array)
    yield
  }
  if (rises) return list
  let from = list
  let to: NumberedList = {
    numbers: numbersBelow(bound, length),
    values: list.values instanceof Uint32Array ? new Uint32Array(length) : new Float64Array(length),
  }
  for (const [i, digit] of digits.entries()) {
    const starts = startsOf(counts[i] as Uint32Array, length)
    if (starts === undefined) continue
    for (let at = 0; at < length; at += ENTRIES_A_STEP) {
      move(from, to, at, Math.min(length, at + ENTRIES_A_STEP), digit, starts)
      yield
    }
    const free = from
    from = to
    to = free
  }
  return from
}

function isRising(numbers: Numbers, from: number, to: number): boolean {
  for (let i = Math.max(1, from); i < to; i++) {
    if ((numbers[i - 1] as number) > (numbers[i] as number)) return false
  }
  return true
}

/** Splits numbers below the bound into as few digits as possible, all of the same length. */
function digitsBelow(bound: number): readonly Digit[] {
  let bits = 1
  while (2 ** bits < bound) bits++
  const count = Math.ceil(bits / DIGIT_BITS_MAX)
  const length = Math.ceil(bits / count)
  return Array.from({ length: count }, (_, i) => {
    return { shift: i * length, mask: 2 ** length - 1, isInWord: bound <= WORD }
  })
}

/** The position of the first entry with each digit, written over the counts; undefined if all entries have the same digit. */
function startsOf(counts: Uint32Array, length: number): Uint32Array | undefined {
  let sum = 0
  for (let digit = 0; digit < counts.length; digit++) {
    const some = counts[digit] as number
    if (some === length) return undefined
    counts[digit] = sum
    sum += some
  }
  return counts
}

function count(
  numbers: Numbers,
  from: number,
  to: number,
  { shift, mask, isInWord }: Digit,
  counts: Uint32Array,
): void {
  const divisor = 2 ** shift
  for (let i = from; i < to; i++) {
    const n = numbers[i] as number
    const digit = (isInWord ? n >>> shift : n / divisor) & mask
    counts[digit] = (counts[digit] as number) + 1
  }
}

function move(
  source: NumberedList,
  target: NumberedList,
  from: number,
  to: number,
  { shift, mask, isInWord }: Digit,
  starts: Uint32Array,
): void {
  const { numbers, values } = source
  const { numbers: toNumbers, values: toValues } = target
  const divisor = 2 ** shift
  for (let i = from; i < to; i++) {
    const n = numbers[i] as number
    const digit = (isInWord ? n >>> shift : n / divisor) & mask
    const at = starts[digit] as number
    starts[digit] = at + 1
    toNumbers[at] = n
    toValues[at] = values[i] as number
  }
}
