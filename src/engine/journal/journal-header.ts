/**
 * Reads the header of a journal, and checks that the journal belongs to this store.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { corrupt, type Identity } from '../format/identity.ts'
import { JOURNAL_HEADER, JOURNAL_MAGIC, JOURNAL_VERSION } from '../format/journal-format.ts'

export interface JournalFacts {
  readonly salt: Buffer
  readonly slotBytes: number
  readonly generation: number
}

/**
 * Called before a file with the journal's name is replaced or removed. It must be a journal of this store by magic and store id, though it
 * may be damaged.
 * @throws ERR_STRIDE_EXISTS
 */
export function assertJournalOf(file: PlatformFile, { storeId }: Pick<Identity, 'storeId'>): void {
  const bytes = new Uint8Array(JOURNAL_HEADER.size)
  file.read(bytes, 0)
  const header = JOURNAL_HEADER.decode(bytes)
  const isJournal = Buffer.from(header.magic).toString('latin1') === JOURNAL_MAGIC
  if (isJournal && Buffer.from(header.storeId).toString('hex') === storeId) return
  const { path } = file
  const why = isJournal ? 'it is the journal of another store' : 'it is no journal'
  const message = `${path} is where the store keeps its journal, and ${why}: move or remove that file`
  throw new StrideError('ERR_STRIDE_EXISTS', message, { path })
}

/** @throws ERR_STRIDE_CORRUPT if the file is no journal, or another store's; _FORMAT_NEWER, _IO */
export function readJournalHeader(file: PlatformFile, identity: Identity): JournalFacts {
  const bytes = new Uint8Array(JOURNAL_HEADER.size)
  const got = file.read(bytes, 0)
  if (got < bytes.length) throw corrupt(file.path, got, 'the journal ends within its header')
  const header = JOURNAL_HEADER.decode(bytes)
  if (Buffer.from(header.magic).toString('latin1') !== JOURNAL_MAGIC) {
    throw corrupt(file.path, 0, 'it is no journal of a store')
  }
  if (header.formatVersion > JOURNAL_VERSION) {
    const message = `${file.path} has journal version ${header.formatVersion}; this library knows up to ${JOURNAL_VERSION}`
    const offset = JOURNAL_HEADER.at.formatVersion
    throw new StrideError('ERR_STRIDE_FORMAT_NEWER', message, { path: file.path, offset })
  }
  if (!JOURNAL_HEADER.isIntact(bytes)) throw corrupt(file.path, 0, "the journal's header fails its checksum")
  const isOurs = Buffer.from(header.storeId).toString('hex') === identity.storeId
  if (!isOurs) throw corrupt(file.path, JOURNAL_HEADER.at.storeId, 'this journal belongs to another store')
  return { salt: Buffer.from(header.salt), slotBytes: header.slotBytes, generation: header.generation }
}

/** Only a journal of the same store, left after a failure or a crash, may be replaced. @throws ERR_STRIDE_EXISTS */
export function refuseForeign(platform: Platform, journalPath: string, identity: Identity): void {
  if (!platform.exists(journalPath)) return
  const left = platform.open(journalPath, { access: 'read', create: 'never' })
  try {
    assertJournalOf(left, identity)
  } finally {
    left.close()
  }
}
