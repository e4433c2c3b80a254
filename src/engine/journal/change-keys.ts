/**
 * Which index keys did a change remove from a record, and which did it add?
 *
 *   CG1  a patch is read without the record: it contains every byte of a key that it changes (J4). A key of which bytes are missing is
 *        equal before and after. Missing bytes are zero in both images here.
 *   CG2  a patch written before an index was created may change some bytes of its keys and lack others; `tell` then returns false.
 */

import { HeapBytes } from '../staging/heap-bytes.ts'
import type { Change } from './change-reader.ts'
import type { FrameBytes } from './frame-bytes.ts'
import type { ByteSpan, KeySpans } from './frame-encode.ts'
import { eachRange, layReplaced } from './patch.ts'

/** Receives the keys. */
export interface KeyNotes {
  /** The bytes of each key. */
  readonly keySpans: KeySpans
  /** Record n had, or has, the keys in this image. */
  note(n: number, view: DataView, at: number): void
  /** The image at the start of `old` was replaced by the one at `at`. Keys that are equal in both need no note. */
  noteChange(n: number, old: DataView, view: DataView, at: number): void
}

export class ChangeKeys {
  readonly #old: HeapBytes
  readonly #new: HeapBytes
  /** The bytes of a record that a patch contains are 1. */
  readonly #isIn: Uint8Array
  readonly #recordSize: number

  constructor(recordSize: number) {
    this.#old = HeapBytes.ofSize(recordSize)
    this.#new = HeapBytes.ofSize(recordSize)
    this.#isIn = new Uint8Array(recordSize)
    this.#recordSize = recordSize
  }

  /** Notes the keys of one change. @returns false if it lacks bytes of a key that it changes (CG2) */
  tell(notes: KeyNotes, bytes: FrameBytes, change: Change): boolean {
    const { recordNumber, imageAt, patchAt } = change
    if (patchAt >= 0) return this.#tellPatch(notes, bytes, change)
    const isReplaced = layReplaced(bytes, change, this.#old.bytes)
    if (imageAt < 0) {
      if (isReplaced) notes.note(recordNumber, this.#old.view, 0)
      return true
    }
    const { view } = bytes.find(imageAt, this.#recordSize)
    if (isReplaced) notes.noteChange(recordNumber, this.#old.view, view, bytes.at)
    else notes.note(recordNumber, view, bytes.at)
    return true
  }

  #tellPatch(notes: KeyNotes, bytes: FrameBytes, { recordNumber, patchAt }: Change): boolean {
    this.#old.bytes.fill(0)
    this.#new.bytes.fill(0)
    this.#isIn.fill(0)
    eachRange(bytes, patchAt, (start, length, newAt, replacedAt) => {
      const { bytes: found } = bytes.find(newAt, 2 * length)
      const at = bytes.at
      found.copy(this.#new.bytes, start, at, at + length)
      found.copy(this.#old.bytes, start, at + replacedAt - newAt, at + replacedAt - newAt + length)
      this.#isIn.fill(1, start, start + length)
    })
    notes.noteChange(recordNumber, this.#old.view, this.#new.view, 0)
    return !notes.keySpans.some(key => this.#isTorn(key))
  }

  /** Whether the patch changes some bytes of a key and lacks others. */
  #isTorn(key: readonly ByteSpan[]): boolean {
    const old = this.#old.bytes
    const now = this.#new.bytes
    let isChanged = false
    let isWhole = true
    for (const { start, end } of key) {
      for (let i = start; i < end; i++) {
        if (old[i] !== now[i]) isChanged = true
        if (this.#isIn[i] === 0) isWhole = false
      }
    }
    return isChanged && !isWhole
  }
}
