/**
 * The records of a range of keys, one after the other, as rows or as numbers.
 *
 * Where something was staged or committed since the last step, what is ahead is looked at anew, behind the key that was given
 * last: updates and deletes ahead are seen, and a record is given again only if its key was moved ahead.
 *
 *   K1  what a reading gave that a commit came between was given to nobody: it begins again where the one before it ended.
 *   K2  no step is taken over an index that was dropped, made anew or compacted since: the index is looked for again.
 */

import { StrideError } from '../errors.ts'
import type { AnySchema } from '../schema/index.ts'
import type { WalkedRange } from './index/index-options.ts'
import type { OrderedIndex } from './index/ordered-index.ts'
import type { RangeCursor } from './index/range-cursor.ts'
import type { Numbering } from './numbering.ts'
import type { Row } from './record-set.ts'
import type { IndexedStore } from './store-index.ts'

const CHUNK = 4096

interface Start {
  cursor: RangeCursor | undefined
  of: OrderedIndex | undefined
  numbering: Numbering | undefined
  left: number
  isTried: boolean
}

export class RangeWalk<S extends AnySchema> implements IterableIterator<Row<S>> {
  readonly #store: IndexedStore<S>
  readonly #index: () => OrderedIndex
  readonly #range: WalkedRange
  readonly #fields: readonly string[]
  #cursor: RangeCursor | undefined
  #version = -1
  #epoch = -1
  /** The numbers that the cursor's place is told by. */
  #numbering: Numbering | undefined
  #left: number
  #row: Row<S> | undefined
  /** The index that the cursor is over. */
  #of: OrderedIndex | undefined
  /** Where the reading that goes on began. */
  readonly #start: Start = {
    cursor: undefined,
    of: undefined,
    numbering: undefined,
    left: 0,
    isTried: false,
  }
  #tryStep: (() => IteratorResult<Row<S>>) | undefined
  /** What each step answers with. */
  readonly #result: { done: boolean; value: Row<S> | undefined } = { done: false, value: undefined }

  /** @internal */
  constructor(store: IndexedStore<S>, index: () => OrderedIndex, range: WalkedRange) {
    this.#store = store
    this.#index = index
    this.#range = range
    this.#left = range.limit
    this.#fields = index().tree.definition.on
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Row<S>> {
    if (this.#left <= 0) return { done: true, value: undefined }
    return this.#store.isFollowing ? this.#stepConsistently() : this.#step()
  }

  return(): IteratorResult<Row<S>> {
    this.#left = 0
    return { done: true, value: undefined }
  }

  /** The numbers of the records that are left, in order. */
  numbers(): Float64Array {
    return this.#consistently(() => {
      const cursor = this.#cursorNow()
      let out = new Float64Array(Math.min(this.#left, CHUNK))
      let count = 0
      while (this.#left > 0) {
        if (count === out.length) {
          const grown = new Float64Array(Math.max(1, Math.min(count * 2, count + this.#left)))
          grown.set(out)
          out = grown
        }
        const some = cursor.take(out, count, Math.min(out.length - count, this.#left))
        if (some === 0) break
        count += some
        this.#left -= some
      }
      this.#left = 0
      return out.slice(0, count)
    })
  }

  #step(): IteratorResult<Row<S>> {
    const n = this.#cursorNow().next()
    if (n < 0) return this.return()
    this.#left--
    const row = this.#row
    // What is ahead was there when it was read, and nothing has changed since.
    if (row === undefined) this.#result.value = this.#row = this.#store.records.row(n)
    else row.seek(n)
    return this.#result as IteratorResult<Row<S>>
  }

  /** Runs `read` as the store does, each time from the place that the walk is at now. */
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

  // Apart from the above: closures would cost each row an allocation.
  #stepConsistently(): IteratorResult<Row<S>> {
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
    start.left = this.#left
    start.isTried = false
    this.#cursor?.mark()
  }

  #beginTry(): void {
    if (this.#start.isTried) this.#goBack()
    this.#start.isTried = true
  }

  #goBack(): void {
    const { cursor, of, numbering, left } = this.#start
    this.#cursor = cursor
    this.#of = of
    this.#numbering = numbering
    this.#left = left
    this.#version = -1
    cursor?.rewind()
  }

  #cursorNow(): RangeCursor {
    const store = this.#store
    const old = this.#cursor
    if (old !== undefined && store.version() === this.#version && store.epoch.value === this.#epoch) return old
    const index = this.#index()
    const cursor = this.#cursorOver(index, old)
    this.#cursor = cursor
    this.#of = index
    this.#numbering = store.numbering()
    // Looking for the index may have moved them on.
    this.#version = store.version()
    this.#epoch = store.epoch.value
    return cursor
  }

  /** A cursor that goes on where the old one is. @throws RangeError, ERR_STRIDE_REPLACED */
  #cursorOver(index: OrderedIndex, old: RangeCursor | undefined): RangeCursor {
    if (old !== undefined && this.#of === index) {
      old.again()
      return old
    }
    const { name, on } = index.tree.definition
    if (on.join() !== this.#fields.join()) {
      throw new RangeError(
        `The index '${name}' was made anew over ${on.join(', ')}: a walk over ${this.#fields.join(', ')} cannot go on`,
      )
    }
    const cursor = index.keyedCursor(this.#range)
    if (old === undefined) {
      skip(cursor, this.#range.offset)
      return cursor
    }
    const numbering = this.#numbering as Numbering
    if (!cursor.continueFrom(old, n => numbering.placeNow(n))) {
      const { path } = this.#store
      const message = `Another process compacted ${path}: a walk over the index '${name}' cannot tell where it was`
      throw new StrideError('ERR_STRIDE_REPLACED', message, { path })
    }
    return cursor
  }
}

/** Passes over so many entries. */
function skip(cursor: RangeCursor, count: number): void {
  if (count === 0) return
  const passed = new Float64Array(Math.min(count, CHUNK))
  for (let left = count; left > 0; ) {
    const some = cursor.take(passed, 0, Math.min(left, passed.length))
    if (some === 0) return
    left -= some
  }
}
