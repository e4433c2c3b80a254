/**
 * A process or a thread that runs operations on the store of accounts when it is told to (matrix-child.ts), as its parent sees it.
 */

import { fork } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import type { ErrorCode } from '../../src/errors.ts'
import type { Change } from './accounts.ts'
import type { OperationName } from './operations.ts'
import { Violation } from './violation.ts'

/** What a child works on. */
export interface Beginning {
  readonly path: string
  readonly seed: number
  /** The first of a million ids that are its own. */
  readonly first: number
}

export interface Task {
  readonly operation: OperationName
  readonly times: number
  readonly allowed: readonly ErrorCode[]
}

export interface TaskAnswer {
  /** Those that were acknowledged. */
  readonly changes: readonly Change[]
  /** Codes of errors, all of them allowed. */
  readonly refused: readonly string[]
  readonly failure?: string
}

export type ToChild = { readonly begin: Beginning } | { readonly task: Task } | { readonly end: true }

export interface Peer {
  begin(beginning: Beginning): Promise<unknown>
  /** @throws Violation where it ends instead of answering */
  run(task: Task): Promise<TaskAnswer>
  /** It closes the store, and ends. */
  end(): Promise<unknown>
}

/** @param bundle of matrix-child.ts */
export function startProcess(bundle: string): Peer {
  const child = fork(bundle, { serialization: 'advanced' })
  return peerOver({
    send: message => void child.send(message),
    onMessage: listen => void child.on('message', listen),
    onEnd: listen => void child.on('close', listen),
  })
}

/** @param bundle of matrix-child.ts */
export function startThread(bundle: string): Peer {
  const worker = new Worker(bundle)
  let reason = ''
  worker.on('error', error => {
    reason = `: ${error.stack}`
  })
  return peerOver({
    send: message => worker.postMessage(message),
    onMessage: listen => void worker.on('message', listen),
    onEnd: listen => void worker.on('exit', code => listen(`${code}${reason}`)),
  })
}

interface Line {
  send(message: ToChild): void
  onMessage(listen: (answer: unknown) => void): void
  onEnd(listen: (how: unknown) => void): void
}

function peerOver({ send, onMessage, onEnd }: Line): Peer {
  let waiting: { resolve(answer: never): void; reject(error: unknown): void } | undefined
  let ended: string | undefined
  onMessage(answer => {
    waiting?.resolve(answer as never)
    waiting = undefined
  })
  onEnd(how => {
    ended = `it ended by itself: ${how}`
    waiting?.reject(new Violation(ended))
  })
  const ask = <Answer>(message: ToChild): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(new Violation(ended))
      waiting = { resolve, reject }
      send(message)
    })
  return {
    begin: begin => ask({ begin }),
    run: task => ask({ task }),
    // A second end, after a failure, has nobody to tell.
    end: () => ask({ end: true }).catch(() => undefined),
  }
}
