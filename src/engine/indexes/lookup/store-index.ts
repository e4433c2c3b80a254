/**
 * What can a program do with an index? It finds records by key, and ranges of keys in order.
 *
 * It finds record numbers (key-index.ts), and the store reads the records. Staged changes are included. Keys and bounds that are
 * objects are read first (keys/given-key.ts), and the index is looked up afterwards: a getter in a key may change or close it.
 */

import { StrideError } from '../../../errors.ts'
import { type NoOptions, refuseOptions } from '../../../options/option-table.ts'
import { OutOfLine } from '../../../runtime/out-of-line.ts'
import type { AnySchema, FieldName, FieldValue, Output } from '../../../schema/index.ts'
import { SEED_BYTES } from '../../format/index-format.ts'
import { toList } from '../../numbers/list-argument.ts'
import type { RecordSet } from '../../read/record-set.ts'
import { KEY_RANGE, type Range, type RangeOptions, WALKED_RANGE } from '../keys/index-options.ts'
import { KeyHash } from '../keys/key-hash.ts'
import { HashFastPath, UNSURE } from './hash-fast-path.ts'
import type { IndexedStore } from './indexed-store.ts'
import type { KeyIndex } from './key-index.ts'
import { OrderedIndex } from './ordered-index.ts'
import { GivenRange, rangeEnds } from './range-ends.ts'
import { RangeWalk } from './range-walk.ts'
import { assertUnique } from './unique-key.ts'

/**
 * A bound of a range: a key, or its first values. A key of several fields is a readonly array; the value of a tuple field is a plain
 * array and counts as one value.
 */
export type Bound<Key> = Key extends unknown[]
  ? Key
  : Key extends readonly [infer First, ...infer Rest]
    ? First | readonly [First] | (Rest extends readonly [] ? never : readonly [First, ...Partial<Rest>])
    : Key

/** Keys that are looked up between two checks of the writer's sequence. */
const PIECE_KEYS = 256
/** For so few keys one lookup after the other is faster than preparing a batch (bench/rows-and-readers.ts). */
const FEW = 8
const NEVER_READY = new HashFastPath(new KeyHash(new Uint8Array(SEED_BYTES)), undefined)

/**
 * An index of a store or transaction. It finds the records that reads see at the call, staged changes included. It is valid as long as
 * its store or transaction.
 *
 * Every call throws TypeError for a key of another type, RangeError once the index is dropped, and {StrideError} ERR_STRIDE_CLOSED,
 * _CORRUPT (a page is damaged; `checkpoint` rebuilds the index), _IO, and beside another writer _INDEX_NOT_BUILT and _BUSY.
 */
export class StoreIndex<S extends AnySchema = AnySchema, Key = unknown> {
  /** The name that `store.index` takes. */
  readonly name: string
  readonly #store: IndexedStore<S>
  readonly #records: RecordSet<S>
  readonly #isFollowing: boolean
  /** The last result of `find`, and the epoch in which it was found. */
  #found: KeyIndex | undefined
  #foundAt = -1
  /** The fast path for keys of u32. */
  #quick: HashFastPath = NEVER_READY
  readonly #asking = new OutOfLine((key: Key) => this.#number(key))
  #ask = this.#asking.next()

  /** @internal */
  constructor(name: string, store: IndexedStore<S>) {
    this.name = name
    this.#store = store
    this.#records = store.records
    this.#isFollowing = store.isFollowing
  }

  /** Dotted paths of its fields, in the order of the key. */
  get on(): readonly string[] {
    return this.#store.find().tree.definition.on
  }
  /** 'hash' finds single keys, 'ordered' also ranges. */
  get kind(): 'hash' | 'ordered' {
    return this.#store.find().tree.definition.kind
  }
  /** Whether a second live record with the same key is refused. */
  get unique(): boolean {
    return this.#store.find().tree.definition.unique
  }

  /**
   * The number of the record with this key; the lowest if there are several, -1 if there is none.
   */
  number(key: Key): number {
    const quick = this.#quick
    if (quick.isReady && typeof key === 'number' && key >>> 0 === key) {
      const n = quick.find(key)
      if (n !== UNSURE) return n
    }
    return this.#ask(key)
  }

  /** The record that `number` finds, as a fresh object; undefined if there is none. */
  get(key: Key): Output<S> | undefined {
    if (this.#isFollowing) return this.#getConsistently(key)
    const n = this.number(key)
    return n < 0 ? undefined : this.#records.get(n)
  }

  /** Whether there is a live record with this key. */
  has(key: Key): boolean {
    return this.number(key) >= 0
  }

  /**
   * One field of the record that `number` finds, by its dotted path.
   * @throws {StrideError} ERR_STRIDE_NO_RECORD if there is none; RangeError for an unknown field
   */
  field<Name extends FieldName<S>>(key: Key, name: Name): FieldValue<S, Name> {
    if (this.#isFollowing) return this.#fieldConsistently(key, name)
    const n = this.number(key)
    return n >= 0 ? this.#records.field(n, name) : this.#noSuchKey()
  }

  /** Records of many keys as fresh objects, in the order of the keys; undefined for a key without a record. All are of one commit. */
  getMany(keys: Iterable<Key> | ArrayLike<Key>, none?: NoOptions): (Output<S> | undefined)[] {
    refuseOptions(none, 'getMany')
    const list = this.#readAll(keys)
    return this.#store.together(() => {
      const numbers = this.#numbersOf(list)
      const found = this.#records.getMany(numbers.filter(n => n >= 0))
      let next = 0
      return Array.from(numbers, n => (n < 0 ? undefined : found[next++]))
    })
  }

  /** The number of each key, as `number` finds it, in a new array. `gather`, `getMany` and `prefetch` accept it, -1 included. */
  numbers(keys: Iterable<Key> | ArrayLike<Key>, none?: NoOptions): Float64Array {
    refuseOptions(none, 'numbers')
    const list = this.#readAll(keys)
    const { length } = list
    if (this.#isFollowing || length === 0 || length > FEW) {
      return this.#store.together(() => this.#numbersOf(list))
    }
    const out = new Float64Array(length)
    for (let i = 0; i < length; i++) out[i] = this.#numberOf(list[i])
    return out
  }

  /** The numbers of all records with this key, ascending, in a new array. */
  all(key: Key): Float64Array {
    const given = this.#read(key)
    return this.#tell(this.#store.consistently(() => this.#find().all(given)))
  }

  /**
   * Stages the deletion of the record with this key in a unique index.
   * @returns whether there was one
   * @throws TypeError if the index is not unique; {StrideError} as `store.delete`
   */
  delete(key: Key): boolean {
    const given = this.#read(key)
    const index = this.#find()
    assertUnique(index, 'delete')
    return this.#store.delete(() => index.number(given))
  }

  /**
   * The records of a range, in the order of their keys, then of their numbers. One row moves from record to record.
   *
   * The walk returns each record at most once, and none that was appended after this call, so it always ends. It sees updates and
   * deletes ahead of it. A record whose key moves ahead of the walk is returned there, unless it was returned before; a record whose key
   * moves behind it is not returned. After a compact the walk continues behind its last record. A step throws RangeError once the index
   * is dropped or rebuilt over other fields, and {StrideError} ERR_STRIDE_REPLACED once another process compacted.
   * @throws TypeError on a hash index, and for invalid bounds
   */
  range(range?: RangeOptions<Bound<Key>>): RangeWalk<S> {
    const given = this.#readRange(WALKED_RANGE.read(range, 'range'))
    return new RangeWalk(this.#store, () => this.#ordered(), given)
  }

  /** The first record of a range as a fresh object; undefined if the range is empty. @throws TypeError on a hash index */
  first(range?: Range<Bound<Key>>): Output<S> | undefined {
    const given = this.#readRange(KEY_RANGE.read(range, 'first'))
    return this.#end(given, given.reverse)
  }
  /** The last record of a range as a fresh object; undefined if the range is empty. @throws TypeError on a hash index */
  last(range?: Range<Bound<Key>>): Output<S> | undefined {
    const given = this.#readRange(KEY_RANGE.read(range, 'last'))
    return this.#end(given, !given.reverse)
  }
  /** How many records a range has; without a range, the index. @throws TypeError on a hash index */
  count(range?: Range<Bound<Key>>): number {
    const given = this.#readRange(KEY_RANGE.read(range, 'count'))
    return this.#store.consistently(() => this.#ordered().count(given))
  }

  #end(range: GivenRange, isReverse: boolean): Output<S> | undefined {
    return this.#store.consistently(() => {
      const index = this.#ordered()
      const n = index.cursorBetween(rangeEnds(index.codec, range), isReverse).next()
      return n < 0 ? undefined : this.#records.get(n)
    })
  }

  /** Beside another writer it works in pieces, so that few of them have to be repeated. */
  #numbersOf(list: ArrayLike<unknown>): Float64Array {
    const { length } = list
    if (!this.#isFollowing || length <= PIECE_KEYS) {
      return this.#tell(this.#store.consistently(() => this.#find().numbers(list)))
    }
    const out = new Float64Array(length)
    for (let from = 0; from < length; from += PIECE_KEYS) {
      const piece = Array.from({ length: Math.min(PIECE_KEYS, length - from) }, (_, i) => list[from + i])
      out.set(
        this.#store.consistently(() => this.#find().numbers(piece)),
        from,
      )
    }
    return out
  }

  /** The number of a key that was read, if no other process writes. */
  #numberOf(given: unknown): number {
    const quick = this.#quick
    if (quick.isReady && typeof given === 'number' && given >>> 0 === given) {
      const n = quick.find(given)
      if (n !== UNSURE) return n
    }
    const n = this.#find().number(given)
    this.#store.found?.(n)
    return n
  }

  #number(key: Key): number {
    this.#ask = this.#asking.next()
    const given = this.#read(key)
    if (this.#isFollowing) return this.#numberConsistently(given)
    const n = this.#find().number(given)
    this.#store.found?.(n)
    return n
  }

  // Not within the methods above, where a closure over the argument would cost each call an allocation.
  #getConsistently(key: Key): Output<S> | undefined {
    const given = this.#read(key)
    return this.#store.consistently(() => {
      const n = this.#find().number(given)
      return n < 0 ? undefined : this.#records.get(n)
    })
  }

  #numberConsistently(given: unknown): number {
    return this.#store.consistently(() => this.#find().number(given))
  }

  #fieldConsistently<Name extends FieldName<S>>(key: Key, name: Name): FieldValue<S, Name> {
    const given = this.#read(key)
    const found = this.#store.consistently(() => {
      const n = this.#find().number(given)
      return n < 0 ? undefined : { value: this.#records.field(n, name) }
    })
    return found === undefined ? this.#noSuchKey() : found.value
  }

  /** A copy of a key, so that later uses run no code of the caller. */
  #read(key: unknown): unknown {
    return typeof key === 'object' && key !== null ? this.#find().codec.read(key) : key
  }

  #readAll(keys: Iterable<Key> | ArrayLike<Key>): ArrayLike<unknown> {
    const list = listOf(keys)
    const { length } = list
    for (let i = 0; i < length; i++) {
      const key: unknown = list[i]
      if (typeof key === 'object' && key !== null) return Array.from(list, each => this.#read(each))
    }
    return list
  }

  #readRange(range: RangeOptions): GivenRange {
    return GivenRange.of(this.#ordered().codec.plan, range)
  }

  #find(): KeyIndex {
    const { epoch } = this.#store
    if (this.#found !== undefined && this.#foundAt === epoch.value && !this.#isFollowing) return this.#found
    this.#found = this.#store.find()
    this.#foundAt = epoch.value
    this.#quick = (this.#isFollowing ? undefined : this.#found.quick) ?? NEVER_READY
    return this.#found
  }

  #ordered(): OrderedIndex {
    const index = this.#find()
    if (index instanceof OrderedIndex) return index
    throw new TypeError(`The index '${this.name}' has no order: declare it with kind: 'ordered'`)
  }

  #tell(numbers: Float64Array): Float64Array {
    const { found } = this.#store
    if (found !== undefined) for (const n of numbers) found(n)
    return numbers
  }

  #noSuchKey(): never {
    const { path } = this.#store
    throw new StrideError('ERR_STRIDE_NO_RECORD', `The index '${this.name}' of ${path} has no such key`, {
      path,
    })
  }
}

/** Copies the keys to a list, each read once. A typed array needs no copy, since reading it runs no code of the caller. */
function listOf<Key>(keys: Iterable<Key> | ArrayLike<Key>): ArrayLike<Key> {
  const list = toList(keys, 'Keys') as ArrayLike<Key>
  return ArrayBuffer.isView(list) ? list : Array.from(list)
}
