/**
 * Which store is a file, and what is its layout? The part of the header that is written once.
 *
 * Reading checks size, magic, version, checksums and offsets before anything is used. The mutable part: root.ts. The tables:
 * store-format.ts.
 */

import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { StrideError } from '../../errors.ts'
import type { PlatformFile } from '../../mmap/platform.ts'
import {
  dataOffsetFor,
  FORMAT_VERSION,
  IDENTITY,
  IDENTITY_OFFSET,
  LAYOUT_BYTES_MAX,
  LAYOUT_OFFSET,
  MAGIC,
} from './store-format.ts'

/** Counts stay safe integers, however often they are raised. */
const GENERATION_MAX = 2 ** 52

export interface Identity {
  readonly recordSize: number
  /** File offset of record 0. */
  readonly dataOffset: number
  /** The canonical layout, JSON text. */
  readonly canonicalLayout: string
  /** SHA-256 of the canonical layout, 64 hexadecimal digits. */
  readonly fingerprint: string
  /** 32 hexadecimal digits. */
  readonly storeId: string
  readonly generation: number
  readonly createdMs: number
  /** Whether the checksum table marks deleted records (CK2 of checksums.ts). */
  readonly marksDeleted: boolean
}

/** A fresh identity for a layout. @throws ERR_STRIDE_LIMIT */
export function newIdentity(
  layout: { readonly recordSize: number; readonly canonical: string; readonly fingerprint: string },
  previous?: { readonly storeId: string; readonly generation: number },
): Identity {
  const layoutBytes = Buffer.byteLength(layout.canonical)
  if (layoutBytes > LAYOUT_BYTES_MAX) {
    throw new StrideError(
      'ERR_STRIDE_LIMIT',
      `The layout takes more than ${LAYOUT_BYTES_MAX} bytes: ${layoutBytes}`,
    )
  }
  return {
    recordSize: layout.recordSize,
    dataOffset: dataOffsetFor(layoutBytes),
    canonicalLayout: layout.canonical,
    fingerprint: layout.fingerprint,
    storeId: previous?.storeId ?? randomBytes(16).toString('hex'),
    generation: previous === undefined ? 0 : previous.generation + 1,
    createdMs: Date.now(),
    marksDeleted: true,
  }
}

/** Stores identity page and layout into a new file. */
export function writeIdentity(file: PlatformFile, identity: Identity): void {
  const layout = Buffer.from(identity.canonicalLayout)
  const page = IDENTITY.encode({
    magic: Buffer.from(MAGIC),
    formatVersion: FORMAT_VERSION,
    recordSize: identity.recordSize,
    dataOffset: identity.dataOffset,
    layoutBytes: layout.length,
    layoutCrc: crc32(layout),
    fingerprint: Buffer.from(identity.fingerprint, 'hex'),
    storeId: Buffer.from(identity.storeId, 'hex'),
    generation: identity.generation,
    createdMs: identity.createdMs,
    marksDeleted: identity.marksDeleted ? 1 : 0,
  })
  file.store(layout, LAYOUT_OFFSET)
  file.store(page, IDENTITY_OFFSET)
}

/** @throws ERR_STRIDE_NOT_A_STORE, _FORMAT_NEWER, _TRUNCATED, _CORRUPT with path and offset */
export function readIdentity(file: PlatformFile): Identity {
  const { path } = file
  const page = new Uint8Array(IDENTITY.size)
  const got = file.read(page, IDENTITY_OFFSET)
  if (got < MAGIC.length || Buffer.from(page.buffer, 0, MAGIC.length).toString('latin1') !== MAGIC) {
    throw notAStore(path, Buffer.from(page.buffer, 0, Math.min(got, MAGIC.length)))
  }
  const values = IDENTITY.decode(page)
  if (values.formatVersion > FORMAT_VERSION) {
    const message = `${path} has format version ${values.formatVersion}; this library knows up to ${FORMAT_VERSION}`
    throw new StrideError('ERR_STRIDE_FORMAT_NEWER', message, {
      path,
      offset: IDENTITY.at.formatVersion,
    })
  }
  if (got < IDENTITY.size) throw truncated(path, IDENTITY.size, got)
  if (!IDENTITY.isIntact(page)) throw corrupt(path, IDENTITY_OFFSET, 'the identity page fails its checksum')
  if (values.layoutBytes > LAYOUT_BYTES_MAX)
    throw corrupt(path, IDENTITY.at.layoutBytes, `impossible layout size ${values.layoutBytes}`)
  if (values.dataOffset !== dataOffsetFor(values.layoutBytes) || values.recordSize < 1) {
    throw corrupt(
      path,
      IDENTITY.at.recordSize,
      `impossible record size ${values.recordSize} or data offset ${values.dataOffset}`,
    )
  }

  if (values.generation >= GENERATION_MAX)
    throw corrupt(path, IDENTITY.at.generation, `impossible generation ${values.generation}`)

  const layout = Buffer.alloc(values.layoutBytes)
  const layoutGot = file.read(layout, LAYOUT_OFFSET)
  if (layoutGot < layout.length) throw truncated(path, LAYOUT_OFFSET + layout.length, LAYOUT_OFFSET + layoutGot)
  if (crc32(layout) !== values.layoutCrc) throw corrupt(path, LAYOUT_OFFSET, 'the layout fails its checksum')
  return {
    recordSize: values.recordSize,
    dataOffset: values.dataOffset,
    canonicalLayout: layout.toString(),
    fingerprint: Buffer.from(values.fingerprint).toString('hex'),
    storeId: Buffer.from(values.storeId).toString('hex'),
    generation: values.generation,
    createdMs: values.createdMs,
    marksDeleted: values.marksDeleted === 1,
  }
}

/** The error for a file that is too short. */
export function truncated(path: string, expected: number, found: number): StrideError {
  return new StrideError('ERR_STRIDE_TRUNCATED', `${path} is cut short: ${found} bytes, ${expected} needed`, {
    path,
    offset: found,
  })
}

/** The error for impossible bytes. */
export function corrupt(path: string, offset: number, what: string): StrideError {
  return new StrideError('ERR_STRIDE_CORRUPT', `${path} is damaged at offset ${offset}: ${what}`, {
    path,
    offset,
  })
}

function notAStore(path: string, start: Buffer): StrideError {
  const message =
    start.length === 0
      ? `Not a store: ${path} is empty. Remove it, and opening with a schema creates a store of this name`
      : `Not a store: ${path} begins with the bytes 0x${start.toString('hex')} instead of '${MAGIC}'. openFlatFile opens files of other programs`
  return new StrideError('ERR_STRIDE_NOT_A_STORE', message, { path, offset: 0 })
}
