/**
 * How do reads beside a writer of another process see one commit (S2)?
 *
 *   CS1  `once` repeats a short reading until no commit came between.
 *   CS2  `together` runs a reading of several short ones, which all see one commit. A later commit does not disturb it, since the bytes
 *        that it replaces are taken from the journal (held-commit.ts).
 *   CS3  both end with a value, or after a bounded number of rounds or time with ERR_STRIDE_BUSY, whose message says what to do.
 */

import { StrideError } from '../../errors.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { HeldCommitLost } from '../recovery/held-commit.ts'
import type { Follower } from '../sharing/publication.ts'

/** How a reader stays at one commit. */
export interface Holding {
  /** The writer's sequence for which reads are valid. */
  readonly sequence: number
  /** How often this reader has moved to another commit. */
  readonly moves: number
  /** Hides later commits from now on. */
  hold(): void
  release(): void
}

/** The reading store. */
export interface ReadingStore {
  readonly path: string
  /** The words of the present writer; another object after the file was replaced. */
  readonly follower: Follower | undefined
  readonly following: Holding | undefined
  /** Brings the reader up to the writer's sequence. @throws ERR_STRIDE_CLOSED and whatever opening throws */
  prepare(): void
}

/** A reading of more short ones than this holds its commit instead of running again. */
const SHORT_READS = 64
const FREE_ROUNDS = 10
const ROUNDS_MAX = 30
/** How long one short reading is repeated. */
const PATIENCE_MS = 2000
const TRIES_MIN = 10
const TRIES_BEFORE_HOLD = 3

export class ConsistentReads {
  readonly #store: ReadingStore
  #isTogether = false
  /** Whether the running reading holds a commit. */
  #isHolding = false
  /** How long that reading repeats its short ones, from the first disturbed one on. */
  #patience: Deadline | undefined
  /** Short readings begun so far. */
  #count = 0

  constructor(store: ReadingStore) {
    this.#store = store
  }

  /** Counts a short reading that was made without `once`. */
  note(): void {
    this.#count++
  }

  /** Runs a reading of memory, and repeats it if a commit came in between. @throws ERR_STRIDE_BUSY */
  once<T>(read: () => T): T {
    const hold = new Hold(this.#store, this.#isHolding)
    try {
      return this.#tryOnce(read, hold)
    } finally {
      hold.end()
    }
  }

  #tryOnce<T>(read: () => T, hold: Hold): T {
    const store = this.#store
    let deadline: Deadline | undefined
    for (let tries = 1; ; tries++) {
      this.#count++
      try {
        store.prepare()
        const follower = store.follower
        const sequence = store.following?.sequence
        const isUndisturbed = (): boolean =>
          follower === store.follower && (follower === undefined || follower.sequence() === sequence)
        try {
          const value = read()
          if (isUndisturbed()) return value
        } catch (error) {
          if (error instanceof HeldCommitLost || isUndisturbed()) throw error
        }
        // Following each commit may take longer than the writer needs for the next one.
        if (tries % TRIES_BEFORE_HOLD === 0) hold.begin()
      } catch (error) {
        if (!(error instanceof HeldCommitLost) || this.#isHolding) throw error
        hold.end()
        blockFor(1)
      }
      deadline ??= this.#isTogether ? this.#patienceTogether() : new Deadline(PATIENCE_MS)
      if (tries >= TRIES_MIN && deadline.isOver) {
        throw this.#busy(`for ${PATIENCE_MS} ms commits came between: read less at once`)
      }
    }
  }

  /** Runs readings that all see one commit. The function may run again, so it should only read. @throws ERR_STRIDE_BUSY */
  together<T>(read: () => T): T {
    const store = this.#store
    store.prepare()
    if (this.#isTogether || store.following === undefined) return read()
    let isLong = false
    this.#patience = undefined
    const patience = (): Deadline | undefined => this.#patience
    for (let round = 1; ; round++) {
      store.prepare()
      // It is another object after the file was replaced.
      const holding = store.following
      const holds = isLong || round > FREE_ROUNDS
      const { moves } = holding
      const isUndisturbed = (): boolean => holding === store.following && holding.moves === moves
      const before = this.#count
      if (holds) holding.hold()
      this.#isTogether = true
      this.#isHolding = holds
      try {
        const value = read()
        if (isUndisturbed()) return value
      } catch (error) {
        if (isUndisturbed() && !(error instanceof HeldCommitLost)) throw error
      } finally {
        this.#isTogether = false
        this.#isHolding = false
        if (holds) holding.release()
      }
      // If a short reading was disturbed, the next round probably is, too.
      isLong = patience() !== undefined || this.#count - before > SHORT_READS
      if (round === ROUNDS_MAX || (round >= TRIES_MIN && patience()?.isOver === true)) {
        throw this.#busy(
          `${round} times the journal reused the space of a commit that it needs: give the writer a larger journalBytes`,
        )
      }
    }
  }

  #patienceTogether(): Deadline {
    this.#patience ??= new Deadline(PATIENCE_MS)
    return this.#patience
  }

  #busy(why: string): StrideError {
    const { path } = this.#store
    return new StrideError('ERR_STRIDE_BUSY', `No consistent reading of ${path}: ${why}`, { path })
  }
}

/** Holds a commit, at most once at a time. */
class Hold {
  readonly #store: ReadingStore
  readonly #isHeldAbove: boolean
  #held: Holding | undefined

  constructor(store: ReadingStore, isHeldAbove: boolean) {
    this.#store = store
    this.#isHeldAbove = isHeldAbove
  }

  begin(): void {
    if (this.#isHeldAbove || this.#held !== undefined) return
    this.#held = this.#store.following
    this.#held?.hold()
  }
  end(): void {
    this.#held?.release()
    this.#held = undefined
  }
}
