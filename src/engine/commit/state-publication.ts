/**
 * How are a new capacity and changed indexes published between commits? Durably in a root, and to readers.
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
  /** A counted data sync. */
  readonly syncData: () => void
}

export class StatePublication {
  readonly #parts: StatePublicationParts

  constructor(parts: StatePublicationParts) {
    this.#parts = parts
  }

  /** Stores a root with the present room, durably; everything in the file is synced before. @throws whatever poisons */
  storeRoom(): void {
    const { roots, spaceState, syncData } = this.#parts
    roots.storeFoundAgain()
    syncData()
    roots.store(spaceState())
    syncData()
    this.publishAgain()
  }

  /** Makes other definitions of indexes durable, in both roots. @throws ERR_STRIDE_LIMIT, with nothing changed; whatever poisons */
  storeDefinitions(definitions: string): void {
    const { roots, spaceState, syncData } = this.#parts
    packDefinitions(definitions)
    // Whatever a root may count is synced, and so is the root that was stored last (RT1, RT2, RT4).
    roots.storeFoundAgain()
    syncData()
    roots.storeTwice({ ...spaceState(), definitions }, syncData)
  }

  /** Tells readers to look again: something beside the counts is new. */
  publishAgain(): void {
    const { publisher, progress, spaceState } = this.#parts
    const { commitNumber, size, deletedCount } = progress.applied
    publisher.begin()
    publisher.publish({ ...spaceState(), commitNumber, size, deletedCount })
  }
}
