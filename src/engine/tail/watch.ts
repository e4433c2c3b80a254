/**
 * How does a program learn what each commit changed? From the frames of the journal, while they are there.
 *
 *   JW1  each commit is given once, in order. If frames are gone before they are read, since the watcher is slow, one entry says so.
 *   JW2  record numbers are those of the commit. After the file was replaced, as by compact, an entry says that numbers are missing.
 *   JW3  a slow watcher takes no memory: frames are read when it asks for the next entry, a bounded count at a time.
 * Following appended records themselves: tail.ts. The bell of commits: sharing/bell.ts.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import { type Frame, visitChanges } from '../journal/frame-read.ts'
import { JournalTail } from '../journal/journal-tail.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { WatchSettings } from '../opening/options.ts'
import { BellWatch } from '../sharing/bell.ts'

const COMMITS_A_STEP = 128

/** One commit, from `store.watch`. */
export interface WatchedCommit {
  /** The number of the commit; with `missed` that of the last commit that the entry stands for. */
  readonly commitNumber: number
  /** The records that it appended. */
  readonly appended: { readonly first: number; readonly count: number }
  /** Numbers of the other records that it changed, ascending: updated, deleted, or appended with a reused number. */
  readonly changed: Float64Array
  /** Whether it stands for changes that are not known any more. `appended` and `changed` are then empty, and numbers may be others. */
  readonly missed: boolean
}

/** @throws ERR_STRIDE_CLOSED; the reason of the signal; what following throws */
export async function* watchCommits<S extends AnySchema>(
  opened: OpenedStore<S>,
  { signal, pollMs }: WatchSettings,
): AsyncGenerator<WatchedCommit, void, undefined> {
  const { platform, path, file } = opened.session.file
  const watch = new BellWatch(platform, path, file, pollMs)
  opened.listeners.add(watch.ring)
  signal?.addEventListener('abort', watch.ring)
  try {
    let place = new WatchPlace(opened)
    for (;;) {
      signal?.throwIfAborted()
      const seen = place.next(opened)
      if (seen === undefined) place = new WatchPlace(opened)
      for (const commit of seen ?? [missedUpTo(place.seen)]) {
        watch.found()
        yield commit
        signal?.throwIfAborted()
      }
      if (seen?.length === 0) await watch.wait()
    }
  } finally {
    opened.listeners.delete(watch.ring)
    signal?.removeEventListener('abort', watch.ring)
    watch.close()
  }
}

/** How far a watcher has read. */
class WatchPlace {
  readonly #session: object
  readonly #recordSize: number
  readonly #tail: JournalTail
  /** The size after the last frame that was read. */
  #size: number
  /** The last commit that the watcher knows of. */
  readonly seen: number

  /** Begins behind the last commit that the store sees. */
  constructor({ reading, session }: OpenedStore<AnySchema>) {
    reading.prepare()
    // In the writing process the file may be behind. Those frames are read for the size.
    const { commitNumber, size } = session.publishedState
    this.#session = session
    this.#recordSize = reading.source.locator.addressing.recordSize
    this.#tail = new JournalTail(session.file, commitNumber)
    this.#size = size
    this.seen = Math.max(commitNumber, session.commitNumber)
  }

  /** The next commits; undefined if a frame is gone, or the file was replaced. */
  next(opened: OpenedStore<AnySchema>): WatchedCommit[] | undefined {
    opened.reading.prepare()
    const { session } = opened
    if (session !== this.#session) return undefined
    const now = session.commitNumber
    for (;;) {
      const frames = this.#read(Math.min(now, this.#tail.commitNumber + COMMITS_A_STEP))
      const commits = frames?.map(frame => this.#commitOf(frame))
      const later = commits?.filter(({ commitNumber }) => commitNumber > this.seen)
      if (later === undefined || later.length > 0 || this.#tail.commitNumber >= now) return later
    }
  }

  #read(upTo: number): readonly Frame[] | undefined {
    try {
      return this.#tail.read(upTo)
    } catch (error) {
      // The journal was replaced while it was read.
      if (error instanceof StrideError) return undefined
      throw error
    }
  }

  #commitOf(frame: Frame): WatchedCommit {
    const { commitNumber, size } = frame.head
    const first = this.#size
    const changed: number[] = []
    visitChanges(frame, this.#recordSize, ({ recordNumber }) => {
      if (recordNumber < first) changed.push(recordNumber)
    })
    this.#size = size
    const numbers = Float64Array.from(changed).sort()
    return { commitNumber, appended: { first, count: size - first }, changed: numbers, missed: false }
  }
}

function missedUpTo(commitNumber: number): WatchedCommit {
  return { commitNumber, appended: { first: 0, count: 0 }, changed: new Float64Array(), missed: true }
}
