/**
 * What is the net change of several commits? For each record its last state, or that it is deleted.
 *
 *   NE1  images stay in the journal, and are read again when they are asked for (journal-bytes.ts). A change takes 16 bytes of memory
 *        while changes are sorted and 8 afterwards, twice that where record numbers or the journal go beyond 2^32.
 *   NE2  the work stops after some thousand changes.
 *   NE3  patches are laid over the record as it lies in the file, which may be any mixture of its versions (PA1). Records with
 *        many of them are made once and kept: those with the most, in as much memory as the journal's pieces may take.
 */

import type { PlatformFile } from '../../mmap/platform.ts'
import type { AppliedChanges, PutPiece } from '../file/apply.ts'
import { allSteps, type QuietSteps } from '../file/steps.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { corrupt, truncated } from '../format/identity.ts'
import type { CommitCounts } from '../format/root.ts'
import { HeapBytes } from '../records/heap-bytes.ts'
import type { Overlay } from '../records/overlay.ts'
import { grouped, type NumberedGroups, type Numbers, numbersBelow } from '../records/sort-changes.ts'
import { ChangeReader } from './change-reader.ts'
import { changesInSteps, FRAMES_A_STEP } from './frame-read.ts'
import type { JournalBytes } from './journal-bytes.ts'
import type { JournalScan } from './journal-scan.ts'
import { checksumOfPatch, eachRange, layNew } from './patch.ts'

/** No change lies there, but a journal's header: the record is deleted. */
const NOWHERE = 0
/** A record with more changes than these is made once, and kept. */
const PATCHES_MAX = 64
const CHANGES_A_STEP = 16 * 1024
/** Each may lie in a piece of the journal that has to be read again. */
const PATCHES_A_STEP = 1024

/** Where records lie. */
export interface RecordsFile {
  readonly file: PlatformFile
  readonly addressing: Addressing
}

/** Where changes are, and what patches are laid over. */
interface Sources {
  readonly bytes: JournalBytes | undefined
  readonly records: RecordsFile
}

export class NetChanges implements AppliedChanges, Overlay {
  readonly commitNumber: number
  readonly size: number
  readonly deletedCount: number
  /** Ascending. */
  readonly numbers: Numbers
  /**
   * The changes of each record: NOWHERE, the position of a change, or behind the journal's end the position of an appended
   * image.
   */
  readonly #places: Numbers
  readonly #firsts: Numbers | undefined
  readonly #sources: Sources
  readonly #change: ChangeReader | undefined
  /** Records with many changes. */
  readonly #kept = new Map<number, HeapBytes>()

  constructor({ commitNumber, size, deletedCount }: CommitCounts, groups: NumberedGroups, sources: Sources) {
    this.commitNumber = commitNumber
    this.size = size
    this.deletedCount = deletedCount
    this.numbers = groups.numbers
    this.#places = groups.values
    this.#firsts = groups.firsts
    this.#sources = sources
    const { bytes, records } = sources
    this.#change = bytes === undefined ? undefined : new ChangeReader(bytes, records.addressing.recordSize)
  }

  isDeleted(i: number): boolean {
    return this.#places[this.#endOf(i) - 1] === NOWHERE
  }

  sourceOf(i: number): HeapBytes | undefined {
    return this.#kept.get(i) ?? this.#make(i)
  }
  positionOf(i: number): number {
    const { bytes, records } = this.#sources
    const { imageAt } = this.#lastOf(i)
    return imageAt < 0 ? 0 : (bytes as JournalBytes).atOf(imageAt, records.addressing.recordSize)
  }

  checksumOf(i: number, entryOf: (record: Buffer) => number): number {
    const { bytes, records } = this.#sources
    const { patchAt } = this.#lastOf(i)
    if (patchAt >= 0) return checksumOfPatch(bytes as JournalBytes, patchAt)
    const source = this.sourceOf(i) as HeapBytes
    const at = this.positionOf(i)
    return entryOf(source.bytes.subarray(at, at + records.addressing.recordSize))
  }

  eachPiece(i: number, put: PutPiece): void {
    const { patchAt } = this.#lastOf(i)
    if (patchAt >= 0 && this.#countOf(i) === 1) {
      // Nothing has to be read for one patch.
      const bytes = this.#sources.bytes as JournalBytes
      eachRange(bytes, patchAt, (start, length, newAt) => {
        const source = bytes.find(newAt, length)
        put(source, bytes.at, length, start)
      })
      return
    }
    const source = this.sourceOf(i)
    if (source !== undefined) put(source, this.positionOf(i), this.#sources.records.addressing.recordSize, 0)
  }

  indexOf(n: number): number {
    const i = this.#firstFrom(n)
    return this.numbers[i] === n ? i : -1
  }

  after(n: number): number {
    return this.numbers[this.#firstFrom(n + 1)] ?? Number.POSITIVE_INFINITY
  }

  /** Makes the records that have many changes. @throws ERR_STRIDE_TRUNCATED, _CORRUPT, _IO */
  *keepLong(): QuietSteps<void> {
    if (this.#firsts === undefined) return
    const kept = this.#kept
    const { bytes, records } = this.#sources
    const keptMax = Math.max(1, Math.floor((bytes?.keptBytesMax ?? 0) / records.addressing.recordSize))
    let patchesMax = PATCHES_MAX
    let unyielded = 0
    for (let i = 0; i < this.numbers.length; i++) {
      const count = this.#countOf(i)
      if (count > patchesMax && !this.isDeleted(i)) {
        if (this.#lastOf(i).patchAt >= 0) kept.set(i, (yield* this.#making(i)) as HeapBytes)
        unyielded += count
      }
      while (kept.size > keptMax) {
        patchesMax *= 2
        for (const k of kept.keys()) if (this.#countOf(k) <= patchesMax) kept.delete(k)
      }
      if (++unyielded < CHANGES_A_STEP) continue
      unyielded = 0
      yield
    }
  }

  /** Closes the journal. */
  close(): void {
    this.#sources.bytes?.close()
  }

  /** The record as it is after its last change. */
  #make(i: number): HeapBytes | undefined {
    return allSteps(this.#making(i))
  }

  *#making(i: number): QuietSteps<HeapBytes | undefined> {
    const bytes = this.#sources.bytes as JournalBytes
    const { recordSize } = this.#sources.records.addressing
    const first = this.#firstOf(i)
    const last = this.#endOf(i) - 1
    if (this.#places[last] === NOWHERE) return undefined
    let from = last
    while (from >= first && this.#changeAt(this.#places[from] as number).patchAt >= 0) {
      if (from-- % PATCHES_A_STEP === 0) yield
    }
    if (from === last) return bytes.find(this.#lastOf(i).imageAt, recordSize)
    const record = new HeapBytes(Buffer.allocUnsafeSlow(recordSize))
    if (from < first) this.#readRecord(this.numbers[i] as number, record.bytes)
    for (let k = Math.max(first, from); k <= last; k++) {
      const change = this.#changeAt(this.#places[k] as number)
      if (!change.isDeleted) layNew(bytes, change, record.bytes)
      if (k % PATCHES_A_STEP === 0) yield
    }
    return record
  }

  #readRecord(n: number, target: Buffer): void {
    const { file, addressing } = this.#sources.records
    const offset = offsetOf(addressing, n)
    if (file.read(target, offset) < target.length)
      throw truncated(file.path, offset + target.length, file.size())
  }

  #lastOf(i: number): ChangeReader {
    return this.#changeAt(this.#places[this.#endOf(i) - 1] as number)
  }

  #changeAt(place: number): ChangeReader {
    const change = this.#change as ChangeReader
    const { size } = this.#sources.bytes as JournalBytes
    if (place >= size) change.readAppended(0, place - size)
    else if (place !== NOWHERE) change.read(place, size)
    else {
      change.isDeleted = true
      change.patchAt = change.imageAt = -1
    }
    return change
  }

  #firstOf(i: number): number {
    return this.#firsts === undefined ? i : (this.#firsts[i] as number)
  }
  #endOf(i: number): number {
    return this.#firsts === undefined ? i + 1 : (this.#firsts[i + 1] as number)
  }

  #countOf(i: number): number {
    return this.#endOf(i) - this.#firstOf(i)
  }

  #firstFrom(n: number): number {
    let low = 0
    let high = this.numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.numbers[middle] as number) < n) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * @param records what the journal belongs to
 * @param before what is committed without the journal
 * @throws ERR_STRIDE_CORRUPT where a whole frame makes no sense; _TRUNCATED, _IO
 */
export function* collapse(
  { bytes, changes, frames, last }: JournalScan,
  records: RecordsFile,
  path: string,
  before: CommitCounts,
): QuietSteps<NetChanges> {
  const { recordSize } = records.addressing
  const state = last ?? before
  const size = bytes?.size ?? 0
  const numbers = numbersBelow(state.size, changes)
  const places = numbersBelow(2 * size, changes)
  let count = 0
  for (const frame of frames()) {
    const isSound = yield* changesInSteps(frame, recordSize, ({ recordNumber, isDeleted, at, imageAt }) => {
      numbers[count] = recordNumber
      places[count++] = isDeleted ? NOWHERE : at === imageAt ? size + at : at
    })
    if (!isSound) throw corrupt(path, frame.at, `commit ${frame.head.commitNumber} contradicts itself`)
    if (frame.head.commitNumber % FRAMES_A_STEP === 0) yield
  }
  const list = { numbers: numbers.subarray(0, count), values: places.subarray(0, count) }
  const net = new NetChanges(state, yield* grouped(list, state.size), { bytes, records })
  yield* net.keepLong()
  return net
}
