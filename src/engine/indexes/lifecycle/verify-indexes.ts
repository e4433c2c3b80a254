/**
 * Do indexes and records agree? Every page is checked, every entry is compared with its record, and every record is looked up.
 *
 * Pending entries may contradict the pages; they take precedence. Damage is reported, not thrown.
 *   VI1  indexes are verified in short pieces: a page and its records, or some records and their entries. Beside a writer in another
 *        process each piece sees one commit, and is repeated if a commit came in between.
 *   VI2  pages are visited by their fences, so that none is missed if pages are replaced between two pieces.
 */

import { StrideError } from '../../../errors.ts'
import type { Locator } from '../../staging/locator.ts'
import { compareWords } from '../keys/entry-words.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import type { DirectoryArrays } from '../pages/directory.ts'
import { checkPage } from '../trees/check-pages.ts'
import type { IndexSet } from './index-set.ts'

/** Called for each finding, with the offset in the index file and the record concerned. */
export type IndexNote = (error: StrideError, offset: number, recordNumber?: number) => void

/** The present indexes and records, which may be replaced between two pieces. */
export interface IndexesAndRecords {
  readonly indexes: () => IndexSet | undefined
  readonly locator: () => Locator
  /** Runs a short reading. Beside a writer in another process, repeats it until no commit came in between. */
  readonly once: <T>(read: () => T) => T
}

const PAGES_A_TURN = 256
const RECORDS_A_PIECE = 512
const PIECES_A_TURN = 40

/** Verifies all indexes. Yields to let the event loop run. */
export function* verifyIndexes(store: IndexesAndRecords, note: IndexNote): Generator<void> {
  const names = store.once(() => store.indexes()?.definitions.map(({ name }) => name)) ?? []
  for (const name of names) {
    yield* verifyPages(store, name, note)
    yield* verifyRecords(store, name, note)
  }
}

/** The parts that a piece of work reads. */
interface Piece {
  readonly set: IndexSet
  readonly index: KeyIndex
  readonly locator: Locator
  readonly note: IndexNote
}

/** Runs a piece of work, and reports the findings of its last run. @returns its result; undefined if the index was dropped */
function inPiece<T>(
  store: IndexesAndRecords,
  name: string,
  note: IndexNote,
  look: (piece: Piece) => T | undefined,
): T | undefined {
  let found: Parameters<IndexNote>[] = []
  const result = store.once(() => {
    found = []
    const set = store.indexes()
    if (set?.has(name) !== true) return undefined
    return look({ set, index: set.get(name), locator: store.locator(), note: (...one) => found.push(one) })
  })
  for (const one of found) note(...one)
  return result
}

/** The next page of a walk: page `page` of these arrays or, if they were replaced, the page at this fence. */
interface NextPage {
  readonly arrays: DirectoryArrays
  readonly page: number
  readonly fence: Uint32Array
}

function* verifyPages(store: IndexesAndRecords, name: string, note: IndexNote): Generator<void> {
  let next: NextPage | undefined
  let count = 0
  do {
    next = inPiece(store, name, note, piece => verifyPage(piece, next))
    if (++count % PAGES_A_TURN === 0) yield
  } while (next !== undefined)
}

function verifyPage({ set, index, locator, note }: Piece, next: NextPage | undefined): NextPage | undefined {
  const { path, pool } = set.file
  const { tree } = index
  const { directory, definition, format } = tree
  // If the index was replaced by one with keys of another length, the fence cannot be compared.
  const isOther = next !== undefined && next.fence.length !== format.entryWords
  if (directory.pageCount === 0 || isOther) return undefined
  let page = 0
  if (next !== undefined) page = next.arrays === directory.arrays ? next.page : directory.pageOf(next.fence)
  const tell = (offset: number, what: string): void =>
    note(corrupt(`${path} is damaged: ${what}`, path), offset)
  const entries = checkPage(tree, page, pool, tell)
  const own = new Uint32Array(format.entryWords)
  for (let e = 0; entries !== undefined && e < entries.count; e++) {
    const n = entries.numberAt(e)
    if (isOf(index, locator, n, entries.data, e * entries.words, own)) continue
    if (index.isWaiting(entries.data, e * entries.words)) continue
    const message = `The index '${definition.name}' in ${path} has record ${n} under a key that it does not have`
    note(corrupt(message, path), 0, n)
  }
  if (++page === directory.pageCount) return undefined
  const fence = new Uint32Array(format.entryWords)
  directory.copyFence(page, fence)
  return { arrays: directory.arrays, page, fence }
}

function* verifyRecords(store: IndexesAndRecords, name: string, note: IndexNote): Generator<void> {
  let next: number | undefined = 0
  let count = 0
  do {
    const from: number = next
    next = inPiece(store, name, note, piece => verifySome(piece, from))
    if (++count % PIECES_A_TURN === 0) yield
  } while (next !== undefined)
}

/** Verifies some records. @returns the next record number; undefined at the end */
function verifySome({ set, index, locator, note }: Piece, from: number): number | undefined {
  const { path } = set.file
  const { size } = locator.staging
  const to = Math.min(size, from + RECORDS_A_PIECE)
  const entry = new Uint32Array(index.tree.format.entryWords)
  for (let n = locator.nextLive(from, to); n < to; n = locator.nextLive(n + 1, to)) {
    const source = locator.find(n)
    if (source === undefined) continue
    index.entryOf(n, source.view as DataView, locator.at, entry)
    if (index.isWaiting(entry, 0) || isInPages(index, entry)) continue
    const message = `The index '${index.tree.definition.name}' in ${path} lacks record ${n}`
    note(corrupt(message, path), 0, n)
  }
  return to < size ? to : undefined
}

/** Whether the pages have an entry; true for a damaged page, which was reported before. */
function isInPages(index: KeyIndex, entry: Uint32Array): boolean {
  try {
    return index.isInPages(entry)
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_CORRUPT') return true
    throw error
  }
}

/** Whether an entry is that of record n. `own` is overwritten with the record's entry. */
function isOf(
  index: KeyIndex,
  locator: Locator,
  n: number,
  data: Uint32Array,
  at: number,
  own: Uint32Array,
): boolean {
  const source = locator.find(n)
  if (source === undefined) return false
  index.entryOf(n, source.view as DataView, locator.at, own)
  return compareWords(data, at, own, 0, own.length) === 0
}

function corrupt(message: string, path: string): StrideError {
  return new StrideError('ERR_STRIDE_CORRUPT', message, { path })
}
