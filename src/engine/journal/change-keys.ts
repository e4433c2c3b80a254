/**
 * Which keys did a change take from a record, and which did it give it?
 *
 *   CG1  a patch is read alone: it has every byte of a key that it changes (J4), and a key of which it does not have every byte is the
 *        same before and after. What is not in the patch is zero in both images here.
 *   CG2  a patch of a commit before an index was created may change bytes of its keys and not have all of them: `tell` says so.
 */

import { HeapBytes } from '../staging/heap-bytes.ts'
import type { Change } from './change-reader.ts'
import type { FrameBytes } from './frame-bytes.ts'
import type { ByteSpan, KeySpans } from './frame-encode.ts'
import { eachRange, layReplaced } from './patch.ts'

/** Who takes note of keys. */
export interface KeyNotes {
  /** The bytes of each key. */
  readonly keySpans: KeySpans
  /** Record n had, or has, the key of these bytes. */
  note(n: number, view: DataView, at: number): void
  /** Record n was replaced: the image at the start of `old` by the one at `at`. Keys count where they differ. */
  noteChange(n: number, old: DataView, view: DataView, at: number): void
}

export class ChangeKeys {
  readonly #old: HeapBytes
  readonly #new: HeapBytes
  /** Which bytes of a record a patch has. */
  readonly #isIn: Uint8Array
  readonly #recordSize: number

  constructor(recordSize: number) {
    this.#old = HeapBytes.ofSize(recordSize)
    this.#new = HeapBytes.ofSize(recordSize)
    this.#isIn = new Uint8Array(recordSize)
    this.#recordSize = recordSize
  }

  /** Tells of the keys of one change. @returns false where it lacks bytes of a key that it changes (CG2) */
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

  /** Whether the patch changes some bytes of a key, and lacks others. */
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
