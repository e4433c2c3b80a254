/**
 * How does a row stay on its record? A row is an accessor over one record that moves to other records without garbage.
 *
 * The codec's generated subclass adds a getter for each field, which decodes at each read. A row finds its record again by number when
 * its bytes are gone (window slid, turn ended, record staged, commit).
 *   RW1  a row stays on its record when `compact` gives it another number. If that number is not known (another process compacted), or
 *        the record was deleted, reading throws until `seek`.
 *   RW2  the state of a row is private. Nothing that a program reaches from it leads to mapped memory.
 *   RW3  once a walk has given all its records, its row shows none of them until `seek`. A program that keeps the row at each step, as
 *        `[...store.scan()]` does, has one row many times. A walk that is ended early leaves its row on its record.
 *   RW4  within one token a row keeps the number and the position of the record that it was pointed at. Its present number is computed
 *        from these, so that `seek` to a hot record only stores a position.
 * Getters, and the generated part of `seek`: schema/row.ts.
 */

import { StrideError } from '../../errors.ts'
import { OutOfLine } from '../../runtime/out-of-line.ts'
import { type ReaderBase, type RecordBytes, RowBase, readerAccess, rowAccess } from '../../schema/index.ts'
import type { HotRows } from './hot-rows.ts'
import type { Numbering } from './numbering.ts'

/** Finds records for rows. */
export interface RowOwner {
  /** Finds records for these rows. `seek` uses its hot records. */
  readonly reader: ReaderBase
  /** Whether `locate` or `run` answered with a window of the file. */
  readonly isWindow: boolean
  /** The hot rows; undefined if nothing notifies when windows go. */
  readonly standing: HotRows | undefined
  /** Byte position of the record within what `locate` answered. */
  readonly locatedAt: number
  /** The numbering of that record. */
  readonly locatedBy: Numbering
  /** Bytes from one record to the next. */
  readonly stride: number
  /** The present numbering of records. */
  readonly numbering: Numbering
  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError */
  locate(n: number): RecordBytes
  /** The number that record n of an earlier numbering has now. @throws ERR_STRIDE_NO_RECORD, _REPLACED, _CLOSED */
  numberNow(n: number, numbering: Numbering): number
  decode(view: DataView, bytes: Buffer, at: number): unknown
}

/** A walk that moves a row along a run. It leaves the run once the row was pointed elsewhere. */
export interface RowMover {
  stopAt: number
}

/** How walks control the row that they move. */
export interface WalkedRow {
  /** Connects row and walk: from now on `seek` of the row ends the walk's run. */
  join(row: EngineRow, walk: RowMover): void
  /** Points the row at record n, at this position of `source`. */
  point(row: EngineRow, n: number, source: RecordBytes, at: number): void
  /** Called when the walk has given all its records (RW3). */
  end(row: EngineRow): void
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

export let walkedRow: WalkedRow
/** Points a row at its record again: one function for all rows. */
let find: (row: EngineRow) => void

export class EngineRow extends RowBase {
  readonly #owner: RowOwner
  readonly #stride: number
  readonly #seeking = new OutOfLine((n: number) => this.#seekElsewhere(n))
  /** The record that was located last, and its position: a walk only moves the row's position from there. */
  #located = -1
  #locatedAt = 0
  #numbering: Numbering
  #walk: RowMover | undefined = undefined
  #isEnded = false

  constructor(owner: RowOwner) {
    super(find)
    this.#owner = owner
    this.#stride = owner.stride
    this.#numbering = owner.numbering
    rowAccess.call(this, this.#seeking.next())
  }

  static {
    find = row => row.#findAgain()
    walkedRow = {
      join: (row, walk) => {
        row.#walk = walk
      },
      point: (row, n, source, at) => row.#point(n, source, at),
      end: row => {
        rowAccess.point(row, NOWHERE, 0)
        row.#isEnded = true
      },
    }
  }

  /** The number of the row's record. */
  get number(): number {
    if (!rowAccess.isHere(this)) this.#renumber()
    return this.#located + (rowAccess.at(this) - this.#locatedAt) / this.#stride
  }

  /** Points the row at another live record. @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError, TypeError */
  seek(n: number): this {
    this.#seekElsewhere(n)
    return this
  }

  /** The record as a fresh object. */
  toObject(): unknown {
    if (rowAccess.stands(this) === 0) rowAccess.find(this)
    return this.#owner.decode(rowAccess.view(this), rowAccess.bytes(this), rowAccess.at(this))
  }

  /** JSON.stringify shows the record. A field of this name replaces this method (codecs.ts). */
  toJSON(): unknown {
    return this.toObject()
  }

  /** What console.log shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const shown: { number?: number } = {}
    try {
      shown.number = this.number
      return Object.assign(shown, this.toObject())
    } catch (error) {
      return Object.assign(shown, { unreadable: String(error) })
    }
  }

  #seekElsewhere(n: number): number {
    const owner = this.#owner
    rowAccess.call(this, this.#seeking.next())
    const found = owner.locate(n)
    this.#point(n, found, owner.locatedAt)
    if (owner.isWindow && owner.standing !== undefined) {
      const { hotFirst, hotCount, hotAt } = readerAccess
      rowAccess.heat(this, hotFirst(owner.reader), hotCount(owner.reader), hotAt(owner.reader))
    }
    this.#isEnded = false
    const walk = this.#walk
    if (walk !== undefined) walk.stopAt = 0
    return this.#locatedAt
  }

  #point(n: number, source: RecordBytes, at: number): void {
    const { standing, isWindow } = this.#owner
    rowAccess.point(this, source, at)
    if (isWindow) standing?.add(this)
    this.#locatedAt = at | 0
    this.#located = n
    this.#numbering = this.#owner.locatedBy
  }

  #findAgain(): void {
    const owner = this.#owner
    this.#seekElsewhere(owner.numberNow(this.number, this.#numbering))
  }

  /** Finds the record's number after a compact. */
  #renumber(): void {
    if (this.#isEnded) throw endedRow()
    const { numbering } = this.#owner
    if (numbering === this.#numbering) return
    const n = this.#numbering.numberNow(this.#located + (rowAccess.at(this) - this.#locatedAt) / this.#stride)
    if (n < 0) return
    this.#located = n
    this.#locatedAt = rowAccess.at(this)
    this.#numbering = numbering
  }
}

function endedRow(): StrideError {
  return new StrideError(
    'ERR_STRIDE_ROW_ENDED',
    'This row was moved to each record of a walk in turn, and the walk has ended: keep row.toObject() or row.number at each step, or collect objects with toArray()',
  )
}
