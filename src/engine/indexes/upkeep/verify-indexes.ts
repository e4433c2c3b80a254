/**
 * Do indexes and records say the same? Every page is looked at, every entry asked of its record, every record of the index.
 *
 * What waits may contradict the pages; it is believed where it does. Throws nothing for what is wrong: it is told.
 */

import { StrideError } from '../../../errors.ts'
import type { Locator } from '../../records/locator.ts'
import { checkPages } from '../trees/check-pages.ts'
import type { IndexSet } from './index-set.ts'
import type { KeyIndex } from '../lookup/key-index.ts'
import { compareWords, type EntryBuffer } from '../keys/words.ts'

/** Told what is wrong: bytes from the start of the index file, and the record that it is about. */
export type IndexNote = (error: StrideError, offset: number, recordNumber?: number) => void

const RECORDS_A_TURN = 20_000

/** Looks at everything; yields where others may have a turn. */
export function* verifyIndexes(set: IndexSet, locator: Locator, note: IndexNote): Generator<void> {
  const size = (): number => locator.staging.size
  for (const index of set.all) {
    yield* verifyPages(set, index, locator, note)
    yield* verifyRecords(set, index, locator, size, note)
  }
}

function* verifyPages(set: IndexSet, index: KeyIndex, locator: Locator, note: IndexNote): Generator<void> {
  const { path, pool } = set.file
  const { tree } = index
  const { name } = tree.definition
  const see = (entries: EntryBuffer): void => {
    for (let e = 0; e < entries.count; e++) {
      const n = entries.numberAt(e)
      const isRight = isOf(index, locator, n, entries.data, e * entries.words)
      if (isRight || index.isWaiting(entries.data, e * entries.words)) continue
      const message = `The index '${name}' in ${path} has record ${n} under a key that it does not have`
      note(corrupt(message, path), 0, n)
    }
  }
  const tell = (offset: number, what: string): void =>
    note(corrupt(`${path} is damaged: ${what}`, path), offset)
  yield* checkPages(tree, pool, tell, see)
}

function* verifyRecords(
  set: IndexSet,
  index: KeyIndex,
  locator: Locator,
  size: () => number,
  note: IndexNote,
): Generator<void> {
  const { path } = set.file
  const entry = new Uint32Array(index.tree.format.entryWords)
  let looked = 0
  for (let n = locator.nextLive(0, size()); n < size(); n = locator.nextLive(n + 1, size())) {
    const source = locator.find(n)
    if (source !== undefined) {
      index.entryOf(n, source.view as DataView, locator.at, entry)
      if (!index.isWaiting(entry, 0) && !isInPages(index, entry)) {
        const message = `The index '${index.tree.definition.name}' in ${path} lacks record ${n}`
        note(corrupt(message, path), 0, n)
      }
    }
    if (++looked % RECORDS_A_TURN === 0) yield
  }
}

/** Whether the pages have an entry, as far as can be told: what is wrong with a page itself was told before. */
function isInPages(index: KeyIndex, entry: Uint32Array): boolean {
  try {
    return index.isInPages(entry)
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_CORRUPT') return true
    throw error
  }
}

function isOf(index: KeyIndex, locator: Locator, n: number, data: Uint32Array, at: number): boolean {
  const source = locator.find(n)
  if (source === undefined) return false
  const words = index.tree.format.entryWords
  const entry = new Uint32Array(words)
  index.entryOf(n, source.view as DataView, locator.at, entry)
  return compareWords(data, at, entry, 0, words) === 0
}

function corrupt(message: string, path: string): StrideError {
  return new StrideError('ERR_STRIDE_CORRUPT', message, { path })
}
