/**
 * The net change of several commits: for each changed record its last image, or its deletion.
 *
 *   NE2  the work yields after some thousand changes.
 *   NE3  patches are applied to the record in the file, which may be any mixture of its versions (PA1). Images of the records with the most
 *        patches are built once and cached, in as much memory as the cache of the journal's pieces may take.
 * The changes of each record: changes-by-record.ts.
 */

import type { PlatformFile } from '../../mmap/platform.ts'
import type { AppliedChanges, PutPiece } from '../data-file/apply.ts'
import { type Addressing, offsetOf } from '../format/addressing.ts'
import { truncated } from '../format/identity.ts'
import type { CommitCounts } from '../format/root.ts'
import type { Numbers } from '../numbers/sort-changes.ts'
import { HeapBytes } from '../staging/heap-bytes.ts'
import type { Overlay } from '../staging/overlay.ts'
import { allSteps, type QuietSteps } from '../steps/steps.ts'
import { type ChangesByRecord, changesByRecord } from './changes-by-record.ts'
import type { JournalBytes } from './journal-bytes.ts'
import type { JournalScan } from './journal-scan.ts'
import { checksumOfPatch, eachRange, layNew } from './patch.ts'

/** The images of records with more changes are cached. */
const PATCHES_MAX = 64
const CHANGES_A_STEP = 16 * 1024
/** Fewer, since each patch may be in a piece of the journal that has to be read again. */
const PATCHES_A_STEP = 1024

/** The records of a data file. */
export interface RecordsFile {
  readonly file: PlatformFile
  readonly addressing: Addressing
}

export class NetChanges implements AppliedChanges, Overlay {
  readonly commitNumber: number
  readonly size: number
  readonly deletedCount: number
  /** Ascending. */
  readonly numbers: Numbers
  readonly #changes: ChangesByRecord
  /** The records to which patches are applied. */
  readonly #records: RecordsFile
  /** Cached images of records with many changes. */
  readonly #kept = new Map<number, HeapBytes>()

  constructor(
    { commitNumber, size, deletedCount }: CommitCounts,
    changes: ChangesByRecord,
    records: RecordsFile,
  ) {
    this.commitNumber = commitNumber
    this.size = size
    this.deletedCount = deletedCount
    this.numbers = changes.numbers
    this.#changes = changes
    this.#records = records
  }

  isDeleted(i: number): boolean {
    return this.#changes.lastOf(i).isDeleted
  }

  sourceOf(i: number): HeapBytes | undefined {
    return this.#kept.get(i) ?? this.#make(i)
  }
  positionOf(i: number): number {
    const { imageAt } = this.#changes.lastOf(i)
    return imageAt < 0 ? 0 : this.#bytes.atOf(imageAt, this.#recordSize)
  }

  checksumOf(i: number, entryOf: (record: Buffer) => number): number {
    const { patchAt } = this.#changes.lastOf(i)
    if (patchAt >= 0) return checksumOfPatch(this.#bytes, patchAt)
    const source = this.sourceOf(i) as HeapBytes
    const at = this.positionOf(i)
    return entryOf(source.bytes.subarray(at, at + this.#recordSize))
  }

  eachPiece(i: number, put: PutPiece): void {
    const { patchAt } = this.#changes.lastOf(i)
    if (patchAt >= 0 && this.#changes.countOf(i) === 1) {
      // A single patch is stored without reading the record.
      const bytes = this.#bytes
      eachRange(bytes, patchAt, (start, length, newAt) => {
        const source = bytes.find(newAt, length)
        put(source, bytes.at, length, start)
      })
      return
    }
    const source = this.sourceOf(i)
    if (source !== undefined) put(source, this.positionOf(i), this.#recordSize, 0)
  }

  indexOf(n: number): number {
    const i = this.#changes.firstFrom(n)
    return this.numbers[i] === n ? i : -1
  }

  after(n: number): number {
    return this.numbers[this.#changes.firstFrom(n + 1)] ?? Number.POSITIVE_INFINITY
  }

  /** Builds and caches the images of records with many changes. @throws ERR_STRIDE_TRUNCATED, _CORRUPT, _IO */
  *keepLong(): QuietSteps<void> {
    const changes = this.#changes
    const kept = this.#kept
    const keptMax = Math.max(1, Math.floor((changes.bytes?.keptBytesMax ?? 0) / this.#recordSize))
    let patchesMax = PATCHES_MAX
    let unyielded = 0
    for (let i = 0; i < this.numbers.length; i++) {
      const count = changes.countOf(i)
      if (count > patchesMax && !this.isDeleted(i)) {
        if (changes.lastOf(i).patchAt >= 0) kept.set(i, (yield* this.#making(i)) as HeapBytes)
        unyielded += count
      }
      while (kept.size > keptMax) {
        patchesMax *= 2
        for (const k of kept.keys()) if (changes.countOf(k) <= patchesMax) kept.delete(k)
      }
      if (++unyielded < CHANGES_A_STEP) continue
      unyielded = 0
      yield
    }
  }

  /** Closes the journal. */
  close(): void {
    this.#changes.bytes?.close()
  }

  /** Builds the image after the last change; undefined if the record is deleted. */
  #make(i: number): HeapBytes | undefined {
    return allSteps(this.#making(i))
  }

  *#making(i: number): QuietSteps<HeapBytes | undefined> {
    const changes = this.#changes
    const last = changes.countOf(i) - 1
    let from = last
    while (from >= 0 && changes.changeOf(i, from).patchAt >= 0) {
      if (from-- % PATCHES_A_STEP === 0) yield
    }
    const { isDeleted, imageAt } = changes.lastOf(i)
    if (isDeleted) return undefined
    if (from === last) return this.#bytes.find(imageAt, this.#recordSize)
    const record = new HeapBytes(Buffer.allocUnsafeSlow(this.#recordSize))
    if (from < 0) this.#readRecord(this.numbers[i] as number, record.bytes)
    for (let k = Math.max(0, from); k <= last; k++) {
      const change = changes.changeOf(i, k)
      if (!change.isDeleted) layNew(this.#bytes, change, record.bytes)
      if (k % PATCHES_A_STEP === 0) yield
    }
    return record
  }

  #readRecord(n: number, target: Buffer): void {
    const { file, addressing } = this.#records
    const offset = offsetOf(addressing, n)
    if (file.read(target, offset) < target.length)
      throw truncated(file.path, offset + target.length, file.size())
  }

  get #bytes(): JournalBytes {
    return this.#changes.bytes as JournalBytes
  }
  get #recordSize(): number {
    return this.#records.addressing.recordSize
  }
}

/**
 * Collapses the commits of a scanned journal into their net change.
 * @param records the data file of the journal
 * @param before the counts of the root, for a journal without commits
 * @throws ERR_STRIDE_CORRUPT if a frame with right checksums is invalid; _TRUNCATED, _IO
 */
export function* collapse(
  scan: JournalScan,
  records: RecordsFile,
  path: string,
  before: CommitCounts,
): QuietSteps<NetChanges> {
  const changes = yield* changesByRecord(scan, records.addressing.recordSize, path)
  const net = new NetChanges(scan.last ?? before, changes, records)
  yield* net.keepLong()
  return net
}
