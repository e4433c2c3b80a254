/**
 * Where does a key belong in a hash index? 32 bits that nobody can foresee who does not know the seed.
 *
 * One word is mixed reversibly, so that two different keys of four bytes never meet. Longer keys go through
 * HalfSipHash-1-3 (Aumasson and Bernstein, as in Linux's hsiphash), whose collisions cannot be prepared without its key.
 * Equal hashes cost a look at each record that has one, and nothing else (leaf-search.ts).
 */

export class KeyHash {
  readonly #k0: number
  readonly #k1: number
  readonly #odd: number

  /** @param seed 16 random bytes, the index file's */
  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength)
    this.#k0 = view.getInt32(0, true)
    this.#k1 = view.getInt32(4, true)
    this.#odd = view.getInt32(8, true) | 1
  }

  /** The hash of a key of one word, from 0 below 2^32; no other word has it. */
  ofWord(word: number): number {
    let h = word ^ this.#k0
    h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
    h = Math.imul(h ^ (h >>> 15), this.#odd)
    h ^= this.#k1
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
    return (h ^ (h >>> 15)) >>> 0
  }

  /** The hash of a key, from 0 below 2^32. */
  of(words: Uint32Array): number {
    if (words.length === 1) return this.ofWord(words[0] as number)
    let v0 = this.#k0
    let v1 = this.#k1
    let v2 = 0x6c796765 ^ this.#k0
    let v3 = 0x74656462 ^ this.#k1
    for (let i = 0; i <= words.length + 3; i++) {
      // The words, then their length, then three rounds with nothing.
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
