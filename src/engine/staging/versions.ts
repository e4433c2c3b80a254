/**
 * What was a record at an older commit? Replaced versions of records are kept for the open views of older commits.
 *
 * While a view is open, each commit keeps the before-images of its changes. A view at commit C sees the oldest version that was replaced
 * after C, or the committed record if there is no such version.
 *   VS1  a version is kept while a view that sees it is open, and no longer.
 *   VS2  the memory of all versions is bounded. If it is used up, the oldest views end.
 * Reading them: commit-view.ts. Storing them: commit/seal.ts.
 */

import { copyBytes } from '../../runtime/copy-bytes.ts'
import type { RecordBytes } from '../../schema/index.ts'
import { HeapBytes } from './heap-bytes.ts'

/** Estimated heap memory of a version's objects and map entries, without its image. */
const VERSION_BYTES = 400

interface Version {
  readonly recordNumber: number
  /** The number of the commit that changed the record. */
  readonly replacedBy: number
  /** Undefined if the record was not live. */
  readonly image: HeapBytes | undefined
  newer: Version | undefined
}

/** A view of one commit. */
export interface OpenView {
  /** The last commit that it sees. */
  readonly commitNumber: number
  /** Its own staged images by record number; undefined stands for a deletion. */
  readonly own: ReadonlyMap<number, HeapBytes | undefined>
  /** Why the view was ended. */
  ended: string | undefined
  /** Whether it is a snapshot, not a transaction. */
  readonly isSnapshot?: boolean
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
  /** In ascending order of their commits, since a new view has the newest commit. */
  readonly #views = new Set<OpenView>()
  /** One iterator for all searches, since beginning an iteration is slow in a Set that lost many of its first elements. */
  #inOrder = this.#views.values()
  #oldestView: OpenView | undefined
  #snapshots = 0
  #generation = 0

  constructor(recordSize: number, bytesMax: number) {
    this.#recordSize = recordSize
    this.#bytesMax = bytesMax
  }

  /** Whether a view is open, so that before-images have to be kept. */
  get isWatched(): boolean {
    return this.#views.size > 0
  }
  /** Heap memory, bytes. */
  get bytes(): number {
    return (this.#log.length - this.#first) * (this.#recordSize + VERSION_BYTES)
  }
  get transactionCount(): number {
    return this.#views.size - this.#snapshots
  }
  get snapshotCount(): number {
    return this.#snapshots
  }
  /** Changes whenever versions come or go. */
  get generation(): number {
    return this.#generation
  }

  open(view: OpenView): void {
    this.#views.add(view)
    if (view.isSnapshot === true) this.#snapshots++
  }

  /** Closes a view. Idempotent. */
  release(view: OpenView): void {
    if (!this.#views.delete(view)) return
    if (view.isSnapshot === true) this.#snapshots--
    this.#prune()
  }

  /** Ends all views. */
  endAll(why: string): void {
    for (const view of this.#views) view.ended = why
    this.#views.clear()
    this.#snapshots = 0
    this.#prune()
  }

  /** Keeps the bytes of record n, which commit `replacedBy` changes. @param source undefined if the record was not live */
  keep(n: number, replacedBy: number, source: RecordBytes | undefined, at: number): void {
    this.#generation++
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

  /** Drops the versions kept for commit `replacedBy`, the last one, which failed. */
  forget(replacedBy: number): void {
    this.#generation++
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

  /** The version of record n at a commit; undefined if the record has not changed since. */
  find(n: number, commitNumber: number): { readonly image: HeapBytes | undefined } | undefined {
    let version = this.#oldest.get(n)
    while (version !== undefined && version.replacedBy <= commitNumber) version = version.newer
    return version
  }

  /** The last commit after this one that changed record n; 0 if there is none. */
  changedAfter(n: number, commitNumber: number): number {
    const replacedBy = this.#newest.get(n)?.replacedBy ?? 0
    return replacedBy > commitNumber ? replacedBy : 0
  }

  /** How many versions commits after this one have replaced. */
  countAfter(commitNumber: number): number {
    const { length } = this.#log
    return length === this.#first ? 0 : length - this.#indexAfter(commitNumber)
  }

  /** The numbers of the records that later commits changed, in the order of the changes. */
  *numbersAfter(commitNumber: number): Generator<number, void> {
    for (let i = this.#indexAfter(commitNumber); i < this.#log.length; i++) {
      yield (this.#log[i] as Version).recordNumber
    }
  }

  /** All versions, and all images that views have staged: a view may see each of them instead of the committed record. */
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

  /** Drops the versions that no view sees. */
  #prune(): void {
    this.#generation++
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
