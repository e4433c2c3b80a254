/**
 * How large is a block device? `fstat` returns 0.
 *
 * The end is found by reading single bytes, which works on every system: about fifty reads for a disk of any size, and two if the size
 * has not changed.
 */

import * as fs from 'node:fs'
import { withCodes } from './system-errors.ts'

/** Bytes of an open block device. @param guess its last known size, or 0 @throws ERR_STRIDE_IO */
export function deviceSize(fd: number, path: string, guess: number): number {
  const byte = new Uint8Array(1)
  const isThere = (offset: number): boolean => withCodes(path, () => fs.readSync(fd, byte, 0, 1, offset) === 1)
  if (guess > 0 && isThere(guess - 1) && !isThere(guess)) return guess
  if (!isThere(0)) return 0
  let there = 0
  let gone = 512
  while (isThere(gone)) [there, gone] = [gone, gone * 2]
  while (gone - there > 1) {
    const middle = Math.floor((there + gone) / 2)
    if (isThere(middle)) there = middle
    else gone = middle
  }
  return gone
}
