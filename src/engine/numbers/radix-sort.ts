/**
 * Sorts many index entries by key: a radix sort from the least significant digit up.
 *
 * Stable: entries with equal keys keep their order, so their record numbers stay ascending. A digit that is equal in all entries (padding,
 * high bytes of small numbers) is counted but not moved.
 */

const DIGIT_BITS = 11
const DIGITS = 2 ** DIGIT_BITS
const DIGIT_MASK = DIGITS - 1
const SHIFTS = [0, DIGIT_BITS, 2 * DIGIT_BITS] as const
const ENTRIES_A_YIELD = 65_536

/** Keys in columns of words, most significant first, and the record number of each key. */
export interface KeyColumns {
  readonly columns: readonly Uint32Array[]
  readonly numbers: Uint32Array
  readonly count: number
}

/** The indexes of the entries in sorted order. Yields about every millisecond. */
export function* sortedOrder({
  columns,
  count,
}: Pick<KeyColumns, 'columns' | 'count'>): Generator<void, Uint32Array> {
  let order: Uint32Array = new Uint32Array(count)
  for (let from = 0; from < count; from += ENTRIES_A_YIELD) {
    const end = Math.min(count, from + ENTRIES_A_YIELD)
    for (let i = from; i < end; i++) order[i] = i
    yield
  }
  let next: Uint32Array = new Uint32Array(count)
  for (let c = columns.length - 1; c >= 0; c--) {
    const column = columns[c] as Uint32Array
    for (const shift of SHIFTS) {
      const starts = yield* startsOf(column, count, shift)
      if (starts === undefined) continue
      for (let from = 0; from < count; from += ENTRIES_A_YIELD) {
        place(order, from, Math.min(count, from + ENTRIES_A_YIELD), column, shift, starts, next)
        yield
      }
      const free = order
      order = next
      next = free
    }
  }
  return order
}

/** Moves the entries at [from, to) of `order` to the positions of their digits, and advances `starts`. */
function place(
  order: Uint32Array,
  from: number,
  to: number,
  column: Uint32Array,
  shift: number,
  starts: Uint32Array,
  next: Uint32Array,
): void {
  for (let i = from; i < to; i++) {
    const entry = order[i] as number
    const digit = ((column[entry] as number) >>> shift) & DIGIT_MASK
    const at = starts[digit] as number
    starts[digit] = at + 1
    next[at] = entry
  }
}

/** The position of the first entry with each digit; undefined if all entries have the same digit. */
function* startsOf(
  column: Uint32Array,
  count: number,
  shift: number,
): Generator<void, Uint32Array | undefined> {
  const starts = new Uint32Array(DIGITS)
  for (let from = 0; from < count; from += ENTRIES_A_YIELD) {
    countDigits(column, from, Math.min(count, from + ENTRIES_A_YIELD), shift, starts)
    yield
  }
  if (count > 0 && starts[((column[0] as number) >>> shift) & DIGIT_MASK] === count) return undefined
  let sum = 0
  for (let digit = 0; digit < DIGITS; digit++) {
    const some = starts[digit] as number
    starts[digit] = sum
    sum += some
  }
  return starts
}

function countDigits(column: Uint32Array, from: number, to: number, shift: number, counts: Uint32Array): void {
  for (let i = from; i < to; i++) {
    const digit = ((column[i] as number) >>> shift) & DIGIT_MASK
    counts[digit] = (counts[digit] as number) + 1
  }
}
