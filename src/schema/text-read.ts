/**
 * How does generated code turn fixed text into a string, fast?
 *
 * text-field.ts is the simple reference, and tests compare both. The end of a text is searched four bytes at a time, which also
 * shows whether all of it is ASCII. Up to SHORT_MAX characters go through String.fromCharCode with as many arguments, which allocates
 * only the string. Longer texts go through Buffer's slices, a call into C++ (35 ns hot, whatever the length). Strings are flat and
 * own their characters: no rope, and no slice that keeps a larger text alive.
 */

/** Methods of Buffer that its types leave out: toString and write for one encoding. */
export interface TextBuffer extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** The longest text that goes through String.fromCharCode. For a longer one a slice is as fast. */
const SHORT_MAX = 32

type ShortText = (bytes: Uint8Array, offset: number, length: number) => string

/** Reads a text of at most `length` bytes at `offset`. `view` and `bytes` show the same memory. */
export type TextReader = (view: DataView, bytes: TextBuffer, offset: number, length: number) => string

export interface TextReaders {
  /** One byte a character: ascii and latin1. */
  readonly zeroPaddedBytes: TextReader
  readonly spacePaddedBytes: TextReader
  readonly zeroPaddedUtf8: TextReader
  readonly spacePaddedUtf8: TextReader
}

/** @throws EvalError where code generation is forbidden */
export function makeTextReaders(): TextReaders {
  const shortText = makeShortText()
  return {
    zeroPaddedBytes(view, bytes, offset, length) {
      const scanned = scan(view, offset, length)
      const n = scanned < 0 ? -1 - scanned : scanned
      return n <= SHORT_MAX ? shortText(bytes, offset, n) : bytes.latin1Slice(offset, offset + n)
    },
    spacePaddedBytes(_view, bytes, offset, length) {
      const n = spaceEnd(bytes, offset, length)
      return n <= SHORT_MAX ? shortText(bytes, offset, n) : bytes.latin1Slice(offset, offset + n)
    },
    zeroPaddedUtf8(view, bytes, offset, length) {
      const n = scan(view, offset, length)
      if (n < 0) return bytes.utf8Slice(offset, offset - 1 - n)
      return n <= SHORT_MAX ? shortText(bytes, offset, n) : bytes.latin1Slice(offset, offset + n)
    },
    spacePaddedUtf8(_view, bytes, offset, length) {
      return bytes.utf8Slice(offset, offset + spaceEnd(bytes, offset, length))
    },
  }
}

/**
 * Length of a NUL-padded text in [offset, offset + length): n when all of it is ASCII, -1 - n otherwise.
 * Finding a zero byte in a word: Mycroft's (w - 0x01010101) & ~w & 0x80808080, whose lowest bit is exact.
 */
function scan(view: DataView, offset: number, length: number): number {
  const wordsEnd = offset + (length & ~3)
  let high = 0
  let at = offset
  while (at < wordsEnd) {
    const word = view.getUint32(at, true)
    const zero = (word - 0x01010101) & ~word & 0x80808080
    if (zero !== 0) {
      const last = (31 - Math.clz32(zero & -zero)) >> 3
      const before = word & ((1 << (last << 3)) - 1)
      const n = at + last - offset
      return ((high | before) & 0x80808080) === 0 ? n : -1 - n
    }
    high |= word
    at += 4
  }
  const end = offset + length
  while (at < end) {
    const byte = view.getUint8(at)
    if (byte === 0) break
    high |= byte
    at++
  }
  return (high & 0x80808080) === 0 ? at - offset : -1 - (at - offset)
}

function spaceEnd(bytes: Uint8Array, offset: number, length: number): number {
  let n = length
  while (n > 0 && bytes[offset + n - 1] === 0x20) n--
  return n
}

/** A switch over the length, with one call of fromCharCode for each. Spreading an array into the call costs ten times as much. */
function makeShortText(): ShortText {
  const cases = Array.from({ length: SHORT_MAX }, (_, i) => {
    const characters = Array.from({ length: i + 1 }, (_, k) => `b[o+${k}]`).join(',')
    return `case ${i + 1}:return c(${characters});`
  })
  const source = `return function shortText(b,o,n){switch(n){${cases.join('\n')}default:return ''}}`
  return new Function('c', source)(String.fromCharCode) as ShortText
}
