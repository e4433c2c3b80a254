/**
 * How does a program follow what is appended to a store, live? In batches of committed records, each record once, in order.
 *
 *   LT1  a batch has the records from where the last one ended up to the end of what is committed, at most `batch` numbers. Nothing in
 *        between is left out but deleted records.
 *   LT2  a position survives compact, of this process or another. If the file was rewritten more than once between two steps, it may be
 *        lost: then the tail ends with ERR_STRIDE_REPLACED, and never leaves out or repeats a record.
 *   LT3  a slow consumer costs nothing: records are read when it asks for the next batch.
 *   LT4  what is staged counts for nothing, in the writing process either: each batch is read from a snapshot there.
 * The bell of commits: sharing/bell.ts. Positions through a compact: read/numbering.ts.
 */

import { StrideError } from '../../errors.ts'
import type { AnySchema, Output } from '../../schema/index.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { TailSettings } from '../opening/options.ts'
import type { RecordSet } from '../read/record-set.ts'
import { BellWatch } from '../sharing/bell.ts'
import type { Snapshot } from '../snapshots/snapshot.ts'
import { Consumer } from './consumer.ts'

/** Appended records that one step of a tail gives. */
export interface TailBatch<S extends AnySchema> extends Iterable<Output<S>> {
  /** The commit as of which the records were read. */
  readonly commitNumber: number
  /** Numbers of the records. After a later compact they are others. */
  readonly numbers: Float64Array
  /** The records, as many as numbers; at least one. */
  readonly records: readonly Output<S>[]
  /** The position behind the last record: `from` of a tail that continues here, as long as no compact comes between. */
  readonly end: number
  /**
   * For a named consumer: makes durable that this batch and all before it are done. For others it does nothing.
   * @throws {StrideError} ERR_STRIDE_CLOSED once the loop has ended, _REPLACED if the position is lost, _NO_SPACE, _IO
   */
  done(): Promise<void>
}

/** The store, as far as a tail needs it. */
export interface TailedStore<S extends AnySchema> extends Pick<RecordSet<S>, 'read' | 'getMany'> {
  snapshot(): Snapshot<S, unknown>
}

/** @throws ERR_STRIDE_CLOSED, _REPLACED (LT2); the reason of the signal; what reading throws */
export async function* tail<S extends AnySchema>(
  store: TailedStore<S>,
  opened: OpenedStore<S>,
  { from, batch, signal, pollMs, consumer: name }: TailSettings,
): AsyncGenerator<TailBatch<S>, void, undefined> {
  const { reading } = opened
  const { platform, path, file } = opened.session.file
  const watch = new BellWatch(platform, path, file, pollMs)
  opened.listeners.add(watch.ring)
  signal?.addEventListener('abort', watch.ring)
  let consumer: Consumer | undefined
  try {
    const beginning = (): number => (from === 'end' ? committedSize(opened) : from === 'start' ? 0 : from)
    const named =
      name === undefined ? undefined : await Consumer.open(opened, name, beginning, () => lost(path))
    consumer = named?.consumer
    let { position, numbering } = named?.begin ?? { position: beginning(), numbering: reading.source.numbering }
    for (;;) {
      signal?.throwIfAborted()
      const found = store.read(() => {
        const now = reading.source.numbering
        const at = numbering === now ? position : numbering.positionNow(position)
        if (at < 0) throw lost(path)
        return { now, isLeft: opened.session.isOverlaid, ...take(store, opened, at, batch) }
      })
      numbering = found.now
      position = found.end
      const { commitNumber, isLeft } = found
      const end = { position, numbering, commitNumber, isLeft }
      const done = async (): Promise<void> => consumer?.move(end, () => lost(path))
      if (found.records.length > 0) {
        watch.found()
        yield { ...batchOf(found), done }
      }
      // A stretch of deleted records is no batch.
      else if (!found.hasMore) await watch.wait()
    }
  } finally {
    opened.listeners.delete(watch.ring)
    signal?.removeEventListener('abort', watch.ring)
    watch.close()
    consumer?.close()
  }
}

function committedSize<S extends AnySchema>(opened: OpenedStore<S>): number {
  opened.reading.prepare()
  return opened.session.publishedState.size
}

interface Taken<S extends AnySchema> {
  readonly commitNumber: number
  readonly numbers: Float64Array
  readonly records: readonly Output<S>[]
  readonly end: number
  /** Whether committed records follow. */
  readonly hasMore: boolean
}

/** Reads the live records from a position on, among at most `most` numbers. */
function take<S extends AnySchema>(
  store: TailedStore<S>,
  opened: OpenedStore<S>,
  from: number,
  most: number,
): Taken<S> {
  const size = committedSize(opened)
  const { commitNumber } = opened.session
  const end = Math.max(from, Math.min(size, from + most))
  const asked = new Float64Array(end - from)
  for (let i = 0; i < asked.length; i++) asked[i] = from + i
  const all = opened.writer === undefined ? store.getMany(asked) : committed(store, asked)
  return { commitNumber, ...liveOf(all, asked), end, hasMore: end < size }
}

/** The records that are there, and their numbers. */
function liveOf<S extends AnySchema>(
  all: readonly (Output<S> | undefined)[],
  numbers: Float64Array,
): Pick<Taken<S>, 'records' | 'numbers'> {
  if (!all.includes(undefined)) return { records: all as readonly Output<S>[], numbers }
  const isLive = (_: unknown, i: number): boolean => all[i] !== undefined
  return { records: all.filter(isLive) as Output<S>[], numbers: numbers.filter(isLive) }
}

function committed<S extends AnySchema>(
  store: TailedStore<S>,
  numbers: Float64Array,
): (Output<S> | undefined)[] {
  const snapshot = store.snapshot()
  try {
    return snapshot.getMany(numbers)
  } finally {
    snapshot.close()
  }
}

function batchOf<S extends AnySchema>({
  commitNumber,
  numbers,
  records,
  end,
}: Taken<S>): Omit<TailBatch<S>, 'done'> {
  return { commitNumber, numbers, records, end, [Symbol.iterator]: () => records.values() }
}

function lost(path: string): StrideError {
  const message = `${path} was rewritten more than once since the last batch of a tail, so its position is lost: begin another tail`
  return new StrideError('ERR_STRIDE_REPLACED', message, { path })
}
