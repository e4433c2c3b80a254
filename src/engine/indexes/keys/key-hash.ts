/**
 * The hash of a key: 32 bits that cannot be predicted without the seed.
 *
 * A key of one word is mixed reversibly, so that different keys have different hashes. Longer keys are hashed by HalfSipHash-1-3 (Aumasson
 * and Bernstein, as in Linux's hsiphash), for which nobody can prepare collisions without the seed. A lookup reads each record whose hash
 * is equal.
 */

export class KeyHash {
  /** Two words of the seed, and one that is made odd. */
  readonly #keys: Int32Array

  /** @param seed the 16 random bytes of the index file */
  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength)
    this.#keys = Int32Array.of(view.getInt32(0, true), view.getInt32(4, true), view.getInt32(8, true) | 1)
  }

  /** The hash of a key of one word, from 0 below 2^32; no other word has it. */
  ofWord(word: number): number {
    const keys = this.#keys
    let h = word ^ (keys[0] as number)
    h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
    h = Math.imul(h ^ (h >>> 15), keys[2] as number)
    h ^= keys[1] as number
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
    return (h ^ (h >>> 15)) >>> 0
  }

  /** The hash of a key, from 0 below 2^32. */
  of(words: Uint32Array): number {
    if (words.length === 1) return this.ofWord(words[0] as number)
    let v0 = this.#keys[0] as number
    let v1 = this.#keys[1] as number
    let v2 = 0x6c796765 ^ v0
    let v3 = 0x74656462 ^ v1
    for (let i = 0; i <= words.length + 3; i++) {
      // The words, then their length, then three finalization rounds.
      const m = i < words.length ? (words[i] as number) | 0 : i === words.length ? words.length << 26 : 0
      if (i === words.length + 1) v2 ^= 0xff
      v3 ^= m
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= m
    }
    return (v1 ^ v3) >>> 0
  }
}
