/**
 * What was a record at an older commit? Earlier versions are kept as long as a transaction reads that commit.
 *
 * A commit keeps the image that each of its changes replaces, unless no view is open. A view at commit C sees the oldest version
 * that was replaced after C, and where there is none the record as it is committed.
 *   VS1  a version is kept while a view that sees it is open, and no longer.
 *   VS2  the memory of all versions is bounded: beyond it the oldest views end.
 * Who sees them: commit-view.ts. Who keeps them: commit/seal.ts.
 */

import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { HeapBytes } from './heap-bytes.ts'

/** Heap memory that a version takes beside its image: an estimate of its objects and of its entries in two maps. */
const VERSION_BYTES = 400

interface Version {
  readonly recordNumber: number
  /** The commit from which on the record was something else. */
  readonly replacedBy: number
  /** None where there was no live record. */
  readonly image: HeapBytes | undefined
  newer: Version | undefined
}

/** A view of one commit, as the store knows it. It outlives nobody: whoever reads through it holds it. */
export interface OpenView {
  /** The last commit that it sees. */
  readonly commitNumber: number
  /** What it stages itself; none is a deletion. */
  readonly own: ReadonlyMap<number, HeapBytes | undefined>
  /** Why it sees nothing any more. */
  ended: string | undefined
}

export class Versions {
  readonly #recordSize: number
  readonly #bytesMax: number
  /** The oldest version of each record that has one. */
  readonly #oldest = new Map<number, Version>()
  readonly #newest = new Map<number, Version>()
  /** All versions in the order of their commits, from #first on. */
  #log: Version[] = []
  #first = 0
  /** In the order of their commits, since none begins at an older commit than the one before it. */
  readonly #views = new Set<OpenView>()
  /** Goes through them once, new ones included: a Set that lost many of its first elements is slow to begin. */
  #inOrder = this.#views.values()
  #oldestView: OpenView | undefined

  constructor(recordSize: number, bytesMax: number) {
    this.#recordSize = recordSize
    this.#bytesMax = bytesMax
  }

  /** Whether changes have to be kept. */
  get isWatched(): boolean {
    return this.#views.size > 0
  }
  /** Heap memory, bytes. */
  get bytes(): number {
    return (this.#log.length - this.#first) * (this.#recordSize + VERSION_BYTES)
  }
  get viewCount(): number {
    return this.#views.size
  }

  open(view: OpenView): void {
    this.#views.add(view)
  }

  /** Nobody reads through it any more. Twice is fine. */
  release(view: OpenView): void {
    if (this.#views.delete(view)) this.#prune()
  }

  /** Ends all views. */
  endAll(why: string): void {
    for (const view of this.#views) view.ended = why
    this.#views.clear()
    this.#prune()
  }

  /** Commit `replacedBy` changes record n, whose bytes were these so far; none where it was not there. */
  keep(n: number, replacedBy: number, source: RecordBytes | undefined, at: number): void {
    let image: HeapBytes | undefined
    if (source !== undefined) {
      image = HeapBytes.ofSize(this.#recordSize)
      copyBytes(source, at, image, 0, this.#recordSize)
    }
    const version: Version = { recordNumber: n, replacedBy, image, newer: undefined }
    const last = this.#newest.get(n)
    if (last === undefined) this.#oldest.set(n, version)
    else last.newer = version
    this.#newest.set(n, version)
    this.#log.push(version)
    while (this.bytes > this.#bytesMax && this.#views.size > 0) {
      this.#endOldest('more records were changed since than stagedBytesMax allows to keep')
    }
  }

  /** Commit `replacedBy`, the last one, did not come about. */
  forget(replacedBy: number): void {
    for (;;) {
      const version = this.#log.at(-1)
      if (version === undefined || version.replacedBy !== replacedBy || this.#first === this.#log.length) return
      this.#log.pop()
      const { recordNumber: n } = version
      let last = this.#oldest.get(n)
      if (last === version) {
        this.#oldest.delete(n)
        this.#newest.delete(n)
        continue
      }
      while (last?.newer !== version) last = last?.newer
      last.newer = undefined
      this.#newest.set(n, last)
    }
  }

  /** What record n was at a commit; undefined where it is as it is committed now. */
  find(n: number, commitNumber: number): { readonly image: HeapBytes | undefined } | undefined {
    let version = this.#oldest.get(n)
    while (version !== undefined && version.replacedBy <= commitNumber) version = version.newer
    return version
  }

  /** The last commit after this one that changed record n; 0 where there is none. */
  changedAfter(n: number, commitNumber: number): number {
    const replacedBy = this.#newest.get(n)?.replacedBy ?? 0
    return replacedBy > commitNumber ? replacedBy : 0
  }

  /** The numbers of the records that were changed after a commit, in the order of the changes. */
  *numbersAfter(commitNumber: number): Generator<number, void> {
    for (let i = this.#indexAfter(commitNumber); i < this.#log.length; i++) {
      yield (this.#log[i] as Version).recordNumber
    }
  }

  /** Every record that some view sees otherwise than the store, with what it sees, or may see. */
  *seen(): Generator<{ readonly recordNumber: number; readonly image: HeapBytes | undefined }, void> {
    for (let i = this.#first; i < this.#log.length; i++) yield this.#log[i] as Version
    for (const { own } of this.#views) {
      for (const [recordNumber, image] of own) yield { recordNumber, image }
    }
  }

  /** The view of the oldest commit. */
  #findOldestView(): OpenView | undefined {
    while (this.#oldestView === undefined || !this.#views.has(this.#oldestView)) {
      const { done, value } = this.#inOrder.next()
      this.#oldestView = value
      if (done !== true) continue
      this.#inOrder = this.#views.values()
      return undefined
    }
    return this.#oldestView
  }

  #endOldest(why: string): void {
    const view = this.#findOldestView()
    if (view === undefined) return
    view.ended = why
    this.release(view)
  }

  #indexAfter(commitNumber: number): number {
    let low = this.#first
    let high = this.#log.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#log[middle] as Version).replacedBy <= commitNumber) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Forgets what no view sees. */
  #prune(): void {
    const oldest = this.#findOldestView()
    if (oldest === undefined) {
      this.#oldest.clear()
      this.#newest.clear()
      this.#log = []
      this.#first = 0
      return
    }
    while (this.#first < this.#log.length) {
      const version = this.#log[this.#first] as Version
      if (version.replacedBy > oldest.commitNumber) break
      const { recordNumber, newer } = version
      if (newer === undefined) {
        this.#oldest.delete(recordNumber)
        this.#newest.delete(recordNumber)
      } else this.#oldest.set(recordNumber, newer)
      this.#first++
    }
    if (this.#first > 1024 && this.#first * 2 > this.#log.length) {
      this.#log = this.#log.slice(this.#first)
      this.#first = 0
    }
  }
}
