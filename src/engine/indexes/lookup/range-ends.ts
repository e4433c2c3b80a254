/**
 * Converts the bounds of a range of keys to its lowest and its highest possible entry.
 *
 * A bound with fewer values than the index has fields stands for all keys that begin with them: `gte` and `lt` are in front of these keys,
 * `gt` and `lte` behind them. A value that no field can hold is a bound between the nearest possible values.
 *   KR1  null is a bound like any other value. undefined is refused, so that no condition is dropped silently.
 */

import { compareWords, copyWords } from '../keys/entry-words.ts'
import { GivenKey } from '../keys/given-key.ts'
import type { Range, RangeOptions } from '../keys/index-options.ts'
import type { KeyCodec } from '../keys/key-codec.ts'
import type { KeyPlan } from '../keys/key-plan.ts'
import type { RangeEnds } from './range-cursor.ts'

/** A copy of a range. Each bound was read once, so that no code of the caller runs later. */
export class GivenRange {
  readonly gte: GivenKey | undefined
  readonly gt: GivenKey | undefined
  readonly lte: GivenKey | undefined
  readonly lt: GivenKey | undefined
  readonly prefix: GivenKey | undefined
  readonly reverse: boolean
  readonly limit: number
  readonly offset: number

  private constructor(plan: KeyPlan, range: RangeOptions) {
    this.gte = bound(plan, range, 'gte', range.gte)
    this.gt = bound(plan, range, 'gt', range.gt)
    this.lte = bound(plan, range, 'lte', range.lte)
    this.lt = bound(plan, range, 'lt', range.lt)
    this.prefix = bound(plan, range, 'prefix', range.prefix)
    if (this.gte !== undefined && this.gt !== undefined)
      throw new TypeError('A range begins with gte or with gt, not with both')
    if (this.lte !== undefined && this.lt !== undefined)
      throw new TypeError('A range ends with lte or with lt, not with both')
    this.reverse = range.reverse ?? false
    this.limit = range.limit ?? Number.POSITIVE_INFINITY
    this.offset = range.offset ?? 0
  }

  /** @throws TypeError for a value that no key can be compared with, a bound that is undefined, or two bounds at one end */
  static of(plan: KeyPlan, range: RangeOptions | GivenRange): GivenRange {
    return range instanceof GivenRange ? range : new GivenRange(plan, range)
  }
}

function bound(plan: KeyPlan, range: Range, name: keyof Range, value: unknown): GivenKey | undefined {
  if (value !== undefined) return GivenKey.bound(plan, value)
  if (!(name in range)) return undefined
  throw new TypeError(`The bound ${name} of a range is undefined: leave it out where there is none`)
}

/** @throws TypeError as GivenRange does */
export function rangeEnds(codec: KeyCodec, range: RangeOptions | GivenRange): RangeEnds {
  const words = codec.wordCount + 1
  const from = new Uint32Array(words)
  const to = new Uint32Array(words).fill(0xffffffff)
  const { gte, gt, lte, lt, prefix } = GivenRange.of(codec.plan, range)
  const one = new Uint32Array(words)
  let isEmpty = false
  const raise = (): void => {
    if (compareWords(one, 0, from, 0, words) > 0) copyWords(one, 0, from, 0, words)
  }
  const lower = (): void => {
    if (compareWords(one, 0, to, 0, words) < 0) copyWords(one, 0, to, 0, words)
  }
  if (prefix !== undefined) {
    // The first text that begins with the prefix is the prefix itself.
    if (block(codec, prefix, false, 'first', one)) raise()
    else isEmpty = true
    if (block(codec, prefix, true, 'last', one)) lower()
    else isEmpty = true
  }
  const begin = gte ?? gt
  if (begin !== undefined) {
    if (block(codec, begin, false, gte === undefined ? 'behind' : 'first', one)) raise()
    else isEmpty = true
  }
  const end = lte ?? lt
  if (end !== undefined) {
    if (block(codec, end, false, lte === undefined ? 'before' : 'last', one)) lower()
    else isEmpty = true
  }
  if (isEmpty) from.fill(0xffffffff)
  return { from, to }
}

/**
 * Sets `out` to the first or the last entry of all keys that begin with a value, or to the entry before or behind them.
 * @returns false if there is no entry before or behind them
 */
function block(
  codec: KeyCodec,
  value: GivenKey,
  isPrefix: boolean,
  which: 'first' | 'last' | 'before' | 'behind',
  out: Uint32Array,
): boolean {
  const { fixedBytes, fit } = codec.encodeBound(value, isPrefix)
  // A value that no field can hold lies beside the encoded bytes, and no key begins with it.
  let side = which
  if (fit === 'above') side = which === 'first' || which === 'behind' ? 'behind' : 'last'
  if (fit === 'below' || fit === 'beneath') side = which === 'first' || which === 'behind' ? 'first' : 'before'
  const isHigh = side === 'last' || side === 'behind'
  codec.padded(fixedBytes, isHigh ? 0xff : 0, out)
  out[codec.wordCount] = isHigh ? 0xffffffff : 0
  if (side === 'behind') return step(out, 1)
  return side === 'before' ? step(out, -1) : true
}

/** Changes a row of words to the next or the previous one. @returns false if there is none */
function step(words: Uint32Array, by: 1 | -1): boolean {
  const [wraps, wrapped] = by === 1 ? [0xffffffff, 0] : [0, 0xffffffff]
  for (let i = words.length - 1; i >= 0; i--) {
    if (words[i] !== wraps) {
      words[i] = (words[i] as number) + by
      return true
    }
    words[i] = wrapped
  }
  return false
}
