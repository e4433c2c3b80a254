/**
 * When does a worker thread end, so that what it left is taken away?
 *
 * Node tells the thread that started it, however the worker ended: by itself, by process.exit, by an exception or terminated.
 * Where the parent has not loaded this library, the next thread that maps something takes it away (thread-ledger.ts).
 */

import type { Worker } from 'node:worker_threads'
import { type SystemCalls, systemCalls } from './system-calls.ts'
import { haveLedgers, releaseLeftovers } from './thread-ledger.ts'

let isWatching = false

/** Watches the workers that this thread starts from now on. Twice is fine. */
export function watchWorkers(): void {
  if (isWatching || process.platform !== 'linux') return
  isWatching = true
  process.on('worker', (worker: Worker) => {
    const { threadId } = worker
    worker.once('exit', () => afterEnd(threadId))
  })
}

function afterEnd(threadId: number): void {
  // Most workers of a process have nothing mapped: koffi is not loaded for those.
  const calls: SystemCalls | undefined = haveLedgers() ? systemCalls().calls : undefined
  if (calls !== undefined) releaseLeftovers(calls, threadId)
}
