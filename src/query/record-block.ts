/** Records that lie side by side in memory: what a question is asked of, block by block. */

/** Valid during one call: the memory is that of a window or of staged changes. */
export interface RecordBlock {
  readonly view: DataView
  readonly bytes: Buffer
  /** Position of its first record, bytes. */
  readonly at: number
  readonly count: number
  /** The number of its first record. */
  readonly first: number
}

/** The largest number of records in a block. */
export const BLOCK_RECORDS = 4096
