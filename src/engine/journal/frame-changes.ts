/**
 * The changes of a frame that is still in memory: the bytes to store in the data file, and the before-images.
 *
 * Frames read from a journal: frame-read.ts, net-changes.ts.
 */

import type { AppliedChanges, PutPiece } from '../data-file/apply.ts'
import { ChangeReader } from './change-reader.ts'
import { WholeBytes } from './frame-bytes.ts'
import type { FrameGroup } from './frame-encode.ts'
import { eachRange, layReplaced } from './patch.ts'

/** The changes of one commit; `places` are their positions in its group. */
export interface EncodedChanges {
  readonly numbers: ArrayLike<number>
  readonly places: Float64Array
  /** The records' entries in the checksum table, if the store has one. */
  readonly checksums: Uint32Array | undefined
}

export class FrameChanges implements AppliedChanges {
  readonly numbers: ArrayLike<number>
  readonly #changes: EncodedChanges
  readonly #group: FrameGroup
  readonly #bytes: WholeBytes
  readonly #change: ChangeReader
  readonly #recordSize: number

  constructor(changes: EncodedChanges, group: FrameGroup, recordSize: number) {
    this.numbers = changes.numbers
    this.#changes = changes
    this.#group = group
    this.#bytes = new WholeBytes(group.bytes)
    this.#change = new ChangeReader(this.#bytes, recordSize)
    this.#recordSize = recordSize
  }

  isDeleted(i: number): boolean {
    return this.#at(i).isDeleted
  }

  eachPiece(i: number, put: PutPiece): void {
    const { patchAt, imageAt } = this.#at(i)
    if (patchAt < 0) put(this.#group, imageAt, this.#recordSize, 0)
    else eachRange(this.#bytes, patchAt, (start, length, newAt) => put(this.#group, newAt, length, start))
  }

  checksumOf(i: number): number {
    return this.#changes.checksums?.[i] as number
  }

  /**
   * Builds the before-image of change i.
   * @param image the image after the change; only a patch needs it
   * @returns undefined if the record was not live
   */
  replacedBy(i: number, image: Buffer | undefined): Buffer | undefined {
    const record = Buffer.alloc(this.#recordSize)
    image?.copy(record)
    return layReplaced(this.#bytes, this.#at(i), record) ? record : undefined
  }

  #at(i: number): ChangeReader {
    this.#change.read(this.#changes.places[i] as number, this.#bytes.size)
    return this.#change
  }
}
