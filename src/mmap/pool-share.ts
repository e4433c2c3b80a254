/**
 * How much of Node's thread pool may the library use? At most two of its calls run there at once, across all files (S7).
 *
 * The four threads of the pool also serve fs, dns and crypto of the whole program. Each worker thread of a program has a share of its
 * own.
 */

import { Fifo } from '../runtime/fifo.ts'

const CALLS_MAX = 2

let running = 0
const queue = new Fifo<() => void>()

/** Starts `call` once there is room. `call` must settle when its thread is free again. */
export async function inPoolShare<T>(call: () => Promise<T>): Promise<T> {
  if (running >= CALLS_MAX) await new Promise<void>(resolve => queue.push(resolve))
  else running++
  try {
    return await call()
  } finally {
    const next = queue.shift()
    // The place goes to the next waiting call, so that a new call cannot take it first.
    if (next === undefined) running--
    else next()
  }
}
