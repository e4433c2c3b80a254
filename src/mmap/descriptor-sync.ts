/**
 * How are bytes that were written through a descriptor made durable? By node:fs, or by the C library where Node's permission model
 * forbids that (`node --permission`). Without koffi nothing can be made durable there, so files only open for reading.
 */

import * as fs from 'node:fs'
import { StrideError } from '../errors.ts'
import { type SystemCalls, systemCalls } from './posix/system-calls.ts'
import { errnoError, nodeError, withCodes } from './system-errors.ts'

/** For a folder, fsync is needed. On macOS both calls also empty the drive's cache (D7). */
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

/** @throws ERR_STRIDE_PERMISSION if written bytes could not be made durable */
export function assertSyncable(path: string): void {
  if (process.permission === undefined || callsInstead() !== undefined || mayNodeSync()) return
  const message = `Node's permission model forbids fdatasync, and koffi does not load, so this opens for reading only: ${path}`
  throw new StrideError('ERR_STRIDE_PERMISSION', message, { path })
}

let mayNode: boolean | undefined

/** Whether node:fs may sync. It is tried, since versions of Node differ; a sync of standard error does no harm. */
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
