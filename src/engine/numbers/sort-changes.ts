/**
 * Groups changes by record: sorted by record number, those of one record in the order in which they came.
 *
 *   QS1  stable: of equal numbers the earlier one stands first.
 *   QS2  memory is the list twice, where it has to be sorted at all; time is in proportion to its length.
 *   QS3  the work stops after some ten thousand changes.
 * By counting, digit after digit, the last one first. Keys of an index: numbers/radix-sort.ts.
 */

import type { QuietSteps } from '../steps/steps.ts'

export type Numbers = Uint32Array | Float64Array

/** Record numbers, and something of each. */
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

/** Memory for so many whole numbers, all below `bound`. */
export function numbersBelow(bound: number, length: number): Numbers {
  return bound <= WORD ? new Uint32Array(length) : new Float64Array(length)
}

/** What is listed of each of some records. */
export interface NumberedGroups {
  /** The different numbers, ascending. */
  readonly numbers: Numbers
  /** What is listed, record after record, of each in the order in which it was given. */
  readonly values: Numbers
  /** Where the values of each record begin, and one more for the end of the last; undefined where each has one. */
  readonly firsts: Numbers | undefined
}

/** The index of the first of the rising numbers that is not below n. */
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

/** Groups a list by its numbers, which are all below `bound`. The list's memory is used. */
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
  // A copy only where it gives much memory back.
  const part = count > length / 2 ? 'subarray' : 'slice'
  return { numbers: numbers[part](0, count), values, firsts }
}

/** The same list in order of its numbers; the given one's memory may be used. */
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

/** As few digits of the same length as make up all numbers below the bound. */
function digitsBelow(bound: number): readonly Digit[] {
  let bits = 1
  while (2 ** bits < bound) bits++
  const count = Math.ceil(bits / DIGIT_BITS_MAX)
  const length = Math.ceil(bits / count)
  return Array.from({ length: count }, (_, i) => {
    return { shift: i * length, mask: 2 ** length - 1, isInWord: bound <= WORD }
  })
}

/** Where the entries with each digit begin, in the memory of their counts; undefined where all have the same one. */
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
