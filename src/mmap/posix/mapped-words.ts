/**
 * Words on pages that every process maps.
 *
 * Atomics order loads and stores between processes too; on the plain ArrayBuffer that lies over mapped memory V8
 * allows both. A file that was shortened is noticed once a turn of the event loop, before a touch (S6).
 */

import { InvariantError } from '../../errors.ts'
import { checkRange, roundDown, roundUp } from '../bounds.ts'
import type { Access, SharedWords } from '../platform.ts'
import { closedError, readOnlyError, truncatedError } from '../system-errors.ts'
import { atTurnEnd } from '../turn.ts'
import { AddressRange } from './address-range.ts'
import type { MappedFile } from './mapped-region.ts'
import type { SystemCalls } from './system-calls.ts'

export class MappedWords implements SharedWords {
  readonly #file: MappedFile & { readonly access: Access }
  readonly #range: AddressRange
  readonly #words: Int32Array
  /** File offset past the last word. */
  readonly shownEnd: number
  readonly #onRelease: (words: MappedWords) => void
  #isChecked = false

  constructor(
    calls: SystemCalls,
    file: MappedFile & { readonly access: Access },
    offset: number,
    count: number,
    onRelease: (words: MappedWords) => void,
  ) {
    checkRange(offset, count * 4)
    if (offset % 4 !== 0 || count < 1) throw new InvariantError(`${count} words at offset ${offset}`)
    this.#file = file
    this.#onRelease = onRelease
    this.shownEnd = offset + count * 4
    this.#checkSize()
    const { abi, pageBytes } = calls
    const first = roundDown(offset, pageBytes)
    const length = roundUp(this.shownEnd, pageBytes) - first
    const protection = file.access === 'read' ? abi.PROT_READ : abi.PROT_READ | abi.PROT_WRITE
    this.#range = AddressRange.reserve(calls, file.path, length)
    try {
      this.#range.show(0, length, file.fd, first, protection, abi.MAP_SHARED)
    } catch (error) {
      this.#range.release()
      throw error
    }
    this.#words = new Int32Array(this.#range.buffer, offset - first, count)
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
    this.#range.release()
    this.#onRelease(this)
  }
  endTurn(): void {
    this.#isChecked = false
  }

  /** Once a turn: that the file still reaches here, for a touch past its end would be SIGBUS (S6). */
  #check(): void {
    if (this.#range.isReleased) throw closedError(this.#file.path)
    this.#checkSize()
    this.#isChecked = true
    atTurnEnd(this)
  }

  #checkSize(): void {
    const size = this.#file.size()
    if (size < this.shownEnd) throw truncatedError(this.#file.path, this.shownEnd, size)
  }
}
