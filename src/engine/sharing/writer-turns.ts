/**
 * How do several openers of a store write by turns, with `lock: 'transaction'`? Each opens it for writing for its own transactions, and
 * closes it for the next one.
 *
 *   TA1  waiting does not block the event loop. A call that has waited for `lockTimeoutMs` is ERR_STRIDE_BUSY.
 *   TA2  nobody starves: turns go in the order of the queue (turn-queue.ts), and a turn ends after JOBS_A_TURN calls if anyone waits.
 *   TA3  a process that dies loses its place and the writer's lock. The next writer recovers what it left, as after any crash.
 */

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { StrideError } from '../../errors.ts'
import { Fifo } from '../../runtime/fifo.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import type { TurnQueue } from './turn-queue.ts'

const JOBS_A_TURN = 64
/** Pauses between looks at the queue: the first one, doubled up to the longest one. */
const PAUSE_MS_MIN = 1
const PAUSE_MS_MAX = 8

/** A store that is open for writing during a turn. */
export interface TurnWriter {
  closeAsync(): Promise<void>
  close(): void
}

interface Job<W> {
  readonly deadline: Deadline
  readonly run: (writer: W) => Promise<void>
  readonly refuse: (error: unknown) => void
}

export interface TurnSettings<W> {
  readonly path: string
  readonly lockTimeoutMs: number
  readonly queue: TurnQueue
  /** Opens the store for writing. @throws ERR_STRIDE_BUSY while another writer has it */
  readonly open: () => Promise<W>
}

export class WriterTurns<W extends TurnWriter> {
  readonly #settings: TurnSettings<W>
  readonly #jobs = new Fifo<Job<W>>()
  #writer: W | undefined
  #isClosed = false
  /** Settles once no job is left; undefined while there is none. */
  #serving: Promise<void> | undefined

  constructor(settings: TurnSettings<W>) {
    this.#settings = settings
  }

  /** Runs work on the store when its turn has come. @throws ERR_STRIDE_BUSY, _CLOSED, whatever opening or the work throws */
  run<T>(work: (writer: W) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isClosed) throw this.#closed()
      const run = (writer: W): Promise<void> => work(writer).then(resolve, reject)
      this.#jobs.push({ deadline: new Deadline(this.#settings.lockTimeoutMs), run, refuse: reject })
      this.#serving ??= this.#serve()
    })
  }

  /** Settles once every call so far has ended. */
  async drain(): Promise<void> {
    await this.#serving
  }

  /** Refuses what has not begun, and closes the store if it is open for writing. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#refuseAll(this.#closed())
    try {
      this.#writer?.close()
    } finally {
      this.#settings.queue.close()
    }
  }

  async #serve(): Promise<void> {
    const { queue } = this.#settings
    try {
      while (this.#jobs.length > 0 && !this.#isClosed) {
        try {
          if (!(await this.#waitForTurn())) continue
          await this.#takeTurn()
        } catch (error) {
          this.#jobs.shift()?.refuse(error)
        } finally {
          if (!this.#isClosed) queue.leave()
        }
      }
    } finally {
      this.#serving = undefined
    }
  }

  /** @returns whether the store is open for writing now; false if no call is left that waits for it */
  async #waitForTurn(): Promise<boolean> {
    const { queue, open } = this.#settings
    let pause = PAUSE_MS_MIN
    while (!this.#isClosed) {
      if (queue.tryJoin() && queue.isFirst() && !queue.isWriterOpen()) {
        try {
          const writer = await open()
          this.#writer = writer
          if (!this.#isClosed) return true
          this.#writer = undefined
          writer.close()
          return false
        } catch (error) {
          if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_BUSY') throw error
        }
      }
      this.#refuseLate()
      if (this.#jobs.length === 0) return false
      await sleep(pause)
      pause = Math.min(PAUSE_MS_MAX, pause * 2)
    }
    return false
  }

  /** Runs the calls that wait, and those that come while they run. */
  async #takeTurn(): Promise<void> {
    const { queue } = this.#settings
    const writer = this.#writer as W
    try {
      for (let done = 0; !this.#isClosed; done++) {
        if (done >= JOBS_A_TURN && queue.isWaitedFor()) return
        const job = this.#jobs.shift()
        if (job === undefined) return
        await job.run(writer)
        // What awaits this call may ask for the next one.
        if (this.#jobs.length === 0) await nextTurn()
      }
    } finally {
      this.#writer = undefined
      await writer.closeAsync()
    }
  }

  /** Calls come with rising deadlines, since all of them may wait equally long. */
  #refuseLate(): void {
    const { path, lockTimeoutMs } = this.#settings
    while (this.#jobs.first?.deadline.isOver === true) {
      const message = `Another writer has ${path} open, for ${lockTimeoutMs} ms now`
      this.#jobs.shift()?.refuse(new StrideError('ERR_STRIDE_BUSY', message, { path }))
    }
  }

  #refuseAll(error: StrideError): void {
    for (const job of this.#jobs.takeAll()) job.refuse(error)
  }

  #closed(): StrideError {
    const { path } = this.#settings
    return new StrideError('ERR_STRIDE_CLOSED', `${path} is closed`, { path })
  }
}
