/**
 * Migrate: the same records under a changed schema, written beside and renamed.
 *
 * Record numbers stay; deleted records stay deleted. The old file is whole until the new one takes its name.
 */

import { StrideError } from '../errors.ts'
import { type AnySchema, codecOf, type Input } from '../schema/index.ts'
import { newIdentity } from './header.ts'
import type { StoreOptions } from './options.ts'
import type { Publisher } from './publication.ts'
import { StoreBuilder } from './rebuild.ts'
import { locatorOver, openStoreFile, writeWhole } from './store-file.ts'

export type MigrateOptions = Pick<StoreOptions, 'align' | 'endian' | 'validate' | 'lockTimeoutMs'>

/** A record as the old schema has it. */
export type OldRecord = Record<string, unknown>

/**
 * Gives the store at `path` another schema.
 *
 * @param map makes the new record of an old one; without it fields of the same name are taken over and new ones
 *   must have a default
 * @returns how many live records there are
 * @throws {StrideError} ERR_STRIDE_RECORD naming the first record that does not fit, _BUSY, _NO_SPACE, _IO; the old
 *   file is untouched then
 */
export function migrateStore<S extends AnySchema>(
  path: string,
  schema: S,
  map?: (record: OldRecord, recordNumber: number) => Input<S>,
  options: MigrateOptions = {},
): number {
  const codec = codecOf(schema, options)
  const { lockTimeoutMs } = options
  const old = openStoreFile(path, undefined, lockTimeoutMs === undefined ? {} : { lockTimeoutMs })
  try {
    const publisher = old.publisher as Publisher
    publisher.publish(old.root)
    old.lock.announce()
    const locator = locatorOver(old, 0, true)
    const kept = (record: OldRecord): unknown =>
      Object.fromEntries(Object.entries(record).filter(([name]) => codec.hasField(name)))
    const identity = newIdentity(codec.layout, old.identity)
    const bytes = Buffer.alloc(identity.recordSize)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let live = 0
    writeWhole(old.platform, path, undefined, file => {
      const builder = new StoreBuilder(file, identity, old.root.checksumsOffset > 0)
      for (let n = 0; n < old.root.size; n++) {
        const source = locator.find(n, (old.root.size - n) * old.addressing.stride)
        if (source === undefined) {
          builder.addDeleted()
          continue
        }
        const record = old.codec.decode(source.view as DataView, source.bytes, locator.at) as OldRecord
        try {
          codec.encode(map === undefined ? kept(record) : map(record, n), view, bytes, 0)
        } catch (error) {
          if (!(error instanceof StrideError)) throw error
          const { field, issues } = error
          throw new StrideError(error.code, `Record ${n} does not fit the new schema: ${error.message}`, {
            path,
            recordNumber: n,
            ...(field === undefined ? {} : { field }),
            ...(issues === undefined ? {} : { issues }),
            cause: error,
          })
        }
        builder.addRecords(bytes)
        live++
      }
      builder.finish(old.root.commitNumber)
      // Readers that come from now on wait until this lock is released.
      old.lock.retract()
      publisher.supersede()
    })
    return live
  } finally {
    old.publisher?.close()
    old.pool.close()
    old.file.close()
    old.lock.release()
  }
}
