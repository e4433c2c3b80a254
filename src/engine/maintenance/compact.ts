/**
 * Compact: rewrites a store without its deleted records into a new file of the next generation, which takes the name.
 *
 *   CM1  everything committed is in the data file before the first record is copied, and nothing is written to the file meanwhile.
 *   CM4  a store of which a snapshot is kept is not compacted.
 *   CM2  readers are notified before the new file takes the name, and again if it did not.
 *   CM3  consumers' positions in the new file are durable before it takes the name.
 */

import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import type { AnySchema } from '../../schema/index.ts'
import { miscounted } from '../data-file/deletion-bits.ts'
import { newIdentity } from '../format/identity.ts'
import { newLineage } from '../format/root.ts'
import type { CompactedStore, NextIndexes } from '../indexes/lifecycle/renumber.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { StoreFile } from '../opening/store-file.ts'
import type { WriterSession } from '../opening/writer-session.ts'
import { GONE, LiveCounts } from '../read/numbering.ts'
import type { Reading } from '../read/reading.ts'
import { refuseKept } from '../sharing/keepers.ts'
import { COMPACTED, type PublishedState } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import type { ProgressOptions } from '../steps/progress-options.ts'
import { runInTurns, type Steps } from '../steps/steps.ts'
import { keepPositions } from '../tail/consumer-file.ts'
import { assertCurrent, isCurrent } from '../whole-files/same-file.ts'
import { writeWholeAsync } from '../whole-files/whole-file.ts'
import { StoreBuilder } from './store-builder.ts'

const BYTES_A_TURN = 4 * 1024 * 1024
const COMPACTED_WHY = 'the store was compacted'

/** The file to copy, and its state. */
interface Compactable {
  readonly file: StoreFile
  readonly locator: Locator
  /** The committed state, all of it in the file. */
  readonly state: PublishedState
  /** The definitions of the store's indexes, as in its root. */
  readonly definitions: string
  readonly reading: Pick<Reading<AnySchema>, 'assertOpen'>
}

/**
 * Rewrites the file without its deleted records, and opens the new one. Nothing is staged.
 * @param checkpoints settles once no requested checkpoint is running
 * @returns for each old record number the new one, or GONE
 */
export async function compactStore<S extends AnySchema>(
  store: OpenedStore<S>,
  checkpoints: Promise<unknown>,
  options: ProgressOptions,
): Promise<Float64Array> {
  const { reading } = store
  const session = store.writer as WriterSession<S>
  const { committer } = session.writing()
  refuseKept(session.file.platform, session.file.path, 'compact')
  await committer.flush()
  // A checkpoint uses the journal, which ends here.
  await checkpoints
  reading.assertOpen()
  // Records get other numbers, and indexes are written from pages without pending entries.
  const { versions } = reading.source.locator.staging
  versions.endAll(COMPACTED_WHY)
  committer.endJournal()
  let release = (): void => undefined
  try {
    const { moved, indexes } = await writeCompacted(session, reading, options, keep => {
      release = keep
    })
    // Snapshots may have been opened meanwhile.
    versions.endAll(COMPACTED_WHY)
    reading.source.numbering.end(moved)
    try {
      session.close()
      indexes?.takeOver()
      store.reopen()
    } catch (error) {
      throw notReopened(error, reading.path)
    }
    // Indexes that the new file had to build were not lost in a crash.
    store.writer?.indexes.forgetBuilt()
    // A follower that opens this file before the next compact keeps its position.
    store.writer?.tellFollowers()
    return moved
  } finally {
    release()
  }
}

/**
 * Writes the live records into a new file, which takes the name.
 * @param held gets the function to call once the new file is open: until then consumers' positions stay
 * @returns also its indexes, used once the old ones are closed
 */
async function writeCompacted<S extends AnySchema>(
  session: WriterSession<S>,
  reading: Reading<S>,
  options: ProgressOptions,
  held: (release: () => void) => void,
): Promise<{ readonly moved: Float64Array; readonly indexes: NextIndexes | undefined }> {
  const { file, publishedState: state } = session
  const { publisher, committer } = session.writing()
  const { platform, path, lock } = file
  const { locator } = reading.source
  const from: Compactable = { file, locator, state, definitions: committer.definitions, reading }
  const moved = new Float64Array(state.size).fill(GONE)
  let indexes: NextIndexes | undefined
  const write = async (target: PlatformFile): Promise<boolean> => {
    const compacted = await runInTurns(copyLive(from, target, moved), options)
    indexes = await session.indexes.renumber(compacted, options)
    return true
  }
  /** False also if it cannot be found out: another file may have the name. */
  const hasName = (): boolean => {
    try {
      return isCurrent(platform, path, file.file)
    } catch {
      return false
    }
  }
  let isTold = false
  const replacing = (): void => {
    reading.assertOpen()
    // A fold of indexes in the background may have failed meanwhile.
    committer.assertSound()
    options.signal?.throwIfAborted()
    assertCurrent(platform, path, file.file)
    // Durable before the rename, so that no consumer loses its place (CM3).
    held(keepPositions(file, position => LiveCounts.ofMoved(moved).below(position)))
    isTold = true
    // Readers that open the store from now on wait until the new file is announced.
    lock.retract()
    publisher.supersede(COMPACTED)
    // A keeper that comes later sees the word, and refuses.
    refuseKept(platform, path, 'compact')
  }
  try {
    const { storeId } = file.identity
    await writeWholeAsync({ platform, path, access: file.file, storeId, naming: 'replace', replacing }, write)
  } catch (error) {
    if (!isTold || hasName()) indexes?.discard()
    if (!isTold) throw error
    if (hasName()) {
      publisher.reinstate(state)
      lock.announce()
    } else {
      // Writes to the old file would be lost, and the new indexes belong to the file that has the name.
      committer.fail(error)
    }
    throw error
  }
  return { moved, indexes }
}

function* copyLive(
  { file, locator: checked, state, definitions, reading }: Compactable,
  target: PlatformFile,
  moved: Float64Array,
): Steps<CompactedStore> {
  // A damaged record keeps its checksum, so that the damage stays visible, unless every read has to refuse it.
  const locator = checked.checksumPolicy === 'each' ? checked : checked.unchecked()
  const { addressing, checksums } = locator
  const { size } = state
  const identity = newIdentity(file.codec.layout, file.identity)
  const builder = new StoreBuilder(target, identity, checksums.exists)
  const nextLive = (from: number): number => {
    const next = locator.nextLive(from, size)
    // Otherwise a live record with a flipped deletion bit would be lost.
    locator.checkBits(from, next, true)
    return next
  }
  let sinceTurn = 0
  for (let n = nextLive(0); n < size; n = nextLive(n)) {
    const source = locator.run(n, size)
    if (source === undefined) break
    const { at } = locator
    const count = Math.min(locator.count, Math.ceil(BYTES_A_TURN / addressing.stride))
    for (let i = 0; i < count; i++) moved[n + i] = builder.size + i
    const first = n
    builder.addRecords(source.bytes.subarray(at, at + count * addressing.stride), i =>
      checksums.entryToCopy(first + i, count - i),
    )
    locator.checkBits(first, first + count, false)
    n += count
    sinceTurn += count * addressing.stride
    if (sinceTurn < BYTES_A_TURN) continue
    sinceTurn = 0
    yield { done: n, total: size }
    reading.assertOpen()
  }
  const { commitNumber, deletedCount } = state
  if (builder.size !== size - deletedCount)
    throw miscounted(locator.deletionBits, builder.size, size - deletedCount)
  const lineage = newLineage()
  builder.finish({ commitNumber, deletedCount: 0, definitions, lineage })
  yield { done: size, total: size }
  reading.assertOpen()
  return { identity, commitNumber, size: builder.size, lineage, moved }
}

/** The error if the compacted file has the name, but cannot be opened. */
function notReopened(error: unknown, path: string): unknown {
  if (!(error instanceof StrideError)) return error
  const message = `${path} was compacted, but could not be opened again, so that it is closed now: ${error.message}`
  return new StrideError(error.code, message, { path, cause: error })
}
