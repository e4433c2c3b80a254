/**
 * A protocol is work whose order of stores and syncs decides what a crash leaves. It is written once, and driven in two ways: blocking
 * the event loop, or in the background.
 *
 *   PT1  a protocol yields what has to be waited for. Driven either way it makes the same calls in the same order.
 *   PT2  in the background it may be overtaken while it waits. Then it is ended where it stands, and stores nothing more.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'

/** Something that takes long, in both forms. */
export interface Wait {
  block(): void
  wait(): Promise<unknown>
}

export type Protocol = Generator<Wait, void, void>

/** In the background: the event loop goes on in between. */
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

/** @param isOvertaken asked after each wait @returns whether it came to its end */
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
