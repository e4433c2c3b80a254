/**
 * A row: an accessor over one record, pointed from record to record without garbage.
 *
 * The codec's generated subclass adds a getter a field, which decodes when touched. A row finds its record
 * again by number when the bytes under it have gone (window slid, turn ended, record staged, commit).
 *   RW1  a row stays with its record when `compact` gives that another number; where that number is not known
 *        (another process compacted), or the record was deleted, reading throws until `seek`.
 *   RW2  whatever a row holds is private: nothing that a program reaches from it leads to mapped memory.
 * What a getter does: schema/row.ts.
 */

import { type RecordBytes, RowBase, rowAccess } from '../../schema/index.ts'
import type { Numbering } from './numbering.ts'

/** Who finds records for rows. */
export interface RowOwner {
  /** Byte position of the record within what `locate` answered. */
  readonly locatedAt: number
  /** What that record is numbered by. */
  readonly locatedBy: Numbering
  /** Bytes from one record to the next. */
  readonly stride: number
  /** What records are numbered by now. */
  readonly numbering: Numbering
  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError */
  locate(n: number): RecordBytes
  /** The number that record n of an earlier numbering has now. @throws ERR_STRIDE_NO_RECORD, _REPLACED, _CLOSED */
  numberNow(n: number, numbering: Numbering): number
  decode(view: DataView, bytes: Buffer, at: number): unknown
}

/** A walk that moves a row along a run; it goes no further by itself once the row was pointed elsewhere. */
export interface RowWalk {
  stopAt: number
}

/** For walks: what they do with the row that they move. */
export interface WalkedRow {
  /** The row's `seek` ends the walk's run from now on. */
  join(row: EngineRow, walk: RowWalk): void
  /** Record n lies at this position of `source`. */
  point(row: EngineRow, n: number, source: RecordBytes, at: number): void
}

export let walkedRow: WalkedRow
/** Points a row at its record again: one function for all rows. */
let find: (row: EngineRow) => void

export class EngineRow extends RowBase {
  readonly #owner: RowOwner
  readonly #stride: number
  /** The record that was located last, and its position: a walk only moves the row's position from there. */
  #located = -1
  #locatedAt = 0
  #numbering: Numbering
  #walk: RowWalk | undefined = undefined

  constructor(owner: RowOwner) {
    super(find)
    this.#owner = owner
    this.#stride = owner.stride
    this.#numbering = owner.numbering
  }

  static {
    find = row => row.#findAgain()
    walkedRow = {
      join: (row, walk) => {
        row.#walk = walk
      },
      point: (row, n, source, at) => row.#point(n, source, at),
    }
  }

  /** The number of the record this row stands on. */
  get number(): number {
    if (rowAccess.view(this) === null) this.#renumber()
    return this.#located + (rowAccess.at(this) - this.#locatedAt) / this.#stride
  }

  /** Points the row at another live record. @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError, TypeError */
  seek(n: number): this {
    const owner = this.#owner
    const found = owner.locate(n)
    this.#point(n, found, owner.locatedAt)
    const walk = this.#walk
    if (walk !== undefined) walk.stopAt = 0
    return this
  }

  /** The whole record as a fresh object, which outlives the row. */
  toObject(): unknown {
    const view = rowAccess.view(this) ?? rowAccess.refresh(this)
    return this.#owner.decode(view, rowAccess.bytes(this), rowAccess.at(this))
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { number } = this
    try {
      return { number, ...(this.toObject() as object) }
    } catch (error) {
      return { number, unreadable: String(error) }
    }
  }

  #point(n: number, source: RecordBytes, at: number): void {
    rowAccess.point(this, source, at)
    this.#locatedAt = at | 0
    this.#located = n
    this.#numbering = this.#owner.locatedBy
  }

  #findAgain(): void {
    const owner = this.#owner
    this.seek(owner.numberNow(this.number, this.#numbering))
  }

  /** After a compact the same record may have another number. */
  #renumber(): void {
    const { numbering } = this.#owner
    if (numbering === this.#numbering) return
    const n = this.#numbering.numberNow(this.#located + (rowAccess.at(this) - this.#locatedAt) / this.#stride)
    if (n < 0) return
    this.#located = n
    this.#locatedAt = rowAccess.at(this)
    this.#numbering = numbering
  }
}
