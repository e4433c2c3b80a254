/**
 * Where do the bytes of an import come from? A file, bytes in memory, or chunks as they arrive.
 *
 *   YS1  one chunk is in memory at a time, of at most CHUNK_BYTES from a file. The next one is asked for when it has been used.
 *   YS2  a file is read up to the size that it had at the beginning, however it grows. A pipe is read to its end.
 *   YS3  the event loop gets a turn after each CHUNK_BYTES, whatever the source.
 */

import { type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { StrideError } from '../../errors.ts'
import { shown } from '../../options/shown-value.ts'
import { isBytes } from '../../runtime/realms.ts'

/**
 * Bytes to import: the path of a file, the bytes themselves, or anything that gives them in chunks: a stream of Node, a web stream, an
 * async generator. A text among the chunks counts as UTF-8.
 */
export type ImportSource =
  | string
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>

export interface OpenedSource {
  /** The absolute path of a file. */
  readonly path: string | undefined
  /** Bytes in all; undefined where nobody knows. */
  readonly size: number | undefined
  /** The bytes from a position on. A chunk is valid until the next one is asked for. Called once. */
  chunks(from: number): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

const CHUNK_BYTES = 256 * 1024

/** @throws TypeError if it is no source; {StrideError} ERR_STRIDE_NOT_FOUND, _PERMISSION, _IS_DIRECTORY, _IO */
export async function openSource(source: unknown, call: string): Promise<OpenedSource> {
  if (typeof source === 'string' && source !== '') return openFile(resolve(source))
  if (isBytes(source)) return ofChunks([source], source.length)
  if (typeof source === 'object' && source !== null) {
    const { getReader } = source as Partial<ReadableStream>
    if (Symbol.asyncIterator in source) return ofChunks(source as AsyncIterable<unknown>, undefined)
    if (typeof getReader === 'function') return ofChunks(readWebStream(source as ReadableStream), undefined)
    if (Symbol.iterator in source) return ofChunks(source as Iterable<unknown>, undefined)
  }
  throw new TypeError(`${call} takes a path, bytes, a stream or an iterable of bytes: ${shown(source)}`)
}

async function openFile(path: string): Promise<OpenedSource> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw readFailure(error, path)
  }
  try {
    const facts = await handle.stat()
    if (facts.isDirectory())
      throw new StrideError('ERR_STRIDE_IS_DIRECTORY', `${path} is a directory`, { path })
    // Pipes and files of /proc have no size.
    const size = facts.isFile() && facts.size > 0 ? facts.size : undefined
    return {
      path,
      size,
      chunks: from => fileChunks(handle, path, from, size, facts.isFile()),
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function* fileChunks(
  handle: FileHandle,
  path: string,
  from: number,
  size: number | undefined,
  isFile: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let at = from
  let toSkip = isFile ? 0 : from
  for (;;) {
    const room = size === undefined ? CHUNK_BYTES : Math.min(CHUNK_BYTES, size - at)
    if (room <= 0) return
    let count: number
    try {
      count = (await handle.read(buffer, 0, room, isFile ? at : null)).bytesRead
    } catch (error) {
      throw readFailure(error, path)
    }
    if (count === 0) return
    const skipped = Math.min(toSkip, count)
    toSkip -= skipped
    if (!isFile || skipped === 0) at += count
    if (skipped < count) yield buffer.subarray(skipped, count)
  }
}

function ofChunks(chunks: Iterable<unknown> | AsyncIterable<unknown>, size: number | undefined): OpenedSource {
  return { path: undefined, size, chunks: from => chunksFrom(chunks, from), close: async () => undefined }
}

async function* chunksFrom(
  chunks: Iterable<unknown> | AsyncIterable<unknown>,
  from: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let toSkip = from
  let sinceTurn = 0
  for await (const given of chunks) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : given
    if (!isBytes(chunk)) throw new TypeError(`A source gives chunks of bytes: ${shown(given)}`)
    for (let at = Math.min(toSkip, chunk.length); at < chunk.length; at += CHUNK_BYTES) {
      const part = chunk.subarray(at, at + CHUNK_BYTES)
      yield part
      sinceTurn += part.length
      if (sinceTurn < CHUNK_BYTES) continue
      sinceTurn = 0
      await nextTurn()
    }
    toSkip -= Math.min(toSkip, chunk.length)
  }
}

/** Web streams are no iterables in every runtime. Ending early cancels the stream. */
async function* readWebStream(stream: ReadableStream): AsyncGenerator<unknown, void, undefined> {
  const reader = stream.getReader()
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isDone = done
      if (done) return
      yield value
    }
  } finally {
    if (!isDone) await reader.cancel()
    reader.releaseLock()
  }
}

/** The error of a file of the user that cannot be read or written. */
export function readFailure(error: unknown, path: string): unknown {
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  if (code === undefined) return error
  const named = FAILURES[code] ?? 'ERR_STRIDE_IO'
  const facts = { path, cause: error, ...(errno === undefined ? {} : { errno: Math.abs(errno) }) }
  return new StrideError(named, (error as Error).message, syscall === undefined ? facts : { ...facts, syscall })
}

const FAILURES: Readonly<Record<string, StrideError['code']>> = {
  ENOENT: 'ERR_STRIDE_NOT_FOUND',
  ENOTDIR: 'ERR_STRIDE_NOT_FOUND',
  EISDIR: 'ERR_STRIDE_IS_DIRECTORY',
  EACCES: 'ERR_STRIDE_PERMISSION',
  EPERM: 'ERR_STRIDE_PERMISSION',
  EEXIST: 'ERR_STRIDE_EXISTS',
  ENOSPC: 'ERR_STRIDE_NO_SPACE',
  EDQUOT: 'ERR_STRIDE_NO_SPACE',
  EROFS: 'ERR_STRIDE_PERMISSION',
  ENAMETOOLONG: 'ERR_STRIDE_LIMIT',
}
