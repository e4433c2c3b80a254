/**
 * Whose turn is it to write, where several openers take turns? They queue in the store's lock file.
 *
 *   TU1  first come, first served: who joins gets a number above all others, and its turn comes once every lower number has gone.
 *   TU2  a place in the queue is a lock of the system, so it goes with its process. Numbers without a lock do not count.
 *
 * The lock file has a table of places, each with the number of who has it; 0 if nobody has. Joining is short, and one opener at a time
 * does it, under a lock of its own. The writer's lock itself: locks.ts. Waiting: writer-turns.ts.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { watchFile } from '../../mmap/watch-file.ts'
import { lockPathOf } from '../format/file-names.ts'
import { FIRST_PLACE_BYTE, JOINING_BYTE, PLACE_BYTES, PLACES, WRITER_BYTE } from '../format/lock-file.ts'

export class TurnQueue {
  readonly #file: PlatformFile
  #place = -1
  #number = 0

  /** @param like the store's file, whose owner and permission bits a created lock file gets */
  constructor(platform: Platform, path: string, like?: PlatformFile) {
    const rights = like === undefined ? {} : { like }
    this.#file = platform.open(lockPathOf(path), { access: 'readwrite', create: 'missing', ...rights })
  }

  /** Takes a place at the end of the queue. @returns false if another opener is joining now, or no place is free: try again soon */
  tryJoin(): boolean {
    const file = this.#file
    if (this.#place >= 0) return true
    if (!file.tryLock(JOINING_BYTE, 'exclusive')) return false
    try {
      const numbers = this.#numbers().filter((number, place) => number > 0 && this.#isTaken(place))
      let place = 0
      while (place < PLACES && !file.tryLock(FIRST_PLACE_BYTE + place, 'exclusive')) place++
      if (place === PLACES) return false
      this.#place = place
      this.#number = Math.max(0, ...numbers) + 1
      const bytes = new Uint8Array(PLACE_BYTES)
      new DataView(bytes.buffer).setFloat64(0, this.#number, true)
      file.store(bytes, place * PLACE_BYTES)
      return true
    } catch (error) {
      // A place with the number of an earlier owner would keep others waiting.
      this.leave()
      throw error
    } finally {
      file.unlock(JOINING_BYTE)
    }
  }

  /** Whether everyone who joined earlier has gone. */
  isFirst(): boolean {
    return !this.#isOther(number => number < this.#number)
  }
  /** Whether anyone joined later. */
  isWaitedFor(): boolean {
    return this.#isOther(number => number > this.#number)
  }

  /** Whether a writer has the store open. Opening the store beside it would block for a moment. */
  isWriterOpen(): boolean {
    return this.#file.isLocked(WRITER_BYTE)
  }

  /** Gives the place back, which wakes those who watch. Twice is fine. */
  leave(): void {
    const place = this.#place
    if (place < 0) return
    this.#place = -1
    try {
      this.#file.store(new Uint8Array(PLACE_BYTES), place * PLACE_BYTES)
    } finally {
      this.#file.unlock(FIRST_PLACE_BYTE + place)
    }
  }

  /** Calls `wake` whenever the queue may have moved, until the returned function is called. Undefined if the system cannot tell. */
  watch(wake: () => void): (() => void) | undefined {
    return watchFile(this.#file.path, wake)
  }

  close(): void {
    this.#place = -1
    this.#file.close()
  }

  #isOther(counts: (number: number) => boolean): boolean {
    return this.#numbers().some(
      (number, place) => place !== this.#place && counts(number) && this.#isTaken(place),
    )
  }

  #isTaken(place: number): boolean {
    return this.#file.isLocked(FIRST_PLACE_BYTE + place)
  }

  /** The numbers of all places; 0 where nobody is, or where the file has no number of ours. */
  #numbers(): number[] {
    const bytes = new Uint8Array(PLACES * PLACE_BYTES)
    this.#file.read(bytes, 0)
    const view = new DataView(bytes.buffer)
    return Array.from({ length: PLACES }, (_, place) => {
      const number = view.getFloat64(place * PLACE_BYTES, true)
      return Number.isSafeInteger(number) && number > 0 && number < 2 ** 52 ? number : 0
    })
  }
}
