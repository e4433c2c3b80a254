/**
 * Which parts of a file were stored into since their last sync? In pieces, in ascending order.
 *
 * Before a checkpoint syncs, it asks the system to write them back a piece at a time (checkpointer.ts).
 */

const PIECE_BYTES = 256 * 1024

export class DirtyRanges {
  readonly pieceBytes = PIECE_BYTES
  #pieces = new Set<number>()
  #last = -1

  add(offset: number, length: number): void {
    const first = Math.floor(offset / PIECE_BYTES)
    const last = Math.floor((offset + length - 1) / PIECE_BYTES)
    if (first === last && last === this.#last) return
    for (let piece = first; piece <= last; piece++) this.#pieces.add(piece)
    this.#last = last
  }

  /** Offsets of the pieces, ascending. Starts again with none. */
  take(): readonly number[] {
    const pieces = [...this.#pieces].sort((a, b) => a - b).map(piece => piece * PIECE_BYTES)
    this.#pieces = new Set()
    this.#last = -1
    return pieces
  }
}
