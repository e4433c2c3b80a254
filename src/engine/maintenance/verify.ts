/**
 * Is a store's file damaged, and where? Everything that can be checked is checked, and each damage is a finding with its offset.
 *
 * It only reads, and works in turns of the event loop. Damage of the file is never thrown.
 */

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, StrideError } from '../../errors.ts'
import type { AnySchema } from '../../schema/index.ts'
import { offsetOf } from '../format/addressing.ts'
import { readIdentity } from '../format/identity.ts'
import { readRoot, readRootPages } from '../format/root.ts'
import type { IndexSet } from '../indexes/lifecycle/index-set.ts'
import { verifyIndexes } from '../indexes/lifecycle/verify-indexes.ts'
import { scanJournal } from '../journal/journal-scan.ts'
import type { OpenedStore } from '../opening/opened-store.ts'
import type { StoreFile } from '../opening/store-file.ts'
import type { PublishedState } from '../sharing/publication.ts'
import type { Locator } from '../staging/locator.ts'
import { allSteps } from '../steps/steps.ts'

/** One damage that `verify` found. */
export interface Finding {
  /** The code of the error that reading it would throw. */
  readonly code: ErrorCode
  /** What is wrong, for people. */
  readonly message: string
  /** Bytes from the start of the file. */
  readonly offset: number
  /** The record, if the damage is in one. */
  readonly recordNumber?: number
}

/** The result of `verify`. */
export interface VerifyResult {
  /** Whether nothing was found. */
  readonly ok: boolean
  /** The damage, in the order of checking; the first 1000 findings. */
  readonly findings: readonly Finding[]
  /** Live records that were decoded. */
  readonly recordsChecked: number
}

const FINDINGS_MAX = 1000
const RECORDS_A_TURN = 20_000
const ROOT_TRIES = 6
const REPLACED_TRIES = 8

/** What is verified: the file, the changes over it in memory, and the state that it should have. */
export interface Verifiable {
  readonly file: StoreFile
  /** The present locator of the records. */
  readonly locator: () => Locator
  readonly state: () => PublishedState
  /** Runs a reading again until no commit of another process came between. */
  readonly consistently: <T>(read: () => T) => T
  /** Whether this process writes. Then its journal is checked, too, and staged changes are not. */
  readonly isWriter: boolean
  /** The present indexes. */
  readonly indexes?: () => IndexSet | undefined
}

export async function verifyStore(store: Verifiable): Promise<VerifyResult> {
  const findings: Finding[] = []
  const note: Note = (error, offset, recordNumber) => {
    if (!(error instanceof StrideError) || error.code === 'ERR_STRIDE_CLOSED') throw error
    if (findings.length >= FINDINGS_MAX) return
    const place = recordNumber === undefined ? {} : { recordNumber }
    findings.push({ code: error.code, message: error.message, offset: error.offset ?? offset, ...place })
  }
  const isReadable = await verifyHeader(store, note)
  const recordsChecked = isReadable ? await verifyRecords(store, note) : 0
  if (isReadable) verifyLiveBits(store, note)
  if (isReadable) await verifyKeys(store, note)
  return { ok: findings.length === 0, findings, recordsChecked }
}

/**
 * Verifies an open store. If compact or another process replaces its file meanwhile, it begins again, so that all findings are about
 * one file.
 */
export async function verifyOpenStore<S extends AnySchema>(store: OpenedStore<S>): Promise<VerifyResult> {
  const { reading } = store
  for (let tries = 1; ; tries++) {
    reading.assertOpen()
    store.writer?.writing()
    reading.prepare()
    const { file } = store.session
    const isReplaced = (): boolean => store.session.file.file !== file.file
    try {
      const result = await verifyStore({
        file,
        locator: () => reading.source.locator,
        state: () => store.session.publishedState,
        consistently: read => reading.consistently(read),
        isWriter: store.writer !== undefined,
        indexes: () => store.session.indexes.now(),
      })
      if (!isReplaced()) return result
    } catch (error) {
      if (!isReplaced()) throw error
    }
    if (tries === REPLACED_TRIES) {
      const { path } = file
      const message = `${path} was replaced ${tries} times while it was verified: verify it when it is compacted less`
      throw new StrideError('ERR_STRIDE_BUSY', message, { path })
    }
  }
}

type Note = (error: unknown, offset: number, recordNumber?: number) => void

/** Checks identity, roots and journal. @returns whether there is a usable root */
async function verifyHeader(store: Verifiable, note: Note): Promise<boolean> {
  const { file: storeFile, isWriter, state } = store
  const { file, addressing, platform, path, identity } = storeFile
  try {
    readIdentity(file)
  } catch (error) {
    note(error, 0)
  }
  for (const page of await readPages(store, note)) {
    if (page.root === undefined) {
      note(new StrideError('ERR_STRIDE_CORRUPT', 'One of the two roots fails its checksum', {}), page.offset)
    }
  }
  try {
    const root = readRoot(file, addressing)
    if (isWriter) {
      // Commits in between would give wrong findings, so the whole journal is checked at once.
      const { journalBytesKept } = storeFile.limits
      allSteps(scanJournal(platform, path, identity, root, state().commitNumber, journalBytesKept)).close()
    }
    return true
  } catch (error) {
    note(error, 0)
    return false
  }
}

/** Reads the root pages. If one is damaged, it is read again, since another process may be storing it. */
async function readPages(
  { file: { file }, isWriter }: Verifiable,
  note: Note,
): Promise<ReturnType<typeof readRootPages>> {
  try {
    for (let tries = 1; ; tries++) {
      const pages = readRootPages(file)
      if (isWriter || tries === ROOT_TRIES || pages.every(({ root }) => root !== undefined)) return pages
      await sleep(tries)
    }
  } catch (error) {
    note(error, 0)
    return []
  }
}

/** Decodes each live record, and compares records and deletion bits with their checksums. @returns how many were live */
async function verifyRecords(store: Verifiable, note: Note): Promise<number> {
  const { addressing } = store.file
  let live = 0
  let { size } = store.state()
  for (let n = 0; n < size; n++) {
    if (n % RECORDS_A_TURN === RECORDS_A_TURN - 1) await nextTurn()
    if (n % RECORDS_A_TURN === RECORDS_A_TURN - 1 || n === size - 1) ({ size } = store.state())
    const offset = offsetOf(addressing, n)
    try {
      const { isLive, damage } = store.consistently(() => verifyRecord(store, n))
      if (isLive) live++
      if (damage !== undefined) note(located(damage, offset), offset, n)
    } catch (error) {
      note(error, offset, n)
      return live
    }
  }
  return live
}

function verifyRecord(
  { file: { codec }, locator: locatorNow, isWriter }: Verifiable,
  n: number,
): { readonly isLive: boolean; readonly damage?: unknown } {
  const locator = locatorNow().unchecked()
  const source = isWriter ? locator.findSealed(n) : locator.find(n)
  const isLive = source !== undefined
  try {
    if (isLive) codec.decode(source.view as DataView, source.bytes, locator.at)
    const isInFile = isWriter || locator.staging.find(n) === undefined
    if (locator.checksums.exists && isInFile) locator.check(n)
    return { isLive }
  } catch (damage) {
    return { isLive, damage }
  }
}

/** Compares the deletion bits with the counts, without a commit in between, which would make them differ. */
function verifyLiveBits(store: Verifiable, note: Note): void {
  const { liveBitsOffset } = store.state()
  try {
    for (const { finding, recordNumber } of store.consistently(() => strayBits(store))) {
      note(finding, liveBitsOffset, recordNumber)
    }
  } catch (error) {
    note(error, liveBitsOffset)
  }
}

interface StrayBits {
  readonly finding: StrideError
  readonly recordNumber?: number
}

function strayBits({ file, locator: locatorNow, state, isWriter }: Verifiable): readonly StrayBits[] {
  const locator = locatorNow()
  const { deletionBits } = locator
  const { size, capacity, deletedCount } = state()
  const { path } = file
  const found: StrayBits[] = []
  const stray = deletionBits.nextDeleted(size, capacity)
  if (stray < capacity) {
    const message = `Record ${stray} is marked as deleted but lies beyond the end, ${size}`
    found.push({ finding: new StrideError('ERR_STRIDE_CORRUPT', message, { path }), recordNumber: stray })
  }
  let deleted = 0
  const isOverlaid = !isWriter && locator.staging.changeCount > 0
  for (let n = 0; n < size; n++) {
    if (!isOverlaid) n = deletionBits.nextDeleted(n, size)
    if (n < size && (!isOverlaid || !locator.isLive(n))) deleted++
  }
  if (deleted !== deletedCount) {
    const message = `${deletedCount} records are counted as deleted, the deletion bits say ${deleted}`
    found.push({ finding: new StrideError('ERR_STRIDE_CORRUPT', message, { path }) })
  }
  return found
}

/** Compares indexes and records in turns, each piece of work at one commit. */
async function verifyKeys({ indexes, locator, consistently: once }: Verifiable, note: Note): Promise<void> {
  if (indexes === undefined) return
  const store = { indexes, locator: () => locator().unchecked(), once }
  for (const _ of verifyIndexes(store, note)) await nextTurn()
}

/** An error of decoding with its offset in the file instead of in the window. */
function located(error: unknown, offset: number): unknown {
  if (!(error instanceof StrideError)) return error
  return new StrideError(error.code, error.message, { offset, ...(error.field ? { field: error.field } : {}) })
}
