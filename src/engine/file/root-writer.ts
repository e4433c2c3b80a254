/**
 * The root that counts now, and the writing of the next one.
 *
 *   RT1  a root is stored only after the sync that covers everything it counts; the caller has done that.
 *   RT2  a root is never stored over the copy that is known to be durable: each is synced before the next is stored.
 *   RT4  the root that was found at opening may be in the system's cache alone, marked clean after a sync that failed: it is
 *       stored again before the sync that lets the other page be written.
 */

import { InvariantError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { NO_JOURNAL, type Root, writeRoot } from '../format/root.ts'
import { FORMAT_VERSION } from '../format/store-format.ts'

export class RootWriter {
  readonly #file: PlatformFile
  #root: Root
  /** Whether the present root was stored through this descriptor. */
  #isOwn = false

  constructor(file: PlatformFile, root: Root) {
    this.#file = file
    this.#root = root
  }

  /** The root that was stored last. */
  get root(): Root {
    return this.#root
  }

  /**
   * Ends the journal: a synced root that names none, and the same again on the other page, so that either may be
   * damaged while the file rests. What it counts is synced.
   */
  storeAtRest(changes: Partial<Omit<Root, 'rootNumber'>>, sync: () => void): void {
    this.store({ ...changes, ...NO_JOURNAL })
    sync()
    this.store({})
  }

  /** Stores a root and the same again, both synced: damage to either brings nothing back. What it counts is synced. */
  storeTwice(changes: Partial<Omit<Root, 'rootNumber'>>, sync: () => void): void {
    this.store(changes)
    sync()
    this.store({})
    sync()
  }

  /** Stores the root that was found again, onto its own page; before the sync that comes before the next root (RT4). */
  storeFoundAgain(): void {
    if (this.#isOwn) return
    writeRoot(this.#file, this.#root)
    this.#isOwn = true
  }

  /** Stores the next root onto the other page; the caller syncs. */
  store(changes: Partial<Omit<Root, 'rootNumber'>>): void {
    if (!this.#isOwn) throw new InvariantError('the root that was found was not stored again')
    const formatVersion = FORMAT_VERSION
    const next = { ...this.#root, ...changes, formatVersion, rootNumber: this.#root.rootNumber + 1 }
    writeRoot(this.#file, next)
    this.#root = next
  }
}
