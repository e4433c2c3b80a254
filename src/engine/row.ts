/**
 * A row: an accessor over one record, pointed from record to record without garbage.
 *
 * The codec's generated subclass adds a getter a field, which decodes when touched. A row finds its record
 * again by number when the bytes under it have gone (window slid, turn ended, record staged, commit).
 * What a getter does: schema/row.ts.
 */

import { type RecordBytes, ROW_AT, ROW_REFRESH, ROW_SOURCE, RowBase } from '../schema/index.ts'

/** Internal: the walk that moves a row, if one does. */
export const ROW_WALK: unique symbol = Symbol('row.walk')
/** Internal: the method that says where a row's record lies. */
export const ROW_POINT: unique symbol = Symbol('row.point')
const ROW_OWNER: unique symbol = Symbol('row.owner')
const STRIDE: unique symbol = Symbol('row.stride')
const LOCATED: unique symbol = Symbol('row.located')
const LOCATED_AT: unique symbol = Symbol('row.locatedAt')

/** Who finds records for rows. */
export interface RowOwner {
  /** Byte position of the record within what `locate` answered. */
  readonly locatedAt: number
  /** Bytes from one record to the next. */
  readonly stride: number
  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError */
  locate(n: number): RecordBytes
  decode(view: DataView, bytes: Buffer, at: number): unknown
}

/** A walk that moves a row along a run; it goes no further by itself once the row was pointed elsewhere. */
export interface RowWalk {
  stopAt: number
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

export class EngineRow extends RowBase {
  override [ROW_SOURCE]: RecordBytes = NOWHERE
  override [ROW_AT] = 0
  readonly [ROW_OWNER]: RowOwner
  readonly [STRIDE]: number;
  /** The record that was located last, and its position: a walk only moves the row's position from there. */
  [LOCATED] = -1;
  [LOCATED_AT] = 0;
  [ROW_WALK]: RowWalk | undefined = undefined

  constructor(owner: RowOwner) {
    super()
    this[ROW_OWNER] = owner
    this[STRIDE] = owner.stride
  }

  /** The number of the record this row stands on. */
  get number(): number {
    return this[LOCATED] + (this[ROW_AT] - this[LOCATED_AT]) / this[STRIDE]
  }

  /** Points the row at another live record. @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError, TypeError */
  seek(n: number): this {
    const owner = this[ROW_OWNER]
    const found = owner.locate(n)
    this[ROW_POINT](n, found, owner.locatedAt)
    const walk = this[ROW_WALK]
    if (walk !== undefined) walk.stopAt = 0
    return this
  }

  /** @internal Record n lies at this position of `source`. */
  [ROW_POINT](n: number, source: RecordBytes, at: number): void {
    this[ROW_SOURCE] = source
    // A double in a field would make it one of boxed doubles for all rows of the class.
    this[ROW_AT] = this[LOCATED_AT] = at | 0
    this[LOCATED] = n
  }

  /** The whole record as a fresh object, which outlives the row. */
  toObject(): unknown {
    const view = this[ROW_SOURCE].view ?? this[ROW_REFRESH]()
    return this[ROW_OWNER].decode(view, this[ROW_SOURCE].bytes, this[ROW_AT])
  }

  override [ROW_REFRESH](): DataView {
    this.seek(this.number)
    return this[ROW_SOURCE].view as DataView
  }
}
