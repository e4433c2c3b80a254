/**
 * What can a program do with a walk beside `for … of`? The methods of JavaScript's iterator helpers, on every version of Node.
 *
 *   WK1  `map`, `filter`, `take`, `drop` and `flatMap` read nothing before a step is requested.
 *   WK2  a walk that ends early, by `return()`, a throwing callback, a limit or a result, also ends the walk that it reads from.
 *   WK3  `toArray` and `reduce` turn a row into a fresh object. A row that is kept in another way throws once the walk has given all
 *        its records (RW3 of row.ts).
 *
 * Where records come from: scan.ts, and lookup/range-walk.ts for ranges of an index.
 */

import { shown } from '../../options/shown-value.ts'
import { EngineRow } from './row.ts'

/** What `toArray` and `reduce` keep of a value: of a row its record as an object, otherwise the value itself. */
export type Kept<T> = T extends { readonly number: number; seek(n: number): unknown; toObject(): infer O }
  ? O
  : T

/**
 * Values one after the other, each read when it is requested. `scan` and `range` give one row that moves from record to record; `map`
 * and `flatMap` give the results of a callback. Callbacks get the value and its position, from 0.
 *
 * Keep `row.toObject()` or `row.number`, not the row: the row throws {StrideError} ERR_STRIDE_ROW_ENDED once the walk has given all its
 * records. After `break`, and as the result of `find`, the row stays on its record.
 */
export abstract class Walk<T> implements IterableIterator<T> {
  /** The next value. @throws as a step of `scan` or `range`; what a callback throws, which ends the walk */
  abstract next(): IteratorResult<T>
  /** Ends the walk early, as `break` does. */
  abstract return(): IteratorResult<T>
  /** @internal Ends the walk as if it had given all its records. */
  abstract finish(): void

  /** The walk itself. A second loop goes on where the first one stopped. */
  [Symbol.iterator](): this {
    return this
  }

  /** The result of the callback for each value. @throws TypeError if it is no function */
  map<U>(callback: (value: T, index: number) => U): Walk<U> {
    const call = this.#closing('map', callback)
    return new DerivedWalk(this, () => {
      const step = this.next()
      return step.done ? DONE : { done: false, value: call(step.value) }
    })
  }

  /** The values for which the callback returns something truthy. @throws TypeError if it is no function */
  filter<U extends T>(callback: (value: T, index: number) => value is U): Walk<U>
  filter(callback: (value: T, index: number) => unknown): Walk<T>
  filter(callback: (value: T, index: number) => unknown): Walk<T> {
    const call = this.#closing('filter', callback)
    return new DerivedWalk(this, () => {
      let step = this.next()
      while (!step.done && !call(step.value)) step = this.next()
      return step
    })
  }

  /** The first values, at most `limit` of them. @throws RangeError, TypeError for an argument that is no number from 0 on */
  take(limit: number): Walk<T> {
    let left = this.#checkedCount('take', limit)
    return new DerivedWalk(this, () => {
      if (left-- > 0) return this.next()
      this.finish()
      return DONE
    })
  }

  /** All values but the first `count`. @throws RangeError, TypeError for an argument that is no number from 0 on */
  drop(count: number): Walk<T> {
    let left = this.#checkedCount('drop', count)
    return new DerivedWalk(this, () => {
      let step = this.next()
      for (; left > 0 && !step.done; left--) step = this.next()
      return step
    })
  }

  /** The elements of each iterable that the callback returns. @throws TypeError if it is no function, or returns no iterable */
  flatMap<U>(callback: (value: T, index: number) => Iterable<U> | Iterator<U>): Walk<U> {
    this.#check('flatMap', callback)
    const open = this.#closing('flatMap', (value: T, index) => iteratorOf(callback(value, index)))
    const advance = this.#closing('flatMap', (inner: Iterator<U>) => inner.next())
    let inner: Iterator<U> | undefined
    return new DerivedWalk(
      this,
      () => {
        for (;;) {
          if (inner !== undefined) {
            const step = advance(inner)
            if (!step.done) return { done: false, value: step.value }
          }
          inner = undefined
          const step = this.next()
          if (step.done) return DONE
          inner = open(step.value)
        }
      },
      () => inner?.return?.(),
    )
  }

  /** Whether the callback returns something truthy for one of the values. Ends the walk there. */
  some(callback: (value: T, index: number) => unknown): boolean {
    this.#check('some', callback)
    let index = 0
    for (const value of this) if (callback(value, index++)) return true
    return false
  }

  /** Whether the callback returns something truthy for every value. Ends the walk where it does not. */
  every(callback: (value: T, index: number) => unknown): boolean {
    this.#check('every', callback)
    let index = 0
    for (const value of this) if (!callback(value, index++)) return false
    return true
  }

  /** The first value for which the callback returns something truthy. Ends the walk; a row stays on that record. */
  find<U extends T>(callback: (value: T, index: number) => value is U): U | undefined
  find(callback: (value: T, index: number) => unknown): T | undefined
  find(callback: (value: T, index: number) => unknown): T | undefined {
    this.#check('find', callback)
    let index = 0
    for (const value of this) if (callback(value, index++)) return value
    return undefined
  }

  /** Calls the callback for each value. */
  forEach(callback: (value: T, index: number) => void): void {
    this.#check('forEach', callback)
    let index = 0
    for (const value of this) callback(value, index++)
  }

  /**
   * The last result of the callback. It gets its previous result, at first the initial value or, without one, the first value of the
   * walk. A row is kept as an object.
   * @throws TypeError if there is neither a value nor an initial value
   */
  reduce(callback: (before: Kept<T>, value: T, index: number) => T | Kept<T>): Kept<T>
  reduce<U>(callback: (before: Kept<U>, value: T, index: number) => U | Kept<U>, initial: U): Kept<U>
  reduce(
    callback: (before: never, value: T, index: number) => unknown,
    ...initial: readonly unknown[]
  ): unknown {
    this.#check('reduce', callback)
    let isEmpty = initial.length === 0
    let result = kept(initial[0])
    let index = 0
    for (const value of this) {
      result = kept(isEmpty ? value : callback(result as never, value, index))
      isEmpty = false
      index++
    }
    if (isEmpty) throw new TypeError('reduce of a walk without values takes an initial value')
    return result
  }

  /** All remaining values, rows as fresh objects. */
  toArray(): Kept<T>[] {
    const values: Kept<T>[] = []
    for (const value of this) values.push(kept(value))
    return values
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return 'Walk {}'
  }

  /** The callback with the position as its second argument. The walk ends if it throws. */
  #closing<V, R>(method: string, callback: (value: V, index: number) => R): (value: V) => R {
    this.#check(method, callback)
    let index = 0
    return value => {
      try {
        return callback(value, index++)
      } catch (error) {
        this.return()
        throw error
      }
    }
  }

  #check(method: string, callback: unknown): void {
    if (typeof callback === 'function') return
    this.return()
    throw new TypeError(`${method} takes a function: ${shown(callback)}`)
  }

  #checkedCount(method: string, count: unknown): number {
    if (typeof count === 'number' && count >= 0) return Math.trunc(count)
    this.return()
    const error = typeof count === 'number' ? RangeError : TypeError
    throw new error(`${method} takes a number from 0 on: ${shown(count)}`)
  }
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined })

/** A walk that reads from another one. */
class DerivedWalk<T> extends Walk<T> {
  readonly #source: Walk<unknown>
  readonly #advance: () => IteratorResult<T>
  /** Ends a second source, if there is one. */
  readonly #close: (() => void) | undefined
  #isOver = false

  constructor(source: Walk<unknown>, advance: () => IteratorResult<T>, close?: () => void) {
    super()
    this.#source = source
    this.#advance = advance
    this.#close = close
  }

  override next(): IteratorResult<T> {
    if (this.#isOver) return DONE
    let hasValue = false
    try {
      const step = this.#advance()
      hasValue = !step.done
      return step
    } finally {
      if (!hasValue) this.#isOver = true
    }
  }

  override return(): IteratorResult<T> {
    this.#end(() => this.#source.return())
    return DONE
  }

  override finish(): void {
    this.#end(() => this.#source.finish())
  }

  #end(endSource: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.#close?.()
    } finally {
      endSource()
    }
  }
}

function kept<T>(value: T): Kept<T> {
  return (value instanceof EngineRow ? value.toObject() : value) as Kept<T>
}

function iteratorOf<U>(value: Iterable<U> | Iterator<U>): Iterator<U> {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`The callback of flatMap returns an iterable: ${shown(value)}`)
  }
  return Symbol.iterator in value ? value[Symbol.iterator]() : value
}
