/**
 * The child of matrix-peer.ts, in a process or a thread of its own: runs operations when it is told to, and says which changes
 * were acknowledged. It has the store open for writing while an operation needs that, and for reading all the time.
 */

import { parentPort } from 'node:worker_threads'
import type { Change } from './accounts.ts'
import { Desk } from './desk.ts'
import { repeated } from './matrix.ts'
import type { Task, TaskAnswer, ToChild } from './matrix-peer.ts'
import { OPERATIONS } from './operations.ts'
import { seededRandom } from './random.ts'

let desk: Desk | undefined
let acknowledged: Change[] = []

function answer(message: unknown): void {
  if (parentPort === null) process.send?.(message)
  else parentPort.postMessage(message)
}

async function perform(at: Desk, { operation, times, allowed }: Task): Promise<TaskAnswer> {
  acknowledged = []
  const refused: Record<string, number> = {}
  let failure: string | undefined
  try {
    if (OPERATIONS[operation].needsWriter) await at.openWriter()
    await repeated(at, operation, times, new Set(allowed), refused)
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  await at.closeWriter()
  const codes = Object.entries(refused).flatMap(([code, count]) => Array.from({ length: count }, () => code))
  return { changes: acknowledged, refused: codes, ...(failure === undefined ? {} : { failure }) }
}

async function take(message: ToChild): Promise<void> {
  if ('begin' in message) {
    const { path, seed, first } = message.begin
    desk = new Desk(path, seededRandom(seed), first, { acknowledged: change => void acknowledged.push(change) })
    answer('ready')
  } else if ('task' in message) answer(await perform(desk as Desk, message.task))
  else {
    desk?.close()
    answer('closed')
    if (parentPort === null) process.disconnect()
    else parentPort.close()
  }
}

if (parentPort === null) process.on('message', message => void take(message as ToChild))
else parentPort.on('message', message => void take(message as ToChild))
