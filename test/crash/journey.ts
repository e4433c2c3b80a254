/**
 * A recording of one run: what happened to the disk, and what the program had been told by then.
 *
 *   J1  at each event it is known which versions a cut may leave: none older than the last that was acknowledged as
 *       durable, none newer than the last commit that was asked for.
 *   J2  where only the process dies, commits acknowledged at durability 'process' must be there too.
 */

import type { DiskEvent } from '../../src/mmap/simulated/simulated-disk.ts'
import type { Version } from './expected-store.ts'

/** What is known at a moment, as indices into the versions. */
export interface Known {
  /** The last commit that was asked for. */
  readonly begun: number
  /** The last one that must survive the loss of power. */
  readonly durable: number
  /** The last one that must survive the death of the process. */
  readonly returned: number
  /** Whether the index that workloads create and drop is there; undefined while one of both goes on. */
  readonly hasLateIndex: boolean | undefined
}

/** A file beside the store that must be whole where it is there at all. */
export interface BackupFile {
  readonly path: string
  /** The version that was the newest when it was asked for. */
  readonly from: number
  /** How many events had happened when it returned; undefined while it has not. */
  returnedAt: number | undefined
}

export interface RecordedEvent {
  readonly event: DiskEvent
  /** What the program knew just before it. */
  readonly known: Known
}

export class Journey {
  readonly events: RecordedEvent[] = []
  readonly backups: BackupFile[] = []
  #known: Known
  #isOver = false
  /** The number in the model of a file that the platform numbers otherwise. */
  readonly #numberOf: (file: number) => number

  constructor(known: Known, numberOf: (file: number) => number = file => file) {
    this.#known = known
    this.#numberOf = numberOf
  }

  /** What the platform calls before each event. */
  readonly observer = (event: DiskEvent): void => {
    if (!this.#isOver) this.events.push({ event: this.#kept(event), known: this.#known })
  }

  get known(): Known {
    return this.#known
  }

  /** A commit is about to be asked for. */
  begin(version: number): void {
    this.#known = { ...this.#known, begun: Math.max(this.#known.begun, version) }
  }
  /** A commit returned at durability 'process'. */
  acknowledge(version: number): void {
    this.#known = { ...this.#known, returned: Math.max(this.#known.returned, version) }
  }
  /** A commit returned at durability 'full', or the store says that it is durable. */
  promise(version: number): void {
    this.acknowledge(version)
    this.#known = { ...this.#known, durable: Math.max(this.#known.durable, version) }
  }

  /** From now on only this version is right, whatever was possible before. */
  settle(version: number): void {
    this.#known = { ...this.#known, begun: version, durable: version, returned: version }
  }
  /** The index that comes and goes: it is there, it is not, or that changes now. */
  lateIndex(hasLateIndex: boolean | undefined): void {
    this.#known = { ...this.#known, hasLateIndex }
  }

  /** What happens from now on is not part of it. */
  end(): void {
    this.#isOver = true
  }

  /** What is known of a cut after the first `count` events. */
  knownAfter(count: number): Known {
    const before = this.events[count - 1]?.known.begun ?? this.events[0]?.known.begun ?? this.#known.begun
    const { durable, returned, hasLateIndex } = this.events[count]?.known ?? this.#known
    return { begun: Math.max(before, durable), durable, returned, hasLateIndex }
  }

  #kept(event: DiskEvent): DiskEvent {
    if (!('file' in event)) return event
    const file = this.#numberOf(event.file)
    return event.kind === 'store' ? { ...event, file, bytes: new Uint8Array(event.bytes) } : { ...event, file }
  }
}

/** The versions that may be found, as indices. */
export function allowed(
  { begun, durable, returned }: Omit<Known, 'hasLateIndex'>,
  isWhole: boolean,
): { from: number; to: number } {
  return { from: isWhole ? returned : durable, to: begun }
}

/** The index of the version that a commit number stands for: the first with it, as a compaction keeps the number. */
export function versionOf(versions: readonly Version[], commitNumber: number): number {
  return versions.findIndex(version => version.commitNumber === commitNumber)
}
