/**
 * How are values written as text in a file? For cells of CSV, and for texts in JSON.
 */

/** The order of day, month and year, or a count since 1970. */
export type DateFormat = 'iso' | 'dmy' | 'mdy' | 'unix' | 'unixMs'
/** How a field of bytes is written. */
export type BytesFormat = 'hex' | 'base64'
/** The encoding of a text file. */
export type TextFileEncoding = 'utf8' | 'latin1'

export interface TextFormat {
  readonly decimal: '.' | ','
  readonly dates: DateFormat
  readonly bytes: BytesFormat
  readonly encoding: TextFileEncoding
}
