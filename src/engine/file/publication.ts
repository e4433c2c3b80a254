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

  constructor(words: SharedWords) {
    this.#words = words
    // A writer that died in the middle left an odd sequence: the next even one is ours.
    this.#sequence = (words.load(SHARED_WORDS.sequence) + 1) & ~1
    this.begin()
    words.store(SHARED_WORDS.superseded, 0)
    words.store(SHARED_WORDS.writerGeneration, (words.load(SHARED_WORDS.writerGeneration) + 1) | 0)
  }

  /** Committed bytes are about to change. */
  begin(): void {
    this.#words.store(SHARED_WORDS.sequence, (this.#sequence + 1) | 0)
  }
  /** They are whole again, and this is what they are. After begin. */
  publish(state: PublishedState): void {
    for (const name of STATE_NAMES) {
      if (state[name] === this.#published?.[name]) continue
      storeCount(this.#words, SHARED_WORDS[name], state[name])
    }
    this.#words.store(SHARED_WORDS.commitCheck, checkOf(this.#words))
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
export function appliedCommit(words: SharedWords): number {
  if (words.load(SHARED_WORDS.commitCheck) !== checkOf(words)) return 0
  return loadCount(words, SHARED_WORDS.commitNumber)
}

/** Nothing that zeros or noise would have. */
function checkOf(words: SharedWords): number {
  const low = words.load(SHARED_WORDS.commitNumber)
  const high = words.load(SHARED_WORDS.commitNumber + 1)
  return Math.imul(low ^ 0x53545249, 0x9e3779b1) ^ Math.imul(high ^ 0x44454a4e, 0x85ebca6b)
}

function storeCount(words: SharedWords, index: number, value: number): void {
  words.store(index, value | 0)
  words.store(index + 1, Math.floor(value / 2 ** 32))
}

function loadCount(words: SharedWords, index: number): number {
  return (words.load(index) >>> 0) + (words.load(index + 1) >>> 0) * 2 ** 32
}
