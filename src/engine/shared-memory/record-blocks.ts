/**
 * How is a record in shared memory read whole while another process changes it? By a seqlock whose writer leaves a redo log.
 *
 *   RB1  a block is a sequence, the record, a redo image of the record, and a mask with a bit for each 32-bit word of the record. The
 *        masked words of the image replace those of the record while the sequence is odd.
 *   RB2  a writer holds a lock of the kernel. It stores image and mask, makes the sequence odd, stores the masked words into the record,
 *        and makes the sequence even. If it dies in between, the next writer repeats the masked words: redo is idempotent.
 *   RB3  a reader loads the sequence, copies the record, lays the masked words over the copy if the sequence is odd, and loads the
 *        sequence again. If it moved, the copy counts for nothing. A reader waits for no writer, be it stopped or dead.
 *   RB4  a word that a change does not name keeps what other processes add to it meanwhile: it is not in the mask.
 * Words are stored with Atomics. Processors that reorder stores therefore show them in this order, too.
 * Locks, codecs and record numbers: record-table.ts.
 */

/** Words before the record: the sequence, and one that aligns the record to 8 bytes. */
const HEAD_WORDS = 2
const WORD_BITS = 32
/** Longer records are copied by one native call. */
const BY_WORD_MAX = 64
/** An atomic store orders the loads before it with an atomic load after it. */
const FENCE = new Int32Array(1)

/** Words of one block. A multiple of 2. */
export function blockWords(recordWords: number): number {
  const words = HEAD_WORDS + 2 * recordWords + Math.ceil(recordWords / WORD_BITS)
  return words + (words % 2)
}

export class RecordBlocks {
  readonly #words: Int32Array
  readonly #first: number
  readonly #recordWords: number
  readonly #stride: number

  /** @param first word of the first block */
  constructor(words: Int32Array, first: number, recordWords: number) {
    this.#words = words
    this.#first = first
    this.#recordWords = recordWords
    this.#stride = blockWords(recordWords)
  }

  /** The position of a record's first word. */
  recordAt(number: number): number {
    return this.#blockAt(number) + HEAD_WORDS
  }

  /** Copies a record. @returns its sequence, even; undefined if a writer came between, and the copy counts for nothing */
  tryRead(number: number, into: Int32Array): number | undefined {
    const words = this.#words
    const at = this.#blockAt(number)
    const sequence = Atomics.load(words, at)
    this.#copy(at + HEAD_WORDS, into)
    if ((sequence & 1) !== 0) this.#redo(at, (n, word) => void (into[n] = word))
    Atomics.exchange(FENCE, 0, 0)
    return Atomics.load(words, at) === sequence ? (sequence + (sequence & 1)) | 0 : undefined
  }

  /**
   * Stores the words of a record that differ from `before`, or from what is stored. The caller holds the record's lock.
   * @param before what `next` was made from, read at `sequence`; undefined: the record is replaced
   * @returns false, nothing stored, if the record has another sequence by now
   */
  store(number: number, next: Int32Array, before?: Int32Array, sequence?: number): boolean {
    const words = this.#words
    const at = this.#blockAt(number)
    const now = this.finish(number)
    if (before !== undefined && now !== sequence) return false
    if (!this.#stage(at, next, before)) return true
    Atomics.store(words, at, (now + 1) | 0)
    this.#apply(at)
    Atomics.store(words, at, (now + 2) | 0)
    return true
  }

  /** Finishes what a writer that died has begun. The caller holds the record's lock. @returns the sequence, even */
  finish(number: number): number {
    const at = this.#blockAt(number)
    const sequence = Atomics.load(this.#words, at)
    if ((sequence & 1) === 0) return sequence
    this.#apply(at)
    Atomics.store(this.#words, at, (sequence + 1) | 0)
    return (sequence + 1) | 0
  }

  /** Whether a writer is storing the record, or died while it did. */
  isBeingStored(number: number): boolean {
    return (Atomics.load(this.#words, this.#blockAt(number)) & 1) !== 0
  }

  #blockAt(number: number): number {
    return this.#first + number * this.#stride
  }

  #copy(from: number, into: Int32Array): void {
    const words = this.#words
    const count = this.#recordWords
    if (count > BY_WORD_MAX) into.set(words.subarray(from, from + count))
    else for (let n = 0; n < count; n++) into[n] = words[from + n] as number
  }

  /** Stores image and mask. @returns whether any word differs */
  #stage(at: number, next: Int32Array, before: Int32Array | undefined): boolean {
    const words = this.#words
    const count = this.#recordWords
    const record = at + HEAD_WORDS
    const image = record + count
    const mask = image + count
    let isChanged = false
    for (let first = 0; first < count; first += WORD_BITS) {
      let bits = 0
      for (let n = first; n < Math.min(count, first + WORD_BITS); n++) {
        const old = before === undefined ? words[record + n] : before[n]
        if (next[n] === old) continue
        bits |= 1 << (n - first)
        Atomics.store(words, image + n, next[n] as number)
      }
      Atomics.store(words, mask + first / WORD_BITS, bits)
      if (bits !== 0) isChanged = true
    }
    return isChanged
  }

  #apply(at: number): void {
    const words = this.#words
    this.#redo(at, (n, word) => void Atomics.store(words, at + HEAD_WORDS + n, word))
  }

  /** Calls `take` with each masked word. */
  #redo(at: number, take: (n: number, word: number) => void): void {
    const words = this.#words
    const image = at + HEAD_WORDS + this.#recordWords
    const mask = image + this.#recordWords
    for (let first = 0; first < this.#recordWords; first += WORD_BITS) {
      const bits = words[mask + first / WORD_BITS] as number
      for (let n = 0; bits >>> n !== 0 && n < WORD_BITS; n++) {
        if (((bits >>> n) & 1) !== 0) take(first + n, words[image + first + n] as number)
      }
    }
  }
}
