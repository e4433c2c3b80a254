/**
 * When has a worker thread ended, so that its mappings can be unmapped?
 *
 * Node tells the thread that started the worker, however it ended: by itself, by process.exit, by an exception or terminated. If that
 * thread has not loaded this library, the next thread that maps something unmaps them (thread-ledger.ts).
 */

import type { Worker } from 'node:worker_threads'
import { type SystemCalls, systemCalls } from './system-calls.ts'
import { haveLedgers, releaseLeftovers } from './thread-ledger.ts'

let isWatching = false

/** Watches the workers that this thread starts from now on. Idempotent. */
export function watchWorkers(): void {
  if (isWatching || process.platform !== 'linux') return
  isWatching = true
  process.on('worker', (worker: Worker) => {
    const { threadId } = worker
    worker.once('exit', () => afterEnd(threadId))
  })
}

function afterEnd(threadId: number): void {
  // Most workers map nothing. koffi is not loaded for those.
  const calls: SystemCalls | undefined = haveLedgers() ? systemCalls().calls : undefined
  if (calls !== undefined) releaseLeftovers(calls, threadId)
}
