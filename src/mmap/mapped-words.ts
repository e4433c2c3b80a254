/**
 * How do processes share words in a mapped file?
 *
 * Atomics also order loads and stores between processes, and V8 allows them on the plain ArrayBuffer over mapped memory. Once in each
 * turn of the event loop, before a touch, the file's size is checked, since it may have been shortened (S6).
 */

import { InvariantError } from '../errors.ts'
import { checkRange, roundDown } from './bounds.ts'
import { atTurnEnd } from './event-loop-turn.ts'
import type { Access, SharedWords } from './platform.ts'
import { closedError, readOnlyError, truncatedError } from './system-errors.ts'

/** Memory over a part of a file, until it is released. */
export interface WordsMemory {
  readonly buffer: ArrayBuffer
  readonly isReleased: boolean
  release(): void
}

/** The file, as far as words need it. */
export interface WordsFile<M extends WordsMemory> {
  readonly path: string
  readonly access: Access
  /** Offsets of mappings are multiples of this. */
  readonly granularity: number
  size(): number
  /** Maps [first, end) for the life of the words, writable if the file is. */
  showWords(first: number, end: number): M
}

export class MappedWords<M extends WordsMemory = WordsMemory> implements SharedWords {
  readonly #file: WordsFile<M>
  readonly memory: M
  readonly #offset: number
  readonly #count: number
  readonly #first: number
  /** File offset past the last word. */
  readonly shownEnd: number
  readonly #onRelease: (words: MappedWords<M>) => void
  #words: Int32Array
  #isChecked = false

  constructor(file: WordsFile<M>, offset: number, count: number, onRelease: (words: MappedWords<M>) => void) {
    checkRange(offset, count * 4)
    if (offset % 4 !== 0 || count < 1) throw new InvariantError(`${count} words at offset ${offset}`)
    this.#file = file
    this.#onRelease = onRelease
    this.#offset = offset
    this.#count = count
    this.shownEnd = offset + count * 4
    this.#checkSize()
    this.#first = roundDown(offset, file.granularity)
    this.memory = file.showWords(this.#first, this.shownEnd)
    this.#words = this.#lay()
  }

  load(index: number): number {
    if (!this.#isChecked) this.#check()
    return Atomics.load(this.#words, index)
  }

  mapped(): Int32Array {
    if (!this.#isChecked) this.#check()
    return this.#words
  }

  store(index: number, value: number): void {
    if (!this.#isChecked) this.#check()
    if (this.#file.access === 'read') throw readOnlyError(this.#file.path)
    Atomics.store(this.#words, index, value)
  }

  close(): void {
    this.release()
  }
  release(): void {
    this.#isChecked = false
    this.memory.release()
    this.#onRelease(this)
  }
  endTurn(): void {
    this.#isChecked = false
  }

  /** Checks once a turn that the file still reaches here. A touch past its end would be a SIGBUS (S6). */
  #check(): void {
    if (this.memory.isReleased) throw closedError(this.#file.path)
    this.#checkSize()
    if (this.#words.buffer !== this.memory.buffer) this.#words = this.#lay()
    this.#isChecked = true
    atTurnEnd(this)
  }

  #lay(): Int32Array {
    return new Int32Array(this.memory.buffer, this.#offset - this.#first, this.#count)
  }

  #checkSize(): void {
    const size = this.#file.size()
    if (size < this.shownEnd) throw truncatedError(this.#file.path, this.shownEnd, size)
  }
}
