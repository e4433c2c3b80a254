/**
 * Making durable what was written through a descriptor: by node:fs, and where Node's permission model forbids that
 * (`node --permission`), by the C library. Without koffi nothing can be made durable then, so files open for reading only.
 */

import * as fs from 'node:fs'
import { StrideError } from '../errors.ts'
import { type SystemCalls, systemCalls } from './posix/system-calls.ts'
import { errnoError, nodeError, withCodes } from './system-errors.ts'

/** fsync says more than fdatasync where the descriptor is a folder's. On macOS both empty the drive's cache (D7). */
export function syncDescriptor(fd: number, path: string, call: 'fsync' | 'fdatasync'): void {
  const calls = callsInstead()
  if (calls === undefined) withCodes(path, () => (call === 'fsync' ? fs.fsyncSync(fd) : fs.fdatasyncSync(fd)))
  else checkAnswer(calls[call](fd), path, call)
}

/** fdatasync off the event loop. */
export async function syncDescriptorAsync(fd: number, path: string): Promise<void> {
  const calls = callsInstead()
  if (calls !== undefined) return checkAnswer(await calls.fdatasyncAsync(fd), path, 'fdatasync')
  await new Promise<void>((resolve, reject) => {
    fs.fdatasync(fd, error => {
      if (error === null || error === undefined) resolve()
      else reject(nodeError(error, path))
    })
  })
}

/** @throws ERR_STRIDE_PERMISSION where nothing that is written could be made durable */
export function assertSyncable(path: string): void {
  if (process.permission === undefined || callsInstead() !== undefined || mayNodeSync()) return
  const message = `Node's permission model forbids fdatasync, and koffi does not load, so this opens for reading only: ${path}`
  throw new StrideError('ERR_STRIDE_PERMISSION', message, { path })
}

let mayNode: boolean | undefined

/** Asked of Node itself, since its versions differ: standard error takes no harm. */
function mayNodeSync(): boolean {
  if (mayNode === undefined) {
    mayNode = true
    try {
      fs.fdatasyncSync(process.stderr.fd)
    } catch (error) {
      mayNode = (error as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED'
    }
  }
  return mayNode
}

function callsInstead(): SystemCalls | undefined {
  return process.permission === undefined ? undefined : systemCalls().calls
}

function checkAnswer(result: number, path: string, call: string): void {
  if (result < 0) throw errnoError(call, -result, path)
}
