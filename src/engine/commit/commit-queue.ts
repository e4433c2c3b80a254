/**
 * Which frames are written together? Waiting commits form groups. A group is written with one call and shares one sync.
 */

import { Fifo } from '../../runtime/fifo.ts'
import { FrameGroup } from '../journal/frame-encode.ts'
import type { SealedCommit } from './seal.ts'

/** Memory of a larger group is given back. */
const SPARE_BYTES_MAX = 1024 * 1024

export interface CommitGroup {
  readonly frames: FrameGroup
  readonly commits: SealedCommit[]
  /** Bytes that the journal admitted for each of them. */
  readonly admitted: number[]
  /** Takes no more commits: its turn to be written has come. */
  isClosed: boolean
}

/** What recovery would have to go through for a group. */
export function loadOf({ commits }: CommitGroup): { readonly changes: number; readonly inPlaceBytes: number } {
  const load = { changes: 0, inPlaceBytes: 0 }
  for (const { changeCount, inPlaceBytes } of commits) {
    load.changes += changeCount
    load.inPlaceBytes += inPlaceBytes
  }
  return load
}

/** Bytes of memory that a group takes until it is in the file: its frames, or the images of its records where they are larger. */
export function memoryOf({ frames, commits }: CommitGroup, recordSize: number): number {
  const images = commits.reduce((sum, { changes }) => sum + changes.numbers.length, 0)
  return Math.max(frames.length, images * recordSize)
}

export class CommitQueue {
  readonly #groupBytesMax: number
  readonly #groups = new Fifo<CommitGroup>()
  /** Memory of a group whose commits are in the file, for the next one. */
  #spare: FrameGroup | undefined

  /** No group is larger than that unless one frame is. */
  constructor(groupBytesMax: number) {
    this.#groupBytesMax = groupBytesMax
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0
  }
  /** Whose turn it is. */
  get first(): CommitGroup | undefined {
    return this.#groups.first
  }

  /** The group that takes a frame of at most that many bytes. */
  open(bytes: number): CommitGroup {
    const { last } = this.#groups
    if (last !== undefined && !last.isClosed && last.frames.length + bytes <= this.#groupBytesMax) return last
    const frames = this.#spare ?? new FrameGroup()
    this.#spare = undefined
    const group = { frames, commits: [], admitted: [], isClosed: false }
    this.#groups.push(group)
    return group
  }

  /** Nothing was put into the group that was opened last: it goes if it is empty. */
  forgo(group: CommitGroup): void {
    if (group.commits.length === 0) this.#groups.pop()
  }

  /** The first group is written. */
  shift(): void {
    this.#groups.shift()
  }

  clear(): void {
    this.#groups.takeAll()
  }

  /** Takes the memory of a group back, whose commits are in the file. */
  recycle(frames: FrameGroup): void {
    if (frames.bytes.length > SPARE_BYTES_MAX) return
    frames.length = 0
    this.#spare = frames
  }
}
