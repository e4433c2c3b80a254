/**
 * A region that shows nothing and is kept for the next window.
 *
 * Two windows may have to go for one that comes, where the file's last window is short. The region that is left over is kept: to V8,
 * reserving one is fresh external memory.
 */

import type { Region } from '../platform.ts'

export class SpareRegion {
  #region: Region | undefined

  /** The larger of this region and the spare one stays. */
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

  /** @returns the spare region where it is large enough */
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
