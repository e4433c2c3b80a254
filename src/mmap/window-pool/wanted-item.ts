/**
 * May this item be asked of a pool of windows?
 */

import { checkRange } from '../bounds.ts'

/** @throws RangeError where it is longer than an item, or reaches past the end; TypeError for what is no number */
export function checkWantedItem(
  offset: number,
  length: number,
  bounds: { readonly end: number; readonly itemBytesMax: number; readonly path: string },
): void {
  const { end, itemBytesMax, path } = bounds
  checkRange(offset, length)
  if (length > itemBytesMax) throw new RangeError(`An item is at most ${itemBytesMax} bytes long: ${length}`)
  if (offset + length > end) {
    throw new RangeError(`[${offset}, ${offset + length}) reaches past the end at ${end}: ${path}`)
  }
}
