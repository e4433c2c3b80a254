/**
 * What does an object of shared memory say about itself? One page behind the memory, which views never reach.
 *
 *   TP1  the page holds the size in bytes, since the system only keeps it in pages, the name, and a random identifier.
 *   TP2  the page holds the state of the initialisation. It only moves forward, and only under the lock INITIALIZING; it goes back to
 *        `untouched` with a new object alone.
 * Who initialises: shared-initializing.ts.
 */

import { randomBytes } from 'node:crypto'
import { roundUp } from './bounds.ts'

/** "SHR2" */
const MAGIC = 0x32524853
/** Positions of 32-bit words. The name follows them. */
const WORDS = { magic: 0, sizeLow: 1, sizeHigh: 2, state: 3, idLow: 4, idHigh: 5, nameBytes: 6 } as const
const NAME_AT = 28
export const TRAILER_BYTES = 4096

/** Words that processes change or wait for, by position. */
export const MAGIC_WORD = WORDS.magic
export const STATE_WORD = WORDS.state

/** Values of the state word. */
export const INITIALIZATION = {
  /** The creator has an initialiser, and no initialiser has begun. The memory is zero. */
  untouched: 1,
  /** An initialiser has begun. If the lock is free, it threw or its process died. */
  begun: 2,
  /** The memory is initialised, or its creator gave no initialiser. */
  done: 3,
} as const

export interface Trailer {
  readonly name: string
  readonly size: number
  /** 16 hex digits. */
  readonly id: string
}

/** A page for a new object. */
export function trailerBytes(name: string, size: number, isInitialized: boolean): Uint8Array {
  const bytes = new Uint8Array(TRAILER_BYTES)
  const words = new Uint32Array(bytes.buffer, 0, NAME_AT / 4)
  words[WORDS.magic] = MAGIC
  words[WORDS.sizeLow] = size % 2 ** 32
  words[WORDS.sizeHigh] = Math.floor(size / 2 ** 32)
  words[WORDS.state] = isInitialized ? INITIALIZATION.done : INITIALIZATION.untouched
  new Uint8Array(bytes.buffer, WORDS.idLow * 4, 8).set(randomBytes(8))
  words[WORDS.nameBytes] = name.length
  bytes.set(Buffer.from(name, 'latin1'), NAME_AT)
  return bytes
}

/**
 * Reads a page.
 * @param start where the page begins in the object
 * @param unit the size in bytes, rounded up to this, is `start`
 * @returns undefined for a page of another program
 */
export function readTrailer(bytes: Uint8Array, start: number, unit: number): Trailer | undefined {
  if (bytes.byteLength < TRAILER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, TRAILER_BYTES)
  const word = (n: number): number => view.getUint32(n * 4, true)
  const size = word(WORDS.sizeLow) + word(WORDS.sizeHigh) * 2 ** 32
  const nameBytes = word(WORDS.nameBytes)
  if (word(WORDS.magic) !== MAGIC || roundUp(size, unit) !== start || NAME_AT + nameBytes > TRAILER_BYTES)
    return undefined
  const text = (encoding: 'latin1' | 'hex', from: number, length: number): string =>
    Buffer.from(bytes.subarray(from, from + length)).toString(encoding)
  return { name: text('latin1', NAME_AT, nameBytes), size, id: text('hex', WORDS.idLow * 4, 8) }
}
