/**
 * Words on pages that every process maps.
 *
 * Atomics order loads and stores between processes too; on the plain ArrayBuffer that lies over mapped memory V8
 * allows both. A file that was shortened is noticed once a turn of the event loop, before a touch (S6).
 */

import { InvariantError } from '../errors.ts'
import { checkRange, roundDown } from './bounds.ts'
import type { Access, SharedWords } from './platform.ts'
import { closedError, readOnlyError, truncatedError } from './system-errors.ts'
import { atTurnEnd } from './turn.ts'

/** Memory over a part of a file, for as long as it is not released. */
export interface WordsMemory {
  readonly buffer: ArrayBuffer
  readonly isReleased: boolean
  release(): void
}

/** What words must know of their file. */
export interface WordsFile<M extends WordsMemory> {
  readonly path: string
  readonly access: Access
  /** Offsets of what is shown are multiples of this. */
  readonly granularity: number
  size(): number
  /** Shows [first, end) for as long as the words are used, writable where the file is. */
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

  /** Once a turn: that the file still reaches here, for a touch past its end would be SIGBUS (S6). */
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
