/**
 * Our share of Node's thread pool: at most two of our calls wait in it at once, across all files (S7).
 *
 * Node's four threads also serve fs, dns and crypto of the whole program. Each worker thread of a program counts
 * for itself.
 */

import { Fifo } from '../runtime/fifo.ts'

const CALLS_MAX = 2

let running = 0
const queue = new Fifo<() => void>()

/** Starts `call` once there is room; `call` must answer when its thread is free again. */
export async function inPoolShare<T>(call: () => Promise<T>): Promise<T> {
  if (running >= CALLS_MAX) await new Promise<void>(resolve => queue.push(resolve))
  else running++
  try {
    return await call()
  } finally {
    const next = queue.shift()
    // The place is handed on, so that nobody who comes now can take it first.
    if (next === undefined) running--
    else next()
  }
}
