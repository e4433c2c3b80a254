/**
 * The definitions of a store's indexes as a root has them: JSON in raw deflate (RFC 1951).
 *
 * Each root has them, and they seldom change. The last few results are cached in both directions, since zlib takes longer than the rest of
 * a root.
 */

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { StrideError } from '../../errors.ts'
import { DEFINITIONS_BYTES_MAX } from './store-format.ts'

const KEPT_MAX = 8
const EMPTY = new Uint8Array(0)
const packed = new Map<string, Uint8Array>()
const unpacked = new Map<string, string>()

/** @returns shared bytes, which must not be changed @throws ERR_STRIDE_LIMIT if a root has no room for them */
export function packDefinitions(definitions: string): Uint8Array {
  if (definitions === '') return EMPTY
  const bytes = packed.get(definitions) ?? keep(packed, definitions, deflateRawSync(definitions))
  if (bytes.length <= DEFINITIONS_BYTES_MAX) return bytes
  const message = `The definitions of all indexes together take at most ${DEFINITIONS_BYTES_MAX} bytes, deflated: ${bytes.length}`
  throw new StrideError('ERR_STRIDE_LIMIT', message)
}

/** @param bytes intact by the root's checksum */
export function unpackDefinitions(bytes: Buffer): string {
  if (bytes.length === 0) return ''
  const key = bytes.toString('latin1')
  return unpacked.get(key) ?? keep(unpacked, key, inflateRawSync(bytes).toString())
}

function keep<V>(kept: Map<string, V>, key: string, value: V): V {
  if (kept.size === KEPT_MAX) kept.clear()
  kept.set(key, value)
  return value
}
