/**
 * How does a process learn from the system that a file was written? By fs.watch: inotify on Linux, its counterparts elsewhere.
 *
 * A store through a mapping raises no event; a positioned write does. No event comes from another machine of a network file system.
 */

import { watch } from 'node:fs'

/**
 * Calls `written` after each write to a file, until the returned function is called. Keeps the process alive meanwhile.
 * @returns undefined where the system cannot watch the file
 */
export function watchFile(path: string, written: () => void): (() => void) | undefined {
  try {
    const watcher = watch(path, written)
    // The file is gone, or the system gives up: whoever watches looks again by itself.
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return undefined
  }
}
