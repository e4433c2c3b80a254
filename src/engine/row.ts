/**
 * A row: an accessor over one record, pointed from record to record without garbage.
 *
 * The codec's generated subclass adds a getter a field, which decodes when touched. A row finds its record
 * again by number when the bytes under it have gone (window slid, turn ended, record staged, commit).
 * What a getter does: schema/row.ts.
 */

import { type RecordBytes, ROW_AT, ROW_REFRESH, ROW_SOURCE, RowBase } from '../schema/index.ts'

/** Internal: the record number a row stands on. */
export const ROW_NUMBER: unique symbol = Symbol('row.number')
const ROW_OWNER: unique symbol = Symbol('row.owner')

/** Who finds records for rows. */
export interface RowOwner {
  /** Byte position of the record within what `locate` answered. */
  readonly locatedAt: number
  /** @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError */
  locate(n: number): RecordBytes
  decode(view: DataView, bytes: Buffer, at: number): unknown
}

const NOWHERE: RecordBytes = { view: null, bytes: Buffer.alloc(0) }

export class EngineRow extends RowBase {
  override [ROW_SOURCE]: RecordBytes = NOWHERE
  override [ROW_AT] = 0;
  [ROW_NUMBER] = -1
  readonly [ROW_OWNER]: RowOwner

  constructor(owner: RowOwner) {
    super()
    this[ROW_OWNER] = owner
  }

  /** The number of the record this row stands on. */
  get number(): number {
    return this[ROW_NUMBER]
  }

  /** Points the row at another live record. @throws ERR_STRIDE_NO_RECORD, _CLOSED; RangeError, TypeError */
  seek(n: number): this {
    const owner = this[ROW_OWNER]
    this[ROW_SOURCE] = owner.locate(n)
    this[ROW_AT] = owner.locatedAt
    this[ROW_NUMBER] = n
    return this
  }

  /** The whole record as a fresh object, which outlives the row. */
  toObject(): unknown {
    const view = this[ROW_SOURCE].view ?? this[ROW_REFRESH]()
    return this[ROW_OWNER].decode(view, this[ROW_SOURCE].bytes, this[ROW_AT])
  }

  override [ROW_REFRESH](): DataView {
    this.seek(this[ROW_NUMBER])
    return this[ROW_SOURCE].view as DataView
  }
}
