/**
 * Where do the bytes of an export go? Into a file that appears whole, or into a stream.
 *
 *   TT1  a file appears under its name whole and durable, or not at all. An existing one stays as it is unless it is replaced.
 *   TT2  a stream gets the next chunk when it has room, and is ended; if it is closed early, the export fails.
 */

import { randomBytes } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StrideError } from '../../errors.ts'
import { shown } from '../../options/shown-value.ts'
import { syncFolder } from '../import/resume-file.ts'
import { readFailure } from '../source/byte-source.ts'

/** The path of a file, a stream of Node, or a web stream. A stream is ended. */
export type ExportTarget = string | NodeJS.WritableStream | WritableStream<Uint8Array>

/** Writes chunks to a target. @throws TypeError for no target; {StrideError} ERR_STRIDE_EXISTS, _NO_SPACE, _PERMISSION, _IO */
export async function writeTo(
  target: unknown,
  chunks: AsyncIterable<Uint8Array>,
  overwrite: boolean,
  call: string,
): Promise<void> {
  if (typeof target === 'string' && target !== '') return writeFileWhole(resolve(target), chunks, overwrite)
  if (typeof target === 'object' && target !== null) {
    const { getWriter, write } = target as Partial<WritableStream> & { readonly write?: unknown }
    if (typeof write === 'function') {
      return pipeline(Readable.from(chunks, { objectMode: false }), target as NodeJS.WritableStream)
    }
    if (typeof getWriter === 'function') return writeWebStream(target as WritableStream<Uint8Array>, chunks)
  }
  throw new TypeError(`${call} takes a path or a writable stream: ${shown(target)}`)
}

async function writeFileWhole(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  overwrite: boolean,
): Promise<void> {
  const beside = `${path}-export-${randomBytes(4).toString('hex')}`
  const handle = await open(beside, 'wx', 0o600).catch((error: unknown) => {
    throw readFailure(error, path)
  })
  try {
    try {
      if (!overwrite && (await exists(path))) throw taken(path)
      for await (const chunk of chunks) await handle.writeFile(chunk).catch(failsAs(path))
      await handle.sync().catch(failsAs(path))
    } finally {
      await handle.close()
    }
    if (overwrite) await rename(beside, path).catch(failsAs(path))
    else await renameNew(beside, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

function failsAs(path: string): (error: unknown) => never {
  return error => {
    throw readFailure(error, path)
  }
}

/** Gives a file a name that is free. */
async function renameNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
    await rm(from)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw taken(to)
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw readFailure(error, to)
    // The file system has no links: between these two calls another process may take the name.
    if (await exists(to)) throw taken(to)
    await rename(from, to).catch(failsAs(to))
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'r')
    await handle.close()
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

function taken(path: string): StrideError {
  return new StrideError('ERR_STRIDE_EXISTS', `The target exists, and overwrite is not set: ${path}`, { path })
}

async function writeWebStream(
  stream: WritableStream<Uint8Array>,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const writer = stream.getWriter()
  try {
    for await (const chunk of chunks) {
      await writer.ready
      await writer.write(chunk)
    }
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => undefined)
    throw error
  } finally {
    writer.releaseLock()
  }
}
