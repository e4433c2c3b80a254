/**
 * Group commit: waiting commits form groups. The frames of a group are written with one call and share one sync.
 */

import { Fifo } from '../../runtime/fifo.ts'
import { FrameGroup } from '../journal/frame-encode.ts'
import type { SealedCommit } from './seal.ts'

/** The buffer of a larger group is not reused. */
const SPARE_BYTES_MAX = 1024 * 1024

export interface CommitGroup {
  readonly frames: FrameGroup
  readonly commits: SealedCommit[]
  /** Bytes that the journal admitted for each commit. */
  readonly admitted: number[]
  /** Whether the group is about to be written and takes no more commits. */
  isClosed: boolean
}

/** The work of recovery for a group; see FrameLoad. */
export function loadOf({ commits }: CommitGroup): { readonly changes: number; readonly inPlaceBytes: number } {
  const load = { changes: 0, inPlaceBytes: 0 }
  for (const { changeCount, inPlaceBytes } of commits) {
    load.changes += changeCount
    load.inPlaceBytes += inPlaceBytes
  }
  return load
}

/** Bytes of memory that a group takes until it is applied: those of its frames, or of its images if these are larger. */
export function memoryOf({ frames, commits }: CommitGroup, recordSize: number): number {
  const images = commits.reduce((sum, { changes }) => sum + changes.numbers.length, 0)
  return Math.max(frames.length, images * recordSize)
}

export class CommitQueue {
  readonly #groupBytesMax: number
  readonly #groups = new Fifo<CommitGroup>()
  /** The buffer of an applied group, for the next one. */
  #spare: FrameGroup | undefined

  /** @param groupBytesMax limit of a group; a single frame may be larger */
  constructor(groupBytesMax: number) {
    this.#groupBytesMax = groupBytesMax
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0
  }
  /** The next group to write. */
  get first(): CommitGroup | undefined {
    return this.#groups.first
  }

  /** The group for a frame of at most `bytes`: the last one, or a new one. */
  open(bytes: number): CommitGroup {
    const { last } = this.#groups
    if (last !== undefined && !last.isClosed && last.frames.length + bytes <= this.#groupBytesMax) return last
    const frames = this.#spare ?? new FrameGroup()
    this.#spare = undefined
    const group = { frames, commits: [], admitted: [], isClosed: false }
    this.#groups.push(group)
    return group
  }

  /** Removes the last group if no commit was added to it. */
  forgo(group: CommitGroup): void {
    if (group.commits.length === 0) this.#groups.pop()
  }

  /** Removes the first group, which was written. */
  shift(): void {
    this.#groups.shift()
  }

  clear(): void {
    this.#groups.takeAll()
  }

  /** Keeps the buffer of an applied group for reuse. */
  recycle(frames: FrameGroup): void {
    if (frames.bytes.length > SPARE_BYTES_MAX) return
    frames.length = 0
    this.#spare = frames
  }
}
