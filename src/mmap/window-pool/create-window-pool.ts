/**
 * Which kind of window pool serves a file?
 *
 * A pool over mapped memory shows the file itself (live-windows.ts). Without mapping it reads copies (copied-windows.ts). What a window
 * promises its holder: window.ts.
 */

import type { PlatformFile } from '../platform.ts'
import { CopiedWindows } from './copied-windows.ts'
import { LiveWindows } from './live-windows.ts'
import type { WindowOptions, WindowPool } from './window.ts'

export type { Window, WindowOptions, WindowPool, WindowStats } from './window.ts'

const WINDOW_BYTES_MIN = 64 * 1024

/** A pool that shows nothing until setEnd() sets the readable end of the file. @throws RangeError for impossible options */
export function createWindowPool(file: PlatformFile, options: WindowOptions): WindowPool {
  const { windowBytes, itemBytesMax, mappedBytesMax } = options
  if (!Number.isInteger(Math.log2(windowBytes)) || windowBytes < WINDOW_BYTES_MIN) {
    throw new RangeError(`windowBytes is a power of two from ${WINDOW_BYTES_MIN}: ${windowBytes}`)
  }
  if (!Number.isSafeInteger(itemBytesMax) || itemBytesMax < 1) {
    throw new RangeError(`itemBytesMax must be a whole number of bytes from 1: ${itemBytesMax}`)
  }
  if (!(mappedBytesMax > 0)) throw new RangeError(`mappedBytesMax is above 0: ${mappedBytesMax}`)
  // The smallest region shows whether the file is mapped.
  const probe = file.reserve(1)
  const { live, pageBytes } = probe
  probe.release()
  return live ? new LiveWindows(file, options, pageBytes) : new CopiedWindows(file, options)
}
