/**
 * Where do bad rows go? Into a CSV file of line, field, reason and the row as it was.
 *
 *   RJ1  rows are in the file before the commit that follows them, so that an import that goes on can cut the file where it stopped.
 */

import { closeSync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { StrideError } from '../../errors.ts'
import { readFailure } from '../source/byte-source.ts'

const HEADER = 'line,field,reason,row\n'
const BUFFER_BYTES = 64 * 1024

export class RejectFile {
  readonly #path: string
  readonly #fd: number
  #pending: string[] = []
  #pendingLength = 0
  #size: number

  /**
   * @param keptBytes how much of an existing file stays; undefined for a new file
   * @throws {StrideError} ERR_STRIDE_EXISTS, _PERMISSION, _NOT_FOUND, _IO
   */
  constructor(path: string, keptBytes: number | undefined, overwrite: boolean) {
    this.#path = path
    try {
      this.#fd = openSync(path, keptBytes !== undefined ? 'r+' : overwrite ? 'w' : 'wx', 0o600)
    } catch (error) {
      const failure = readFailure(error, path)
      if (!(failure instanceof StrideError) || failure.code !== 'ERR_STRIDE_EXISTS') throw failure
      const message = `The reject file exists, and overwrite is not set: ${path}`
      throw new StrideError('ERR_STRIDE_EXISTS', message, { path })
    }
    this.#size = keptBytes ?? 0
    if (keptBytes === undefined) this.#push(HEADER)
    else this.#try(() => ftruncateSync(this.#fd, keptBytes))
  }

  add(line: number, field: string, reason: string, row: Uint8Array): void {
    this.#push(`${line},${quoted(field)},${quoted(reason)},${quoted(Buffer.from(row).toString())}\n`)
  }

  /** Writes what was added. @returns bytes of the file @throws {StrideError} ERR_STRIDE_NO_SPACE, _IO */
  flush(): number {
    const bytes = Buffer.from(this.#pending.join(''))
    this.#pending = []
    this.#pendingLength = 0
    this.#try(() => {
      for (let at = 0; at < bytes.length; )
        at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#size + at)
    })
    this.#size += bytes.length
    return this.#size
  }

  /** Makes what was written durable. */
  sync(): void {
    this.#try(() => fdatasyncSync(this.#fd))
  }

  close(): void {
    closeSync(this.#fd)
  }

  #push(text: string): void {
    this.#pending.push(text)
    this.#pendingLength += text.length
    if (this.#pendingLength > BUFFER_BYTES) this.flush()
  }

  #try(work: () => void): void {
    try {
      work()
    } catch (error) {
      throw readFailure(error, this.#path)
    }
  }
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
