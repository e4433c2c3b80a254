/**
 * Which DataView and Buffer show a region? One pair, made once.
 *
 * A region that slides keeps its memory, and whole windows have the same length, so one pair serves every slide. New pairs would be
 * garbage that V8 only collects with the whole heap (`npm run bench -- garbage`).
 */

import type { Region } from '../platform.ts'

export interface RegionViews {
  readonly view: DataView
  readonly bytes: Buffer
  readonly length: number
}

const made = new WeakMap<Region, RegionViews>()

/** The pair over the first `length` bytes of the region. It is the same as long as the length is. */
export function viewsOf(region: Region, length: number): RegionViews {
  const known = made.get(region)
  const { buffer } = region
  if (known !== undefined && known.length === length && known.view.buffer === buffer) return known
  const views = { view: new DataView(buffer, 0, length), bytes: Buffer.from(buffer, 0, length), length }
  made.set(region, views)
  return views
}
