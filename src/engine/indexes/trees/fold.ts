/**
 * A fold merges pending entries into the pages, in key order. Changed pages are rewritten to free places.
 *
 *   FO1  a page is checked before it is used. A page that a root reaches is never overwritten.
 *   FO2  the record decides whether an entry is kept or dropped. If the record is staged or changed meanwhile, the pages are not changed
 *        and the entry stays pending.
 *   FO3  merging is idempotent: an existing entry is not inserted twice.
 *   FO4  the new pages of a portion appear all at once, when it ends. Before that, lookups use the old pages.
 * Neighbouring pages that change are refilled together, so that pages stay well filled under random inserts. A page that overflows shares
 * entries with its neighbours before a page is added (as in a B*-tree).
 */

import type { WindowPool } from '../../../mmap/window-pool/window.ts'
import { corrupt } from '../../format/identity.ts'
import { INDEX_PAGE_BYTES } from '../../format/index-format.ts'
import { compareWords, copyWords, EntryBuffer } from '../keys/entry-words.ts'
import { type Directory, type PageEdit, PageList } from '../pages/directory.ts'
import { checksumOfLeaf, type LeafFormat } from '../pages/leaf-format.ts'
import type { PageSpace } from '../pages/page-space.ts'
import { PageWriter } from '../pages/page-writer.ts'
import type { Delta, EntryStream } from './delta.ts'

/** Whether a record has the key of an entry; 'unsettled' if its state is not yet that of the file. */
export type Verdict = 'there' | 'gone' | 'unsettled'

/** The result of a step: see `Fold.step`. */
export type FoldState = 'more' | 'portion' | 'done'

/** Takes pending entries over into the pages, in steps. */
export interface Folding {
  step(workMax: number): FoldState
  /** Ends it early. Written pages that are not in the directory yet are free again. */
  abandon(): void
}

export interface FoldParts {
  readonly path: string
  readonly indexNumber: number
  readonly format: LeafFormat
  readonly directory: Directory
  readonly pool: WindowPool
  readonly space: PageSpace
  /** The verdict of the record of the entry at `at`. */
  readonly judge: (data: Uint32Array, at: number) => Verdict
  /** Keeps an unsettled entry pending. */
  readonly carry: (data: Uint32Array, at: number) => void
}

/** The most pages that are refilled together. */
const GROUP_PAGES_MAX = 32
/** So many pending entries are merged at once. If one page has more, it is cut once the merged entries fill a page or are very many. */
const GROUP_ENTRIES = 2048
const CUT_ENTRIES_MAX = 8 * GROUP_ENTRIES
/** A page that overflows or is nearly empty is refilled together with its neighbours, at most so many pages in all. */
const SHARING_PAGES = 8
/** A page filled to less than this part of its capacity is refilled with its neighbours. */
const FILL_MIN = 0.4
/** The count of pages is kept while they are filled to this part of their target. */
const FILL_KEPT = 0.85
/** A portion rewrites this part of the index, so that the file need not be much larger than its pages. */
const PORTION = 1 / 10
const PORTION_PAGES_MIN = 16
/** Rewriting a page takes as long as reading the records of so many entries. */
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
  /** Pending entries merged by the present group. */
  #taken = 0
  /** The work of the present step, in entries whose records were read. */
  #work = 0
  /** Pages before this one are finished. */
  #page = 0
  /** Whether the group ends within a page. The rest of that page begins at #rest in #old, and at #restFence. */
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
   * Merges about `workMax` entries; a group of pages is always finished. 'portion': new pages have replaced old ones in the directory, and
   * a root should be published before the next step. 'done': likewise, and no entry is left.
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

  /** The count of pages of a portion. */
  get #portionPages(): number {
    return Math.max(PORTION_PAGES_MIN, this.#parts.directory.pageCount * PORTION)
  }

  /** Frees the pages that were written for this portion. */
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
      // Begins with one empty page, which the group then replaces.
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
    // The next group finds the page of the rest by its fence.
    if (this.#isCut) this.#applyEdits()
  }

  /**
   * Merges page i with its pending entries. If these are very many, the page is cut: its remaining entries, in `#old` from `#rest` on, go
   * into a page of their own, with which the next group begins.
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

  /** Writes the merged entries to new pages, which replace `removed` ones. */
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

/** Whether the stream's entry is before the end of page i. */
function isIn(directory: Directory, stream: EntryStream, i: number): boolean {
  return directory.isBefore(stream.data, stream.at, i + 1)
}
