/**
 * How are many encoded records brought into a store, over many turns of the event loop? Imports do that.
 *
 *   BW1  other changes of the store are refused with ERR_STRIDE_BUSY from the start to the end, so that a commit or a rollback of the
 *        import takes nothing that was staged by others. Reads go on.
 *   BW2  if the work throws, what it staged since its last commit is dropped.
 * What a store does with an encoded record: commit/store-writer.ts.
 */

import { StrideError } from '../errors.ts'
import type { AnySchema, Codec, RecordBytes } from '../schema/index.ts'
import type { Durability } from './commit/commit-waiters.ts'
import { recordWithKey } from './indexes/lookup/unique-key.ts'
import type { ExclusiveWork } from './maintenance/exclusive-work.ts'
import type { NamedIndexes } from './opening/named-indexes.ts'
import type { WritingParts } from './opening/writing-parts.ts'
import type { WritePermission } from './write-permission.ts'

/** A store that takes the records of an import. */
export interface BulkWriter {
  readonly path: string
  readonly codec: Codec
  /** The number of the last commit. */
  readonly commitNumber: number
  /** Finds the record with the key of an image, in the index of this name. @throws TypeError, RangeError */
  keyFinder(index: string): (view: DataView) => number
  /**
   * Stages the record at position 0 of an image: a new one, or in place of the one that `rivalOf` finds.
   * @returns whether it is new @throws {StrideError} as `append` and `upsert`
   */
  stage(image: RecordBytes, rivalOf?: (view: DataView) => number): boolean
  /** @throws {StrideError} as `commit` */
  commit(): Promise<number>
}

export interface BulkParts<S extends AnySchema> {
  readonly permission: WritePermission<S>
  readonly indexes: NamedIndexes<S>
  readonly exclusiveWork: ExclusiveWork
  readonly durability: Durability
}

/** Runs work that brings records into a store. @throws ERR_STRIDE_BUSY, _TRANSACTION while changes are staged; what the work throws */
export async function writeInBulk<S extends AnySchema, T>(
  parts: BulkParts<S>,
  work: (writer: BulkWriter) => Promise<T>,
): Promise<T> {
  const { permission, exclusiveWork } = parts
  const writing = permission.writable()
  permission.refuseStaged('import')
  return exclusiveWork.run('import', true, async () => {
    // What the work calls of its caller runs once other changes are refused.
    await undefined
    try {
      return await work(new StoreBulkWriter(parts, writing))
    } finally {
      permission.dropStaged()
    }
  })
}

class StoreBulkWriter<S extends AnySchema> implements BulkWriter {
  readonly #parts: BulkParts<S>
  readonly #writing: WritingParts

  constructor(parts: BulkParts<S>, writing: WritingParts) {
    this.#parts = parts
    this.#writing = writing
  }

  get path(): string {
    return this.#parts.permission.reading.path
  }
  get codec(): Codec {
    return this.#parts.permission.reading.source.codec
  }
  get commitNumber(): number {
    return this.#parts.permission.session.commitNumber
  }

  keyFinder(index: string): (view: DataView) => number {
    return recordWithKey(this.#parts.indexes.find(index), 'upsert')
  }

  stage(image: RecordBytes, rivalOf?: (view: DataView) => number): boolean {
    this.#assertOpen()
    return this.#writing.writer.stageImage(image, rivalOf)
  }

  commit(): Promise<number> {
    this.#assertOpen()
    return this.#writing.committer.commit(this.#parts.durability)
  }

  #assertOpen(): void {
    const { permission } = this.#parts
    permission.reading.assertOpen()
    this.#writing.committer.assertSound()
    if (!permission.isClosing) return
    throw new StrideError('ERR_STRIDE_CLOSED', `${this.path} is being closed`, { path: this.path })
  }
}
