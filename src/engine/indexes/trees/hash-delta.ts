/**
 * The pending entries of a hash index: 256 hash tables with chains, by the highest byte of the hash.
 *
 * Each table grows by itself, so that no insert has to move all entries (10 million entries: 40,000 of them at once, below a millisecond).
 * A new entry becomes the first of its chain, so that a key of a million records costs no more than others.
 */

import type { EntryBuffer } from '../keys/entry-words.ts'
import type { Delta, EntryStream } from './delta.ts'

const PARTS = 256
const PART_SHIFT = 24
const FIRST_SLOTS = 16
/** An entry is looked for among the first so many of its chain. If it is not there, it is added, perhaps as a duplicate. */
const LOOKS_MAX = 4

/** One of the tables. */
export class HashPart {
  count = 0
  hashes: Uint32Array = new Uint32Array(FIRST_SLOTS)
  numbers: Uint32Array = new Uint32Array(FIRST_SLOTS)
  /** The next entry of the chain; -1 at its end. */
  nexts = new Int32Array(FIRST_SLOTS)
  #heads = new Int32Array(FIRST_SLOTS).fill(-1)

  /** The newest entry with this hash; -1 if there is none. */
  first(hash: number): number {
    let e = this.#heads[hash & (this.#heads.length - 1)] as number
    while (e >= 0 && this.hashes[e] !== hash) e = this.nexts[e] as number
    return e
  }

  /** The entry after e with the same hash; -1 if there is none. */
  following(e: number, hash: number): number {
    let next = this.nexts[e] as number
    while (next >= 0 && this.hashes[next] !== hash) next = this.nexts[next] as number
    return next
  }

  /** @returns false if the entry was found and not added */
  add(hash: number, number: number): boolean {
    let looks = 0
    for (let e = this.first(hash); e >= 0 && looks < LOOKS_MAX; e = this.following(e, hash), looks++) {
      if (this.numbers[e] === number) return false
    }
    if (this.count === this.hashes.length) this.#grow()
    const e = this.count++
    this.hashes[e] = hash
    this.numbers[e] = number
    this.#link(e, hash)
    return true
  }

  #link(e: number, hash: number): void {
    const bucket = hash & (this.#heads.length - 1)
    this.nexts[e] = this.#heads[bucket] as number
    this.#heads[bucket] = e
  }

  #grow(): void {
    const length = this.hashes.length * 2
    this.hashes = grown(this.hashes, new Uint32Array(length))
    this.numbers = grown(this.numbers, new Uint32Array(length))
    this.nexts = new Int32Array(length)
    this.#heads = new Int32Array(length).fill(-1)
    for (let e = 0; e < this.count; e++) this.#link(e, this.hashes[e] as number)
  }
}

/** Shared by all tables without entries. Nothing is ever added to it. */
const EMPTY_PART = new HashPart()

export class HashDelta implements Delta {
  /** A table is created with its first entry. Until then it is EMPTY_PART. */
  readonly #parts: HashPart[] = new Array<HashPart>(PARTS).fill(EMPTY_PART)
  count = 0

  /** The table of a hash. */
  partOf(hash: number): HashPart {
    return this.#parts[hash >>> PART_SHIFT] as HashPart
  }

  addHash(hash: number, number: number): void {
    let part = this.partOf(hash)
    if (part === EMPTY_PART) {
      part = new HashPart()
      this.#parts[hash >>> PART_SHIFT] = part
    }
    if (part.add(hash, number)) this.count++
  }

  add(entry: Uint32Array, at: number): void {
    this.addHash(entry[at] as number, entry[at + 1] as number)
  }

  has(entry: Uint32Array, at: number): boolean {
    const hash = entry[at] as number
    const part = this.partOf(hash)
    for (let e = part.first(hash); e >= 0; e = part.following(e, hash)) {
      if (part.numbers[e] === entry[at + 1]) return true
    }
    return false
  }

  stream(): EntryStream {
    return new HashStream(this.#parts)
  }

  collectBelow(size: number, out: EntryBuffer): void {
    out.reserve(this.count)
    for (const { count, hashes, numbers } of this.#parts) {
      for (let e = 0; e < count; e++) {
        if ((numbers[e] as number) >= size) continue
        out.data[out.count * 2] = hashes[e] as number
        out.data[out.count * 2 + 1] = numbers[e] as number
        out.count++
      }
    }
  }
}

/** The entries table by table. Each table is sorted when the stream reaches it. */
class HashStream implements EntryStream {
  readonly #parts: readonly HashPart[]
  #part = -1
  data: Uint32Array = new Uint32Array(0)
  at = 0
  #end = 0

  constructor(parts: readonly HashPart[]) {
    this.#parts = parts
    this.#load()
  }

  get isDone(): boolean {
    return this.#part >= PARTS
  }

  next(): void {
    this.at += 2
    if (this.at >= this.#end) this.#load()
  }

  #load(): void {
    do {
      if (++this.#part >= PARTS) return
      this.data = sorted(this.#parts[this.#part] as HashPart)
    } while (this.data.length === 0)
    this.at = 0
    this.#end = this.data.length
  }
}

/** A double combines the lower 24 bits of a hash with an entry's place, below this number. */
const PLACES = 2 ** 29

/** The entries of a table in ascending order, each once. */
function sorted({ count, hashes, numbers }: HashPart): Uint32Array {
  const keys = new Float64Array(count)
  for (let e = 0; e < count; e++) keys[e] = ((hashes[e] as number) & 0xffffff) * PLACES + e
  keys.sort()
  const data = new Uint32Array(count * 2)
  for (let i = 0; i < count; i++) {
    const e = (keys[i] as number) % PLACES
    data[i * 2] = hashes[e] as number
    data[i * 2 + 1] = numbers[e] as number
  }
  return withoutRepeats(data)
}

/** Sorts the record numbers of equal hashes and drops duplicates. */
function withoutRepeats(data: Uint32Array): Uint32Array {
  let to = 0
  for (let from = 0; from < data.length; ) {
    const hash = data[from] as number
    let end = from + 2
    while (end < data.length && data[end] === hash) end += 2
    if (end === from + 2) {
      data[to++] = hash
      data[to++] = data[from + 1] as number
    } else {
      const numbers = new Uint32Array((end - from) / 2)
      for (let i = 0; i < numbers.length; i++) numbers[i] = data[from + 2 * i + 1] as number
      numbers.sort()
      for (let i = 0; i < numbers.length; i++) {
        if (i > 0 && numbers[i] === numbers[i - 1]) continue
        data[to++] = hash
        data[to++] = numbers[i] as number
      }
    }
    from = end
  }
  return data.subarray(0, to)
}

function grown(from: Uint32Array, to: Uint32Array): Uint32Array {
  to.set(from)
  return to
}
