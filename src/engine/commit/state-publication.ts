/**
 * Publishes a new capacity and changed indexes between commits: durably in a root, and to readers.
 */

import type { RootWriter } from '../data-file/root-writer.ts'
import type { SpaceState } from '../data-file/space.ts'
import { packDefinitions } from '../format/definitions-bytes.ts'
import type { Publisher } from '../sharing/publication.ts'
import type { CommitProgress } from './commit-progress.ts'

export interface StatePublicationParts {
  readonly roots: RootWriter
  readonly publisher: Publisher
  readonly progress: CommitProgress
  readonly spaceState: () => SpaceState
  /** Syncs the data file, and counts it. */
  readonly syncData: () => void
}

export class StatePublication {
  readonly #parts: StatePublicationParts

  constructor(parts: StatePublicationParts) {
    this.#parts = parts
  }

  /** Syncs the file, and stores a root with the present capacity, durably. All errors must poison. */
  storeRoom(): void {
    const { roots, spaceState, syncData } = this.#parts
    roots.storeFoundAgain()
    syncData()
    roots.store(spaceState())
    syncData()
    this.publishAgain()
  }

  /** Makes changed definitions of indexes durable, in both roots. All errors must poison. */
  storeDefinitions(definitions: string): void {
    const { roots, spaceState, syncData } = this.#parts
    packDefinitions(definitions)
    // Syncs all that the next root counts, and the last root (RT1, RT2, RT4).
    roots.storeFoundAgain()
    syncData()
    roots.storeTwice({ ...spaceState(), definitions }, syncData)
  }

  /** Changes the shared sequence without new counts, so that readers reload. */
  publishAgain(): void {
    const { publisher, progress, spaceState } = this.#parts
    const { commitNumber, size, deletedCount } = progress.applied
    publisher.begin()
    publisher.publish({ ...spaceState(), commitNumber, size, deletedCount })
  }
}
