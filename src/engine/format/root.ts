/**
 * The root describes a committed state: counts of records, places of tables, and the definitions of indexes (D10).
 *
 * Two copies on pages of their own are written in turn, never the one that is known to be durable, so that a torn write leaves the
 * other one whole. The valid root is the copy with a right checksum and the higher root number.
 */

import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import { type Addressing, recordsMax } from './addressing.ts'
import { packDefinitions, unpackDefinitions } from './definitions-bytes.ts'
import { corrupt, truncated } from './identity.ts'
import { checksumTableBytes } from './side-table-sizes.ts'
import {
  DEFINITIONS_AT,
  DEFINITIONS_BYTES_MAX,
  FORMAT_VERSION,
  PAGE_BYTES,
  ROOT,
  ROOT_MAGIC,
  ROOT_MAGIC_1,
  ROOT_OFFSETS,
} from './store-format.ts'

/** The content of a root. All counts are safe integers. */
export interface Root {
  readonly commitNumber: number
  readonly rootNumber: number
  /** The highest record number plus 1. */
  readonly size: number
  readonly deletedCount: number
  /** The count of records that the array has room for. */
  readonly capacity: number
  /** File offset of the deletion bits; 0 if nothing was ever deleted. */
  readonly liveBitsOffset: number
  readonly liveBitsBytes: number
  /** File offset of the checksums; 0 if the store has none. */
  readonly checksumsOffset: number
  /** Hexadecimal salt of the journal with the commits after this one, or of the last journal that was ended. */
  readonly journalSalt: string
  /** The segment with the next commit; 0 if there is no journal. */
  readonly journalSegment: number
  /** File offset of that segment in the journal. */
  readonly journalOffset: number
  /** 1 for a root without definitions, written by a library of version 1; new roots have the present version. */
  readonly formatVersion: number
  /** Hexadecimal: the history that the commit belongs to. It differs in two copies of a store that are both changed. */
  readonly lineage: string
  /** The definitions of the store's indexes (indexes/keys/index-definition.ts), JSON; '' if it has none. */
  readonly definitions: string
}

/** The fields of a root without a journal. The salt stays, and marks the journal that was ended. */
export const NO_JOURNAL = { journalSegment: 0, journalOffset: 0 } as const

/** The lineage of a store without a commit, and of roots of version 1. */
export const NO_LINEAGE = '0'.repeat(16)

/** The lineage of a file that is made from the records of another one. */
export function newLineage(): string {
  return randomBytes(8).toString('hex')
}

export const FIRST_ROOT: Root = {
  commitNumber: 0,
  rootNumber: 1,
  size: 0,
  deletedCount: 0,
  capacity: 0,
  liveBitsOffset: 0,
  liveBitsBytes: 0,
  checksumsOffset: 0,
  journalSalt: '0'.repeat(16),
  ...NO_JOURNAL,
  formatVersion: FORMAT_VERSION,
  lineage: NO_LINEAGE,
  definitions: '',
}

/**
 * Stores a root onto the page of its number. The caller syncs before and after.
 * @throws ERR_STRIDE_LIMIT if the index definitions do not fit; nothing is stored then
 */
export function writeRoot(file: PlatformFile, root: Root): void {
  // A root of version 1 that is stored again onto its own page keeps its bytes, since a changed form could be torn.
  const isOld = root.formatVersion === 1
  const definitions = packDefinitions(isOld ? '' : root.definitions)
  const facts = ROOT.encode({
    ...root,
    magic: Buffer.from(isOld ? ROOT_MAGIC_1 : ROOT_MAGIC),
    formatVersion: isOld ? 0 : root.formatVersion,
    journalSalt: Buffer.from(root.journalSalt, 'hex'),
    lineage: Buffer.from(root.lineage, 'hex'),
    definitionsBytes: definitions.length,
    definitionsCrc: crc32(definitions),
  })
  // A single store: a crash leaves the whole root, or one with a wrong checksum.
  file.store(Buffer.concat([facts, definitions]), pageOf(root.rootNumber))
}

/** The page that the root with this number is written to. */
export function pageOf(rootNumber: number): number {
  return ROOT_OFFSETS[(rootNumber % 2) as 0 | 1]
}

/** One root page. */
export interface RootPage {
  readonly offset: number
  /** Undefined if a checksum or the magic is wrong. */
  readonly root: Root | undefined
}

/** @throws ERR_STRIDE_TRUNCATED, _FORMAT_NEWER */
export function readRootPages(file: PlatformFile): readonly RootPage[] {
  return ROOT_OFFSETS.map(offset => {
    const bytes = Buffer.alloc(PAGE_BYTES)
    if (file.read(bytes, offset) < PAGE_BYTES) throw truncated(file.path, offset + PAGE_BYTES, file.size())
    return { offset, root: rootFrom(bytes, file.path, offset) }
  })
}

function rootFrom(page: Buffer, path: string, offset: number): Root | undefined {
  const facts = page.subarray(0, ROOT.size)
  const { magic, journalSalt, lineage, definitionsBytes, definitionsCrc, ...counts } = ROOT.decode(facts)
  const name = Buffer.from(magic).toString('latin1')
  if (!ROOT.isIntact(facts) || (name !== ROOT_MAGIC && name !== ROOT_MAGIC_1)) return undefined
  const formatVersion = name === ROOT_MAGIC_1 ? 1 : counts.formatVersion
  if (formatVersion > FORMAT_VERSION) {
    const message = `${path} has format version ${formatVersion}; this library knows up to ${FORMAT_VERSION}`
    throw new StrideError('ERR_STRIDE_FORMAT_NEWER', message, { path, offset })
  }
  if (definitionsBytes > DEFINITIONS_BYTES_MAX || !Object.values(counts).every(isCount)) return undefined
  const packed = page.subarray(DEFINITIONS_AT, DEFINITIONS_AT + definitionsBytes)
  if (crc32(packed) !== definitionsCrc) return undefined
  return {
    ...counts,
    formatVersion,
    journalSalt: Buffer.from(journalSalt).toString('hex'),
    lineage: Buffer.from(lineage).toString('hex'),
    definitions: unpackDefinitions(packed),
  }
}

/** The counts of a commit. */
export type CommitCounts = Pick<Root, 'commitNumber' | 'size' | 'deletedCount'>

/** The committed state that is stored in the data file. */
export type AppliedState = CommitCounts & Pick<Root, 'lineage'>

/** Whether a value is a count that stays a safe integer, however often it is raised. */
function isCount(value: number): boolean {
  return value >= 0 && value < 2 ** 52
}

/** The valid root. @throws ERR_STRIDE_CORRUPT if neither copy is whole, _FORMAT_NEWER, _TRUNCATED */
export function readRoot(file: PlatformFile, addressing: Addressing): Root {
  let newest: Root | undefined
  for (const { root } of readRootPages(file)) {
    if (root !== undefined && (newest === undefined || root.rootNumber > newest.rootNumber)) newest = root
  }
  if (newest === undefined) throw corrupt(file.path, ROOT_OFFSETS[0], 'both roots fail their checksums')
  checkRoot(file, addressing, newest)
  return newest
}

/** The smallest size of a file with this root. */
export function fileEnd(
  addressing: Addressing,
  root: Pick<Root, 'capacity' | 'liveBitsOffset' | 'liveBitsBytes' | 'checksumsOffset'>,
): number {
  const arrayEnd = addressing.dataOffset + root.capacity * addressing.stride
  const liveBitsEnd = root.liveBitsOffset === 0 ? 0 : root.liveBitsOffset + root.liveBitsBytes
  const checksumsEnd = root.checksumsOffset === 0 ? 0 : root.checksumsOffset + checksumTableBytes(root.capacity)
  return Math.max(arrayEnd, liveBitsEnd, checksumsEnd)
}

function checkRoot(file: PlatformFile, addressing: Addressing, root: Root): void {
  const offset = pageOf(root.rootNumber)
  if (root.size > root.capacity || root.deletedCount > root.size || root.capacity > recordsMax(addressing)) {
    const counts = `size ${root.size}, deleted ${root.deletedCount}, capacity ${root.capacity}`
    throw corrupt(file.path, offset, `impossible counts in the root: ${counts}`)
  }
  if (root.liveBitsOffset !== 0) {
    const arrayEnd = addressing.dataOffset + root.capacity * addressing.stride
    if (root.liveBitsOffset < arrayEnd || root.liveBitsBytes < Math.ceil(root.capacity / 8)) {
      throw corrupt(
        file.path,
        offset,
        `the deletion bits at ${root.liveBitsOffset} do not lie behind the array`,
      )
    }
  } else if (root.deletedCount > 0) {
    throw corrupt(file.path, offset, `${root.deletedCount} records are deleted but there are no deletion bits`)
  }
  if (
    root.checksumsOffset !== 0 &&
    root.checksumsOffset < addressing.dataOffset + root.capacity * addressing.stride
  ) {
    throw corrupt(file.path, offset, `the checksums at ${root.checksumsOffset} do not lie behind the array`)
  }
  const end = fileEnd(addressing, root)
  const size = file.size()
  if (size < end) {
    const message = `${file.path} is cut short: ${size} bytes, ${end} needed for ${root.size} records`
    throw new StrideError('ERR_STRIDE_TRUNCATED', message, { path: file.path, offset: size })
  }
}
