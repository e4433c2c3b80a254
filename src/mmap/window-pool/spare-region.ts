/**
 * Which region is kept for the next window?
 *
 * The last window of a file is short, so two windows may have to be dropped for one new window. One region is then left over. It is
 * kept, since V8 counts a new region as new external memory.
 */

import type { Region } from '../platform.ts'

export class SpareRegion {
  #region: Region | undefined

  /** Keeps the larger of this region and the spare one. */
  keep(region: Region | undefined): void {
    if (region === undefined) return
    const other = this.#region
    if (other !== undefined && other.capacity >= region.capacity) {
      region.release()
      return
    }
    other?.release()
    region.clear()
    this.#region = region
  }

  /** @returns the spare region if it is large enough */
  take(length: number): Region | undefined {
    const region = this.#region
    if (region === undefined || region.capacity < length) return undefined
    this.#region = undefined
    return region
  }

  release(): void {
    this.#region?.release()
    this.#region = undefined
  }
}
