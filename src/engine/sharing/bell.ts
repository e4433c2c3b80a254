/**
 * How do other processes learn at once that a later commit can be seen? The writer stores a byte into `x.stride-bell`, and followers watch
 * that file.
 *
 *   BE1  a follower creates the file. A writer looks for it once in a turn of the event loop, and rings only if it is there.
 *   BE2  the bell rings after the commit can be seen, and after compact and migrateStore have replaced the file. A bell that cannot be
 *        rung is no error of the commit.
 *   BE3  a follower watches before it looks, and looks again after `pollMs`, since a ring may be missed: by BE1, and where a writer dies
 *        before it rings. If the system watches the file, fruitless looks become rarer, up to ten times `pollMs`.
 * The file is never renamed and never deleted.
 */

import { atTurnEnd, type TurnBound } from '../../mmap/event-loop-turn.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { watchFile } from '../../mmap/watch-file.ts'
import { bellPathOf } from '../format/file-names.ts'

const STROKE = new Uint8Array(1)
const POLLS_MAX = 10
/** A longer timer would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The writer's side. */
export class Bell implements TurnBound {
  readonly #platform: Platform
  readonly #path: string
  #file: PlatformFile | undefined
  #hasLooked = false

  constructor(platform: Platform, storePath: string) {
    this.#platform = platform
    this.#path = bellPathOf(storePath)
  }

  /** Called after a commit can be seen. */
  ring(): void {
    try {
      this.#file ??= this.#find()
      this.#file?.store(STROKE, 0)
    } catch {
      // A full disk or a file that another user owns: followers look by themselves.
      this.close()
    }
  }

  endTurn(): void {
    this.#hasLooked = false
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  #find(): PlatformFile | undefined {
    if (this.#hasLooked) return undefined
    this.#hasLooked = true
    atTurnEnd(this)
    if (!this.#platform.exists(this.#path)) return undefined
    return this.#platform.open(this.#path, { access: 'readwrite', create: 'never' })
  }
}

/** A follower's side. */
export class BellWatch {
  readonly #end: (() => void) | undefined
  readonly #pollMs: number
  #wake: (() => void) | undefined
  /** Whether it rang since the last wait. */
  #hasRung = false
  /** How long the next wait is at most, in times of `pollMs`. */
  #polls = 1

  /** @param like the store's file, whose owner and permission bits a created bell gets */
  constructor(platform: Platform, storePath: string, like: PlatformFile, pollMs: number) {
    this.#pollMs = pollMs
    if (platform.isNetworkPath(storePath)) return
    const path = bellPathOf(storePath)
    try {
      platform.open(path, { access: 'readwrite', create: 'missing', like }).close()
    } catch {
      // Where the folder cannot be written, the follower polls.
      return
    }
    this.#end = watchFile(path, () => this.ring())
  }

  /** Ends the present wait, or the next one at once. */
  readonly ring = (): void => {
    this.#hasRung = true
    this.#wake?.()
  }

  /** Called if a look found something. */
  found(): void {
    this.#polls = 1
  }

  /** Resolves once the bell has rung since the last wait, or as BE3 says. Keeps the process alive. */
  async wait(): Promise<void> {
    if (!this.#hasRung) {
      let timer: NodeJS.Timeout | undefined
      const mostMs = Math.min(this.#polls * this.#pollMs, TIMER_MS_MAX)
      await new Promise<void>(resolve => {
        this.#wake = resolve
        timer = setTimeout(resolve, mostMs)
      })
      clearTimeout(timer)
      this.#wake = undefined
      if (this.#end !== undefined) this.#polls = Math.min(2 * this.#polls, POLLS_MAX)
    }
    this.#hasRung = false
  }

  close(): void {
    this.#end?.()
    this.ring()
  }
}
