/**
 * How does an import run, whatever its format? Chunks of the source go to a reader of rows, and a commit follows each full batch.
 *
 *   RQ1  memory is bounded by a chunk, a row and a batch of changed records; appended records are in the file before they are committed.
 *   RQ2  the source is closed, or its stream ended, in every case.
 */

import type { BulkWriter } from '../../engine/bulk-writing.ts'
import { Store, writeStoreInBulk } from '../../engine/store.ts'
import { shown } from '../../options/shown-value.ts'
import type { AnySchema } from '../../schema/index.ts'
import { type OpenedSource, openSource } from '../source/byte-source.ts'
import { START_BYTES, textStartOf } from '../source/text-start.ts'
import { type ImportReport, ImportRun, type ImportSettings, type ReaderPlace } from './import-run.ts'

/** Reads the rows of one format. */
export interface RowReader {
  /** Takes bytes; they are copied. */
  push(chunk: Uint8Array): void
  /** No more bytes follow. */
  finish(): void
  /** Reads one row into the run. @returns false if it needs more bytes, or at the end */
  next(): boolean
  /** Called when no row is left. @throws ERR_STRIDE_SOURCE if the source is not whole */
  end(): void
  /** Where the next row begins; undefined amid a row. */
  readonly place: ReaderPlace | undefined
}

/** A format. */
export interface RowFormat {
  readonly isText: boolean
  /** @param start the position of the first byte, behind a byte order mark */
  reader(writer: BulkWriter, run: ImportRun, start: ReaderPlace): RowReader
}

/** Runs an import. @throws as the public calls */
export async function runImport<S extends AnySchema, I>(
  store: Store<S, I>,
  source: unknown,
  settings: ImportSettings,
  call: string,
  format: RowFormat,
): Promise<ImportReport> {
  checkStore(store, call)
  settings.signal?.throwIfAborted()
  const opened = await openSource(source, call)
  try {
    return await writeStoreInBulk(store, async writer => {
      const run = await ImportRun.begin(writer, settings, opened.path)
      try {
        return await readAll(writer, run, opened, settings, format)
      } finally {
        run.close()
      }
    })
  } finally {
    await opened.close()
  }
}

/** @throws TypeError */
export function checkStore(store: unknown, call: string): asserts store is Store {
  if (store instanceof Store) return
  throw new TypeError(`${call} takes a store that openStore opened: ${shown(store)}`)
}

async function readAll(
  writer: BulkWriter,
  run: ImportRun,
  source: OpenedSource,
  { signal, progress }: ImportSettings,
  format: RowFormat,
): Promise<ImportReport> {
  const { position } = run.start
  let bytes = position
  let reader: RowReader | undefined
  const readRows = async (rows: RowReader): Promise<void> => {
    while (rows.next()) {
      if (!run.isBatchFull) continue
      const { place } = rows
      if (place === undefined) continue
      signal?.throwIfAborted()
      await run.commit(place)
    }
  }
  for await (const chunk of startingWhole(source.chunks(position))) {
    signal?.throwIfAborted()
    const skipped =
      reader === undefined && position === 0 && format.isText ? textStartOf(chunk, source.path) : 0
    reader ??= format.reader(writer, run, { ...run.start, position: position + skipped })
    reader.push(chunk.subarray(skipped))
    bytes += chunk.length
    await readRows(reader)
    progress?.(run.progress(bytes, source.size))
  }
  reader ??= format.reader(writer, run, run.start)
  reader.finish()
  await readRows(reader)
  reader.end()
  signal?.throwIfAborted()
  const { place } = reader
  await run.commit({ ...(place ?? run.start), position: bytes })
  progress?.(run.progress(bytes, source.size))
  return run.report(bytes)
}

/** The same chunks, of which the first has enough bytes to know an encoding by. */
async function* startingWhole(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let start: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of chunks) {
    if (start === undefined) {
      yield chunk
      continue
    }
    start = Buffer.concat([start, chunk])
    if (start.length < START_BYTES) continue
    yield start
    start = undefined
  }
  if (start !== undefined && start.length > 0) yield start
}
