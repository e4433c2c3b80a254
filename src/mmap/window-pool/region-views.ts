/**
 * The DataView and the Buffer over what a region shows, made once.
 *
 * A region that slides keeps its memory, and whole windows are equally long, so that one pair serves every slide:
 * a new pair each time is garbage that V8 collects with the whole heap (`npm run bench -- garbage`).
 */

import type { Region } from '../platform.ts'

export interface RegionViews {
  readonly view: DataView
  readonly bytes: Buffer
  readonly length: number
}

const made = new WeakMap<Region, RegionViews>()

/** Over the first `length` bytes of the region: the same pair as long as the length is the same. */
export function viewsOf(region: Region, length: number): RegionViews {
  const known = made.get(region)
  const { buffer } = region
  if (known !== undefined && known.length === length && known.view.buffer === buffer) return known
  const views = { view: new DataView(buffer, 0, length), bytes: Buffer.from(buffer, 0, length), length }
  made.set(region, views)
  return views
}
