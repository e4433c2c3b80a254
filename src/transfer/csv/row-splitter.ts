/**
 * Where do the rows and cells of a CSV file begin and end? Bytes are looked at once, and nothing is decoded.
 *
 * The grammar is that of RFC 4180, with any delimiter of one byte:
 *   SX1  a row ends with LF, CR or CR LF, or with the file. An empty line is no row where rows have several columns.
 *   SX2  a cell that begins with the quote ends at the next single quote. Two quotes in it stand for one; it may contain delimiters and
 *        line ends.
 *   SX3  a quote inside another cell, and anything but a delimiter or line end behind a closing quote, make a row malformed. The row still
 *        ends where it would otherwise.
 *   SX4  memory is bounded: of a row longer than `rowBytesMax` only its beginning is kept.
 * What the cells mean: ../fields/.
 */

const LF = 10
const CR = 13

/** How a cell was written. */
export const PLAIN = 0
export const QUOTED = 1
/** Quoted, with two quotes that stand for one. */
export const DOUBLED = 2

export interface Dialect {
  /** A byte. */
  readonly delimiter: number
  /** A byte; -1 for none. */
  readonly quote: number
}

const ORDINARY = 0
const FIRST_CELLS = 64

export class RowSplitter {
  /** The bytes that positions of cells refer to. Valid until the next `push`. */
  bytes: Buffer = Buffer.alloc(0)
  /** Cell i of the row lies in [starts[i], ends[i]), without its quotes. */
  starts = new Int32Array(FIRST_CELLS)
  ends = new Int32Array(FIRST_CELLS)
  kinds = new Uint8Array(FIRST_CELLS)
  /** How many cells the row has. */
  count = 0
  /** What is malformed about the row; undefined if nothing is. */
  malformed: string | undefined
  /** The row lies in [rowStart, rowEnd), without its line end. */
  rowStart = 0
  rowEnd = 0
  /** The line that the row begins in, from 1. */
  line = 0
  /** Bytes of the source before the next row. */
  position: number

  readonly #quote: number
  readonly #classes = new Uint8Array(256)
  readonly #rowBytesMax: number
  readonly #delimiter: number
  #at = 0
  #end = 0
  #isLast = false
  /** The line that the next row begins in. */
  #nextLine: number
  /** Whether the rest of a row that was too long is being skipped, and whether it is inside quotes. */
  #skipping: 'no' | 'plain' | 'quoted' = 'no'

  constructor({ delimiter, quote }: Dialect, rowBytesMax: number, position = 0, line = 1) {
    this.#delimiter = delimiter
    this.#quote = quote
    this.#rowBytesMax = rowBytesMax
    for (const byte of [LF, CR, delimiter]) this.#classes[byte] = 1
    if (quote >= 0) this.#classes[quote] = 1
    this.position = position
    this.#nextLine = line
  }

  /** Adds bytes behind those that are not split yet. They are copied. */
  push(chunk: Uint8Array): void {
    const rest = this.#end - this.#at
    if (rest === 0 && chunk.length <= this.bytes.length) {
      this.bytes.set(chunk, 0)
    } else if (this.bytes.length >= rest + chunk.length) {
      this.bytes.copyWithin(0, this.#at, this.#end)
      this.bytes.set(chunk, rest)
    } else {
      const bytes = Buffer.allocUnsafeSlow(Math.max(rest + chunk.length, 2 * this.bytes.length))
      this.bytes.copy(bytes, 0, this.#at, this.#end)
      bytes.set(chunk, rest)
      this.bytes = bytes
    }
    this.#at = 0
    this.#end = rest + chunk.length
  }

  /** No more bytes follow: the last row may lack its line end. */
  finish(): void {
    this.#isLast = true
  }

  /** Finds the next row. @returns false if more bytes are needed, or at the end */
  next(): boolean {
    if (this.#skipping !== 'no' && !this.#skip()) return false
    const { bytes } = this
    const end = this.#end
    this.line = this.#nextLine
    this.rowStart = this.#at
    this.malformed = undefined
    let at = this.#at
    let count = 0
    let newLines = 0
    const delimiter = this.#delimiter
    const quote = this.#quote
    const classes = this.#classes
    if (at === end) return false
    let { starts, ends, kinds } = this
    for (;;) {
      if (count === starts.length) {
        this.#moreCells()
        ;({ starts, ends, kinds } = this)
      }
      let from = at
      let to: number
      if (at < end && bytes[at] === quote) {
        // A quoted cell.
        let kind = QUOTED
        from = ++at
        for (;;) {
          while (at < end && bytes[at] !== quote) {
            // A CR LF is counted at its LF.
            if (bytes[at] === LF || (bytes[at] === CR && (at + 1 === end || bytes[at + 1] !== LF))) newLines++
            at++
          }
          if (at === end) {
            if (!this.#isLast) return this.#needMore('quoted')
            this.malformed ??= 'a quote is not closed'
            break
          }
          if (at + 1 === end && !this.#isLast) return this.#needMore('quoted')
          if (bytes[at + 1] !== quote || at + 1 === end) break
          kind = DOUBLED
          at += 2
        }
        to = at
        if (at < end) at++
        kinds[count] = kind
        if (at < end && classes[bytes[at] as number] === ORDINARY) {
          this.malformed ??= 'there is text behind a closing quote'
          while (at < end && classes[bytes[at] as number] === ORDINARY) at++
        }
      } else {
        while (at < end && classes[bytes[at] as number] === ORDINARY) at++
        to = at
        kinds[count] = PLAIN
      }
      // A quote inside a cell.
      while (at < end && bytes[at] === quote) {
        this.malformed ??= 'there is a quote inside a cell that does not begin with one'
        at++
        while (at < end && classes[bytes[at] as number] === ORDINARY) at++
        to = at
      }
      starts[count] = from
      ends[count] = to
      count++
      if (at === end) {
        if (!this.#isLast) return this.#needMore('plain')
        this.rowEnd = at
        break
      }
      const byte = bytes[at] as number
      if (byte === delimiter) {
        at++
        continue
      }
      this.rowEnd = at
      if (byte === CR) {
        if (at + 1 === end && !this.#isLast) return this.#needMore('plain')
        if (at + 1 < end && bytes[at + 1] === LF) at++
      }
      at++
      newLines++
      break
    }
    this.count = count
    this.position += at - this.#at
    this.#at = at
    this.#nextLine += newLines
    return true
  }

  /** The line that the next row begins in. */
  get nextLine(): number {
    return this.#nextLine
  }

  /** Whether the rest of a row that was too long is still to be skipped: `position` is not behind it yet. */
  get isSkipping(): boolean {
    return this.#skipping !== 'no'
  }

  /** Whether the row is an empty line. */
  get isEmptyLine(): boolean {
    return this.count === 1 && this.rowStart === this.rowEnd
  }

  /** The row's text, without its line end. */
  get row(): Buffer {
    return this.bytes.subarray(this.rowStart, this.rowEnd)
  }

  /** The bytes of a cell. One with doubled quotes is a copy. */
  cell(i: number): Buffer {
    const from = this.starts[i] as number
    const to = this.ends[i] as number
    if (this.kinds[i] !== DOUBLED) return this.bytes.subarray(from, to)
    const copy = Buffer.allocUnsafe(to - from)
    return copy.subarray(0, undouble(this.bytes, from, to, this.#quote, copy))
  }

  /** The row is not whole yet. @returns false, or true for a row that is too long */
  #needMore(state: 'plain' | 'quoted'): boolean {
    const length = this.#end - this.#at
    if (length <= this.#rowBytesMax) return false
    this.rowEnd = this.#at + Math.min(length, 1024)
    this.count = 0
    this.malformed = `it is longer than rowBytesMax, ${this.#rowBytesMax} bytes${state === 'quoted' ? ': is a quote not closed?' : ''}`
    // What follows is skipped from here on, byte by byte.
    this.#skipping = 'plain'
    return true
  }

  /** Skips the rest of a row that is too long. @returns false if more bytes are needed */
  #skip(): boolean {
    const { bytes } = this
    const end = this.#end
    let at = this.#at
    let isQuoted = this.#skipping === 'quoted'
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === this.#quote) isQuoted = !isQuoted
      if (byte !== LF && byte !== CR) continue
      if (byte === CR && at + 1 === end && !this.#isLast) break
      if (byte === CR && at + 1 < end && bytes[at + 1] === LF) at++
      this.#nextLine++
      if (!isQuoted) {
        at++
        this.#skipping = 'no'
        this.position += at - this.#at
        this.#at = at
        return true
      }
    }
    this.#skipping = isQuoted ? 'quoted' : 'plain'
    this.position += at - this.#at
    this.#at = at
    return false
  }

  #moreCells(): void {
    const grown = <A extends Int32Array | Uint8Array>(old: A, into: A): A => {
      into.set(old)
      return into
    }
    const length = 2 * this.starts.length
    this.starts = grown(this.starts, new Int32Array(length))
    this.ends = grown(this.ends, new Int32Array(length))
    this.kinds = grown(this.kinds, new Uint8Array(length))
  }
}

/** Copies a cell, with one quote for each two. @returns how many bytes it has */
export function undouble(bytes: Buffer, from: number, to: number, quote: number, into: Uint8Array): number {
  let length = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    into[length++] = byte
    if (byte === quote) i++
  }
  return length
}
