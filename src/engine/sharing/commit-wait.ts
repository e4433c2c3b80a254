/**
 * How does a program wait for a later commit, of this process or another?
 *
 *   BE4  it looks after each ring of the bell (bell.ts), after each commit of this process, and after `pollMs`.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { BellWatch } from './bell.ts'

export interface CommitWait {
  readonly platform: Platform
  readonly path: string
  readonly file: PlatformFile
  readonly pollMs: number
  readonly signal: AbortSignal | undefined
  /** Who is told of commits of this process. */
  readonly listeners: Set<() => void>
  /** The last commit that can be seen. @throws ERR_STRIDE_CLOSED, and what following throws */
  look(): number
}

/** @returns the number of the first commit after `after` that was seen @throws the reason of the signal, and what `look` throws */
export async function waitForCommit(
  { platform, path, file, pollMs, signal, listeners, look }: CommitWait,
  after: number,
): Promise<number> {
  signal?.throwIfAborted()
  const watch = new BellWatch(platform, path, file, pollMs)
  listeners.add(watch.ring)
  signal?.addEventListener('abort', watch.ring)
  try {
    for (;;) {
      const commitNumber = look()
      if (commitNumber > after) return commitNumber
      await watch.wait()
      signal?.throwIfAborted()
    }
  } finally {
    listeners.delete(watch.ring)
    signal?.removeEventListener('abort', watch.ring)
    watch.close()
  }
}
