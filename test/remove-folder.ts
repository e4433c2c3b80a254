/**
 * Removing a test's folder, also on Windows, which removes no file that is still open.
 */

import { rmSync } from 'node:fs'

/** What a test left open there stays behind on Windows, in the folder for temporary files. */
export function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 4, retryDelay: 20 })
  } catch (error) {
    if (process.platform !== 'win32') throw error
  }
}
