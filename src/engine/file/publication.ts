/**
 * How the writer tells readers in other processes and threads what is committed (S2).
 *
 * Words in the shared page hold the counts and places of what is committed and in the file. A sequence is odd while
 * the writer stores over committed bytes or words. A reader notes the sequence, reads, and looks again: if it moved, the
 * reading is repeated (consistent-reads.ts). Nobody waits for an odd sequence to end: what is being stored is in the journal,
 * which has what was there before (held-commit.ts), or what a dead writer left (reader-state.ts).
 */

import type { PlatformFile, SharedWords } from '../../mmap/platform.ts'
import { blockFor } from '../../runtime/block.ts'
import type { Root } from '../format/root.ts'
import { SHARED_OFFSET, SHARED_WORD_COUNT, SHARED_WORDS } from '../format/store-format.ts'

/** Looks at the sequence of a writer that is storing: some at once, then a few a millisecond apart. */
const QUICK_LOOKS = 20
const LOOKS_MAX = 24

/** What the words say. */
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

/** The writer's side. Created, it tells nothing: `publish` says what is there. */
export class Publisher {
  readonly #words: SharedWords
  /** The even sequence before the present changes. */
  #sequence: number
  /** What the words say already. */
  #published: PublishedState | undefined
  #begun: number | undefined

  constructor(words: SharedWords) {
    this.#words = words
    // A writer that died in the middle left an odd sequence: the next even one is ours.
    this.#sequence = (words.load(SHARED_WORDS.sequence) + 1) & ~1
    this.begin()
    words.store(SHARED_WORDS.superseded, 0)
    words.store(SHARED_WORDS.writerGeneration, (words.load(SHARED_WORDS.writerGeneration) + 1) | 0)
  }

  /** Committed bytes are about to change: by commits up to this one, whose frames are synced. */
  begin(commitNumber?: number): void {
    this.#words.store(SHARED_WORDS.sequence, (this.#sequence + 1) | 0)
    if (commitNumber === undefined) return
    storeCount(this.#words, SHARED_WORDS.begunCommit, commitNumber, this.#begun)
    this.#words.store(SHARED_WORDS.begunCheck, checkOf(commitNumber))
    this.#begun = commitNumber
  }
  /** They are whole again, and this is what they are. After begin. */
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
   * Another file is about to take this one's name: whoever has this one open should reopen. Before the renaming, so
   * that nobody keeps the old file should this process die right after it; who comes too early waits (locks.ts).
   */
  supersede(): void {
    this.begin()
    this.#words.store(SHARED_WORDS.superseded, 1)
    this.#end()
  }
  /** The other file did not: this one goes on. */
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

  constructor(words: SharedWords) {
    this.#words = words
  }

  /** The sequence as it is, odd or even. */
  sequence(): number {
    return this.#words.load(SHARED_WORDS.sequence)
  }
  get isSuperseded(): boolean {
    return this.#words.load(SHARED_WORDS.superseded) === 1
  }
  /** What the words say; to be believed only while a writer is ready, and between two equal even sequences. */
  state(): PublishedState {
    const state = {} as Record<keyof PublishedState, number>
    for (const name of STATE_NAMES) state[name] = loadCount(this.#words, SHARED_WORDS[name])
    return state
  }

  /** A commit that is in the file, whatever else; 0 where the words do not say. */
  appliedCommit(): number {
    return appliedCommit(this.#words)
  }
  /** See syncedCommit. */
  syncedCommit(): number {
    return syncedCommit(this.#words)
  }

  /**
   * Waits a moment for a writer that is between begin and publish: most commits are stored within microseconds.
   * @returns the sequence then, odd where it still is
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

/**
 * A commit that some writer has put into the file; 0 where the words do not say. They may be older than the file, since
 * nothing orders them with syncs, but never newer: a commit is published after it was synced and stored.
 */
function appliedCommit(words: SharedWords): number {
  return checkedCount(words, SHARED_WORDS.commitNumber, SHARED_WORDS.commitCheck)
}

/**
 * A commit that was synced, since changes up to it may be in the file; 0 where the words do not say. A writer that dies leaves
 * at most one of the two counts half stored, and then the other one says it.
 */
export function syncedCommit(words: SharedWords): number {
  const begun = checkedCount(words, SHARED_WORDS.begunCommit, SHARED_WORDS.begunCheck)
  return Math.max(begun, appliedCommit(words))
}

function checkedCount(words: SharedWords, index: number, check: number): number {
  const count = loadCount(words, index)
  return words.load(check) === checkOf(count) ? count : 0
}

/** Nothing that zeros or noise would have. */
function checkOf(count: number): number {
  return Math.imul(count ^ 0x53545249, 0x9e3779b1) ^ Math.imul(highOf(count) ^ 0x44454a4e, 0x85ebca6b)
}

/** `before`: what the words hold. */
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
