/**
 * How do several openers of a store write by turns, with `lock: 'transaction'`? Each opens it for writing at its first turn, and keeps it
 * open. Between turns the locks are free, and nothing is stored.
 *
 *   TA1  waiting does not block the event loop. A call that has waited for `lockTimeoutMs` is ERR_STRIDE_BUSY.
 *   TA2  nobody starves: turns go in the order of the queue (turn-queue.ts). If anyone else waits, a turn ends after the calls that waited
 *        when it began, JOBS_A_TURN at most. Up to JOBS_A_SHORT_TURN calls are run in any case if they come one after the other, since
 *        handing over takes longer than a call.
 *   TA3  a process that dies loses its place and the writer's lock. The next writer recovers what it left, as after any crash.
 *   TA4  a failure at the end of a turn is an error of no call: acknowledged changes are in the journal, and the next turn recovers them.
 *   TA5  whoever had the last turn closes the store when it ends, so that the file alone has everything.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { StrideError } from '../../errors.ts'
import { Fifo } from '../../runtime/fifo.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import type { TurnQueue } from './turn-queue.ts'

const JOBS_A_TURN = 64
const JOBS_A_SHORT_TURN = 8
/** So many looks at the queue follow without a pause, since most turns are short. */
const QUICK_LOOKS = 50
/**
 * The pause between later looks: the first one, doubled up to the longest one. A place that is given back ends it, one whose process
 * died does not.
 */
const PAUSE_MS_MIN = 1
const PAUSE_MS_MAX = 8

/** How a turn was taken. 'stale': the store has to be opened again. 'replaced': so it has, and its path names another file now. */
export type TakenTurn = 'taken' | 'busy' | 'stale' | 'replaced'

/** A store that is open for writing. */
export interface TurnWriter<W> {
  readonly store: W
  /** Ends a turn. @returns false if only closing is left, after a failure */
  handOver(): Promise<boolean>
  /** Takes the next turn. @param isLast only to close the store */
  takeTurn(isLast?: boolean): TakenTurn
  /** Whether it had the last turn of all processes. */
  hadLastTurn(): boolean
  /** Closes it between turns, which writes nothing. */
  release(): void
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
  readonly open: () => Promise<TurnWriter<W>>
}

export class WriterTurns<W> {
  readonly #settings: TurnSettings<W>
  readonly #jobs = new Fifo<Job<W>>()
  /** Defined during a turn. */
  #writer: TurnWriter<W> | undefined
  /** Between turns. */
  #resting: TurnWriter<W> | undefined
  #isClosed = false
  /** Ends the present pause. */
  #wake = (): void => undefined
  /** Defined once a call has waited for long. */
  #watch: { readonly end: (() => void) | undefined } | undefined
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
      if (this.#writer !== undefined) this.#writer.close()
      else this.#closeResting()
    } finally {
      this.#settings.queue.close()
    }
  }

  #closeResting(): void {
    const resting = this.#resting
    this.#resting = undefined
    if (resting?.hadLastTurn() === true) closeBetweenTurns(resting)
    else resting?.release()
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
      this.#watch?.end?.()
      this.#watch = undefined
    }
  }

  /** @returns whether the store is open for writing now; false if no call is left that waits for it */
  async #waitForTurn(): Promise<boolean> {
    const { queue } = this.#settings
    let pause = PAUSE_MS_MIN
    for (let looks = 0; !this.#isClosed; looks++) {
      if (queue.tryJoin() && queue.isFirst() && (await this.#begin())) return !this.#isClosed
      this.#refuseLate()
      if (this.#jobs.length === 0) return false
      if (looks < QUICK_LOOKS) await nextTurn()
      else {
        await this.#pause(pause)
        pause = Math.min(PAUSE_MS_MAX, pause * 2)
      }
    }
    return false
  }

  /** Waits until a place of the queue is given back, at most so long. */
  async #pause(ms: number): Promise<void> {
    this.#watch ??= { end: this.#settings.queue.watch(() => this.#wake()) }
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }

  /** @returns false while another writer has the store */
  async #begin(): Promise<boolean> {
    const { queue, open } = this.#settings
    const resting = this.#resting
    const taken = resting?.takeTurn() ?? 'stale'
    if (taken === 'busy') return false
    this.#resting = undefined
    if (taken === 'taken') {
      this.#writer = resting
      return true
    }
    // Its journal would contradict the other file.
    if (taken === 'replaced') closeBetweenTurns(resting as TurnWriter<W>)
    else resting?.release()
    // Opening beside another writer would block for a moment.
    if (queue.isWriterOpen()) return false
    try {
      const writer = await open()
      if (this.#isClosed) writer.close()
      else this.#writer = writer
      return true
    } catch (error) {
      if (error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY') return false
      throw error
    }
  }

  /** Runs the calls that wait, and while nobody else waits those that come meanwhile. */
  async #takeTurn(): Promise<void> {
    const { queue } = this.#settings
    const writer = this.#writer as TurnWriter<W>
    const own = Math.min(JOBS_A_TURN, Math.max(JOBS_A_SHORT_TURN, this.#jobs.length))
    try {
      for (let done = 0; !this.#isClosed; done++) {
        if (done >= own && queue.isWaitedFor()) return
        const job = this.#jobs.shift()
        if (job === undefined) return
        await job.run(writer.store)
        // What awaits this call may ask for the next one.
        if (this.#jobs.length === 0) await nextTurn()
      }
    } finally {
      this.#writer = undefined
      await this.#end(writer)
    }
  }

  async #end(writer: TurnWriter<W>): Promise<void> {
    const isOver = await writer.handOver().catch(() => false)
    if (isOver) {
      this.#resting = writer
      // It was closed meanwhile.
      if (this.#isClosed) this.#closeResting()
      return
    }
    try {
      writer.close()
    } catch {
      // TA4.
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

/** Takes a last turn, in which everything gets into the file and the journal ends. */
function closeBetweenTurns(writer: TurnWriter<unknown>): void {
  if (writer.takeTurn(true) === 'taken') writer.close()
  else writer.release()
}
