/**
 * How does the writer tell readers in other processes and threads what is committed (S2)? A seqlock in the shared page.
 *
 * Words in the shared page hold the counts and places of the committed state in the file. The sequence is odd while the writer stores
 * over committed bytes or words. A reader notes the sequence, reads, and compares it; if it changed, the reading is repeated
 * (consistent-reads.ts). Readers do not wait for an odd sequence to end: the journal has the replaced bytes (held-commit.ts), or the
 * changes that a dead writer left (reader-state.ts).
 */

import type { PlatformFile, SharedWords } from '../../mmap/platform.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import type { Root } from '../format/root.ts'
import { SHARED_OFFSET, SHARED_WORD_COUNT, SHARED_WORDS } from '../format/store-format.ts'

/** How often a reader checks an odd sequence without a pause, and how often in all, with pauses of a millisecond. */
const QUICK_LOOKS = 20
const LOOKS_MAX = 24

/** The state in the words. */
export type PublishedState = Pick<
  Root,
  'commitNumber' | 'size' | 'deletedCount' | 'capacity' | 'liveBitsOffset' | 'liveBitsBytes' | 'checksumsOffset'
>

const STATE_NAMES = [
  'commitNumber',
  'size',
  'deletedCount',
  'capacity',
  'liveBitsOffset',
  'liveBitsBytes',
  'checksumsOffset',
] as const satisfies readonly (keyof PublishedState)[]

export function openSharedWords(file: PlatformFile): SharedWords {
  return file.sharedWords(SHARED_OFFSET, SHARED_WORD_COUNT)
}

/** Values of the word `superseded`. */
export const COMPACTED = 1
export const SAME_NUMBERS = 2
export type Superseded = typeof COMPACTED | typeof SAME_NUMBERS

/** The writer's side. */
export class Publisher {
  readonly #words: SharedWords
  /** The even sequence before the present changes. */
  #sequence = 0
  /** The state that the words already hold. */
  #published: PublishedState | undefined
  #begun: number | undefined

  private constructor(words: SharedWords) {
    this.#words = words
  }

  /** For a writer that opens the store. The sequence stays odd until the first `publish`. */
  static begun(words: SharedWords): Publisher {
    const publisher = new Publisher(words)
    // A writer that died while it stored left an odd sequence. The next even one is used.
    publisher.#sequence = (words.load(SHARED_WORDS.sequence) + 1) & ~1
    publisher.begin()
    words.store(SHARED_WORDS.superseded, 0)
    words.store(SHARED_WORDS.writerGeneration, (words.load(SHARED_WORDS.writerGeneration) + 1) | 0)
    return publisher
  }
  /** For a writer that continues where the turn of another one ended. The words are valid. */
  static handedOver(words: SharedWords): Publisher {
    const publisher = new Publisher(words)
    publisher.resume()
    return publisher
  }

  get words(): SharedWords {
    return this.#words
  }
  /** The words that show whether another writer has stored since. */
  get place(): { readonly sequence: number; readonly writerGeneration: number } {
    const writerGeneration = this.#words.load(SHARED_WORDS.writerGeneration)
    return { sequence: this.#sequence, writerGeneration }
  }
  /** The words are valid, and another writer may have stored them. */
  resume(): void {
    this.#sequence = this.#words.load(SHARED_WORDS.sequence)
    this.#published = undefined
    this.#begun = undefined
  }

  /** Called before committed bytes change. @param commitNumber the last of the stored commits, whose frames are synced */
  begin(commitNumber?: number): void {
    this.#words.store(SHARED_WORDS.sequence, (this.#sequence + 1) | 0)
    if (commitNumber === undefined) return
    storeCount(this.#words, SHARED_WORDS.begunCommit, commitNumber, this.#begun)
    this.#words.store(SHARED_WORDS.begunCheck, checkOf(commitNumber))
    this.#begun = commitNumber
  }
  /** Called after begin, once the committed bytes are whole again. */
  publish(state: PublishedState): void {
    for (const name of STATE_NAMES) {
      const before = this.#published?.[name]
      if (state[name] !== before) storeCount(this.#words, SHARED_WORDS[name], state[name], before)
    }
    this.#words.store(SHARED_WORDS.commitCheck, checkOf(state.commitNumber))
    this.#published = state
    this.#end()
  }
  /**
   * Called before another file takes this one's name: openers of this one must reopen. Calling it before the rename keeps no reader on
   * the old file if this process dies right after the rename. A reader that reopens too early waits (locks.ts).
   */
  supersede(kind: Superseded): void {
    this.begin()
    this.#words.store(SHARED_WORDS.superseded, kind)
    this.#end()
  }
  /** Called if the other file did not take the name. */
  reinstate(state: PublishedState): void {
    this.begin()
    this.#words.store(SHARED_WORDS.superseded, 0)
    this.publish(state)
  }
  close(): void {
    this.#words.close()
  }

  #end(): void {
    this.#sequence = (this.#sequence + 2) | 0
    this.#words.store(SHARED_WORDS.sequence, this.#sequence)
  }
}

/** A reader's side. */
export class Follower {
  readonly #words: SharedWords
  #sequenceWord: Int32Array | undefined

  constructor(words: SharedWords) {
    this.#words = words
  }

  /** The present sequence, odd or even. */
  sequence(): number {
    return this.#words.load(SHARED_WORDS.sequence)
  }
  /** The mapped sequence word, at position 0; see `SharedWords.mapped`. */
  mappedSequence(): Int32Array | undefined {
    const words = this.#words.mapped()
    if (words === undefined) return undefined
    if (this.#sequenceWord?.buffer !== words.buffer) {
      this.#sequenceWord = words.subarray(SHARED_WORDS.sequence, SHARED_WORDS.sequence + 1)
    }
    return this.#sequenceWord
  }
  /** How the file was replaced; 0 if it was not. */
  get superseded(): number {
    return this.#words.load(SHARED_WORDS.superseded)
  }
  get isSuperseded(): boolean {
    return this.superseded > 0
  }
  /** The state in the words. It is valid only while a writer is ready, and between two equal even sequences. */
  state(): PublishedState {
    return stateIn(this.#words)
  }

  /** A commit that is certainly in the file; 0 if the words do not say. */
  appliedCommit(): number {
    return appliedCommit(this.#words)
  }
  /** See syncedCommit. */
  syncedCommit(): number {
    return syncedCommit(this.#words)
  }

  /**
   * Waits a moment for a writer between begin and publish, since most commits are stored within microseconds.
   * @returns the sequence afterwards, which may still be odd
   */
  settle(): number {
    let sequence = this.sequence()
    for (let looks = 0; (sequence & 1) === 1 && looks < LOOKS_MAX; looks++) {
      if (looks >= QUICK_LOOKS) blockFor(1)
      sequence = this.sequence()
    }
    return sequence
  }

  close(): void {
    this.#words.close()
  }
}

/** The state in the words, while they are valid. */
export function stateIn(words: SharedWords): PublishedState {
  const state = {} as Record<keyof PublishedState, number>
  for (const name of STATE_NAMES) state[name] = loadCount(words, SHARED_WORDS[name])
  return state
}

/**
 * A commit that a writer has stored in the file; 0 if the words do not say. They may be older than the file, since no sync orders them,
 * but never newer: a commit is published after it was synced and stored.
 */
function appliedCommit(words: SharedWords): number {
  return checkedCount(words, SHARED_WORDS.commitNumber, SHARED_WORDS.commitCheck)
}

/**
 * A commit that was synced, whose changes may be in the file; 0 if the words do not say. A dying writer leaves at most one of the two
 * counts half stored, and then the other one is used.
 */
export function syncedCommit(words: SharedWords): number {
  const begun = checkedCount(words, SHARED_WORDS.begunCommit, SHARED_WORDS.begunCheck)
  return Math.max(begun, appliedCommit(words))
}

function checkedCount(words: SharedWords, index: number, check: number): number {
  const count = loadCount(words, index)
  return words.load(check) === checkOf(count) ? count : 0
}

/** A mix of a count's halves that zeros or noise do not have. */
function checkOf(count: number): number {
  return Math.imul(count ^ 0x53545249, 0x9e3779b1) ^ Math.imul(highOf(count) ^ 0x44454a4e, 0x85ebca6b)
}

/** @param before the count that the words hold */
function storeCount(words: SharedWords, index: number, value: number, before: number | undefined): void {
  words.store(index, value | 0)
  if (before === undefined || highOf(value) !== highOf(before)) words.store(index + 1, highOf(value))
}

function loadCount(words: SharedWords, index: number): number {
  return (words.load(index) >>> 0) + (words.load(index + 1) >>> 0) * 2 ** 32
}

function highOf(count: number): number {
  return Math.floor(count / 2 ** 32)
}
