/**
 * What opening for writing does after a crash: puts the journal's commits into the file, and ends the journal.
 *
 *   R1  every image is stored again, even if it looks equal: the one that is there may be torn.
 *   R2  the root that ends the journal is stored only after the data is synced; a crash in between finds the same
 *       journal again, and replays it again.
 *   R3  nothing is written behind frames that were read: the next journal has another salt.
 *   R4  the journal is synced before the file is touched, and the root that names none before the journal is removed:
 *       after a killed process both may be in the system's cache alone.
 * Which frames count: journal-scan.ts.
 */

import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import type { WindowPool } from '../../mmap/window.ts'
import { type Addressing, offsetOf } from '../addressing.ts'
import { Applier, type PlacedChanges } from '../apply.ts'
import { Checksums } from '../checksums.ts'
import { DirtyRanges } from '../dirty-ranges.ts'
import { corrupt } from '../header.ts'
import { Liveness } from '../liveness.ts'
import { fileEnd, type Root, readRootPages } from '../root.ts'
import { RootKeeper } from '../root-keeper.ts'
import { journalPathOf } from './journal.ts'
import type { DroppedFrames, JournalScan } from './journal-scan.ts'
import { collapse, type NetChanges } from './net-changes.ts'

/** What opening had to do. */
export interface Recovery {
  /** Commits that the file itself did not hold yet. */
  readonly commitsReplayed: number
  /** Bytes of the journal behind the last whole commit that were dropped. */
  readonly bytesDropped: number
  /** Where they lay, and why they were dropped. */
  readonly dropped?: DroppedFrames
}

const CHANGES_A_STEP = 1024

export const NOTHING_RECOVERED: Recovery = { commitsReplayed: 0, bytesDropped: 0 }

export function recoveryOf({ frames, dropped }: JournalScan): Recovery {
  return {
    commitsReplayed: frames.length,
    bytesDropped: dropped?.bytes ?? 0,
    ...(dropped === undefined ? {} : { dropped }),
  }
}

interface Recoverable {
  readonly platform: Platform
  readonly path: string
  readonly file: PlatformFile
  readonly addressing: Addressing
  readonly pool: WindowPool
  readonly root: Root
}

/** Puts what was scanned into the file. @returns the root that counts from now on @throws ERR_STRIDE_CORRUPT, _NO_SPACE, _IO */
export function recover(store: Recoverable, scan: JournalScan): Root {
  const { platform, path, file, root } = store
  const roots = new RootKeeper(file, root)
  const sync = (): void => file.sync()
  const hasJournal = platform.exists(journalPathOf(path))
  const isWhole = readRootPages(file).every(page => page.root !== undefined)
  if (scan.frames.length > 0) {
    syncJournal(platform, path)
    const net = collapse(scan.frames, store.addressing.recordSize, journalPathOf(path))
    const capacity = replay(store, net)
    sync()
    const { commitNumber, size, deletedCount } = net
    roots.storeAtRest({ commitNumber, size, deletedCount, capacity }, sync)
  } else if (root.journalSegment > 0 || !isWhole) {
    sync()
    roots.storeAtRest({}, sync)
  }
  if (hasJournal) {
    // The root that names it no more may have been read from the system's cache.
    sync()
    platform.remove(journalPathOf(path))
    platform.syncFolder(path)
  }
  return roots.root
}

/** What a killed process wrote may be in the system's cache alone: it is made durable before anything relies on it. */
function syncJournal(platform: Platform, path: string): void {
  const journal = platform.open(journalPathOf(path), { access: 'readwrite', create: 'never' })
  try {
    journal.sync()
  } finally {
    journal.close()
  }
}

/** @returns the capacity that the array has afterwards */
function replay({ path, file, addressing, pool, root }: Recoverable, net: NetChanges): number {
  const liveness = new Liveness(pool)
  liveness.place(root.liveBitsOffset)
  const checksums = new Checksums(pool)
  checksums.place(root.checksumsOffset)
  const capacity = Math.max(root.capacity, net.size)
  if (capacity > root.capacity) {
    // Growth writes a root of its own where there are live bits behind the array.
    if (liveness.exists || checksums.exists)
      throw corrupt(
        path,
        root.liveBitsOffset,
        `the journal has ${net.size} records, the array ${root.capacity}`,
      )
    const start = offsetOf(addressing, root.capacity)
    file.allocate(start, offsetOf(addressing, capacity) - start)
  }
  if (net.deletedCount > 0 && !liveness.exists) {
    throw corrupt(path, 0, `the journal has ${net.deletedCount} deleted records, but there are no live bits`)
  }
  pool.setEnd(fileEnd(addressing, { ...root, capacity }))
  const applier = new Applier({ addressing, pool, liveness, checksums }, new DirtyRanges())
  for (let from = 0; from < net.numbers.length; from += CHANGES_A_STEP) {
    // Storing a part of a page that is not in memory waits for the disk: the next step's pages are asked for now.
    if (from === 0) readAhead(pool, addressing, net, 0)
    readAhead(pool, addressing, net, from + CHANGES_A_STEP)
    applier.apply(part(net, from, from + CHANGES_A_STEP))
  }
  return capacity
}

function readAhead(pool: WindowPool, addressing: Addressing, net: NetChanges, from: number): void {
  // A few are no slower one by one.
  if (net.numbers.length < CHANGES_A_STEP) return
  for (const n of net.numbers.subarray(from, from + CHANGES_A_STEP)) {
    if (n < net.size) pool.readAhead(offsetOf(addressing, n), addressing.recordSize)
  }
}

/** The changes [from, to). */
function part({ numbers, sourceOf, positionOf }: NetChanges, from: number, to: number): PlacedChanges {
  return {
    numbers: numbers.subarray(from, to),
    sourceOf: i => sourceOf(from + i),
    positionOf: i => positionOf(from + i),
  }
}
