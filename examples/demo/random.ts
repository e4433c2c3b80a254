/**
 * Numbers that look random and are the same each time: mulberry32 with a seed that the demo prints.
 */

export const SEED = 20260125

/** `count` whole numbers from [from, to). */
export function randomNumbers(count: number, from: number, to: number, seed = SEED): Uint32Array {
  const numbers = new Uint32Array(count)
  let state = seed >>> 0
  for (let i = 0; i < count; i++) {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    numbers[i] = from + Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * (to - from))
  }
  return numbers
}
