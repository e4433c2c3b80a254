/**
 * How are pending entries merged into the pages? Page after page in key order, each rewritten in a free place.
 *
 *   FO1  a page that is read is checked first; a page that a root reaches is never written.
 *   FO2  the record decides whether an entry is kept or dropped. If the record is staged or changed meanwhile, the pages are not changed
 *        and the entry stays pending.
 *   FO3  merging is idempotent: an existing entry is not inserted twice.
 *   FO4  the pages of a portion appear all at once, when it ends. Before that, readers find the old pages.
 * Neighbouring pages that change are refilled together, so that pages stay well filled under random inserts, and a page
 * that overflows shares with its neighbours before there is one more (as in a B*-tree).
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { corrupt } from '../../format/identity.ts'
import { INDEX_PAGE_BYTES } from '../../format/index-format.ts'
import { compareWords, copyWords, EntryBuffer } from '../keys/words.ts'
import { type Directory, type PageEdit, PageList } from '../pages/directory.ts'
import { checksumOfLeaf, type LeafFormat } from '../pages/leaf-format.ts'
import type { PageSpace } from '../pages/page-space.ts'
import { PageWriter } from '../pages/page-writer.ts'
import type { Delta, EntryStream } from './delta.ts'

/** What a record says about an entry. */
export type Verdict = 'there' | 'gone' | 'unsettled'

/** How far a step has come: see `Fold.step`. */
export type FoldState = 'more' | 'portion' | 'done'

/** Takes pending entries over into pages, in steps. */
export interface Folding {
  step(workMax: number): FoldState
  /** Gives up; what was written for pages that are not in the directory yet is free again. */
  abandon(): void
}

export interface FoldParts {
  readonly path: string
  readonly indexNumber: number
  readonly format: LeafFormat
  readonly directory: Directory
  readonly pool: WindowPool
  readonly space: PageSpace
  /** What the record of the entry at `at` says. */
  readonly judge: (data: Uint32Array, at: number) => Verdict
  /** Takes an entry that is not settled. */
  readonly carry: (data: Uint32Array, at: number) => void
}

/** Pages refilled together at most. */
const GROUP_PAGES_MAX = 32
/** So many pending entries are merged at once. Where more wait for one page it is cut, once they fill a page or are very many. */
const GROUP_ENTRIES = 2048
const CUT_ENTRIES_MAX = 8 * GROUP_ENTRIES
/** A page that overflows or is nearly empty is refilled together with so many pages. */
const SHARING_PAGES = 8
/** A page filled below this part of its room is refilled with its neighbours. */
const FILL_MIN = 0.4
/** Neighbouring pages stay as many as they are while this part of their target is filled. */
const FILL_KEPT = 0.85
/** A portion rewrites this part of the index, so that the file needs little more room than the pages. */
const PORTION = 1 / 10
const PORTION_PAGES_MIN = 16
/** A page that is rewritten is as much work as so many entries whose records are read. */
const PAGE_WORK = 16

export class Fold implements Folding {
  readonly #parts: FoldParts
  readonly #stream: EntryStream
  readonly #merged: EntryBuffer
  readonly #old: EntryBuffer
  readonly #entry: Uint32Array
  readonly #writer: PageWriter
  #edits: PageEdit[] = []
  #written = 0
  /** Pending entries that the present group has taken. */
  #taken = 0
  /** What the present step has done: entries whose records were read, and pages in terms of these. */
  #work = 0
  /** Pages before this one are done with. */
  #page = 0
  /** Whether the group ends within a page; where the rest of that begins, in #old and as a fence. */
  #isCut = false
  #rest = 0
  readonly #restFence: Uint32Array

  constructor(parts: FoldParts, delta: Delta) {
    this.#parts = parts
    this.#stream = delta.stream()
    const { entryWords } = parts.format
    this.#merged = new EntryBuffer(entryWords, 4096)
    this.#old = new EntryBuffer(entryWords, 1024)
    this.#entry = new Uint32Array(entryWords)
    this.#restFence = new Uint32Array(entryWords)
    this.#writer = new PageWriter(parts.pool, parts.space)
  }

  /**
   * Works until so many entries are taken over, and a group of pages more at most. 'portion': the directory names new pages, and the
   * old ones are dropped; a root should be published before going on. 'done': the same, and nothing waits any more.
   * @throws ERR_STRIDE_CORRUPT for a damaged page, _NO_SPACE, _IO
   */
  step(workMax: number): FoldState {
    this.#work = 0
    while (!this.#stream.isDone) {
      if (this.#written >= this.#portionPages) {
        this.#endPortion()
        return 'portion'
      }
      this.#nextGroup()
      if (this.#work >= workMax) break
    }
    if (!this.#stream.isDone) return 'more'
    this.#endPortion()
    return 'done'
  }

  /** Pages of a portion. */
  get #portionPages(): number {
    return Math.max(PORTION_PAGES_MIN, this.#parts.directory.pageCount * PORTION)
  }

  /** Gives up: pages written for this portion are free again. */
  abandon(): void {
    this.#writer.discard()
    const { space } = this.#parts
    for (const { added } of this.#edits) for (const place of added.places) space.giveBack(place & 0x7fffffff)
    this.#edits = []
  }

  #endPortion(): void {
    this.#applyEdits()
    this.#written = 0
  }

  #applyEdits(): void {
    this.#writer.flush()
    const { directory, space } = this.#parts
    for (const place of directory.apply(this.#edits)) space.drop(place)
    this.#edits = []
    this.#page = 0
  }

  /** Refills the pages around the next entry. */
  #nextGroup(): void {
    const { directory, format } = this.#parts
    const stream = this.#stream
    const merged = this.#merged
    merged.clear()
    this.#taken = 0
    if (directory.pageCount === 0) {
      // One empty page for everything; what comes next takes its place.
      this.#fill(0, 0)
      this.#endPortion()
    }
    copyWords(stream.data, stream.at, this.#entry, 0, this.#entry.length)
    const first = Math.max(this.#page, directory.pageOf(this.#entry))
    let end = first
    const { capacity } = format
    const takeNext = (): void => {
      this.#mergePage(end)
      end++
    }
    takeNext()
    const pagesMax = Math.min(GROUP_PAGES_MAX, this.#portionPages - this.#written)
    while (end < directory.pageCount && end - first < pagesMax && !this.#isCut) {
      const pages = end - first
      const hasEntries =
        this.#taken < GROUP_ENTRIES / 2 &&
        !stream.isDone &&
        !directory.isBefore(stream.data, stream.at, end) &&
        isIn(directory, stream, end)
      const isTooFull = merged.count > pages * capacity && pages < SHARING_PAGES
      const isTooEmpty = merged.count < pages * capacity * FILL_MIN && pages < SHARING_PAGES
      if (!hasEntries && !isTooFull && !isTooEmpty) break
      takeNext()
    }
    this.#fill(first, end - first)
    this.#work += this.#taken + (end - first) * PAGE_WORK
    this.#page = end
    // The page that was made for the rest is found by its fence.
    if (this.#isCut) this.#applyEdits()
  }

  /**
   * Appends what page i holds from now on to the merged entries. Where very much waits for one page it is cut: what is left
   * of it, in `old` from `#rest` on, goes into a page of its own, which the next group begins with.
   */
  #mergePage(i: number): void {
    const { directory, judge, carry } = this.#parts
    const stream = this.#stream
    const merged = this.#merged
    const old = this.#old
    const words = old.words
    old.clear()
    this.#read(i)
    merged.reserve(old.count)
    this.#isCut = false
    let o = 0
    while (!stream.isDone && directory.isBefore(stream.data, stream.at, i + 1)) {
      const { data, at } = stream
      const isMuch = this.#taken >= GROUP_ENTRIES && merged.count >= this.#parts.format.target
      if (isMuch || this.#taken >= CUT_ENTRIES_MAX) {
        this.#isCut = true
        this.#rest = o
        const isOldFirst = o < old.count && compareWords(old.data, o * words, data, at, words) < 0
        copyWords(isOldFirst ? old.data : data, isOldFirst ? o * words : at, this.#restFence, 0, words)
        return
      }
      while (o < old.count && compareWords(old.data, o * words, data, at, words) < 0)
        merged.push(old.data, o++ * words)
      const isOld = o < old.count && compareWords(old.data, o * words, data, at, words) === 0
      if (isOld) o++
      this.#taken++
      const verdict = judge(data, at)
      if (verdict === 'unsettled') carry(data, at)
      if (verdict === 'there' || (verdict === 'unsettled' && isOld)) merged.push(data, at)
      stream.next()
    }
    if (o < old.count) {
      merged.reserve(old.count - o)
      merged.data.set(old.data.subarray(o * words, old.count * words), merged.count * words)
      merged.count += old.count - o
    }
  }

  #read(i: number): void {
    const { directory, pool, format, path } = this.#parts
    const offset = directory.placeOf(i) * INDEX_PAGE_BYTES
    const window = pool.acquire(offset, INDEX_PAGE_BYTES)
    const at = offset - window.start
    if (checksumOfLeaf(window.bytes, at) !== directory.arrays.checksums[i]) {
      directory.isDamaged = true
      throw corrupt(path, offset, 'a page of an index fails its checksum')
    }
    format.readEntries(window.view as DataView, at, directory.countOf(i), directory.isPacked(i), this.#old)
  }

  /** Writes the merged entries into new pages in place of `removed` ones. */
  #fill(first: number, removed: number): void {
    const { directory, format, indexNumber } = this.#parts
    const merged = this.#merged
    const words = format.entryWords
    const { capacity, target } = format
    const fits = merged.count <= removed * capacity && merged.count >= removed * target * FILL_KEPT
    const isKept = removed > 0 && fits && !this.#isCut
    const count = isKept ? removed : Math.max(1, Math.ceil(merged.count / target))
    const added = new PageList(words)
    const fence = new Uint32Array(words)
    if (removed > 0) directory.copyFence(first, fence)
    const end = directory.fenceWord(first + removed)
    const high = this.#isCut ? (this.#restFence[0] as number) : end
    const write = (entries: EntryBuffer, from: number, to: number, next: number): void => {
      const range = { low: fence[0] as number, high: next }
      const { place, isPacked, checksum } = this.#writer.write(
        format,
        indexNumber,
        entries,
        from,
        to - from,
        range,
      )
      added.push(place, isPacked, checksum, to - from, fence)
    }
    for (let page = 0, from = 0; page < count; page++) {
      const to = Math.floor(((page + 1) * merged.count) / count)
      if (page > 0) copyWords(merged.data, from * words, fence, 0, words)
      write(merged, from, to, page + 1 < count ? (merged.data[to * words] as number) : high)
      from = to
    }
    if (this.#isCut) {
      fence.set(this.#restFence)
      write(this.#old, this.#rest, this.#old.count, end)
    }
    this.#written += Math.max(added.count, removed)
    this.#edits.push({ from: first, removed, added })
  }
}

/** Whether the stream's entry belongs to page i. */
function isIn(directory: Directory, stream: EntryStream, i: number): boolean {
  return directory.isBefore(stream.data, stream.at, i + 1)
}
