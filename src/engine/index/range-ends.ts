/**
 * Where does a range of keys begin and end? Bounds as the first and the last entry that may be in it.
 *
 * A bound of fewer values than the index has fields stands for all keys that begin with them: `gte` and `lt` lie in front of
 * those, `gt` and `lte` behind. So does a value that no field can hold: the range goes on beside where it would be.
 */

import type { Range } from './index-options.ts'
import type { KeyCodec } from './key-codec.ts'
import type { RangeEnds } from './range-cursor.ts'
import { compareWords, copyWords } from './words.ts'

/** @throws TypeError for a value that no key can be compared with, or two bounds at one end */
export function rangeEnds(codec: KeyCodec, range: Range): RangeEnds {
  const words = codec.wordCount + 1
  const from = new Uint32Array(words)
  const to = new Uint32Array(words).fill(0xffffffff)
  const { gte, gt, lte, lt, prefix } = range
  if (gte !== undefined && gt !== undefined)
    throw new TypeError('A range begins with gte or with gt, not with both')
  if (lte !== undefined && lt !== undefined)
    throw new TypeError('A range ends with lte or with lt, not with both')
  const one = new Uint32Array(words)
  let isEmpty = false
  const raise = (): void => {
    if (compareWords(one, 0, from, 0, words) > 0) copyWords(one, 0, from, 0, words)
  }
  const lower = (): void => {
    if (compareWords(one, 0, to, 0, words) < 0) copyWords(one, 0, to, 0, words)
  }
  if (prefix !== undefined) {
    // The first text that begins so is this one itself.
    if (block(codec, prefix, false, 'first', one)) raise()
    else isEmpty = true
    if (block(codec, prefix, true, 'last', one)) lower()
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
 * The entries of all keys that begin with a value: sets `out` to the first or the last of them, or to the one before or behind.
 * @returns false where there is none before or behind
 */
function block(
  codec: KeyCodec,
  value: unknown,
  isPrefix: boolean,
  which: 'first' | 'last' | 'before' | 'behind',
  out: Uint32Array,
): boolean {
  const { fixedBytes, fit } = codec.encodeBound(value, isPrefix)
  // Where the value lies beside what is encoded, nothing is equal to it.
  let side = which
  if (fit === 'above') side = which === 'first' || which === 'behind' ? 'behind' : 'last'
  if (fit === 'below') side = which === 'first' || which === 'behind' ? 'first' : 'before'
  const isHigh = side === 'last' || side === 'behind'
  codec.padded(fixedBytes, isHigh ? 0xff : 0, out)
  out[codec.wordCount] = isHigh ? 0xffffffff : 0
  if (side === 'behind') return step(out, 1)
  return side === 'before' ? step(out, -1) : true
}

/** The next or the previous row of words. @returns false where there is none */
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
