/**
 * Does a text file begin with a byte order mark, and is it a text that can be read byte by byte?
 *
 *   BY1  UTF-16 and UTF-32 are refused by name: with a mark, and without one where every second byte of the beginning is zero. NUL bytes
 *        elsewhere belong to the text.
 */

import { StrideError } from '../../errors.ts'

const MARK_UTF8 = [0xef, 0xbb, 0xbf] as const
/** Bytes that are looked at. */
export const START_BYTES = 64

/** @param start the first bytes of the file @returns how many of them are a mark to skip @throws ERR_STRIDE_SOURCE */
export function textStartOf(start: Uint8Array, path: string | undefined): number {
  const [a, b, c, d] = start
  if (a === 0xff && b === 0xfe) throw refused(c === 0 && d === 0 ? 'UTF-32' : 'UTF-16', path)
  if (a === 0xfe && b === 0xff) throw refused('UTF-16', path)
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) throw refused('UTF-32', path)
  if (isHalfZero(start, 0) || isHalfZero(start, 1)) throw refused('UTF-16', path)
  return MARK_UTF8.every((byte, i) => start[i] === byte) ? MARK_UTF8.length : 0
}

/** Whether each byte at `parity` is zero and none of the others is, in at least four characters. */
function isHalfZero(start: Uint8Array, parity: 0 | 1): boolean {
  const length = Math.min(start.length, START_BYTES) & ~1
  if (length < 8) return false
  for (let i = 0; i < length; i++) if ((start[i] === 0) !== (i % 2 === parity)) return false
  return true
}

function refused(encoding: string, path: string | undefined): StrideError {
  const message = `${path ?? 'The source'} is ${encoding} text: convert it to UTF-8 first, as with iconv -f ${encoding} -t UTF-8`
  return new StrideError('ERR_STRIDE_SOURCE', message, path === undefined ? {} : { path })
}
