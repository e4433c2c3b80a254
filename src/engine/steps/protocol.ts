/**
 * How is a protocol run, blocking or in the background? A protocol is work whose order of stores and syncs decides what a crash leaves.
 *
 *   PT1  a protocol is written once and yields each wait. Both ways make the same calls in the same order.
 *   PT2  in the background it may be overtaken while it waits. Then it ends at that point, and stores nothing more.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'

/** One wait, in both forms. */
export interface Wait {
  block(): void
  wait(): Promise<unknown>
}

export type Protocol = Generator<Wait, void, void>

/** In the background one turn of the event loop; nothing if blocking. */
export const NEXT_TURN: Wait = { block: () => undefined, wait: () => nextTurn() }

export function runBlocking(protocol: Protocol): void {
  for (let step = protocol.next(); step.done !== true; ) {
    try {
      step.value.block()
    } catch (error) {
      step = protocol.throw(error)
      continue
    }
    step = protocol.next()
  }
}

/** @param isOvertaken called after each wait @returns whether the protocol came to its end */
export async function runInBackground(protocol: Protocol, isOvertaken: () => boolean): Promise<boolean> {
  for (let step = protocol.next(); step.done !== true; ) {
    try {
      await step.value.wait()
    } catch (error) {
      step = protocol.throw(error)
      continue
    }
    if (isOvertaken()) {
      protocol.return()
      return false
    }
    step = protocol.next()
  }
  return true
}
