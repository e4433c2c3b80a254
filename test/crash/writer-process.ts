/**
 * A process that commits a numbered history (kill-writer.ts) and says each commit that returned.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Violation } from './violation.ts'

export interface CommittingWriter {
  /** The last commit that it said had returned, 0 for none. */
  readonly acknowledged: number
  /** Waits until it has said this commit. @throws Violation where it ends instead */
  reached(commitNumber: number): Promise<void>
  /** It does nothing from now on, until it is told to go on. */
  stop(): void
  goOn(): void
  /** Kills it, and waits until it is gone. @throws Violation where it had ended by itself */
  kill(): Promise<void>
}

/** @param writer the bundle @param args kill-writer.ts lists them */
export function startWriter(writer: string, args: readonly string[]): CommittingWriter {
  const child = spawn(process.execPath, [writer, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let acknowledged = 0
  let complaints = ''
  let wake: (() => void) | undefined
  createInterface({ input: child.stdout }).on('line', line => {
    acknowledged = Math.max(acknowledged, Number(line))
    wake?.()
  })
  child.stderr.on('data', chunk => {
    complaints += String(chunk)
  })
  let isOver = false
  const ended = once(child, 'close').then(() => {
    isOver = true
    wake?.()
  })
  return {
    get acknowledged() {
      return acknowledged
    },
    async reached(commitNumber) {
      while (acknowledged < commitNumber) {
        if (isOver) throw new Violation(`the writer ended by itself: ${complaints}`)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    stop: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL')
      await ended
      if (child.signalCode !== 'SIGKILL') throw new Violation(`the writer ended by itself: ${complaints}`)
    },
  }
}
