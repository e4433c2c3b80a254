/**
 * What is a cell encoded into, and by what? Types that the files of this folder share.
 */

/** Memory that holds one record at position 0. */
export interface RecordImage {
  readonly view: DataView
  readonly bytes: Buffer
}

/** Stores the cell [from, to) of `bytes` in its field. @returns false if it does not fit, or is written in an uncommon way */
export type FastCell = (bytes: Buffer, from: number, to: number, image: RecordImage) => boolean
