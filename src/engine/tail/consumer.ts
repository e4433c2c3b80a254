/**
 * A named consumer of a tail: it begins where its last finished batch ended.
 *
 *   CN1  after `done` has resolved, the records of the batch and of all before are never given to this consumer again. Before, a consumer
 *        that ends gets them again.
 *   CN2  a position is stored once the commits in front of it are durable. Those of a writer that died may only be in the system's cache,
 *        and without them later records would get numbers that the consumer has passed.
 * The file of positions: consumer-file.ts.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { AnySchema } from '../../schema/index.ts'
import { journalPathOf } from '../format/file-names.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { Numbering } from '../read/numbering.ts'
import { ConsumerFile } from './consumer-file.ts'

const POLL_MS = 2

/** A position, and the numbering in which it counts. */
export interface NumberedPosition {
  readonly position: number
  readonly numbering: Numbering
}

/** The end of a batch. */
export interface BatchEnd extends NumberedPosition {
  readonly commitNumber: number
  /** Whether its records were read from the journal of a writer that died. */
  readonly isLeft: boolean
}

export class Consumer {
  readonly #opened: OpenedStore<AnySchema>
  readonly #name: string
  readonly #file: ConsumerFile
  #place = -1
  /** Settles when the last move is durable, or has failed. */
  #moving: Promise<unknown> = Promise.resolve()
  /** The last commit of a dead writer that this consumer has made durable. */
  #secured = 0
  #failedSync: { readonly error: unknown } | undefined

  private constructor(opened: OpenedStore<AnySchema>, name: string, file: ConsumerFile) {
    this.#opened = opened
    this.#name = name
    this.#file = file
    opened.listeners.add(this.#closed)
  }

  /** With the store, its consumers give their names back. */
  readonly #closed = (): void => {
    if (this.#opened.reading.isClosed) this.close()
  }

  /**
   * @param beginning where a new consumer begins
   * @param lost the error if the position is lost
   * @throws ERR_STRIDE_BUSY, _LIMIT, _PERMISSION, _IO
   */
  static async open(
    opened: OpenedStore<AnySchema>,
    name: string,
    beginning: () => number,
    lost: () => Error,
  ): Promise<{ readonly consumer: Consumer; readonly begin: NumberedPosition }> {
    const { platform, path, file } = opened.session.file
    const consumer = new Consumer(opened, name, ConsumerFile.open(platform, path, file))
    try {
      return { consumer, begin: await consumer.#begin(beginning, lost) }
    } catch (error) {
      consumer.close()
      throw error
    }
  }

  /** Makes the position durable. An earlier one than the kept one changes nothing. @throws `lost` */
  move(end: BatchEnd, lost: () => Error): Promise<void> {
    // The copy before is durable when this one is stored (CF4 of consumer-file.ts).
    const moved = this.#moving.then(() => this.#move(end, lost))
    this.#moving = moved.catch(() => undefined)
    return moved
  }

  async #move(end: BatchEnd, lost: () => Error): Promise<void> {
    if (this.#failedSync !== undefined) throw this.#failedSync.error
    if (end.isLeft) await this.#secure(end.commitNumber)
    await this.#alone(() => {
      const position = end.numbering.positionNow(end.position)
      if (position < 0) throw lost()
      const { identity } = this.#opened.session.file
      if (position > (this.#file.position(this.#place, identity) ?? -1)) {
        this.#file.store(this.#place, this.#name, identity, position)
      }
    })
    await this.#sync()
  }

  /** A sync that failed is never tried again: the copies on the disk are unknown from then on. */
  async #sync(): Promise<void> {
    try {
      await this.#file.syncAsync()
    } catch (error) {
      this.#failedSync = { error }
      throw error
    }
  }

  close(): void {
    this.#opened.listeners.delete(this.#closed)
    this.#file.close()
  }

  async #begin(beginning: () => number, lost: () => Error): Promise<NumberedPosition> {
    let begin: NumberedPosition | undefined
    while (begin === undefined) {
      await this.#alone(() => {
        begin = this.#taken(beginning, lost)
      })
      if (begin === undefined) await this.#secure(this.#opened.session.commitNumber)
    }
    await this.#sync()
    return begin
  }

  /** Takes the place, and gives a new consumer its position; undefined if that needs commits that are not durable. */
  #taken(beginning: () => number, lost: () => Error): NumberedPosition | undefined {
    const { session, reading } = this.#opened
    const { identity } = session.file
    if (this.#place < 0) this.#place = this.#file.take(this.#name, identity)
    const kept = this.#file.position(this.#place, identity)
    if (kept !== undefined && kept < 0) throw lost()
    const position = kept ?? beginning()
    const isLeft = session.isOverlaid && session.commitNumber > this.#secured
    if (kept === undefined && position > 0 && isLeft) return undefined
    this.#file.renew(this.#place)
    if (kept === undefined) this.#file.store(this.#place, this.#name, identity, position)
    return { position, numbering: reading.source.numbering }
  }

  /** Makes what a dead writer left durable. */
  async #secure(commitNumber: number): Promise<void> {
    if (commitNumber <= this.#secured) return
    const { platform, path } = this.#opened.session.file
    for (const each of [journalPathOf(path), path]) {
      if (!platform.exists(each)) continue
      const file = platform.open(each, { access: 'readwrite', create: 'never' })
      try {
        await file.syncAsync()
      } finally {
        file.close()
      }
    }
    this.#secured = commitNumber
  }

  /** Runs work while no file takes the name of the store's, with the store on the file that has it. */
  async #alone(work: () => void): Promise<void> {
    const run = (): void => {
      this.#opened.reading.prepare()
      work()
    }
    while (!this.#file.tryAlone(run)) await sleep(POLL_MS)
  }
}
