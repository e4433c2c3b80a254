/**
 * How does an opener know that shared memory holds records of its schema? A header before the blocks has the layout as text.
 *
 *   RH1  the header is written before the memory counts as initialised, and never changes.
 *   RH2  another layout or another number of records is refused, with each field that differs.
 */

import { StrideError } from '../../errors.ts'
import { diffLayouts, type Layout, layoutFromCanonical } from '../../schema/index.ts'

/** "SREC" */
const MAGIC = 0x43455253
const VERSION = 1
/** Positions of 32-bit words. The text of the layout follows them. */
const WORDS = { magic: 0, version: 1, countLow: 2, countHigh: 3, textBytes: 4 } as const
const TEXT_AT = 32
/** Blocks begin at a multiple of a cache line. */
const LINE_BYTES = 64

/** Bytes of the header; the blocks follow. */
export function headerBytes(layout: Layout): number {
  return Math.ceil((TEXT_AT + Buffer.byteLength(layout.canonical)) / LINE_BYTES) * LINE_BYTES
}

/** Writes the header into zeroed memory. */
export function writeHeader(bytes: Uint8Array, layout: Layout, count: number): void {
  const view = viewOf(bytes)
  const text = Buffer.from(layout.canonical)
  view.setUint32(WORDS.magic * 4, MAGIC, true)
  view.setUint32(WORDS.version * 4, VERSION, true)
  view.setUint32(WORDS.countLow * 4, count % 2 ** 32, true)
  view.setUint32(WORDS.countHigh * 4, Math.floor(count / 2 ** 32), true)
  view.setUint32(WORDS.textBytes * 4, text.length, true)
  bytes.set(text, TEXT_AT)
}

/** @param size what the memory has to have @throws ERR_STRIDE_SCHEMA_MISMATCH, _NAME_TAKEN, _FORMAT_NEWER */
export function checkHeader(
  bytes: Uint8Array,
  name: string,
  layout: Layout,
  count: number,
  size: number,
): void {
  const view = viewOf(bytes)
  const word = (n: number): number => view.getUint32(n * 4, true)
  if (bytes.length < TEXT_AT || word(WORDS.magic) !== MAGIC || TEXT_AT + word(WORDS.textBytes) > bytes.length)
    throw new StrideError('ERR_STRIDE_NAME_TAKEN', `Shared memory '${name}' does not hold records`)
  if (word(WORDS.version) > VERSION) {
    const message = `Shared memory '${name}' was created by a newer version of the library: ${word(WORDS.version)}`
    throw new StrideError('ERR_STRIDE_FORMAT_NEWER', message)
  }
  const text = Buffer.from(bytes.subarray(TEXT_AT, TEXT_AT + word(WORDS.textBytes))).toString()
  const differences = text === layout.canonical ? [] : [...diffLayouts(layoutFromCanonical(text), layout)]
  const countThere = word(WORDS.countLow) + word(WORDS.countHigh) * 2 ** 32
  if (countThere !== count) differences.push(`it has ${countThere} records, not ${count}`)
  if (differences.length > 0) {
    const message = `Shared memory '${name}' has another layout: ${differences.join('; ')}`
    throw new StrideError('ERR_STRIDE_SCHEMA_MISMATCH', message)
  }
  if (bytes.length < size)
    throw new StrideError(
      'ERR_STRIDE_CORRUPT',
      `Shared memory '${name}' has ${bytes.length} bytes, not ${size}`,
    )
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
