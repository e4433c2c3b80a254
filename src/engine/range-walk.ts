/**
 * The records of a range of keys, one after the other, as rows or as numbers.
 *
 * Where something was staged or committed since the last step, what is ahead is looked at anew, behind the key that was given
 * last: updates and deletes ahead are seen, and a record is given again only if its key was moved ahead.
 */

import type { AnySchema } from '../schema/index.ts'
import type { OrderedIndex } from './index/ordered-index.ts'
import type { RangeCursor } from './index/range-cursor.ts'
import type { Row } from './record-set.ts'
import type { IndexedStore, RangeOptions } from './store-index.ts'

const CHUNK = 4096

export class RangeWalk<S extends AnySchema> implements IterableIterator<Row<S>> {
  readonly #store: IndexedStore<S>
  readonly #index: () => OrderedIndex
  readonly #range: RangeOptions
  #cursor: RangeCursor | undefined
  #version = -1
  #left: number
  #row: Row<S> | undefined
  /** The index that the cursor is over. */
  #of: OrderedIndex | undefined
  /** What each step answers with. */
  readonly #result: { done: boolean; value: Row<S> | undefined } = { done: false, value: undefined }

  /** @internal */
  constructor(store: IndexedStore<S>, index: () => OrderedIndex, range: RangeOptions) {
    this.#store = store
    this.#index = index
    this.#range = range
    const { limit = Number.POSITIVE_INFINITY, offset = 0 } = range
    if (limit !== Number.POSITIVE_INFINITY) checkCount('limit', limit)
    checkCount('offset', offset)
    this.#left = limit
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Row<S>> {
    if (this.#left <= 0) return { done: true, value: undefined }
    return this.#store.isFollowing ? this.#store.consistently(() => this.#step()) : this.#step()
  }

  return(): IteratorResult<Row<S>> {
    this.#left = 0
    return { done: true, value: undefined }
  }

  /** The numbers of the records that are left, in order. */
  numbers(): Float64Array {
    return this.#store.consistently(() => {
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

  #cursorNow(): RangeCursor {
    const version = this.#store.version()
    const old = this.#cursor
    if (old !== undefined && version === this.#version) return old
    const index = this.#index()
    this.#version = version
    if (old !== undefined && this.#of === index) {
      old.again()
      return old
    }
    const cursor = index.keyedCursor(this.#range)
    if (old === undefined) skip(cursor, this.#range.offset ?? 0)
    else cursor.continueFrom(old)
    this.#of = index
    this.#cursor = cursor
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

function checkCount(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new RangeError(`${name} is a whole number from 0: ${String(value)}`)
  }
}
