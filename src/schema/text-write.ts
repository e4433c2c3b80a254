/**
 * How does generated code turn a string into fixed text, fast?
 *
 * Each writer fills the whole field, padding included, and returns whether the text fits. If not, the written bytes do not matter.
 * Why a text does not fit: fit.ts.
 */

/** Writes `text` into [offset, offset + length). @returns false if it does not fit, or is no string */
export type TextWriter = (
  text: unknown,
  view: DataView,
  bytes: Buffer,
  offset: number,
  length: number,
) => boolean

export interface TextWriters {
  readonly zeroPaddedAscii: TextWriter
  readonly zeroPaddedLatin1: TextWriter
  readonly zeroPaddedUtf8: TextWriter
  readonly spacePaddedAscii: TextWriter
  readonly spacePaddedLatin1: TextWriter
  readonly spacePaddedUtf8: TextWriter
}

export const textWriters: TextWriters = {
  zeroPaddedAscii(text, view, bytes, offset, length) {
    if (typeof text !== 'string' || text.length > length) return false
    const n = text.length
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i)
      // One comparison finds NUL and every character beyond ASCII.
      if ((code - 1) >>> 0 > 0x7e) return false
      bytes[offset + i] = code
    }
    padZero(view, offset + n, offset + length)
    return true
  },
  zeroPaddedLatin1(text, view, bytes, offset, length) {
    if (typeof text !== 'string' || text.length > length) return false
    const n = text.length
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i)
      if ((code - 1) >>> 0 > 0xfe) return false
      bytes[offset + i] = code
    }
    padZero(view, offset + n, offset + length)
    return true
  },
  zeroPaddedUtf8(text, view, bytes, offset, length) {
    if (typeof text !== 'string' || text.length > length) return false
    const n = text.length
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i)
      if ((code - 1) >>> 0 > 0x7e) {
        if (code === 0 || text.includes('\0')) return false
        const end = wideUtf8(text, bytes, offset, length)
        if (end < 0) return false
        padZero(view, end, offset + length)
        return true
      }
      bytes[offset + i] = code
    }
    padZero(view, offset + n, offset + length)
    return true
  },
  spacePaddedAscii(text, _view, bytes, offset, length) {
    return spacePadded(text, bytes, offset, length, 0x7f)
  },
  spacePaddedLatin1(text, _view, bytes, offset, length) {
    return spacePadded(text, bytes, offset, length, 0xff)
  },
  spacePaddedUtf8(text, _view, bytes, offset, length) {
    if (typeof text !== 'string' || text.length > length || text.endsWith(' ')) return false
    const end = wideUtf8(text, bytes, offset, length)
    if (end < 0) return false
    padSpace(bytes, end, offset + length)
    return true
  },
}

function spacePadded(text: unknown, bytes: Buffer, offset: number, length: number, codeMax: number): boolean {
  if (typeof text !== 'string' || text.length > length || text.endsWith(' ')) return false
  const n = text.length
  for (let i = 0; i < n; i++) {
    const code = text.charCodeAt(i)
    if (code > codeMax) return false
    bytes[offset + i] = code
  }
  padSpace(bytes, offset + n, offset + length)
  return true
}

const LONE_SURROGATE = /\p{Surrogate}/u

/** @returns the offset behind the text, or -1 when it does not fit */
function wideUtf8(text: string, bytes: Buffer, offset: number, length: number): number {
  if (LONE_SURROGATE.test(text) || Buffer.byteLength(text) > length) return -1
  return offset + bytes.write(text, offset, length, 'utf8')
}

function padZero(view: DataView, from: number, to: number): void {
  let at = from
  const wordsEnd = to - 7
  while (at < wordsEnd) {
    view.setFloat64(at, 0, true)
    at += 8
  }
  while (at < to) view.setUint8(at++, 0)
}

function padSpace(bytes: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at++) bytes[at] = 0x20
}
