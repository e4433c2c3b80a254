/**
 * The places of the records of a flat file, from options or from functions of the file's header.
 *
 *   FP1  numbers from a header are checked against the size of the file before any record is read, like those from options.
 * Reading and changing the records: flat-file.ts.
 */

import { StrideError } from '../errors.ts'
import type { PlatformFile } from '../mmap/platform.ts'
import type { Option } from '../options/option-table.ts'
import { shown } from '../options/shown-value.ts'
import type { AnySchema } from '../schema/index.ts'
import { type Addressing, offsetOf } from './format/addressing.ts'
import { truncated } from './format/identity.ts'
import { FLAT_FILE, type FlatFileSettings } from './opening/options.ts'
import { sharedCodec } from './read/codecs.ts'

export interface FlatFilePlace {
  readonly addressing: Addressing
  /** How many records there are. */
  readonly count: number
  /** File offset behind the last byte of a record. */
  readonly end: number
  /** The header, read by its schema; undefined if none was declared. */
  readonly header: unknown
}

/** @throws {StrideError} ERR_STRIDE_PARTIAL_RECORD, _TRUNCATED, _CORRUPT; what a function of the header throws; TypeError, RangeError */
export function placeOf(file: PlatformFile, options: FlatFileSettings, recordSize: number): FlatFilePlace {
  const { header, size } = readHeader(file, options)
  const fromHeader = (name: 'offset' | 'count' | 'stride'): number | undefined => {
    const ask = options.header?.[name]
    if (ask === undefined) return options[name]
    if (options[name] !== undefined)
      throw new TypeError(`openFlatFile takes ${name} once, from its options or from the header`)
    return answerOf(file.path, name, ask(header as never), FLAT_FILE.rows[name])
  }
  const dataOffset = fromHeader('offset') ?? size
  const stride = fromHeader('stride') ?? recordSize
  if (Math.abs(stride) < recordSize) throw tooNear(file.path, options, stride, recordSize)
  const addressing = { dataOffset, stride, recordSize }
  const count = countRecords(file, addressing, fromHeader('count'), options.tail)
  const last = stride > 0 ? count - 1 : 0
  const end = count === 0 ? 0 : offsetOf(addressing, last) + recordSize
  return { addressing, count, end, header }
}

/** @returns the header, and its size in bytes */
function readHeader(file: PlatformFile, options: FlatFileSettings): { header: unknown; size: number } {
  if (options.header === undefined) return { header: undefined, size: 0 }
  const { schema, at, endian = options.endian } = options.header
  const codec = sharedCodec(schema as AnySchema, { align: options.align, endian, validate: false })
  const { recordSize } = codec.layout
  const bytes = Buffer.alloc(recordSize)
  const found = file.read(bytes, at)
  if (found < recordSize) throw truncated(file.path, at + recordSize, file.size())
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { header: codec.decode(view, bytes, 0), size: at + recordSize }
}

/** Checks the result of a function of the header. @throws TypeError if it is no number; ERR_STRIDE_CORRUPT if it is impossible */
function answerOf(path: string, name: string, answer: unknown, row: Option<number>): number {
  const value = typeof answer === 'bigint' ? Number(answer) : answer
  if (typeof value !== 'number') throw new TypeError(`header.${name} must answer a number: ${shown(answer)}`)
  try {
    return row.read(value, name)
  } catch (cause) {
    const message = `The header of ${path} says that the ${name} is ${value}`
    throw new StrideError('ERR_STRIDE_CORRUPT', message, { path, cause })
  }
}

function tooNear(path: string, { header }: FlatFileSettings, stride: number, recordSize: number): Error {
  const message = `The stride is at least the record size ${recordSize}: ${stride}`
  if (header?.stride === undefined) return new RangeError(message)
  return new StrideError('ERR_STRIDE_CORRUPT', `The header of ${path} is damaged: ${message}`, { path })
}

/** The count of records in the file. @throws ERR_STRIDE_PARTIAL_RECORD, _TRUNCATED; RangeError */
function countRecords(
  file: PlatformFile,
  addressing: Addressing,
  wanted: number | undefined,
  tail: 'refuse' | 'ignore',
): number {
  const { dataOffset, stride, recordSize } = addressing
  const { path } = file
  const size = file.size()
  if (wanted !== undefined) {
    const ends = [0, Math.max(0, wanted - 1)].map(n => offsetOf(addressing, n))
    const end = wanted === 0 ? dataOffset : Math.max(...ends) + recordSize
    if (size < end) throw truncated(path, end, size)
    if (wanted > 0 && Math.min(...ends) < 0) {
      const message = `${wanted} records of a stride of ${stride} bytes from ${dataOffset} on would begin in front of ${path}`
      throw new StrideError('ERR_STRIDE_TRUNCATED', message, { path })
    }
    return wanted
  }
  if (stride < 0)
    throw new RangeError(`With a negative stride, count says how many records there are: ${stride}`)
  const available = size - dataOffset
  if (available < 0) throw truncated(path, dataOffset, size)
  const count = available < recordSize ? 0 : Math.floor((available - recordSize) / stride) + 1
  const rest = available - count * stride
  if (tail === 'refuse' && (rest > 0 || (count === 0 && available > 0))) {
    const message = `${path} ends with ${rest} bytes that are no whole record of ${recordSize} bytes`
    throw new StrideError('ERR_STRIDE_PARTIAL_RECORD', message, { path, offset: size - rest })
  }
  return count
}
