/**
 * A walk over the records of a range of keys, as rows or as numbers.
 *
 * If something was staged or committed since the last step, the index is read again behind the last returned entry, so that updates and
 * deletes ahead are seen.
 *
 *   RK3  a walk returns each record at most once, and none that was appended after it began, so that it always ends. A record whose key
 *        changes is returned if the walk reaches its new key and has not returned it before.
 *   RK1  if another process commits during a reading, the reading is discarded and repeated from the same place.
 *   RK2  if the index was dropped, rebuilt or compacted, it is looked up again before the next step.
 */

import type { AnySchema } from '../../../schema/index.ts'
import { ReturnedNumbers } from '../../numbers/returned-numbers.ts'
import type { Numbering } from '../../read/numbering.ts'
import { replaced } from '../../read/record-finder.ts'
import type { Row } from '../../read/record-set.ts'
import { type EngineRow, walkedRow } from '../../read/row.ts'
import { Walk } from '../../read/walk.ts'
import type { IndexedStore } from './indexed-store.ts'
import type { OrderedIndex } from './ordered-index.ts'
import type { RangeCursor } from './range-cursor.ts'
import type { GivenRange } from './range-ends.ts'

const CHUNK = 4096

interface Start {
  cursor: RangeCursor | undefined
  of: OrderedIndex | undefined
  numbering: Numbering | undefined
  isTried: boolean
}

/** The records of a range of an index. Which changes it sees, and the errors of a step: `StoreIndex.range`. */
export class RangeWalk<S extends AnySchema> extends Walk<Row<S>> {
  readonly #store: IndexedStore<S>
  readonly #index: () => OrderedIndex
  readonly #range: GivenRange
  readonly #fields: readonly string[]
  #cursor: RangeCursor | undefined
  #version = -1
  #epoch = -1
  /** The numbering of records that the cursor's place refers to. */
  #numbering: Numbering | undefined
  #left: number
  /** Whether the walk has ended, or was ended. */
  #isOver = false
  /** Whether the walk was ended early. */
  #isClosed = false
  /** Records from this number on were appended since the walk began. */
  #size: number
  readonly #given: ReturnedNumbers
  /** The numbering that #size and #given refer to. */
  #givenBy: Numbering
  /** Version and epoch at the beginning of the walk, and whether they are still the same. */
  readonly #firstVersion: number
  readonly #firstEpoch: number
  #isAsAtFirst = true
  #row: Row<S> | undefined
  /** The index of the cursor. */
  #of: OrderedIndex | undefined
  /** The place at which the present reading began. */
  readonly #start: Start = {
    cursor: undefined,
    of: undefined,
    numbering: undefined,
    isTried: false,
  }
  #tryStep: (() => number) | undefined
  /** The result object of each step. */
  readonly #result: { done: boolean; value: Row<S> | undefined } = { done: false, value: undefined }

  /** @internal */
  constructor(store: IndexedStore<S>, index: () => OrderedIndex, range: GivenRange) {
    super()
    this.#store = store
    this.#index = index
    this.#range = range
    this.#left = range.limit
    this.#isOver = range.limit === 0
    this.#fields = index().tree.definition.on
    this.#size = store.records.size
    this.#given = new ReturnedNumbers(this.#size)
    this.#givenBy = store.numbering()
    this.#firstVersion = store.version()
    this.#firstEpoch = store.epoch.value
  }

  /** The next record, as the row of the walk. @throws as a step of `StoreIndex.range` */
  override next(): IteratorResult<Row<S>> {
    if (!this.#isOver) {
      const n = this.#store.isFollowing ? this.#stepConsistently() : this.#step()
      if (n >= 0) {
        this.#given.add(n)
        if (--this.#left === 0) this.#isOver = true
        return this.#result as IteratorResult<Row<S>>
      }
    }
    if (!this.#isClosed) this.finish()
    return { done: true, value: undefined }
  }

  /** Ends the walk early, as `break` does. The row stays on its record. */
  override return(): IteratorResult<Row<S>> {
    this.#isOver = this.#isClosed = true
    return { done: true, value: undefined }
  }

  /** @internal */
  override finish(): void {
    this.return()
    if (this.#row !== undefined) walkedRow.end(this.#row as unknown as EngineRow)
  }

  /** The numbers of the remaining records, in order. */
  numbers(): Float64Array {
    if (this.#isOver) return new Float64Array(0)
    const numbers = this.#consistently(() => {
      const cursor = this.#cursorNow()
      const most = this.#left
      let out = new Float64Array(Math.min(most, CHUNK))
      let count = 0
      while (count < most) {
        if (count === out.length) {
          const grown = new Float64Array(Math.min(count * 2, most))
          grown.set(out)
          out = grown
        }
        const some = cursor.take(out, count, out.length - count)
        if (some === 0) break
        count += this.#isAsAtFirst ? some : this.#keepDue(out, count, some)
      }
      return out.slice(0, count)
    })
    this.#isOver = true
    const { found } = this.#store
    if (found !== undefined) for (const n of numbers) found(n)
    return numbers
  }

  /** Points the row at the next record. @returns its number; -1 at the end */
  #step(): number {
    const cursor = this.#cursorNow()
    let n = cursor.next()
    if (!this.#isAsAtFirst) while (n >= 0 && !this.#isDue(n)) n = cursor.next()
    if (n < 0) return -1
    const row = this.#row
    // The record was live when the cursor read its entry, and nothing has changed since.
    if (row === undefined) this.#result.value = this.#row = this.#store.records.row(n)
    else row.seek(n)
    return n
  }

  /** Whether a record is still to be returned (RK3). */
  #isDue(n: number): boolean {
    return n < this.#size && !this.#given.has(n)
  }

  /** Keeps, of the `some` numbers from `at` on, those that are still to be returned. @returns their count */
  #keepDue(numbers: Float64Array, at: number, some: number): number {
    let kept = at
    for (let i = at; i < at + some; i++) {
      const n = numbers[i] as number
      if (this.#isDue(n)) numbers[kept++] = n
    }
    return kept - at
  }

  /** Skips so many records, as if they had been returned. */
  #skip(cursor: RangeCursor, count: number): void {
    const passed = new Float64Array(Math.min(count, CHUNK))
    for (let left = count; left > 0; ) {
      const some = cursor.take(passed, 0, Math.min(left, passed.length))
      if (some === 0) return
      const due = this.#isAsAtFirst ? some : this.#keepDue(passed, 0, some)
      for (let i = 0; i < due; i++) this.#given.add(passed[i] as number)
      left -= due
    }
  }

  /** Runs `read` as `consistently` of the store, each time from the present place of the walk. */
  #consistently<T>(read: () => T): T {
    this.#begin()
    try {
      return this.#store.consistently(() => {
        this.#beginTry()
        return read()
      })
    } catch (error) {
      this.#goBack()
      throw error
    }
  }

  // Not through #consistently, whose closures would cost each row an allocation.
  #stepConsistently(): number {
    this.#begin()
    this.#tryStep ??= () => {
      this.#beginTry()
      return this.#step()
    }
    try {
      return this.#store.consistently(this.#tryStep)
    } catch (error) {
      this.#goBack()
      throw error
    }
  }

  #begin(): void {
    const start = this.#start
    start.cursor = this.#cursor
    start.of = this.#of
    start.numbering = this.#numbering
    start.isTried = false
    this.#cursor?.mark()
  }

  #beginTry(): void {
    if (this.#start.isTried) this.#goBack()
    this.#start.isTried = true
  }

  #goBack(): void {
    const { cursor, of, numbering } = this.#start
    this.#cursor = cursor
    this.#of = of
    this.#numbering = numbering
    this.#version = -1
    // Before the first step only the records of the offset were added.
    if (cursor === undefined) this.#given.clear()
    cursor?.rewind()
  }

  #cursorNow(): RangeCursor {
    const store = this.#store
    const old = this.#cursor
    if (old !== undefined && store.version() === this.#version && store.epoch.value === this.#epoch) return old
    const index = this.#index()
    // Finding the index may have changed version and epoch.
    const version = store.version()
    const epoch = store.epoch.value
    this.#isAsAtFirst = version === this.#firstVersion && epoch === this.#firstEpoch
    const numbering = store.numbering()
    if (numbering !== this.#givenBy) this.#renumberGiven(numbering)
    const cursor = this.#cursorOver(index, old)
    this.#cursor = cursor
    this.#of = index
    this.#numbering = numbering
    this.#version = version
    this.#epoch = epoch
    return cursor
  }

  /** Converts the returned numbers to a new numbering, after a compact. */
  #renumberGiven(numbering: Numbering): void {
    const before = this.#givenBy
    const size = before.placeNow(this.#size)
    // Another process compacted. A walk that has begun cannot continue; another one begins with the present records.
    if (size < 0) {
      if (this.#cursor !== undefined) return
      this.#size = this.#store.records.size
    } else {
      this.#size = size
      this.#given.renumber(n => before.numberNow(n), size)
    }
    this.#givenBy = numbering
  }

  /** A cursor that continues at the place of the old one. @throws RangeError, ERR_STRIDE_REPLACED */
  #cursorOver(index: OrderedIndex, old: RangeCursor | undefined): RangeCursor {
    if (old !== undefined && this.#of === index) {
      old.again()
      return old
    }
    const { name, on } = index.tree.definition
    if (on.join() !== this.#fields.join()) {
      throw new RangeError(
        `The index '${name}' was rebuilt over ${on.join(', ')}: a walk over ${this.#fields.join(', ')} cannot go on`,
      )
    }
    const cursor = index.keyedCursor(this.#range)
    if (old === undefined) {
      if (this.#range.offset > 0) this.#skip(cursor, this.#range.offset)
      return cursor
    }
    const numbering = this.#numbering as Numbering
    if (!cursor.continueFrom(old, n => numbering.placeNow(n))) {
      throw replaced(this.#store.path, `a walk over the index '${name}'`)
    }
    return cursor
  }
}
