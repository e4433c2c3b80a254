/**
 * The mutable root: how many records are committed, and where the live bits lie.
 *
 * Two copies on pages of their own are written in turn, never the one that is known to be durable, so that a
 * torn write leaves the other one whole. The copy with the higher root number and a right checksum counts.
 */

import { StrideError } from '../errors.ts'
import type { PlatformFile } from '../mmap/platform.ts'
import { type Addressing, recordsMax } from './addressing.ts'
import { CHECKSUM_BYTES } from './checksums.ts'
import { PAGE_BYTES, ROOT, ROOT_MAGIC, ROOT_OFFSETS } from './format.ts'
import { corrupt, truncated } from './header.ts'

/** What one root says. All counts are safe integers. */
export interface Root {
  readonly commitNumber: number
  readonly rootNumber: number
  /** Record numbers in use: the highest plus 1. */
  readonly size: number
  readonly deletedCount: number
  /** Records that the array has room for. */
  readonly capacity: number
  /** File offset of the live bits; 0 where nothing was ever deleted. */
  readonly liveBitsOffset: number
  readonly liveBitsBytes: number
  /** File offset of the checksums; 0 where the store has none. */
  readonly checksumsOffset: number
  /** Hexadecimal salt of the journal that holds the commits after this one, or of the last one that was ended. */
  readonly journalSalt: string
  /** The segment that holds the next commit; 0 where there is no journal. */
  readonly journalSegment: number
  /** Where in the journal that segment begins, bytes. */
  readonly journalOffset: number
}

/** What a root says where there is no journal. The salt stays: a file that still has it means nothing any more. */
export const NO_JOURNAL = { journalSegment: 0, journalOffset: 0 } as const

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
}

/** Stores a root onto the page that its number names; the caller syncs before and after. */
export function writeRoot(file: PlatformFile, root: Root): void {
  const magic = Buffer.from(ROOT_MAGIC)
  const journalSalt = Buffer.from(root.journalSalt, 'hex')
  file.store(ROOT.encode({ ...root, magic, journalSalt }), pageOf(root.rootNumber))
}

/** The page that the root with this number is written to. */
export function pageOf(rootNumber: number): number {
  return ROOT_OFFSETS[(rootNumber % 2) as 0 | 1]
}

/** What one root page holds. */
export interface RootPage {
  readonly offset: number
  /** Undefined where the checksum or the magic is wrong. */
  readonly root: Root | undefined
}

export function readRootPages(file: PlatformFile): readonly RootPage[] {
  return ROOT_OFFSETS.map(offset => {
    const bytes = new Uint8Array(ROOT.size)
    if (file.read(bytes, offset) < ROOT.size) throw truncated(file.path, offset + ROOT.size, file.size())
    const { magic, journalSalt, ...rest } = ROOT.decode(bytes)
    const isOurs = ROOT.isIntact(bytes) && Buffer.from(magic).toString('latin1') === ROOT_MAGIC
    const intact = isOurs && Object.values(rest).every(isCount)
    const root = { ...rest, journalSalt: Buffer.from(journalSalt).toString('hex') }
    return { offset, root: intact ? root : undefined }
  })
}

/** Counts are safe integers, and stay so for as long as anybody counts on. */
function isCount(value: number): boolean {
  return value >= 0 && value < 2 ** 52
}

/** The root that counts. @throws ERR_STRIDE_CORRUPT where neither copy is whole */
export function readRoot(file: PlatformFile, addressing: Addressing): Root {
  let newest: Root | undefined
  for (const { root } of readRootPages(file)) {
    if (root !== undefined && (newest === undefined || root.rootNumber > newest.rootNumber)) newest = root
  }
  if (newest === undefined) throw corrupt(file.path, ROOT_OFFSETS[0], 'both roots fail their checksums')
  checkRoot(file, addressing, newest)
  return newest
}

/** Where a file with this root must reach at least. */
export function fileEnd(
  addressing: Addressing,
  root: Pick<Root, 'capacity' | 'liveBitsOffset' | 'liveBitsBytes' | 'checksumsOffset'>,
): number {
  const arrayEnd = addressing.dataOffset + root.capacity * addressing.stride
  const liveBitsEnd = root.liveBitsOffset === 0 ? 0 : root.liveBitsOffset + root.liveBitsBytes
  const checksumsEnd =
    root.checksumsOffset === 0 ? 0 : root.checksumsOffset + Math.max(PAGE_BYTES, root.capacity * CHECKSUM_BYTES)
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
      throw corrupt(file.path, offset, `the live bits at ${root.liveBitsOffset} do not lie behind the array`)
    }
  } else if (root.deletedCount > 0) {
    throw corrupt(file.path, offset, `${root.deletedCount} records are deleted but there are no live bits`)
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
