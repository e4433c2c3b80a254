/**
 * How are roots written so that one durable root always exists?
 *
 *   RT1  a root is stored only after a sync of everything that it counts. The caller makes that sync.
 *   RT2  a root is never stored over the copy that is known to be durable: each root is synced before the next one is stored.
 *   RT4  the root that opening found may only be in the system's cache, marked clean after a failed sync. It is stored again before the
 *        sync after which the other page may be written.
 */

import { InvariantError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { NO_JOURNAL, type Root, writeRoot } from '../format/root.ts'
import { FORMAT_VERSION } from '../format/store-format.ts'

export class RootWriter {
  readonly #file: PlatformFile
  #root: Root
  /** Whether the present root is certainly on the disk, or stored through this descriptor. */
  #isOwn: boolean

  /** @param isDurable whether the root was synced by a writer of whose syncs none has failed */
  constructor(file: PlatformFile, root: Root, isDurable = false) {
    this.#file = file
    this.#root = root
    this.#isOwn = isDurable
  }

  /** The last stored root. */
  get root(): Root {
    return this.#root
  }

  /**
   * Ends the journal: stores and syncs a root without a journal, then the same on the other page, so that damage to either page is
   * harmless. The caller has synced everything that it counts.
   */
  storeAtRest(changes: Partial<Omit<Root, 'rootNumber'>>, sync: () => void): void {
    this.store({ ...changes, ...NO_JOURNAL })
    sync()
    this.store({})
  }

  /** Stores and syncs a root on both pages, so that damage to one brings back no older root. The caller has synced all that it counts. */
  storeTwice(changes: Partial<Omit<Root, 'rootNumber'>>, sync: () => void): void {
    this.store(changes)
    sync()
    this.store({})
    sync()
  }

  /** Stores the root that opening found onto its own page again. Called before the sync that precedes the next root (RT4). */
  storeFoundAgain(): void {
    if (this.#isOwn) return
    writeRoot(this.#file, this.#root)
    this.#isOwn = true
  }

  /** Stores the next root onto the other page. The caller syncs. */
  store(changes: Partial<Omit<Root, 'rootNumber'>>): void {
    if (!this.#isOwn) throw new InvariantError('the root that was found was not stored again')
    const formatVersion = FORMAT_VERSION
    const next = { ...this.#root, ...changes, formatVersion, rootNumber: this.#root.rootNumber + 1 }
    writeRoot(this.#file, next)
    this.#root = next
  }
}
